"""Stops that are meant: a schedule orders them, or a release, and nobody feels them, or hardly anybody."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from logcorr.causes.blame import ALWAYS, kind_of, ordered
from logcorr.causes.bystanders import bystander
from logcorr.causes.follow import Times
from logcorr.causes.scheduled import Attributed
from logcorr.causes.together import matched_stops
from logcorr.lazily import np, pl, regex
from logcorr.model.behaviour import Reach
from logcorr.model.case import Case
from logcorr.model.events import REQUEST_LOGS
from logcorr.model.result import Finding
from logcorr.timeline.dates import undated
from logcorr.timeline.notes import DAY_S, entries
from logcorr.timeline.select import seconds

ENDS = ("service_terminated", "periodic_termination", "termination_at_schedule_slot")
"""Rules that tell of ends alone."""

FELT = "clients_disconnected"
"""A rule whose findings tell that clients may have felt it, also where it is but a signal."""


STAYS_AWAY = "never_started_again"
"""And one whose findings tell of more than the moment of a stop."""

AT_ONCE_S, BRIEF_S, FEW_FELT = 120.0, 30.0, 3
AWAY, MOST_LOST = timedelta(minutes=2), 0.5
"""Who is away for longer is missed, where at least so many fewer requests come then."""

PUT_ASIDE, ROLLED_S = r"_old_\d+\b", 10.0
"""How pm2 calls an instance from when its successor is ready (`pm2 reload`), and how long it takes to end."""

RELEASE_S = 900.0
"""A stop belongs to a run of a job that began so shortly before, or to a release; what was felt of it is over so soon."""

RELEASED = regex(
    r"(?i)\b(?:release|deploy|roll-?out|upgrad|version|planned|scheduled|geplant|ausroll|planifi|programad|planead|despl[ie]|implanta"
    r"|planejad|pianificat|rilasci|gepland|uitrol)|\bv\d+\.\d+|(?<![\d.])\d+\.\d+\.\d+(?![\d.])|部署|發佈|发布|上線|上线|計畫|计划|リリース|デプロイ"
)
"""How people and scripts write of a release, or of a change that was to come."""

COMPLAINED = regex(
    r"(?i)\b(?:down|slow\w*|again|crash\w*|fail\w*|nothing|not|no|never|load|error\w*|by itself|on its own|why|cancel\w*"
    r"|postpon\w*|nicht|kein\w*|abgesagt|langsam|rien|pas|nada|caído|lento)\b|\?|不|沒|没"
)
"""How they write of what was no release."""


def as_meant(case: Case, findings: Sequence[Finding], told: Attributed) -> bool:
    """Whether a service is only stopped as its schedule says, and nobody felt it: what clients asked meanwhile was logged.

    Or its successor was there before it each time. Or each stop was for a release, or the only one as a job always does, and that
    was nearly over before anybody felt it.
    """
    if long_away(case, told.stops) or any(one.rule == STAYS_AWAY and one.subject == told.service for one in findings):
        return False
    felt = [one for one in findings if one.rule == FELT or _harms(one)]
    replaced = not felt and _replaced(case, told) and _watched(case, told.stops)
    return replaced or _as_ordered(case, told, felt) or (_for_a_change(case, told) and _in_passing(felt, told))


def namesakes(told: Sequence[Attributed], ordered: Sequence[Attributed]) -> list[Attributed]:
    """Those whose stops are ordered, and the same services by their logs' names (`shop@8001`, `shop-8001.log`)."""
    return [one for one in told if any(one is other or _same(one, other) for other in ordered)]


def _same(one: Attributed, other: Attributed) -> bool:
    """Whether two names are of the same words, and each stop under the one name comes with one under the other."""
    words, others = (set(re.split(r"[\W_]+", each.service)) for each in (one, other))
    apart = np.abs(one.times[:, None] - other.times[None, :])
    return words == others and bool((apart <= BRIEF_S).any(axis=1).all())


def long_away(case: Case, stops: pl.DataFrame) -> bool:
    """Whether a service was away for long, unless logs of requests tell that nearly as many as before were asked meanwhile."""
    long = stops.filter(pl.col("up") - pl.col("time") > AWAY).select("time", "up")
    logs = [one.path for one in case.sources if one.format in REQUEST_LOGS] if long.height else []
    asked = (
        seconds(case.timeline.filter(pl.col("file").is_in(logs)).select("time").drop_nulls().collect()) if logs else np.empty(0)
    )
    return any(not logs or _fewer(asked, time.timestamp(), up.timestamp()) for time, up in long.iter_rows())


