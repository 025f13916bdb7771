"""A job was still running when its next run began."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from logcorr.lazily import pl
from logcorr.model.case import Case, Schedule
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._jobs import cron_jobs
from logcorr.rules._runs import runs

CLOSED = "pam_unix(cron:session): session closed"
"""What PAM says when the process that cron began for a run has ended."""

CHILDREN = 3
"""cron's process for a run has a number at most so much below that of the command it logs."""


@rule(code="CRON005", title="Runs of a job overlapped", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Looks for runs whose session was closed after the next run of the same job had begun."""
    told = [(schedule, ran) for schedule in cron_jobs(case) if (ran := runs(case, schedule)).height > 1]
    records = case.records("syslog")
    if not told or "pid" not in records.collect_schema():
        return
    pids = records.select("file", "line", "pid")
    closed = case.timeline.filter((pl.col("source") == "syslog") & pl.col("message").str.starts_with(CLOSED))
    ends = closed.select("time", "file", "line").join(pids, on=["file", "line"]).drop_nulls().collect()
    for schedule, ran in told if len(ends) else ():
        began = (
            ran.lazy().select("time", "file", "line").join(pids, on=["file", "line"]).drop_nulls().sort("time", "line").collect()
        )
        yield from _overlaps(schedule, list(began.iter_rows()), ends)


Run = tuple[datetime, str, int, int]
"""When, where (file and line), and the process."""


def _overlaps(schedule: Schedule, began: list[Run], ends: pl.DataFrame) -> Iterator[Finding]:
    late = [(run, end, after) for run, after in pairwise(began) if (end := _end(run, ends)) and end[0] > after[0]]
    if late:
        yield _finding(schedule, late)


def _end(run: Run, ends: pl.DataFrame) -> Run | None:
    """The end of a run's session."""
    time, file, _, pid = run
    own = ends.filter((pl.col("file") == file) & (pl.col("time") >= time) & pl.col("pid").is_between(pid - CHILDREN, pid))
    return own.sort("time").row(0) if len(own) else None


def _finding(schedule: Schedule, late: list[tuple[Run, Run, Run]]) -> Finding:
    run, end, after = late[0]
    longest_s = max((end[0] - run[0]).total_seconds() for run, end, _ in late)
    return Finding(
        confidence=0.95,
        claim=claim(
            "overlapping_runs.found",
            "{overlaps} runs of the job on {schedule} were not over when the next began; the longest took {longest_s:g} s",
            overlaps=len(late),
            schedule=schedule.job.schedule,
            longest_s=longest_s,
        ),
        evidence=(
            Evidence(Span(run[1], run[2]), "a run begins"),
            Evidence(Span(after[1], after[2]), "the next begins"),
            Evidence(Span(end[1], end[2]), "and only then the first is over"),
            Evidence(schedule.job.span, "its schedule"),
        ),
        would_refute=claim(
            "overlapping_runs.refute", "a command that goes on in the background, or a lock in it that turns the next run away"
        ),
        subject=str(schedule.job.span),
        measured={"overlaps": len(late), "longest_s": longest_s},
        times=tuple(run[0] for run, _, _ in late),
        fix=claim("overlapping_runs.fix", "put flock -n /run/NAME.lock before the command"),
    )
