"""The events a reader needs to see: the first and last of each kind, and what follows each run of the trigger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.result import Judgement
from logcorr.model.source import Span
from logcorr.report.cite import Document, Quotes, clean, instant, locate, shorten

MOST = 30
"""Rows in a report's timeline."""

RUNS = 3
"""Runs of the trigger that are shown among them: the first two and the last."""

FOLLOWS_S = 120
"""Events up to this long after a run of the trigger are looked at as its consequences."""


class KeyEvent(Struct, frozen=True):
    """A row of the timeline. `inferred`: not logged, but known from a schedule, which `span` cites."""

    time: datetime
    kind: str
    source: str
    service: str | None
    severity: str | None
    span: Span
    inferred: bool = False


def choose(case: Case, judgement: Judgement) -> tuple[list[KeyEvent], int]:
    """The key events in time order, and how many dated events are left out."""
    narrow = case.events.select("time", pl.col("kind", "file").cast(pl.Categorical), "line")  # of all: they may be millions
    dated = narrow.filter(pl.col("time").is_not_null()).with_row_index("row").collect()
    trigger = judgement.causes[0].trigger if judgement.causes else None
    runs = _runs(case, trigger, dated)
    rows = dated[_most_telling(dated, runs)]
    events = [_logged(row) for row in _whole(case, rows).iter_rows(named=True)]
    if trigger:
        events += [KeyEvent(time, "job.started", "schedule", None, None, trigger, True) for time in runs["run"]]
    return sorted(events, key=lambda event: (event.time, not event.inferred)), dated.height - rows.height


def write(event: KeyEvent, quotes: Quotes) -> Document:
    """A key event as the document holds it."""
    quote = quotes[event.span]
    return {
        "time": instant(event.time),
        "kind": event.kind,
        "source": clean(event.source),
        "service": clean(event.service) if event.service else None,
        "severity": event.severity,
        "inferred": event.inferred,
        **locate(event.span),
        "quote": shorten(quote.text),
        "sha256": quote.sha256,
    }


def _runs(case: Case, trigger: Span | None, dated: pl.DataFrame) -> pl.DataFrame:
    """Runs of the trigger that events follow (`run`), each with the rows of the first event of each kind after it."""
    ticks = [tick for schedule in case.schedules if schedule.job.span == trigger for tick in schedule.ticks]
    run = (pl.Series("run", ticks, pl.Float64) * 1e6).round().cast(pl.Int64).cast(pl.Datetime("us", "UTC")).sort()
    runs = (
        dated.sort("time", maintain_order=True)
        .join_asof(run.to_frame(), left_on="time", right_on="run", strategy="backward", tolerance=f"{FOLLOWS_S}s")
        .filter(pl.col("run").is_not_null())
        .group_by("run", "kind", maintain_order=True)
        .agg(pl.col("row").first())
        .group_by("run", maintain_order=True)
        .agg("row")
    )
    return runs if runs.height <= RUNS else pl.concat([runs.head(RUNS - 1), runs.tail(1)])


def _most_telling(dated: pl.DataFrame, runs: pl.DataFrame) -> list[int]:
    """The rows to show, in order: all if they are few, else what follows the runs, firsts and lasts of each kind."""
    room = MOST - runs.height
    if dated.height <= room:
        return list(range(dated.height))
    kinds = dated.group_by("kind", maintain_order=True)
    firsts, lasts = (kinds.agg(pl.col("row").first())["row"], kinds.agg(pl.col("row").last())["row"])
    groups: Sequence[Sequence[int]] = [firsts.to_list(), *runs["row"].to_list(), lasts.to_list()]
    return sorted(list(dict.fromkeys(row for group in groups for row in group))[:room])


def _whole(case: Case, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with all their columns."""
    chosen = rows.select("row", pl.col("file").cast(pl.String), "line")
    there = pl.col("line").is_in(chosen["line"].implode()) & pl.col("file").is_in(chosen["file"].implode())
    return case.events.filter(there).collect().join(chosen, on=["file", "line"]).sort("row")


def _logged(row: dict[str, Any]) -> KeyEvent:
    return KeyEvent(
        time=row["time"],
        kind=row["kind"],
        source=row["source"],
        service=row["service"],
        severity=row["severity"],
        span=Span(row["file"], row["line"], row["line"] + row["lines"] - 1),
    )
