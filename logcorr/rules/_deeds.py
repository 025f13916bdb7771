"""What scripts did, and when: their runs, by a schedule or by their own words in a log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.facts import Script
from logcorr.rules._jobs import scripts_of
from logcorr.timeline.scripts import said
from logcorr.timeline.select import cite

JUST_BEFORE = timedelta(minutes=10)
"""What a change breaks shows soon."""

LATE = timedelta(seconds=2)
"""Stamps are cut to the second, and what a script broke may be noticed while it still runs."""


def told(case: Case, script: Script, since: datetime, within: timedelta) -> pl.DataFrame:
    """The lines that tell of its run in the time before: its own words, its name, a deployment, a service that it stops."""
    behaviours = [one for one in case.behaviours if one.script.span.path == script.span.path]
    window = pl.col("time").is_between(since - within, since + LATE)
    own = said(case, behaviours).filter(window)
    if own.height:
        return own
    hit = {name for one in behaviours for proved in one.proved for name in proved.hits}
    hit |= {target for one in behaviours for effect in one.effects for target in effect.targets}
    deployed = (pl.col("kind") == "deploy.started").fill_null(False)
    name = script.name.rpartition("/")[2]
    own_log = pl.col("file").str.contains(rf"(?:^|/){re.escape(name.partition('.')[0])}\.log")
    named = pl.col("message").str.contains(name, literal=True) | own_log
    acted = (pl.col("kind") == "process.terminating").fill_null(False) & pl.col("service").is_in(sorted(hit)).fill_null(False)
    return case.timeline.filter(window & (deployed | named | acted)).collect()


def due(case: Case, script: Script, since: datetime, within: timedelta) -> bool | None:
    """Whether a schedule ran the script in the time before; None where no schedule leads to it."""
    for schedule in case.schedules:
        if script in scripts_of(case, schedule):
            lags = since.timestamp() - schedule.ticks
            return bool(((lags >= 0) & (lags <= within.total_seconds())).any())
    return None


def changes(case: Case, since: datetime) -> Iterator[Evidence]:
    """What scripts did shortly before that nobody runs by the clock or in a loop of their own, by the words of a log."""
    loops = {one.script.span.path for one in case.behaviours if one.loop}
    for script in case.of(Script):
        if script.span.line == 1 and script.span.path not in loops and due(case, script, since, JUST_BEFORE) is None:
            yield from cite(told(case, script, since, JUST_BEFORE), "it ran", most=2, shows="deploy_changes_configuration")
