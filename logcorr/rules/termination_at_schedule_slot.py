"""Stops fall after the runs of one known job."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.statistics import Group, Schedule, attribute
from logcorr.timeline.lifecycles import stops
from logcorr.timeline.select import cite, instants, seconds

LIKELY = 0.5


@rule(code="PROC002", title="A service stops when a schedule runs", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Asks, by timing alone, which listed schedule explains each service's stops."""
    schedules = [Schedule(name=str(schedule.job.span), ticks=schedule.ticks) for schedule in case.schedules]
    for service, timed in stops(case):
        logs = [source for source in case.sources if source.path in set(timed["file"]) and source.first and source.last]
        if not schedules or not logs:
            continue
        start = min(source.first.timestamp() for source in logs if source.first)
        end = max(source.last.timestamp() for source in logs if source.last)
        best = attribute(seconds(timed), schedules, start=start, end=end).groups[0]
        if best.probability >= LIKELY and best.evidence.explained > 1:
            yield _finding(case, service, timed, best)


def _finding(case: Case, service: str, told: pl.DataFrame, group: Group) -> Finding:
    evidence, names = group.evidence, {job.name for job in group.jobs}
    jobs = [schedule.job for schedule in case.schedules if str(schedule.job.span) in names]
    return Finding(
        confidence=group.probability,
        claim=claim(
            "termination_at_schedule_slot.found",
            "{explained} of {events} stops of {service} fall {low:g}–{high:g} s after a run of {schedule}; "
            "those windows cover {cover:.1f} % of the time",
            explained=evidence.explained,
            events=evidence.events,
            service=service,
            low=round(evidence.lag_low_s or 0.0, 1),
            high=round(evidence.lag_high_s or 0.0, 1),
            schedule=jobs[0].schedule,
            cover=100 * evidence.cover,
        ),
        evidence=(*cite(told), *(Evidence(job.span, f"runs on {job.schedule}") for job in jobs)),
        would_refute=claim("termination_at_schedule_slot.refute", "stops between the runs, or runs that no stop follows"),
        subject=service,
        measured={
            "explained": evidence.explained,
            "events": evidence.events,
            "runs": evidence.ticks,
            "runs_hit": evidence.hits,
            "lag_median_s": evidence.lag_median_s or 0.0,
            "cover": evidence.cover,
            "chance": evidence.chance,
            "log10_bf": evidence.log10_bf,
            "jobs": len(jobs),
        },
        times=instants(told),
    )
