"""What scripts did, and when: their runs, by a schedule or by their own words in a log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.rules._jobs import scripts_of
from logcorr.timeline.notes import entries
from logcorr.timeline.scripts import appended_to, code_of, expanded, own_words
from logcorr.timeline.select import cite

WRITES = regex(r"\b(?:cp|mv|ln|install|rsync|tee|envsubst|patch)\b|\bsed\b.*\s-i|>")
"""Commands that put a file in its place, or change it."""

CHANGES = "deploy_changes_configuration"
MADE = r"(?i)^container create |\b(?:re)?creat(?:ed|ing)\b|^Scaled up replica set"
"""How Docker, compose and Kubernetes say that a container is made anew."""

ORDERED = regex(
    r"\bdocker(?:[ -]compose)? (?:\S+ )*?(?:up|run|restart)\b|\bkubectl (?:apply|rollout|set)\b|\bhelm upgrade\b|\bgit pull\b"
    r"|\bsystemctl (?:re)?start\b|\bpm2 (?:reload|(?:re)?start)\b|deploy|release|rollout|rolled out|^Date: |\bdiff --git\b",
    re.IGNORECASE,
)
"""What a record says of a change that reaches a service."""

JUST_BEFORE = timedelta(minutes=10)
"""What a change breaks shows soon."""

LATE = timedelta(seconds=2)
"""Stamps are cut to the second, and what a script broke may be noticed while it still runs."""

OFTEN = 3
"""What ran so many times and broke nothing does not break it the next time."""


def told(case: Case, script: Script, since: datetime, within: timedelta) -> pl.DataFrame:
    """The lines that tell of its run in the time before: its own words, its name, a deployment, a service that it stops."""
    behaviours = [one for one in case.behaviours if one.script.span.path == script.span.path]
    window = pl.col("time").is_between(since - within, since + LATE)
    own = [rows for one in behaviours if (rows := own_words(case, one).filter(window)).height]
    if own:
        return pl.concat(own)
    hit = {name for one in behaviours for proved in one.proved for name in proved.hits}
    hit |= {target for one in behaviours for effect in one.effects for target in effect.targets}
    logs = appended_to("\n".join(expanded(script)))
    own_files = [path for path in sorted(case.files) if path.rpartition("/")[2] in logs]
    deployed = (pl.col("kind") == "deploy.started").fill_null(False) & (pl.col("file").is_in(own_files) | (not own_files))
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


def did_before(case: Case, script: Script, since: datetime) -> bool:
    """Whether a schedule ran the script time and again within the logs before, when all was well."""
    if case.window is None:
        return False
    first, last = case.window[0].timestamp(), (since - JUST_BEFORE).timestamp()
    runs = [((one.ticks >= first) & (one.ticks < last)).sum() for one in case.schedules if script in scripts_of(case, one)]
    return any(count >= OFTEN for count in runs)


def changes(case: Case, since: datetime) -> Iterator[Evidence]:
    """What scripts did shortly before that nobody runs by the clock or in a loop of their own, by the words of a log."""
    loops = {one.script.span.path for one in case.behaviours if one.loop}
    for script in case.of(Script):
        if script.span.line == 1 and script.span.path not in loops and due(case, script, since, JUST_BEFORE) is None:
            yield from cite(told(case, script, since, JUST_BEFORE), "it ran", most=2, shows=CHANGES)


def just_before(case: Case, since: datetime) -> Iterator[Evidence]:
    """What scripts did shortly before, and what was deployed or started then."""
    yield from changes(case, since)
    begun = case.happened("deploy.started", "process.started")
    near = begun.filter(pl.col("time").is_between(since - JUST_BEFORE, since + LATE))
    yield from cite(near, "it began", most=2, shows=CHANGES)


def brought(case: Case, service: str, since: datetime | None, within: timedelta) -> Iterator[Evidence]:
    """What shows that a new version of it was brought shortly before: its container was made anew, or a record says so."""
    names = case.called(service)
    if since is None:
        return
    near = pl.col("time").is_between(since - within, since + LATE)
    named = rf"(?:^|[^\w.-])(?:{'|'.join(map(re.escape, sorted(names)))})(?:[-_]\d+)?(?:$|[^\w.-])"
    own = pl.col("service").is_in(sorted(names)).fill_null(False) | pl.col("message").str.contains(named)
    yield from cite(case.timeline.filter(near & own & pl.col("message").str.contains(MADE)).collect(), most=2, shows=CHANGES)
    for entry in case.once(entries):
        text = "\n".join(entry.texts)
        lies = any((since - within).timestamp() <= time <= since.timestamp() for time in entry.times)
        if lies and re.search(named, text) and ORDERED.search(text):
            yield Evidence(entry.place, "written down", shows=CHANGES)


def ran(case: Case, script: Script, since: datetime) -> pl.DataFrame | None:
    """How logs tell that the script ran shortly before (its schedule tells it without a line); None where nothing does."""
    scheduled = due(case, script, since, JUST_BEFORE)
    if scheduled is not None:
        return case.happened() if scheduled else None
    rows = told(case, script, since, JUST_BEFORE)
    return rows if rows.height else None


def writers(case: Case, path: str, since: datetime) -> Iterator[Span]:
    """The lines by which a script that ran just before wrote a file of this name."""
    name = re.compile(rf"(?<![\w.-]){re.escape(path.rpartition('/')[2])}(?![\w.-]*\w)")
    for script in case.of(Script):
        lines = [(place, text.partition(" #")[0]) for place, text in code_of(script, filled=True)]
        written = [place for place, text in lines if WRITES.search(text) and name.search(text)]
        if written and ran(case, script, since) is not None:
            yield from written
