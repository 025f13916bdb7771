"""A log block by block, so that memory follows the block and not the log; several blocks are read at once.

A block ends where an event does. What the events before it leave behind (the last stamp, midnights passed) is handed on, and the
lines around it are read with it, so that a block is read as it would be in the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.events import YEARLESS
from logcorr.model.facts import Fact
from logcorr.model.source import Artifact
from logcorr.parsers import Context, LogParser
from logcorr.timeline.ahead import ahead
from logcorr.timeline.store import Store

Events: TypeAlias = "Callable[[], pl.LazyFrame]"
"""The events of one block; they are read when the frame is collected."""

DAY_US = 86_400_000_000

BLOCK_BYTES = 8 << 20
"""A block holds about so much text: enough that planning its query costs little beside running it."""

BLOCK_LINES = 1 << 16
"""A block of short lines holds so many: each column of a query takes memory by the line."""

FEW_LINES = 1_000

TAIL_LINES = 500
"""Where a block's last event begins is looked for among so many lines first."""

LONGEST_LOG = (1 << 32) - 1
BACK_LINES, AHEAD_LINES = 400, 60
"""So many lines around a block may tell what one of its own means: a stack is long, what follows tells that a process lived."""

LONGEST_EVENT = 1_000_000
"""An event of more lines than this is read as several, so that no input can ask for all the memory there is."""

TURNS = {"day": timedelta(days=1), "yearless": timedelta(days=366)}
"""Stamps of these kinds begin again after so long."""
COARSE, ZONES_S, NEAR = "syslog", 900.0, timedelta(seconds=5)
"""An envelope's stamps may be cut to the second; zones are so many seconds apart; a line's own stamp is near, or no stamp."""

Query: TypeAlias = "Callable[[pl.LazyFrame], pl.LazyFrame]"


class Log(Struct, frozen=True):
    """One log on its way to the timeline.

    `names` are other names of services, with those they go by. `schema` holds its parser's columns; `kind` says what its stamps
    are (see `timeline.clocks.Reading`), and `dtype` is the type of the column `clock`, in which they are handed on.
    """

    artifact: Artifact
    parser: LogParser
    facts: tuple[Fact, ...]
    service: str | None
    names: Mapping[str, str]
    schema: pl.Schema
    kind: str

    @property
    def stamped(self) -> str | None:
        """The envelope whose stamps count, if one stamped the lines."""
        worn = (name for name in reversed(self.artifact.envelopes) if name != "ansi")
        return next(worn, None) if "logged_at" in self.schema else None

    @property
    def dtype(self) -> pl.Datetime:
        """Naive, but for instants."""
        return pl.Datetime("us", "UTC" if self.kind == "instant" else None)

    def events(self, lines: pl.DataFrame) -> pl.LazyFrame:
        """The parser's columns and `clock` of some of the lines; midnights are counted from the first of them."""
        events = self.parser.read(lines.lazy(), Context(self.artifact.sample, self.facts, lines.height))
        stamp = _stamp(self) if "logged_at" in self.schema else pl.col("time")
        return events.with_columns((_days(stamp) if self.kind == "day" else stamp.cast(self.dtype)).alias("clock"))

    def blocks(self, *, few: bool = False) -> Iterator[Events]:
        """The events of each block, in order; `few`: of the first block's first lines alone.

        The events have the parser's columns, `service`, and `clock`, filled where some stamp came before.
        """
        first = iter([Block(self.artifact.lines.head(FEW_LINES).collect(engine="in-memory"), None, 0)]) if few else None
        return (partial(_clocked, self, block) for block in first or _blocks(self))

    @property
    def nothing(self) -> pl.LazyFrame:
        """What a query is given, without events."""
        return _clocked(self, Block(pl.DataFrame(schema=self.artifact.lines.collect_schema()), None, 0))


def _stamp(log: Log) -> pl.Expr:
    """The envelope's stamp; where that is cut to the second the line's own, if it is near in the envelope's zone."""
    outer, dtype = pl.col("logged_at"), log.schema["time"]
    if log.stamped != COARSE or not isinstance(dtype, pl.Datetime):
        return outer
    instant = pl.col("time") if dtype.time_zone else pl.col("time").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    zones = ((outer - instant).dt.total_seconds() / ZONES_S).round().median()
    own = instant + pl.duration(seconds=zones.fill_null(0.0) * ZONES_S)
    return pl.when((own - outer).abs() <= NEAR).then(own).otherwise(outer)


