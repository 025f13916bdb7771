"""Runs of jobs that ended with a failure, as what began them tells: systemd of a job's unit, cron of its child."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.facts import ScheduledJob, Unit
from logcorr.model.source import Span

UNIT = r"^(\S+)\.service: Main process exited"
STATUS = r"status=(\d+)"
CHILD = r"^\(CRON\) error \(grandchild #(\d+) failed"


NO_FAILURES = {
    **dict.fromkeys(("fetchmail", "grep", "diff", "cmp", "borg"), "1"),
    "checkupdates": "2",
    "rsync": "24",
    **dict.fromkeys(("dnf", "yum"), "100"),
}
"""Statuses by which programs say that there was nothing to do, or that all was done but for a trifle, as their manuals tell."""


class FailedRuns(Struct, frozen=True, kw_only=True):
    """The `rows` that tell of a job's failures, and what the job wrote last before each of them.

    `name` is its unit's, or its command; `job` its line in a timer or crontab, if collected. `well`: a later run succeeded, or
    each told by its status that there was nothing to do.
    """

    name: str
    command: str
    rows: pl.DataFrame
    words: tuple[Span, ...]
    well: bool
    job: ScheduledJob | None = None


def failed_runs(case: Case) -> tuple[FailedRuns, ...]:
    """By job, units first."""
    failed = case.happened("job.failed").filter(pl.col("source") == "syslog")
    return (*_of_units(case, failed), *_of_cron(case, failed)) if failed.height else ()


def _of_units(case: Case, failed: pl.DataFrame) -> Iterator[FailedRuns]:
    told = failed.with_columns(unit=pl.col("message").str.extract(UNIT, 1)).drop_nulls("unit")
    for (name,), rows in sorted(told.group_by("unit", maintain_order=True), key=lambda one: str(one[0])):
        unit, command = str(name), f"systemctl start {name}.service"
        words, well = _last_words(case, unit, rows), _done_since(case, unit) or _had_nothing_to_do(case, unit, rows)
        yield FailedRuns(name=unit, command=command, rows=rows, words=words, well=well, job=_job(case, command))


def _had_nothing_to_do(case: Case, unit: str, rows: pl.DataFrame) -> bool:
    programs = [(one.command or "").split(" ")[0].rpartition("/")[2] for one in case.of(Unit) if one.name == f"{unit}.service"]
    statuses = rows["message"].str.extract(STATUS, 1).unique().to_list()
    return any(statuses == [NO_FAILURES.get(program, "")] for program in programs)


def _of_cron(case: Case, failed: pl.DataFrame) -> Iterator[FailedRuns]:
    began = _runs(case, failed)
    for (name,), rows in sorted(began.drop_nulls("failed").group_by("command", maintain_order=True), key=lambda one: str(one[0])):
        command, own = str(name), began.filter(pl.col("command") == name)
        told = failed.join(rows.select("file", line="failed"), on=["file", "line"], how="semi", maintain_order="left")
        well = own["failed"][-1] is None
        yield FailedRuns(name=command, command=command, rows=told, words=(), well=well, job=_job(case, command))


def _job(case: Case, command: str) -> ScheduledJob | None:
    return next((one.job for one in case.schedules if one.job.command.strip() == command), None)


def _done_since(case: Case, unit: str) -> bool:
    """Whether the last that systemd tells of a run is that it was done."""
    name = re.escape(unit)
    wanted = pl.col("message").str.contains(rf"^(?:Finished {name}\.service|{name}\.service: Main process exited)")
    told = case.records("syslog").filter(wanted).select("time", "message").collect().sort("time", maintain_order=True)
    return str(told["message"][-1]).startswith("Finished")


def _last_words(case: Case, unit: str, rows: pl.DataFrame) -> tuple[Span, ...]:
    """The last line that the job itself wrote before each failure."""
    commands = (one.command or "" for one in case.of(Unit) if one.name == f"{unit}.service")
    names = [unit, *(word.rpartition("/")[2] for command in commands for word in command.split()[:1])]
    own = (pl.col("program") != "systemd") & pl.col("unit").str.strip_suffix(".service").is_in(names)
    said = case.records("syslog").filter(own).select("file", "line").collect()
    ends = rows.select("file", "line").iter_rows()
    before = ((file, said.filter((pl.col("file") == file) & (pl.col("line") < line))["line"].max()) for file, line in ends)
    return tuple(Span(file, line) for file, line in dict.fromkeys(before) if isinstance(line, int))


def _runs(case: Case, failed: pl.DataFrame) -> pl.DataFrame:
    """What cron began, in time order, with the line that tells that it `failed`, if one does: cron names the process it began."""
    told = failed.select("file", "time", failed="line", pid=pl.col("message").str.extract(CHILD, 1).cast(pl.Int32)).drop_nulls()
    if told.is_empty():
        return pl.DataFrame(schema={"command": pl.String, "file": pl.String, "failed": pl.UInt32})
    began = case.happened("job.started").filter(pl.col("file").is_in(told["file"].implode())).select("file", "line", "time")
    known = case.records("syslog").select("file", "line", "pid", "command").drop_nulls("command").collect()
    runs = began.join(known, on=["file", "line"]).sort("time", "line")
    ends = told.sort("time")
    ended = runs.join_asof(ends, on="time", by=["file", "pid"], strategy="forward", check_sortedness=False)
    return ended.select("command", "file", "failed")
