"""cron runs a job when the day of the month or the weekday matches, where both are given."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ScheduledJob
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.semantics.schedule.fields import Times, fields_of

ASKS_FOR_DAY = regex(r"\bdate\b[^|;&]*\+[\"']?\\?%?[udawjeV]")
WEEK = 7


@rule(code="CRON009", title="Two day fields, and either is enough", role="defect", severity="info")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for schedules that limit the day of the month and the weekday, unless the command asks for the day itself."""
    for job in case.of(ScheduledJob):
        times = fields_of(job)
        limited = times and times.either_day and len(times.days) < 31 and len(times.weekdays) < WEEK
        if times and limited and not ASKS_FOR_DAY.search(job.command):
            yield _finding(job, times)


def _finding(job: ScheduledJob, times: Times) -> Finding:
    """Seven days in a row and one weekday: whoever writes that means the first, second … Monday of the month."""
    nth = len(times.days) == WEEK == max(times.days) - min(times.days) + 1 and len(times.weekdays) == 1
    _, _, days, _, weekdays = job.schedule.split()
    return Finding(
        severity="warning" if nth else "info",
        confidence=0.95 if nth else 0.6,
        claim=claim(
            "day_fields_are_alternatives.found",
            "cron runs this on the days {days} of the month and also on every weekday {weekdays}: one match is enough",
            days=days,
            weekdays=weekdays,
        ),
        evidence=(Evidence(job.span, "both day fields are limited"),),
        would_refute=claim("day_fields_are_alternatives.refute", "a month in which it ran only where both matched"),
        subject=str(job.span),
        fix=claim(
            "day_fields_are_alternatives.fix", 'leave one of them *, and let the command ask: [ "$(date +\\%u)" = 1 ] && …'
        ),
    )
