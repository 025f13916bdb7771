"""cron ends a command at a bare `%`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ScheduledJob
from logcorr.model.result import Finding
from logcorr.rules import rule

DATE = regex(r"\bdate\b[^|;&]*\+[^|;&\s]*$")


@rule(code="CRON002", title="A bare % cuts the command short", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for jobs whose command is cut at a `%` in the middle of a quote, a substitution or a date format."""
    for job in case.of(ScheduledJob):
        if job.scheduler == "cron" and job.stdin is not None and _cut_short(job.command):
            yield _finding(job)


def _cut_short(command: str) -> bool:
    """Whether what is left cannot be meant: whoever feeds text to a command after a `%` leaves the command whole."""
    bare = re.sub(r"\\.", "", command)
    unclosed = bare.count("'") % 2 or bare.count('"') % 2 or bare.count("`") % 2 or bare.count("$(") > bare.count(")")
    return bool(unclosed) or bool(DATE.search(command))


def _finding(job: ScheduledJob) -> Finding:
    return Finding(
        confidence=0.98,
        claim=claim(
            "unescaped_percent.found", "cron ends the command at the bare % and runs only: {command}", command=job.command
        ),
        evidence=(Evidence(job.span, "a % without a backslash is a line end to cron"),),
        would_refute=claim("unescaped_percent.refute", "cron's own log of a run with the whole command"),
        subject=str(job.span),
        fix=claim("unescaped_percent.fix", "write \\% for each %, or move the command into a script"),
    )
