"""Units that are jobs: what systemd tells of them is of runs, and not of a service's life."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.facts import ScheduledJob, Unit

STARTS = "systemctl start "
"""How a timer's job is told to begin what it activates."""

DONE = r"^Finished (\S+)\.service"
"""systemd's word for a unit that has done its work (src/core/service.c); of a service it says that it is started."""

ENDED = r"^\S+\.service: Main process exited"
AS_RUNS = {"process.started": "job.started", "process.crashed": "job.failed"}


def runs_apart(case: Case) -> Case:
    """The case with the ends of jobs told as what they are: a failed run is no crash, a run that begins no service."""
    jobs = sorted(set(_jobs(case))) if "syslog" in {source.source for source in case.sources} else []
    if not jobs:
        return case
    of_job = (pl.col("source") == "syslog") & pl.col("service").is_in(jobs) & pl.col("message").str.contains(r"\.service\b")
    kind = pl.when(of_job).then(pl.col("kind").replace(AS_RUNS)).otherwise("kind").alias("kind")
    return replace(case, events=case.events.with_columns(kind), timeline=case.timeline.with_columns(kind))


def _jobs(case: Case) -> Iterator[str]:
    """The names of units that are no services: they say so, a timer starts them, or systemd tells that they are done."""
    yield from (unit.name.removesuffix(".service") for unit in case.of(Unit) if unit.oneshot)
    for job in case.of(ScheduledJob):
        if job.scheduler == "systemd" and job.command.startswith(STARTS):
            yield job.command.removeprefix(STARTS).removesuffix(".service")
    ended = case.happened("process.crashed").filter(pl.col("message").str.contains(ENDED))
    if ended.height:
        done = case.records("syslog").select(pl.col("message").str.extract(DONE, 1).drop_nulls().unique())
        yield from done.collect(engine="streaming").to_series().to_list()