class Parsed(Struct, frozen=True):
    """A log that was parsed: its `events` are put aside, so that whoever asks for them does not read it again."""

    log: Log
    events: pl.LazyFrame


class Block(Struct, frozen=True):
    """Lines that begin and end with an event; `before` is the last stamp before them, `turns` the days or years passed.

    `first` and `last` are the numbers of its own lines: `lines` holds those around them, too.
    """

    lines: pl.DataFrame
    before: datetime | None
    turns: int
    first: int = 0
    last: int = LONGEST_LOG


def log_of(artifact: Artifact, parser: LogParser, facts: tuple[Fact, ...], service: str | None, names: Mapping[str, str]) -> Log:
    """An artifact as the log that its parser makes of it."""
    sample = pl.LazyFrame({"text": artifact.sample.lines}, schema={"text": pl.String})
    context = Context(artifact.sample, facts, len(artifact.sample.lines))
    nothing = pl.LazyFrame(schema=artifact.lines.collect_schema())
    schema = parser.read(nothing, context).collect_schema()
    dtype = schema["time"]
    if "logged_at" in schema or (isinstance(dtype, pl.Datetime) and dtype.time_zone):
        kind = "instant"
    elif isinstance(dtype, pl.Datetime):
        events = parser.read(sample.with_row_index("line", 1).cast({"line": pl.UInt32}), context)
        first = events.select(pl.col("time").min()).collect(engine="in-memory").item()
        kind = "yearless" if first is not None and first.year == YEARLESS else "local"
    else:
        kind = "day"
    return Log(artifact, parser, facts, service, names, schema, kind)


def parsed(log: Log, store: Store) -> Parsed:
    """Parse a log into the store."""

    def work(events: Events) -> pl.DataFrame:
        return events().collect(engine="in-memory")

    return Parsed(log, store.put(ahead(work, log.blocks()), log.nothing.collect_schema()))


def scan(logs: Sequence[Log], queries: Callable[[bool], Sequence[Query]]) -> pl.LazyFrame:
    """What queries make of the events of logs, one log after the other; columns that a log lacks are null there.

    Logs are read when the frame is collected, and what is not asked of it is not computed. `queries` gives one for each log, and
    is told whether their `time` will be asked for.
    """
    own = [query(log.nothing).collect_schema() for log, query in zip(logs, queries(False), strict=True)]
    schema = pl.concat([pl.LazyFrame(schema=one) for one in own], how="diagonal_relaxed").collect_schema()

    def read(columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, size: int | None) -> Iterator[pl.DataFrame]:
        asked = {*(schema if columns is None else columns), *(() if predicate is None else predicate.meta.root_names())}
        parts = zip(logs, queries("time" in asked), own, strict=True)

        def answer(job: tuple[Query, pl.Schema, Events]) -> pl.DataFrame:
            query, there, events = job
            return _asked(_filled(query(events()), there, schema), columns, predicate).collect(engine="in-memory")

        frames = ahead(answer, ((query, there, events) for log, query, there in parts for events in log.blocks()))
        yield from frames if rows is None else _first(frames, rows)

    return pl.io.plugins.register_io_source(read, schema=schema)


def _filled(frame: pl.LazyFrame, there: pl.Schema, schema: pl.Schema) -> pl.LazyFrame:
    return frame.select(
        (pl.col(name) if name in there else pl.lit(None)).cast(dtype).alias(name) for name, dtype in schema.items()
    )


def _asked(frame: pl.LazyFrame, columns: list[str] | None, predicate: pl.Expr | None) -> pl.LazyFrame:
    kept = frame if predicate is None else frame.filter(predicate)
    return kept if columns is None else kept.select(columns)


