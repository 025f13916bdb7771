"""What is present and could be suspected, and why it was not chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.causes import words
from logcorr.causes.scheduled import Attributed
from logcorr.causes.suspects import Suspect
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Cause, Rival
from logcorr.model.source import Span
from logcorr.statistics import Evidence as Fit


def rivals(told: Sequence[Attributed], causes: Sequence[Cause]) -> tuple[Rival, ...]:
    """Every other scheduled job, with the reason it was rejected; each once, from the service with the most stops."""
    chosen = {evidence.span for one in causes for link in one.chain for evidence in link.evidence} | {
        one.trigger for one in causes
    }
    found: dict[Span, Rival] = {}
    for attributed in told:
        for rival in _rejected(attributed):
            if rival.span and rival.span not in chosen:
                found.setdefault(rival.span, rival)
    return tuple(found.values())


def _rejected(told: Attributed) -> Iterator[Rival]:
    for group in told.posterior.groups:
        for job in group.jobs:
            suspect = told.suspect(job.name)
            span = suspect.span
            yield Rival(
                span=span,
                claim=claim(
                    "rival.job",
                    "the job on {schedule}: {command}",
                    schedule=suspect.runs,
                    command=suspect.command,
                ),
                why_rejected=_why(suspect, told, group.evidence),
                evidence=(Evidence(span),),
            )


def _why(suspect: Suspect, told: Attributed, fit: Fit) -> Claim:
    if suspect.refuted:
        return suspect.refuted
    if suspect.weight == words.STOPS_NOTHING_HERE:
        return claim(
            "rival.stops_nothing",
            "read in full, it stops nothing of {service}; {explained} of {events} stops fall after its runs",
            service=told.service,
            explained=fit.explained,
            events=fit.events,
        )
    if suspect.weight == words.PROVED_NEVER:
        return claim("rival.never", "its script never reaches the command that would stop {service}", service=told.service)
    return claim(
        "rival.timing",
        "the stops do not keep its schedule: {explained} of {events} fall after its runs, "
        "{hits} of {ticks} runs are followed by one",
        explained=fit.explained,
        events=fit.events,
        hits=fit.hits,
        ticks=fit.ticks,
    )
