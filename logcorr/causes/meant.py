"""Stops that are meant: a schedule orders them, or a release, and nobody feels them, or hardly anybody."""

from __future__ import annotations

from collections.abc import Sequence

from logcorr.causes.blame import ALWAYS, kind_of
from logcorr.causes.scheduled import Attributed
from logcorr.causes.together import matched_stops
from logcorr.lazily import np, pl
from logcorr.model.behaviour import Reach
from logcorr.model.case import Case
from logcorr.model.events import REQUEST_LOGS
from logcorr.model.result import Finding
from logcorr.timeline.select import moments

ENDS = ("service_terminated", "periodic_termination", "termination_at_schedule_slot")
"""Rules that tell of ends alone."""

FELT = "clients_disconnected"
"""A rule whose findings tell that clients may have felt it, also where it is but a signal."""


AT_ONCE_S, BRIEF_S, FEW_FELT = 120.0, 30.0, 3
RELEASE_S = 900.0
"""A stop belongs to a run of a job that began so shortly before, or to a release; what was felt of it is over so soon."""


def as_meant(case: Case, findings: Sequence[Finding], told: Attributed) -> bool:
    """Whether a service is only stopped as its schedule says, and nobody felt it: what clients asked meanwhile was logged.

    Or it was stopped but once, as a job always does or for a release, and that was nearly over before anybody felt it.
    """
    felt = [one for one in findings if one.rule == FELT or _harms(one)]
    return _as_ordered(case, told, felt) or (len(told.times) == 1 and _ordered_once(case, told) and _in_passing(felt, told))


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


def _ordered_once(case: Case, told: Attributed) -> bool:
    """Whether a job that always stops it had just run, or a release had just begun."""
    at = told.times[0]
    runs = [at - one.ticks for one in told.suspects if one.reach is Reach.MUST and one.scheduler]
    by_job = any(bool(((since >= 0) & (since <= AT_ONCE_S)).any()) for since in runs)
    released = at - moments(case, "deploy.started")
    return by_job or bool(((released >= 0) & (released <= RELEASE_S)).any())


def _as_ordered(case: Case, told: Attributed, felt: Sequence[Finding]) -> bool:
    group = told.leading
    if not group or not told.possible or group.probability < ALWAYS:
        return False
    suspect, matched = told.possible[0], matched_stops(told, group)
    ordered = suspect.reach is Reach.MUST and kind_of(suspect, group) == "scheduled_stop"
    return ordered and not felt and matched.height >= ALWAYS * told.stops.height and _watched(case, matched)


def _watched(case: Case, stops: pl.DataFrame) -> bool:
    """Whether logs of requests cover all of these times."""
    logs = [(one.first, one.last) for one in case.sources if one.format in (*REQUEST_LOGS, "haproxy") and one.first and one.last]
    return all(any(first <= time <= last for first, last in logs) for time in stops["time"])
