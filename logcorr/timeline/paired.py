"""Times for logs that have none: of what a process prints when it starts and dies, from who watches it.

`NAME-error.log` tells why an application died, pm2's own log when. Where both tell of as many deaths, or starts, of the service,
the first of one is the first of the other, and so on; where they do not, nothing says which is which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from msgspec.structs import replace

from logcorr.lazily import pl
from logcorr.timeline.blocks import Parsed
from logcorr.timeline.signs import ENDS, OWN, STARTS

DEATH, START = "process.crashed", "process.started"


def paired(logs: Sequence[Parsed], timed: Sequence[bool]) -> list[Parsed]:
    """The logs, with times for the deaths and starts in those that are not `timed`."""
    if all(timed):
        return list(logs)
    watching = pl.concat([_signs(log) for log, has in zip(logs, timed, strict=True) if has] or [_signs(logs[0]).clear()])
    return [
        log if has else _with_times(log, watching.filter(~pl.col("source").is_in(OWN)))
        for log, has in zip(logs, timed, strict=True)
    ]


def _signs(log: Parsed) -> pl.DataFrame:
    """What a log tells of how processes end and start."""
    told = log.events.filter(pl.col("kind").is_in([*ENDS, *STARTS]) & pl.col("service").is_not_null())
    return told.select("file", "line", "source", "service", "kind", "time").collect()


def _with_times(log: Parsed, watching: pl.DataFrame) -> Parsed:
    own = _signs(log)
    found = [
        (line, time)
        for service, kind in own.select("service", "kind").unique(maintain_order=True).iter_rows()
        if kind in (DEATH, START)
        for line, time in _pairs(own, watching.filter(pl.col("service") == service), kind, service)
    ]
    if not found:
        return log
    times = pl.LazyFrame(found, schema={"line": pl.UInt32, "paired": pl.Datetime("us", "UTC")}, orient="row")
    joined = log.events.join(times, on="line", how="left", maintain_order="left")
    return replace(log, events=joined.with_columns(pl.coalesce("time", "paired").alias("time")).drop("paired"))


def _pairs(own: pl.DataFrame, watching: pl.DataFrame, kind: str, service: str) -> Iterator[tuple[int, object]]:
    """The lines of one kind with the times of the first watching log that tells of as many."""
    lines = own.filter((pl.col("kind") == kind) & (pl.col("service") == service))["line"].to_list()
    for _, of_file in groupby(watching.sort("file", "time", maintain_order=True).iter_rows(named=True), lambda row: row["file"]):
        runs = [list(run) for _, run in groupby(of_file, lambda row: row["kind"] in STARTS)]
        starts, ends = [run[-1]["time"] for run in runs if run[0]["kind"] in STARTS], [one for run in runs for one in run]
        times = starts if kind == START else [one["time"] for one in ends if one["kind"] == DEATH]
        if len(times) == len(lines):
            yield from zip(lines, times, strict=True)
            return
