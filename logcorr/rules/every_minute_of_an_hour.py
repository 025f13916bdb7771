"""A job that was meant to run once in an hour runs sixty times."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ScheduledJob
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.semantics.schedule.fields import fields_of

MOST_HOURS = 2
"""A window of more hours is one in which somebody polls."""


@rule(code="CRON016", title="A job runs every minute of an hour", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `* 3 * * *`: every minute, but of one hour (or two) that is named."""
    for job in case.of(ScheduledJob):
        times = fields_of(job)
        fields = job.schedule.split()
        if times and fields[0] == "*" and re.fullmatch(r"\d+(,\d+)*", fields[1]) and len(times.hours) <= MOST_HOURS:
            yield _finding(job, fields[1], 60 * len(times.hours))


def _finding(job: ScheduledJob, hours: str, runs: int) -> Finding:
    return Finding(
        confidence=0.85,
        claim=claim(
            "every_minute_of_an_hour.found",
            "the star in the first field makes this run every minute of hour {hours}: {runs} times a day",
            hours=hours,
            runs=runs,
        ),
        evidence=(Evidence(job.span, f"{runs} runs a day"),),
        would_refute=claim("every_minute_of_an_hour.refute", "cron's log of a day with a single run"),
        subject=str(job.span),
        measured={"runs": runs},
        fix=claim("every_minute_of_an_hour.fix", "give the minute: 0 {hours} …", hours=hours),
    )
