"""The events a reader needs to see: the first and last of each kind, and what follows each run of the trigger."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec import Struct

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


INSTANT = pl.Datetime("us", "UTC")


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
    dated = case.events.filter(pl.col("time").is_not_null())
    kinds = dated.group_by("kind").agg(count=pl.len(), first=pl.col("time").min(), last=pl.col("time").max())
    ends = kinds.collect(engine="streaming")
    trigger = judgement.causes[0].trigger if judgement.causes else None
    followed = _followed(case, trigger, dated)
    runs, count = followed["run"].unique().sort(), int(ends["count"].sum())
    room = MOST - len(runs)
    rows = dated.collect() if count <= room else _most_telling(dated, ends, followed, room)
    events = [_logged(row) for row in rows.iter_rows(named=True)]
    if trigger:
        events += [KeyEvent(time, "job.started", "schedule", None, None, trigger, True) for time in runs]
    return sorted(events, key=lambda event: (event.time, not event.inferred)), count - rows.height


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


def _followed(case: Case, trigger: Span | None, dated: pl.LazyFrame) -> pl.DataFrame:
    """Of a few runs of the trigger that events follow (`run`), the `time` of the first event of each kind after it."""
    ticks = [tick for schedule in case.schedules if schedule.job.span == trigger for tick in schedule.ticks]
    if not ticks:
        return pl.DataFrame(schema={"run": INSTANT, "kind": pl.String, "time": INSTANT})
    run = pl.col("time").map_batches(partial(_latest, np.sort(ticks)), return_dtype=INSTANT, is_elementwise=True)
    after = dated.select("kind", "time", run=run).drop_nulls().group_by("run", "kind").agg(pl.col("time").min())
    found = after.collect(engine="streaming")
    runs = found["run"].unique().sort()
    shown = runs if len(runs) <= RUNS else pl.concat([runs.head(RUNS - 1), runs.tail(1)])
    return found.filter(pl.col("run").is_in(shown.implode()))


def _latest(ticks: npt.NDArray[np.float64], times: pl.Series) -> pl.Series:
    """The run before each event, null where that is long ago."""
    runs, at = (ticks * 1e6).round().astype(np.int64), times.dt.epoch("us").to_numpy()
    place = np.searchsorted(runs, at, side="right") - 1
    run = runs[np.maximum(place, 0)]
    follows = (place >= 0) & (at - run <= FOLLOWS_S * 1_000_000)
    return pl.Series(run).set(pl.Series(~follows), None).cast(INSTANT)


def _most_telling(dated: pl.LazyFrame, ends: pl.DataFrame, followed: pl.DataFrame, room: int) -> pl.DataFrame:
    """The rows to show, in order: the first of each kind, what follows the runs, the last of each kind."""
    times = pl.concat([ends["first"], ends["last"], followed["time"]]).unique()
    rows = dated.filter(pl.col("time").is_in(times.implode())).collect().with_row_index("row")
    first = rows.join(ends, left_on=["kind", "time"], right_on=["kind", "first"]).group_by("kind").agg(pl.col("row").min())
    last = rows.join(ends, left_on=["kind", "time"], right_on=["kind", "last"]).group_by("kind").agg(pl.col("row").max())
    after = rows.join(followed, on=["kind", "time"]).group_by("run", "kind").agg(pl.col("row").min()).sort("run", "row")
    kinds = first.sort("row")
    order = [*kinds["row"], *after["row"], *kinds.select("kind").join(last, on="kind", maintain_order="left")["row"]]
    return rows[sorted(list(dict.fromkeys(order))[:room])]


def _logged(row: dict[str, Any]) -> KeyEvent:
    return KeyEvent(
        time=row["time"],
        kind=row["kind"],
        source=row["source"],
        service=row["service"],
        severity=row["severity"],
        span=Span(row["file"], row["line"], row["line"] + row["lines"] - 1),
    )
