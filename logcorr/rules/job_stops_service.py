"""A scheduled job stops or restarts a service."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.behaviour import Reach
from logcorr.model.case import Case, ProvedEffect, Schedule
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.timeline.contradictions import not_found, outlived

CONFIDENCE = {Reach.MUST: 0.99, Reach.CONDITIONAL: 0.9, Reach.MAY: 0.6}
"""How sure it is that some run of the job has the effect."""


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
    """How far it is reached; what some container outlived is no more than possible, whatever the configuration proves."""
    reach = proved.proof.reach
    contradicted = reach is Reach.MUST and any(outlived(case, service, schedule) for service in proved.hits)
    return Reach.MAY if contradicted else reach


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
