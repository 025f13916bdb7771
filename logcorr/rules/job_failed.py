"""A job's own log tells of errors, or what runs it tells that it ended badly."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import counted, rule
from logcorr.rules._failed_runs import FailedRuns, failed_runs
from logcorr.rules._jobs import logs_of


@rule(code="CRON010", title="A scheduled job failed", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Errors of commands in the log that a job's own line writes to; and runs that systemd or cron saw end with a failure."""
    yield from (_ended(one) for one in case.once(failed_runs))
    failed = case.happened("job.failed")
    for schedule in case.schedules if failed.height else ():
        told = failed.filter(pl.col("file").is_in(logs_of(case, schedule)))
        if told.height:
            found = counted(
                told,
                str(schedule.job.span),
                claim(
                    "job_failed.found",
                    "the job on {schedule} reports errors in its own log ({count}×)",
                    schedule=schedule.job.schedule,
                    count=told.height,
                ),
                claim("job_failed.refute", "somebody ran it by hand, or the line is of no consequence: the job exits with 0"),
            )
            yield replace(found, evidence=(*found.evidence, Evidence(schedule.job.span, f"runs on {schedule.job.schedule}")))


def _ended(runs: FailedRuns) -> Finding:
    """A warning if it went well again, an error if it fails to this day."""
    found = counted(
        runs.rows,
        str(runs.job.span) if runs.job else runs.name,
        claim("job_failed.ended", "the job {name} ended with a failure ({count}×)", name=runs.name, count=runs.rows.height),
        claim("job_failed.ended_refute", "the exit status is one by which the job says that there was nothing to do"),
    )
    first, *others = found.evidence
    words = [Evidence(span, "its last words") for span in runs.words[:1]]
    scheduled = [Evidence(runs.job.span, f"runs on {runs.job.schedule}")] if runs.job else []
    return replace(found, severity="warning" if runs.well else "error", evidence=(first, *words, *others, *scheduled))