def _fewer(asked: Times, since: float, until: float) -> bool:
    """Whether far fewer of these times lie between two moments than in as long before."""
    before, then, after = np.searchsorted(asked, [2 * since - until, since, until])
    return bool(after - then < MOST_LOST * (then - before))


def _replaced(case: Case, told: Attributed) -> bool:
    """Whether each end is that of an instance which pm2 had put aside for a new one: it does so when the new one is there."""
    named = rf"(?:app:|\[){re.escape(told.service)}(?: id)?:{PUT_ASIDE}"
    rows = case.timeline.filter(pl.col("message").str.contains(named)).select("time").drop_nulls().collect()
    aside = rows["time"].dt.epoch("us").to_numpy() / 1e6
    return bool(len(aside)) and bool((np.abs(told.times[:, None] - aside[None, :]) <= ROLLED_S).any(axis=1).all())


def in_passing(finding: Finding, told: Sequence[Attributed]) -> bool:
    """Whether all that a finding tells of lies in the moments after these stops."""
    starts = np.sort([time for one in told for time in one.times])
    last = np.searchsorted(starts, finding.at.seconds + 1.0, side="right") - 1
    since = finding.at.seconds - starts[np.maximum(last, 0)] if len(starts) else np.empty(0)
    return bool(len(since)) and bool(((last >= 0) & (since <= BRIEF_S)).all())


def _harms(finding: Finding) -> bool:
    return finding.role == "symptom" and finding.severity == "error" and finding.rule not in ENDS


def _in_passing(felt: Sequence[Finding], told: Attributed) -> bool:
    few = all(len(one.times) <= FEW_FELT for one in felt if one.rule != FELT)
    return few and all(in_passing(one, [told]) for one in felt)


def _for_a_change(case: Case, told: Attributed) -> bool:
    """Whether a release had just begun each time it was stopped; or a job that always stops it had just run, if that was once."""
    released = np.concatenate([_begun(case, told), _on_record(case, told.service)])
    since = told.times[:, None] - released[None, :]
    if ((since >= 0) & (since <= RELEASE_S)).any(axis=1).all():
        return True
    runs = [told.times[0] - one.ticks for one in told.suspects if one.reach is Reach.MUST and one.scheduler]
    return len(told.times) == 1 and any(bool(((since >= 0) & (since <= AT_ONCE_S)).any()) for since in runs)


def _begun(case: Case, told: Attributed) -> Times:
    """When releases began, as logs tell; of several stops only those of the service itself explain each."""
    rows = case.happened("deploy.started")
    whose = pl.col("service").is_null() | (pl.col("service") == told.service) | pl.lit(len(told.times) == 1)
    return seconds(rows.filter(whose))


def _on_record(case: Case, service: str) -> Times:
    """When notes and logs of releases tell of one that names the service."""
    named = re.compile(rf"(?<![\w-]){re.escape(service)}(?![\w-])", re.IGNORECASE)
    dated = (one for one in case.once(entries) if one.within_s < DAY_S)
    said = ((one, undated(one.texts[0])) for one in dated if named.search(one.texts[0]))
    told = (one for one, text in said if RELEASED.search(text) and not COMPLAINED.search(text))
    return np.array([time for one in told for time in one.times])


def _as_ordered(case: Case, told: Attributed, felt: Sequence[Finding]) -> bool:
    group = told.leading
    if not group or not told.possible or group.probability < ALWAYS:
        return False
    suspect, matched = told.possible[0], matched_stops(told, group)
    meant = ordered(suspect) and kind_of(suspect, group) == "scheduled_stop"
    meant = meant and not bystander(case, suspect, told.service)
    return meant and not felt and matched.height >= ALWAYS * told.stops.height and _watched(case, matched)


def _watched(case: Case, stops: pl.DataFrame) -> bool:
    """Whether logs of requests cover all of these times."""
    logs = [(one.first, one.last) for one in case.sources if one.format in (*REQUEST_LOGS, "haproxy") and one.first and one.last]
    return all(any(first <= time <= last for first, last in logs) for time in stops["time"])
