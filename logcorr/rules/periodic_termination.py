"""A service is terminated on a beat."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.statistics import Periodicity, detect
from logcorr.timeline.lifecycles import stops
from logcorr.timeline.select import cite, instants, seconds

ENOUGH = 3
SURE = 0.9

MOST = 0.5
"""A beat is one that so many of the stops keep, or that has a stop so often: some stops always lie on some beat."""


@rule(code="PROC001", title="A service is terminated periodically", role="signal", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Asks of each service's stops whether they keep a period, locked to the clock or drifting."""
    for service, timed in stops(case):
        logs = [source for source in case.sources if source.path in set(timed["file"]) and source.first and source.last]
        if timed.height < ENOUGH or not logs:
            continue
        found = detect(
            seconds(timed),
            start=min(source.first.timestamp() for source in logs if source.first),
            end=max(source.last.timestamp() for source in logs if source.last),
            resolution=max(source.resolution_s for source in logs),
        )
        kept = found.explained >= MOST * found.events or found.hits >= MOST * found.ticks
        if found.period_s and found.confidence >= SURE and kept:
            yield _finding(service, timed, found, found.period_s)


def _finding(service: str, told: pl.DataFrame, found: Periodicity, period_s: float) -> Finding:
    return Finding(
        confidence=found.confidence,
        claim=claim(
            "periodic_termination.found",
            "{service} is terminated every {period:g} s: {explained} of {events} stops keep the beat, "
            "{hits} of {ticks} beats have one",
            service=service,
            period=round(period_s, 1),
            explained=found.explained,
            events=found.events,
            hits=found.hits,
            ticks=found.ticks,
        ),
        evidence=cite(told),
        would_refute=claim("periodic_termination.refute", "stops off the beat, or beats without a stop, in a longer log"),
        subject=service,
        measured={
            "period_s": period_s,
            "period_low_s": found.period_low_s or period_s,
            "period_high_s": found.period_high_s or period_s,
            "mechanism": found.mechanism,
            "explained": found.explained,
            "events": found.events,
            "chance": found.chance,
            "log10_bf": found.log10_bf,
        },
        times=instants(told),
    )