def _first(frames: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    for frame in frames:
        yield frame.head(rows)
        rows -= frame.height
        if rows <= 0:
            return


def _blocks(log: Log) -> Iterator[Block]:
    """The log's lines in blocks."""
    rest = back = pl.DataFrame(schema=log.artifact.lines.collect_schema())
    before: datetime | None = None
    turns = 0
    for lines, last in _batches(log.artifact):
        rest = rest.vstack(lines).rechunk()
        if last and log.kind not in TURNS:
            yield _around(rest, back, rest.height, before, turns)
            return
        told = _told(log, rest)
        told = told if last else told.filter(pl.col("line") <= (rest["line"][-1] if rest.height else 0) - AHEAD_LINES)
        whole = last or (told.height < 2 and rest.height > LONGEST_EVENT)
        if told.height < 2 and not whole:
            continue
        stamps = (told if whole else told[:-1])["clock"].drop_nulls()
        turns += _turned(log, stamps, before, turns)
        end = rest.height if whole else int(rest["line"].search_sorted(told["line"][-1]))
        yield _around(rest, back, end, before, turns)
        before = _turn(log, stamps[-1], turns) if len(stamps) else before
        # midnights are counted from the first line that is read
        back = back if log.kind in TURNS else back.vstack(rest[:end]).tail(BACK_LINES)
        rest = rest[end:]


def _around(rest: pl.DataFrame, back: pl.DataFrame, end: int, before: datetime | None, turns: int) -> Block:
    """The first lines of the rest as a block, with those around them."""
    if not end:
        return Block(rest, before, turns)
    return Block(back.vstack(rest[: end + AHEAD_LINES]).rechunk(), before, turns, rest["line"][0], rest["line"][end - 1])


def _batches(artifact: Artifact) -> Iterator[tuple[pl.DataFrame, bool]]:
    """The artifact's lines in parts, and of each whether it is the last."""
    sample = artifact.sample.lines
    by_size = BLOCK_BYTES * len(sample) // (sum(map(len, sample)) + len(sample)) if sample else 1
    at_once = min(max(by_size, 1), BLOCK_LINES)
    if artifact.line_count <= at_once:
        yield artifact.lines.collect(engine="in-memory"), True
        return
    batches = artifact.lines.collect_batches(chunk_size=at_once, maintain_order=True, engine="streaming")
    held = next(batches)
    for lines in batches:
        yield held, False
        held = lines
    yield held, True


def _told(log: Log, lines: pl.DataFrame) -> pl.DataFrame:
    """The `line` and `clock` of the last events: of so many that they tell where the very last begins, and the stamp before."""
    tail = lines if log.kind in TURNS else lines.tail(TAIL_LINES + AHEAD_LINES)
    told = log.events(tail).select("line", "clock").collect(engine="in-memory")
    if tail.height == lines.height or told["clock"][:-1].count():
        return told
    return log.events(lines).select("line", "clock").collect(engine="in-memory")


def _turned(log: Log, stamps: pl.Series, before: datetime | None, turns: int) -> bool:
    """Whether a midnight or New Year passed between two blocks."""
    if log.kind not in TURNS or before is None or not len(stamps):
        return False
    return _turn(log, stamps[0], turns) - before < -TURNS[log.kind] / 2


def _turn(log: Log, stamp: datetime, turns: int) -> datetime:
    """A stamp, days or years later."""
    if log.kind == "day":
        return stamp + turns * TURNS["day"]
    leap = turns and (stamp.month, stamp.day) == (2, 29)
    return stamp.replace(year=stamp.year + turns, day=28 if leap else stamp.day)


def _clocked(log: Log, block: Block) -> pl.LazyFrame:
    """The block's events with their `service`, and those without a stamp with that of the one before."""
    unit = pl.col("unit").str.strip_suffix(".service") if "unit" in log.schema else pl.lit(None, pl.String)
    unit = unit.replace(list(log.names), list(log.names.values()))
    clock = pl.col("clock")
    if block.turns:
        clock = clock.dt.offset_by(f"{block.turns}{'d' if log.kind == 'day' else 'y'}")
    clock = clock.forward_fill()
    if block.before is not None:
        clock = clock.fill_null(pl.lit(block.before, log.dtype))
    events = log.events(block.lines).with_columns(
        clock.alias("clock"), pl.coalesce(unit, pl.lit(log.service, pl.String)).alias("service")
    )
    return events.filter(pl.col("line").is_between(block.first, block.last))


def _days(time: pl.Expr) -> pl.Expr:
    """Times of day counted on from 1970-01-01: a step back by more than half a day is midnight passed."""
    of_day = time.cast(pl.Int64) // 1000
    known = of_day.forward_fill()
    midnights = ((known - known.shift(1)) < -DAY_US // 2).fill_null(False).cast(pl.Int64).cum_sum()
    return (of_day + midnights * DAY_US).cast(pl.Datetime("us"))
