"""One timeline of many logs: one pass measures every source and keeps the events that have a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import polars as pl

from logcorr.model.case import Source
from logcorr.model.events import TIMELINE_SCHEMA, YEARLESS
from logcorr.model.facts import Fact
from logcorr.model.source import Artifact, Problem
from logcorr.timeline.clocks import Placement, Reading, place

DAY_US = 86_400_000_000

SMALL = 16 << 20
"""Bytes of logs below which they are read at once: starting to stream takes longer than that."""

EVENT = ("line", "lines", "clock", "service", "severity", "kind", "message")


class LogReader(Protocol):
    """What the timeline needs of a log parser."""

    @property
    def source(self) -> str:
        """The timeline's word for who writes such logs."""

    def events(self, artifact: Artifact, facts: tuple[Fact, ...]) -> pl.LazyFrame:
        """The events of one log."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All logs in time order.

    `lazy` has every event, `events` those that have a kind; both in `model.events.TIMELINE_SCHEMA`. Events without a stamp have
    the time of the one before in their file; in a file without any stamp they have none, and come last.
    """

    lazy: pl.LazyFrame
    events: pl.DataFrame
    sources: tuple[Source, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Log:
    """One log: its events with the column `clock`, stamps as `Reading` describes them."""

    artifact: Artifact
    source: str
    service: str | None
    kind: str
    frame: pl.LazyFrame
    has_offsets: bool
    stamped: str | None


def build(
    artifacts: Sequence[Artifact],
    parsers: Mapping[str, LogReader],
    facts: tuple[Fact, ...] = (),
    *,
    zones: Mapping[str | None, str] | None = None,
    service_of: Callable[[str], str | None] = lambda path: None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Timeline:
    """Read every artifact whose format is one of `parsers`, and merge.

    `zones` is what the user says about stamps without a zone: by path or source, None for all the others. `service_of` names
    the service that writes a file. Only events from `since` to `until`, both included, are kept.
    """
    logs, problems = _logs(artifacts, parsers, facts, service_of)
    small = sum(log.artifact.size for log in logs) < SMALL
    measured = pl.collect_all([_measured(log) for log in logs], engine="in-memory" if small else "streaming")
    rows = [frame.row(0, named=True) for frame in measured]
    readings = [_reading(log, row) for log, row in zip(logs, rows, strict=True)]
    of = place(readings, facts, zones or {})
    kept = [_kept(log, frame, where) for log, frame, where in zip(logs, measured, of, strict=True)]
    whole = [_placed(log, log.frame, where, row["first"]) for log, where, row in zip(logs, of, rows, strict=True)]
    return Timeline(
        _merged(whole, since, until),
        _merged(kept, since, until).collect(),
        tuple(_source(log, row, where) for log, row, where in zip(logs, rows, of, strict=True)),
        problems,
    )


def _logs(
    artifacts: Iterable[Artifact],
    parsers: Mapping[str, LogReader],
    facts: tuple[Fact, ...],
    service_of: Callable[[str], str | None],
) -> tuple[list[_Log], tuple[Problem, ...]]:
    """The logs among the artifacts, identical copies once, by path."""
    logs, problems = [], []
    seen: dict[str, str] = {}
    for artifact in sorted(artifacts, key=lambda artifact: artifact.path):
        parser = parsers.get(artifact.format or "")
        if parser is None:
            continue
        first = seen.setdefault(artifact.sha256, artifact.path)
        if first != artifact.path:
            problems.append(Problem(artifact.path, f"not read again: the same bytes as {first}"))
            continue
        logs.append(_log(artifact, parser.source, parser.events(artifact, facts), artifact.service or service_of(artifact.path)))
    return logs, tuple(problems)


def _log(artifact: Artifact, source: str, events: pl.LazyFrame, service: str | None) -> _Log:
    schema = events.collect_schema()
    dtype = schema["time"]
    stamped = "logged_at" in schema
    if stamped or (isinstance(dtype, pl.Datetime) and dtype.time_zone):
        kind, clock = "instant", pl.col("logged_at" if stamped else "time")
    elif isinstance(dtype, pl.Datetime):
        kind, clock = "local", pl.col("time")
    else:
        kind, clock = "day", _days(pl.col("time"))
    unit = pl.col("unit").str.strip_suffix(".service") if "unit" in schema else pl.lit(None, pl.String)
    frame = events.with_columns(
        clock.cast(pl.Datetime("us", "UTC" if kind == "instant" else None)).alias("clock"),
        pl.coalesce(unit, pl.lit(service, pl.String)).alias("service"),
    )
    envelope = next((worn for worn in reversed(artifact.envelopes) if worn != "ansi"), None)
    return _Log(artifact, source, service, kind, frame, "utc_offset_s" in schema, envelope if stamped else None)


def _days(time: pl.Expr) -> pl.Expr:
    """Times of day counted on from 1970-01-01: a step back by more than half a day is midnight passed."""
    of_day = time.cast(pl.Int64) // 1000
    known = of_day.forward_fill()
    midnights = ((known - known.shift(1)) < -DAY_US // 2).fill_null(False).cast(pl.Int64).cum_sum()
    return (of_day + midnights * DAY_US).cast(pl.Datetime("us"))


def _measured(log: _Log) -> pl.LazyFrame:
    """One row: what the source's stamps are like, and its events that have a kind."""
    microseconds = pl.col("clock").dt.epoch("us")
    offset = pl.col("utc_offset_s") if log.has_offsets else pl.lit(None, pl.Int32)
    filled = log.frame.with_columns(pl.col("clock").forward_fill().alias("filled"))
    return filled.select(
        pl.col("lines").sum().alias("lines"),
        (pl.col("lines").filter(~pl.col("parsed")).sum()).alias("unparsed"),
        pl.col("clock").min().alias("first"),
        pl.col("clock").max().alias("last"),
        *((microseconds % step == 0).all().alias(f"every_{step}") for step in _STEPS),
        offset.min().alias("least_offset"),
        offset.max().alias("greatest_offset"),
        *(column.filter(pl.col("kind").is_not_null()).implode() for column in _event_columns()),
    )


def _event_columns() -> list[pl.Expr]:
    """An event's columns; its text copied, because a view would keep the whole log in memory."""
    columns = {name: pl.col(name) for name in EVENT} | {"clock": pl.col("filled")}
    columns["message"] = pl.concat_str(pl.col("message"), pl.lit(""))
    return [column.alias(f"event_{name}") for name, column in columns.items()]


_STEPS = (1_000_000, 1_000)
"""Microseconds that stamps may all be multiples of."""


def _reading(log: _Log, row: Mapping[str, object]) -> Reading:
    first, last = row["first"], row["last"]
    assert first is None or isinstance(first, datetime)
    assert last is None or isinstance(last, datetime)
    least, greatest = row["least_offset"], row["greatest_offset"]
    offsets = (least, greatest) if isinstance(least, int) and isinstance(greatest, int) else None
    kind = "yearless" if log.kind == "local" and first is not None and first.year == YEARLESS else log.kind
    return Reading(log.artifact.path, log.source, log.service, kind, first, last, offsets, log.stamped)


def _kept(log: _Log, measured: pl.DataFrame, placement: Placement) -> pl.LazyFrame:
    names = [f"event_{name}" for name in EVENT]
    exploded = measured.lazy().select(names).explode(names).rename(dict(zip(names, EVENT, strict=True)))
    frame = exploded.filter(pl.col("line").is_not_null())
    return _placed(log, frame, placement, measured["first"].item())


def _placed(log: _Log, frame: pl.LazyFrame, placement: Placement, first: datetime | None) -> pl.LazyFrame:
    """The timeline's columns."""
    clock = pl.col("clock").forward_fill()
    if first is not None:
        clock = clock.fill_null(pl.lit(first, frame.collect_schema()["clock"]))
    time = clock if log.kind == "instant" else placement.expression(clock)
    return frame.select(
        time.alias("time"),
        pl.lit(log.source).alias("source"),
        "service",
        "severity",
        "kind",
        "message",
        pl.lit(log.artifact.path).alias("file"),
        "line",
        "lines",
    )


def _merged(frames: Sequence[pl.LazyFrame], since: datetime | None, until: datetime | None) -> pl.LazyFrame:
    whole = pl.concat(frames) if frames else pl.LazyFrame(schema=TIMELINE_SCHEMA)
    if since is not None:
        whole = whole.filter(pl.col("time") >= _aware(since))
    if until is not None:
        whole = whole.filter(pl.col("time") <= _aware(until))
    return whole.sort("time", nulls_last=True, maintain_order=True)


def _aware(time: datetime) -> datetime:
    """A time without a zone is UTC, whatever the machine's own zone."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _source(log: _Log, row: Mapping[str, object], placement: Placement) -> Source:
    first, last = row["first"], row["last"]
    steps = [step / 1_000_000 for step in _STEPS if row[f"every_{step}"]]
    return Source(
        path=log.artifact.path,
        format=log.artifact.format or "",
        source=log.source,
        service=log.service,
        lines=log.artifact.line_count,
        unparsed=int(str(row["unparsed"])),
        first=placement.utc(first) if isinstance(first, datetime) else None,
        last=placement.utc(last) if isinstance(last, datetime) else None,
        zone=placement.zone,
        zone_reason=placement.reason,
        zone_assumed=placement.assumed,
        resolution_s=steps[0] if steps else 1e-6,
    )
