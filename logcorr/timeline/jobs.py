"""Units that are jobs: what systemd tells of them is of runs, and not of a service's life."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.facts import ScheduledJob, Unit

STARTS = "systemctl start "
"""How a timer's job is told to begin what it activates."""

LIFE = r"^(?:(Starting|Started|Finished|Failed to start) (\S+)\.service|(\S+)\.service: Scheduled restart job)"
"""What systemd says of units (src/core/job.c, service.c): only of one that is work to be done does it say that it is finished."""

FEWEST, SLACK_S, UNEVEN = 4, 60.0, 0.1
"""So many beginnings, the pauses between them alike to a minute (a timer's AccuracySec) or a tenth, are a clock's doing."""

ENDED = r"^\S+\.service: Main process exited"
AS_RUNS = {"process.started": "job.started", "process.crashed": "job.failed"}


def runs_apart(case: Case) -> Case:
    """The case with the ends of jobs told as what they are: a failed run is no crash, a run that begins no service."""
    jobs = sorted(set(_jobs(case))) if "syslog" in {source.source for source in case.sources} else []
    if not jobs:
        return case
    of_job = (pl.col("source") == "syslog") & pl.col("service").is_in(jobs) & pl.col("message").str.contains(r"\.service\b")
    kind = pl.when(of_job).then(pl.col("kind").replace(AS_RUNS)).otherwise("kind").alias("kind")
    return replace(case, logged=case.logged.with_columns(kind))


def unit_of(job: ScheduledJob) -> str:
    return job.command.removeprefix(STARTS).removesuffix(".service")


def _jobs(case: Case) -> Iterator[str]:
    """The names of units that are no services: they say so, a timer starts them, or systemd tells that they are done."""
    yield from (unit.name.removesuffix(".service") for unit in case.of(Unit) if unit.oneshot)
    for job in case.of(ScheduledJob):
        if job.scheduler == "systemd" and job.command.startswith(STARTS):
            yield unit_of(job)
    ended = case.happened("process.crashed").filter(pl.col("message").str.contains(ENDED))
    if ended.height:
        told = case.records("syslog").filter(pl.col("message").str.contains(LIFE)).select("time", "message").collect()
        parts = pl.col("message").str.extract_groups(LIFE).struct
        lives = told.select("time", said=parts.field("1"), unit=pl.coalesce(parts.field("2"), parts.field("3"))).sort("time")
        yield from (str(unit) for (unit,), life in lives.group_by("unit", maintain_order=True) if _is_work(life))


def _is_work(life: pl.DataFrame) -> bool:
    """Whether systemd says that the unit was done, or begins it again and again by a clock though it never comes to be up."""
    said = set(life["said"])
    begun = np.unique(life.filter(pl.col("said") == "Starting")["time"].drop_nulls().dt.epoch("s").to_numpy())
    pauses = np.diff(begun)
    by_clock = len(begun) >= FEWEST and pauses.max() - pauses.min() <= max(SLACK_S, UNEVEN * float(np.median(pauses)))
    return "Finished" in said or ("Failed to start" in said and "Started" not in said and None not in said and by_clock)
