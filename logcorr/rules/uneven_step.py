"""A step in a schedule does not fit what it divides."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ScheduledJob
from logcorr.model.result import Finding
from logcorr.rules import rule

STEP = regex(r"\*/0*([1-9]\d*)")
MINUTES, HOURS = 60, 24
LONG_STEP = 28
"""A step of days from which on a month's end stands next to the month's beginning."""


@rule(code="CRON022", title="A step does not fit into the hour, the day or the month", role="defect", severity="info")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `*/45` and its like: a step begins anew every hour, day or month."""
    for job in case.of(ScheduledJob):
        fields = job.schedule.split() if job.scheduler == "cron" else []
        steps = [int(found[1]) if (found := STEP.fullmatch(field)) else 0 for field in fields[:3]]
        if len(fields) == 5:
            yield from _found(job, *steps)


def _found(job: ScheduledJob, minutes: int, hours: int, days: int) -> Iterator[Finding]:
    if days >= LONG_STEP:
        yield _days(job, days)
    elif _is_uneven(minutes, MINUTES):
        yield _finding(job, minutes, MINUTES, "minutes")
    elif _is_uneven(hours, HOURS):
        yield _finding(job, hours, HOURS, "hours")


def _is_uneven(step: int, whole: int) -> bool:
    """Whether it leaves a last gap of less than half the step, or comes twice."""
    return 0 < step < whole and whole % step != 0 and (2 * (whole % step) < step or 2 * step > whole)


def _days(job: ScheduledJob, step: int) -> Finding:
    return Finding(
        severity="warning",
        confidence=0.9,
        claim=claim(
            "uneven_step.days",
            "not every {step} days: on the 1st and on day {second} of each month that has it, so twice within three days",
            step=step,
            second=step + 1,
        ),
        evidence=(Evidence(job.span, f"*/{step} counts from the 1st"),),
        would_refute=claim("uneven_step.refute", "cron's log of two runs around the place where it begins anew"),
        subject=str(job.span),
        fix=claim("uneven_step.days_fix", "name the day: 1"),
    )


def _finding(job: ScheduledJob, step: int, whole: int, unit: str) -> Finding:
    gap = whole % step
    said = (
        claim(
            "uneven_step.minutes",
            "not every {step} minutes: the count begins anew each hour, after a gap of {gap}",
            step=step,
            gap=gap,
        )
        if unit == "minutes"
        else claim(
            "uneven_step.hours",
            "not every {step} hours: the count begins anew each day, after a gap of {gap}",
            step=step,
            gap=gap,
        )
    )
    return Finding(
        confidence=0.95,
        claim=said,
        evidence=(Evidence(job.span, f"*/{step} counts from 0"),),
        would_refute=claim("uneven_step.refute", "cron's log of two runs around the place where it begins anew"),
        subject=str(job.span),
        measured={"step": step, "gap": gap},
        fix=claim("uneven_step.fix", "take a step that divides {whole}", whole=whole),
    )
