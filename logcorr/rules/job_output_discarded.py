"""Nobody ever hears what a job says when it stops or restarts something."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration, ProvedEffect, Schedule
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._jobs import cron_jobs, scripts_of

SILENT = regex(r"(?:>>?\s*/dev/null\s+2>\s*&1|&>>?\s*/dev/null|>>?\s*/dev/null\s+2>>?\s*/dev/null)\s*$")
KEPT = regex(r">>|\btee\b|\blogger\b|\bsystemd-cat\b|>\s*[^&/\s]|>\s*/(?!dev/null)|\bexec\s+>|/log")
"""What writes a log of its own."""


@rule(code="CRON006", title="What a job says is thrown away", role="defect", severity="info")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for jobs that stop or restart something, send all output to /dev/null, and write no log of their own."""
    for schedule in cron_jobs(case):
        acts = [one for behaviour in schedule.behaviours for one in behaviour.proved if one.effect.ends_processes]
        if acts and SILENT.search(schedule.job.command) and not _keeps_a_log(case, schedule):
            yield _finding(schedule, acts[0])


def _keeps_a_log(case: Configuration, schedule: Schedule) -> bool:
    texts = [script.text for script in scripts_of(case, schedule)]
    return any(KEPT.search(SILENT.sub("", text)) for text in texts)


def _finding(schedule: Schedule, proved: ProvedEffect) -> Finding:
    target = ", ".join(proved.hits or proved.effect.targets)
    return Finding(
        confidence=0.9,
        claim=claim(
            "job_output_discarded.found",
            "the job can {action} {target}, and nothing it says is kept: no log will tell that it did",
            action=proved.effect.action,
            target=target,
        ),
        evidence=(Evidence(schedule.job.span, "all output to /dev/null"), Evidence(proved.effect.span, proved.effect.action)),
        would_refute=claim("job_output_discarded.refute", "a log in which a run of this job has left a line of its own"),
        subject=str(schedule.job.span),
        fix=claim("job_output_discarded.fix", "append to a log with the time, or pipe into logger -t NAME"),
    )
