"""Times for logs that have none: of what a process prints when it starts and dies, from who watches it.

`NAME-error.log` tells why an application died, pm2's own log when. Where both tell of as many deaths, or starts, of the service,
the first of one is the first of the other, and so on; where they do not, nothing says which is which. Likewise where a log has
times, but not those of several deaths between two of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from msgspec.structs import replace

from logcorr.lazily import pl
from logcorr.timeline.blocks import Parsed
from logcorr.timeline.signs import ENDS, OWN, STARTS

DEATH, START, ORDER = "process.crashed", "process.started", "process.terminating"


def paired(logs: Sequence[Parsed], timed: Sequence[bool]) -> list[Parsed]:
    """The logs, with times for deaths and starts in those that are not `timed`, and for deaths that share one in the others."""
    programs = (log for log in logs if log.log.parser.source in OWN)
    if all(timed) and all(_shared(_signs(log)).is_empty() for log in programs):
        return list(logs)
    signs = [_signs(log) for log in logs]
    told = [own for own, has in zip(signs, timed, strict=True) if has]
    watching = pl.concat(told).filter(~pl.col("source").is_in(OWN)) if told else signs[0].clear()
    return [
        _at(log, list((_between if has else _with_times)(log, own, watching)))
        for log, own, has in zip(logs, signs, timed, strict=True)
    ]


def _at(log: Parsed, found: list[tuple[int, datetime]]) -> Parsed:
    """The log, with other times for some lines."""
    if not found:
        return log
    times = pl.LazyFrame(found, schema={"line": pl.UInt32, "paired": pl.Datetime("us", "UTC")}, orient="row")
    joined = log.events.join(times, on="line", how="left", maintain_order="left")
    return replace(log, events=joined.with_columns(pl.coalesce("paired", "time").alias("time")).drop("paired"))


def _signs(log: Parsed) -> pl.DataFrame:
    """What a log tells of how processes end and start."""
    told = log.events.filter(pl.col("kind").is_in([*ENDS, *STARTS]) & pl.col("service").is_not_null())
    return told.select("file", "line", "source", "service", "kind", "time").collect()


def _with_times(log: Parsed, own: pl.DataFrame, watching: pl.DataFrame) -> Iterator[tuple[int, datetime]]:
    """The lines of a log without times, with those that others tell."""
    for service, kind in own.select("service", "kind").unique(maintain_order=True).iter_rows():
        if kind in (DEATH, START):
            yield from _pairs(own, watching.filter(pl.col("service") == service), kind, service)


def _shared(own: pl.DataFrame) -> pl.DataFrame:
    """The deaths of a program's own log that share their time: it is a neighbour's, as they have none."""
    dead = own.filter((pl.col("kind") == DEATH) & pl.col("source").is_in(OWN))
    return dead.filter(pl.len().over("service", "time") > 1)


def _between(log: Parsed, own: pl.DataFrame, watching: pl.DataFrame) -> Iterator[tuple[int, datetime]]:
    """Deaths that share a time, with those of as many ends between the log's own times before and after them.

    One more may come first: that of the process before, which ended well.
    """
    for (service, _), deaths in _shared(own).group_by("service", "time", maintain_order=True):
        lines = deaths["line"].to_list()
        before = log.events.filter(pl.col("line") < lines[0]).select(pl.col("time").max()).collect().item()
        after = log.events.filter(pl.col("line") > lines[-1]).select(pl.col("time").min()).collect().item()
        near = watching.filter((pl.col("service") == service) & (pl.col("time") >= before))
        near = near.filter(pl.col("time") <= after) if after else near
        for _, of_file in near.sort("file", "time", maintain_order=True).group_by("file", maintain_order=True):
            ends = [run[-1] for run in _runs(of_file) if run[0]["kind"] not in STARTS and run[-1]["kind"] != ORDER]
            if len(ends) - len(lines) in (0, 1):
                yield from zip(lines, [end["time"] for end in ends][-len(lines) :], strict=True)
                break


def _runs(of_file: pl.DataFrame) -> list[list[dict[str, object]]]:
    """Starts and ends in their order, those of one sort that follow each other together."""
    return [list(run) for _, run in groupby(of_file.iter_rows(named=True), lambda row: row["kind"] in STARTS)]


def _pairs(own: pl.DataFrame, watching: pl.DataFrame, kind: str, service: str) -> Iterator[tuple[int, datetime]]:
    """The lines of one kind with the times of the first watching log that tells of as many."""
    lines = own.filter((pl.col("kind") == kind) & (pl.col("service") == service))["line"].to_list()
    for _, of_file in groupby(watching.sort("file", "time", maintain_order=True).iter_rows(named=True), lambda row: row["file"]):
        runs = [list(run) for _, run in groupby(of_file, lambda row: row["kind"] in STARTS)]
        starts, ends = [run[-1]["time"] for run in runs if run[0]["kind"] in STARTS], [one for run in runs for one in run]
        times = starts if kind == START else [one["time"] for one in ends if one["kind"] == DEATH]
        if len(times) == len(lines):
            yield from zip(lines, times, strict=True)
            return
