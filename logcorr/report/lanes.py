"""How much each source logged over time, how much harm of each kind was logged, and when cause and symptoms struck."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim
from logcorr.model.result import Cause, Finding, Judgement
from logcorr.model.source import Span
from logcorr.model.times import Times
from logcorr.report.cite import Document, Quotes, clean, instant, locate, shorten, state

BINS = 60
"""A lane has at most so many bins."""

CELLS = 10_000
"""A lane's detail has at most so many cells that are not empty; it takes wider ones until it has."""

FINEST = 500_000
"""The window is counted in at most so many cells, empty ones included, so that memory does not follow the logs."""

STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)
"""Widths of a bin or cell; a window too long for the last one takes a multiple of it."""

FIRST_S = -62_135_596_800
"""The first instant that Python's calendar has; a bin of a log that tells of it begins before."""

OF_HARM = ("kind", "source", "service")

HARMLESS = (
    "process.started",
    "process.reloaded",
    "job.started",
    "probe.passed",
    "client.connected",
    "deploy.started",
    "host.booted",
)
"""Kinds that hurt nobody by themselves."""


class Harm(Struct, frozen=True):
    """How often one kind of harm was logged for one service; `span` is the first line that says so."""

    kind: str
    source: str
    service: str | None
    count: int
    first: datetime
    last: datetime
    span: Span


