"""A scheduled job stops or restarts a service."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import np, pl
from logcorr.model.behaviour import Reach
from logcorr.model.case import Case, ProvedEffect, Schedule
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._runs import runs
from logcorr.timeline.contradictions import not_found, outlived
from logcorr.timeline.lifecycles import stopped
from logcorr.timeline.select import seconds

CONFIDENCE = {Reach.MUST: 0.99, Reach.CONDITIONAL: 0.9, Reach.MAY: 0.6}
"""How sure it is that some run of the job has the effect."""

FEWEST_RUNS, MOST_RUNS = 4, 0.75
"""Of so many runs not so large a part is followed by a stop: then not every run is."""

LATE_S = 120.0
"""The first stop may come so long after the run that makes it."""


@rule(code="CRON001", title="A scheduled job stops a service", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Follows each job into its script and reports what ends a process there, and how far that is reached."""
    for schedule in case.schedules:
        for behaviour in schedule.behaviours:
            for proved in behaviour.proved:
                reached = proved.proof.reach is not Reach.NEVER
                if proved.effect.ends_processes and reached and not not_found(case, proved.effect, schedule):
                    yield _finding(schedule, proved, _shown(case, schedule, proved))


def _shown(case: Case, schedule: Schedule, proved: ProvedEffect) -> Reach:
    """How far it is reached; what logs or a container contradict is no more than possible, whatever the configuration proves."""
    reach = proved.proof.reach
    if reach is not Reach.MUST:
        return reach
    lived = any(outlived(case, service, schedule) for service in proved.hits)
    return Reach.MAY if lived or _seldom(case, schedule, proved) or _never_ran(case, schedule) else reach


def _seldom(case: Case, schedule: Schedule, proved: ProvedEffect) -> bool:
    """Whether runs go by without a stop, in the time in which the service is seen to be stopped."""
    stops = np.sort([stop.ended.timestamp() for stop in case.once(stopped) if stop.service in proved.hits])
    ticks = np.sort(schedule.ticks)
    ticks = ticks[(ticks >= stops[0] - LATE_S) & (ticks <= stops[-1])] if stops.size else ticks[:0]
    if ticks.size < FEWEST_RUNS:
        return False
    until = ticks + np.diff(ticks).min()
    followed = np.searchsorted(stops, until) > np.searchsorted(stops, ticks - 1.0)
    return bool(followed.mean() < MOST_RUNS)


def _never_ran(case: Case, schedule: Schedule) -> bool:
    """Whether cron tells of its user's other jobs all the time, and of no run of this one."""
    if schedule.job.scheduler != "cron" or not schedule.job.user:
        return False
    told = case.happened("job.started").drop_nulls("time")
    times = seconds(told.filter(pl.col("message").str.contains(f"({schedule.job.user}) CMD", literal=True)))
    covered = int(((schedule.ticks >= times.min()) & (schedule.ticks <= times.max())).sum()) if times.size else 0
    return covered >= FEWEST_RUNS and runs(case, schedule).is_empty()


def _finding(schedule: Schedule, proved: ProvedEffect, reach: Reach) -> Finding:
    return Finding(
        severity="error" if reach is Reach.MUST else "warning",
        confidence=CONFIDENCE[reach],
        claim=_claim(schedule, proved, reach),
        evidence=(
            Evidence(schedule.job.span, f"runs on {schedule.job.schedule}"),
            Evidence(proved.effect.span, proved.effect.action),
            *(Evidence(span, f"condition: {text}") for text, span in proved.effect.guard),
        ),
        would_refute=claim("job_stops_service.refute", "a run of the job after which the service's uptime goes on"),
        subject=str(schedule.job.span),
        measured={"reach": reach.value, "hits": ", ".join(proved.hits)},
    )


def _claim(schedule: Schedule, proved: ProvedEffect, reach: Reach) -> Claim:
    when, action, target = schedule.job.schedule, proved.effect.action, ", ".join(proved.hits)
    if not target:
        return claim(
            "job_stops_service.unknown_target",
            "the job on {schedule} reaches a {action}, and what that acts on was not collected",
            schedule=when,
            action=action,
        )
    if reach is Reach.MUST:
        return claim(
            "job_stops_service.must",
            "every run of the job on {schedule} {action}s {target}",
            schedule=when,
            action=action,
            target=target,
        )
    return claim(
        "job_stops_service.may", "the job on {schedule} can {action} {target}", schedule=when, action=action, target=target
    )
