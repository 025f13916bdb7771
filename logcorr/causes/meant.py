"""Stops that are meant: a schedule orders them, and nobody feels them."""

from __future__ import annotations

from collections.abc import Sequence

from logcorr.causes.blame import ALWAYS, kind_of
from logcorr.causes.scheduled import Attributed
from logcorr.causes.together import matched_stops
from logcorr.lazily import pl
from logcorr.model.behaviour import Reach
from logcorr.model.case import Case
from logcorr.model.events import REQUEST_LOGS
from logcorr.model.result import Finding

ENDS = ("service_terminated", "periodic_termination", "termination_at_schedule_slot")
"""Rules that tell of ends alone."""

FELT = "clients_disconnected"
"""A rule whose findings tell that clients may have felt it, also where it is but a signal."""


def as_meant(case: Case, findings: Sequence[Finding], told: Attributed) -> bool:
    """Whether a service is only stopped as its schedule says, and nobody felt it: what clients asked meanwhile was logged."""
    group = told.leading
    if not group or not told.possible or group.probability < ALWAYS:
        return False
    suspect, matched = told.possible[0], matched_stops(told, group)
    ordered = suspect.reach is Reach.MUST and kind_of(suspect, group) == "scheduled_stop"
    felt = any(
        one.rule == FELT or (one.role == "symptom" and one.severity == "error" and one.rule not in ENDS) for one in findings
    )
    return ordered and not felt and matched.height >= ALWAYS * told.stops.height and _watched(case, matched)


def _watched(case: Case, stops: pl.DataFrame) -> bool:
    """Whether logs of requests cover all of these times."""
    logs = [(one.first, one.last) for one in case.sources if one.format in (*REQUEST_LOGS, "haproxy") and one.first and one.last]
    return all(any(first <= time <= last for first, last in logs) for time in stops["time"])
