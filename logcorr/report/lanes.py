"""How much each source logged over time, and how much harm of each kind was logged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.report.cite import Document, Quotes, clean, instant, locate, shorten

BINS = 60
"""A lane has at most so many bins."""

STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)
"""Widths of a bin; a window too long for the last one takes a multiple of it."""

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


@dataclass(frozen=True, slots=True)
class Harm:
    """How often one kind of harm was logged for one service; `span` is the first line that says so."""

    kind: str
    source: str
    service: str | None
    count: int
    first: datetime
    last: datetime
    span: Span


def lanes(case: Case) -> list[Document]:
    """For each source a count of its dated lines in each of at most `BINS` equal bins over the window."""
    if not case.window:
        return []
    start_s, step_s, bins = _grid(*(time.timestamp() for time in case.window))
    bin = ((pl.col("time").dt.epoch("us") / 1e6 - start_s) // step_s).cast(pl.Int64)
    counted = (
        case.timeline.filter(pl.col("time").is_not_null())
        .group_by("source", bin.alias("bin"))
        .agg(pl.len().alias("events"), (pl.col("severity") >= "error").sum().alias("errors"))
        .filter(pl.col("bin").is_between(0, bins - 1))
        .sort("source", "bin")
        .collect()
    )
    start = instant(datetime.fromtimestamp(start_s, case.window[0].tzinfo))
    sources = counted.partition_by("source", maintain_order=True)
    return [{"source": clean(lane["source"][0]), "start": start, "bin_s": step_s, **_histogram(lane, bins)} for lane in sources]


def harms(case: Case) -> list[Harm]:
    """Everything harmful that was logged, by kind, source and service; the most frequent first."""
    dated = case.events.filter(pl.col("time").is_not_null() & ~pl.col("kind").is_in(HARMLESS))
    grouped = dated.group_by("kind", "source", "service", maintain_order=True).agg(
        pl.len().alias("count"),
        pl.col("time").min().alias("first"),
        pl.col("time").max().alias("last"),
        pl.col("file", "line", "lines").first(),
    )
    rows = grouped.sort(-pl.col("count").cast(pl.Int64), "kind", "source", "service", nulls_last=True)
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


def _grid(first_s: float, last_s: float) -> tuple[int, int, int]:
    """Start (epoch seconds), width in seconds and number of the bins that cover a window."""
    weeks = STEPS_S[-1] * (int(last_s - first_s) // (STEPS_S[-1] * (BINS - 1)) + 1)
    for step in (*STEPS_S, weeks):
        start = int(first_s // step) * step
        bins = int((last_s - start) // step) + 1
        if bins <= BINS:
            return start, step, bins
    raise AssertionError("the last step covers any window")


def _histogram(lane: pl.DataFrame, bins: int) -> Document:
    """Counts by bin, empty bins included."""
    events, errors = [0] * bins, [0] * bins
    for bin, counted, wrong in lane.select("bin", "events", "errors").iter_rows():
        events[bin], errors[bin] = counted, wrong
    return {"counts": events, "errors": errors, "total": sum(events)}


def _harm(row: dict[str, Any]) -> Harm:
    span = Span(row["file"], row["line"], row["line"] + row["lines"] - 1)
    return Harm(row["kind"], row["source"], row["service"], row["count"], row["first"], row["last"], span)
