"""A job's own log tells of errors, or what runs it tells that it ended badly."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.case import Case, Schedule
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import counted, rule

UNIT = r"^(\S+)\.service: Main process exited"
CHILD = r"^\(CRON\) error \(grandchild #(\d+) failed"
WRITES = regex(r">>?\s*(?P<path>[^\s;&|<>]+)")


@rule(code="CRON010", title="A scheduled job failed", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Errors of commands in the log that a job's own line writes to; and runs that systemd or cron saw end with a failure."""
    failed = case.happened("job.failed")
    yield from _ended(case, failed.filter(pl.col("source") == "syslog"))
    for schedule in case.schedules if failed.height else ():
        told = failed.filter(pl.col("file").is_in(_logs(case, schedule)))
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


def _logs(case: Case, schedule: Schedule) -> list[str]:
    """The collected files that bear the name of a file which the job's line writes to."""
    names = {found["path"].rpartition("/")[2] for found in WRITES.finditer(schedule.job.command)}
    return [path for path in sorted(case.files) if path.rpartition("/")[2] in names]


def _ended(case: Case, failed: pl.DataFrame) -> Iterator[Finding]:
    """A finding for each unit and each of cron's jobs that failed."""
    of_units = failed.with_columns(unit=pl.col("message").str.extract(UNIT, 1)).drop_nulls("unit")
    for (unit,), rows in sorted(of_units.group_by("unit", maintain_order=True), key=lambda one: str(one[0])):
        words = _last_words(case, rows)
        yield _finding(case, str(unit), f"systemctl start {unit}.service", rows, words, well=_done_since(case, str(unit)))
    began = _runs(case, failed)
    for (command,), rows in sorted(began.drop_nulls("failed").group_by("command", maintain_order=True)):
        own = began.filter(pl.col("command") == command)
        told = failed.join(rows.select("file", line="failed"), on=["file", "line"], how="semi", maintain_order="left")
        yield _finding(case, str(command), str(command), told, (), well=own["failed"][-1] is None)


def _done_since(case: Case, unit: str) -> bool:
    """Whether the last that systemd tells of a run is that it was done."""
    wanted = pl.col("message").str.contains(
        rf"^(?:Finished {re.escape(unit)}\.service|{re.escape(unit)}\.service: Main process exited)"
    )
    told = case.records("syslog").filter(wanted).select("time", "message").collect().sort("time", maintain_order=True)
    return str(told["message"][-1]).startswith("Finished")


def _last_words(case: Case, rows: pl.DataFrame) -> tuple[Evidence, ...]:
    """What the job itself wrote last before its first failure."""
    first = rows.row(0, named=True)
    own = (pl.col("file") == first["file"]) & (pl.col("line") < first["line"]) & (pl.col("program") != "systemd")
    told = (
        case.records("syslog").filter(own & (pl.col("unit").str.strip_suffix(".service") == first["unit"])).select("line").tail(1)
    )
    return tuple(Evidence(Span(first["file"], line), "its last words") for line in told.collect()["line"])


def _runs(case: Case, failed: pl.DataFrame) -> pl.DataFrame:
    """What cron began, in time order, with the line that tells that it `failed`, if one does: cron names the process it began."""
    told = failed.select("file", "time", failed="line", pid=pl.col("message").str.extract(CHILD, 1).cast(pl.Int32)).drop_nulls()
    began = case.happened("job.started").filter(pl.col("file").is_in(told["file"].implode())).select("file", "line", "time")
    known = (
        case.records("syslog").select("file", "line", "pid", "command").drop_nulls("command").collect() if told.height else None
    )
    if known is None:
        return pl.DataFrame(schema={"command": pl.String, "file": pl.String, "failed": pl.UInt32})
    runs = began.join(known, on=["file", "line"]).sort("time", "line")
    return runs.join_asof(told.sort("time"), on="time", by=["file", "pid"], strategy="forward", check_sortedness=False).select(
        "command", "file", "failed"
    )


def _finding(case: Case, name: str, command: str, rows: pl.DataFrame, words: tuple[Evidence, ...], *, well: bool) -> Finding:
    """A warning if it went well again, an error if it fails to this day."""
    jobs = [one.job for one in case.schedules if one.job.command.strip() == command]
    found = counted(
        rows,
        str(jobs[0].span) if jobs else name,
        claim("job_failed.ended", "the job {name} ended with a failure ({count}×)", name=name, count=rows.height),
        claim("job_failed.ended_refute", "the exit status is one by which the job says that there was nothing to do"),
    )
    scheduled = tuple(Evidence(job.span, f"runs on {job.schedule}") for job in jobs[:1])
    return replace(
        found, severity="warning" if well else "error", evidence=(*found.evidence[:1], *words, *found.evidence[1:], *scheduled)
    )