class Grid(Struct, frozen=True):
    """`bins` equal bins of `step_s` seconds from `start_s`, an epoch second; each is a whole number of cells of `cell_s`."""

    start_s: int
    step_s: int
    bins: int
    cell_s: int

    def cell(self, time: str = "time") -> pl.Expr:
        """The number of the cell that a time (Datetime µs) lies in."""
        return ((pl.col(time).dt.epoch("us") / 1e6 - self.start_s) // self.cell_s).cast(pl.Int64).alias("cell")

    def within(self) -> pl.Expr:
        """Whether a cell lies on the grid."""
        return pl.col("cell").is_between(0, self.bins * self.step_s // self.cell_s - 1)


def lanes(case: Case) -> list[Document]:
    """For each source a count of its dated lines in each of at most `BINS` equal bins over the window, and the same in detail."""
    if not case.window:
        return []
    grid = _grid(*(time.timestamp() for time in case.window))
    counted = (
        case.timeline.filter(pl.col("time").is_not_null())
        .group_by("source", grid.cell())
        .agg(pl.len().alias("events"), (pl.col("severity") >= "error").sum().alias("errors"))
        .filter(grid.within())
        .collect(engine="streaming")
    )
    sources = counted["source"].unique().sort()
    return [_lane(counted.filter(pl.col("source") == source).sort("cell"), grid) for source in sources]


def overlays(case: Case, findings: Sequence[Finding], judgement: Judgement) -> list[Document]:
    """When each symptom was felt, and when the first cause struck: on the lanes' grid, the cause first."""
    if not case.window:
        return []
    grid = _grid(*(time.timestamp() for time in case.window))
    struck = [("cause", cause.claim, _strikes(case, findings, cause)) for cause in judgement.causes[:1]]
    felt = [("symptom", finding.claim, finding.at) for finding in findings if finding.role == "symptom"]
    return list(_overlays(grid, [*struck, *felt]))


def harms(case: Case) -> list[Harm]:
    """Everything harmful that was logged, by kind, source and service; the most frequent first."""
    dated = case.events.filter(pl.col("time").is_not_null() & ~pl.col("kind").is_in(HARMLESS))
    counted = dated.group_by(OF_HARM).agg(
        pl.len().alias("count"), pl.col("time").min().alias("first"), pl.col("time").max().alias("last")
    )
    grouped = counted.collect(engine="streaming")
    begun = (
        dated.filter(pl.col("time").is_in(grouped["first"].implode())).select(*OF_HARM, "time", "file", "line", "lines").collect()
    )
    first = begun.unique([*OF_HARM, "time"], keep="first", maintain_order=True)
    placed = grouped.join(first, left_on=[*OF_HARM, "first"], right_on=[*OF_HARM, "time"], nulls_equal=True)
    rows = placed.sort(-pl.col("count").cast(pl.Int64), *OF_HARM, nulls_last=True)
    return [_harm(row) for row in rows.iter_rows(named=True)]


def write(harm: Harm, quotes: Quotes) -> Document:
    """A harm as the document holds it."""
    quote = quotes[harm.span]
    evidence = {**locate(harm.span), "quote": shorten(quote.text), "sha256": quote.sha256, "note": ""}
    return {
        "kind": harm.kind,
        "source": clean(harm.source),
        "service": clean(harm.service) if harm.service else None,
        "count": harm.count,
        "first": instant(harm.first),
        "last": instant(harm.last),
        "evidence": [evidence],
    }


def _grid(first_s: float, last_s: float) -> Grid:
    """The grid that covers a window of epoch seconds."""
    weeks = STEPS_S[-1] * (int(last_s - first_s) // (STEPS_S[-1] * (BINS - 1)) + 1)
    for step in (*STEPS_S, weeks):
        start = int(first_s // step) * step
        bins = int((last_s - start) // step) + 1
        if bins <= BINS:
            return Grid(start, step, bins, next(cell for cell in _finer(step) if bins * step / cell <= FINEST))
    raise AssertionError("the last step covers any window")


def _finer(step_s: int) -> Iterator[int]:
    """The widths that divide a bin, the finest first, the bin's own last."""
    return (width for width in (*STEPS_S, step_s) if step_s % width == 0)


def _lane(counts: pl.DataFrame, grid: Grid) -> Document:
    """A source's counts by bin, empty bins included, and in detail."""
    binned = _widened(counts, grid.step_s // grid.cell_s)
    events, errors = [0] * grid.bins, [0] * grid.bins
    for bin, counted, wrong in binned.iter_rows():
        events[bin], errors[bin] = counted, wrong
    return {
        "source": clean(counts["source"][0]),
        "start": _start(grid),
        "bin_s": grid.step_s,
        "counts": events,
        "errors": errors,
        "total": sum(events),
        "detail": _detail(counts, grid),
    }


def _overlays(grid: Grid, struck: Iterable[tuple[str, Claim, Times]]) -> Iterator[Document]:
    for role, claim, times in struck:
        at = times.series.alias("time").to_frame()
        counts = at.group_by(grid.cell()).agg(pl.len().alias("events"), pl.lit(0).alias("errors"))
        counts = counts.filter(grid.within()).sort("cell")
        if counts.height:
            yield {"role": role, "claim": state(claim), "start": _start(grid), "detail": _detail(counts, grid)}


def _strikes(case: Case, findings: Sequence[Finding], cause: Cause) -> Times:
    """The runs of a cause's trigger; without a schedule, the times of what was found at its culprit or trigger."""
    runs = [tick for schedule in case.schedules if schedule.job.span == cause.trigger for tick in schedule.ticks]
    if runs:
        return Times(datetime.fromtimestamp(run, UTC) for run in runs)
    places = {cause.culprit, cause.trigger}
    own = [each for each in findings if each.role != "symptom" and places & {evidence.span for evidence in each.evidence}]
    return Times(pl.concat([Times().series, *(finding.at.series for finding in own)]).unique().sort())


def _detail(counts: pl.DataFrame, grid: Grid) -> Document:
    """Counts in the finest cells of which at most `CELLS` are not empty, written as the schema's `detail` says."""
    finest = counts.height * grid.cell_s / CELLS  # in narrower cells there are too many for sure
    widths = [width for width in _finer(grid.step_s) if width % grid.cell_s == 0 and width >= finest]
    wider = ((width, _widened(counts, width // grid.cell_s)) for width in widths)
    width, cells = next((width, cells) for width, cells in wider if cells.height <= CELLS)
    gap = pl.col("cell").diff().fill_null(pl.col("cell")).cast(pl.String)
    many = pl.when(pl.col("events") > 1).then(pl.format("*{}", "events")).otherwise(pl.lit(""))
    wrong = pl.when(pl.col("errors") > 0).then(pl.format("!{}", "errors")).otherwise(pl.lit(""))
    return {"cell_s": width, "cells": " ".join(cells.select(pl.concat_str(gap, many, wrong)).to_series())}


def _widened(counts: pl.DataFrame, times: int) -> pl.DataFrame:
    """Counts in cells so many times as wide."""
    wide = counts.group_by(pl.col("cell") // times, maintain_order=True)
    return wide.agg(pl.col("events").sum(), pl.col("errors").sum())


def _start(grid: Grid) -> str | None:
    return instant(datetime.fromtimestamp(max(grid.start_s, FIRST_S), UTC))


def _harm(row: dict[str, Any]) -> Harm:
    span = Span(row["file"], row["line"], row["line"] + row["lines"] - 1)
    return Harm(row["kind"], row["source"], row["service"], row["count"], row["first"], row["last"], span)
