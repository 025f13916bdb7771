"""One timeline of many logs: one pass parses every source, measures it, and puts its events aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.case import Source
from logcorr.model.events import timeline_schema
from logcorr.model.facts import Fact
from logcorr.model.rotation import part_of
from logcorr.model.source import Artifact, Problem
from logcorr.parsers import LogParser
from logcorr.timeline.abbreviations import abbreviations
from logcorr.timeline.ahead import ahead
from logcorr.timeline.blocks import TURNS, Events, Log, Parsed, Query, log_of, parsed
from logcorr.timeline.clocks import CENTURY, Placement, Reading, place
from logcorr.timeline.paired import paired
from logcorr.timeline.store import Store
from logcorr.timeline.tellers import by_tellers
from logcorr.timeline.zones import TELLING, by_outages

Row = Mapping[str, object]


class Timeline(Struct, frozen=True):
    """All logs.

    `logged` has their events, one log after the other, in `model.events.timeline_schema`. Events without a stamp have the time of
    the one before in their file; in a file without any stamp they have none, but for those `paired`. `logs` are what they were
    read from, each file once, with `time` as it is here.
    """

    logged: pl.LazyFrame
    sources: tuple[Source, ...]
    problems: tuple[Problem, ...] = ()
    logs: tuple[Parsed, ...] = ()


def build(
    artifacts: Sequence[Artifact],
    parsers: Mapping[str, LogParser],
    facts: tuple[Fact, ...] = (),
    *,
    zones: Mapping[str | None, str] | None = None,
    service_of: Callable[[str], str | None] = lambda path: None,
    names: Mapping[str, str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Timeline:
    """Read every artifact whose format is one of `parsers`, and merge.

    `zones` is what the user says about stamps without a zone: by path or source, None for all the others. `service_of` names
    the service that writes a file, and `names` gives a container's or unit's name that of its service. Only events from `since`
    to `until`, both included, are kept.
    """
    logs, problems = logs_of(artifacts, parsers, facts, service_of, names or {})
    store = Store()
    every = [parsed(log, store) for log in logs]
    rows = [_measured(one) for one in every]
    readings = [_reading(log, row) for log, row in zip(logs, rows, strict=True)]
    taken, starts = _joined(logs, rows, place(readings, facts, zones or {}))
    agreed = by_tellers(readings, taken, lambda: _telling(_merged(_placed(every, taken, starts))))
    of = by_outages(readings, agreed, lambda: _telling(_merged(_placed(every, agreed, starts))))
    placed = paired(_placed(every, of, starts), [row["first"] is not None for row in rows])
    return Timeline(
        _between(_merged(placed), since, until),
        tuple(_source(log, row, where) for log, row, where in zip(logs, rows, of, strict=True)),
        problems,
        tuple(placed),
    )


def _telling(events: pl.LazyFrame) -> pl.DataFrame:
    """The events that tell when services ended and proxies were refused."""
    return events.filter(pl.col("kind").is_in(TELLING)).drop("message", "severity").collect(engine="in-memory")


def timed(logs: Sequence[Log], facts: tuple[Fact, ...], zones: Mapping[str | None, str]) -> Callable[[bool], Sequence[Query]]:
    """For each log what gives its events `time`, `source` and `file`; the times are not to be looked at where none will be.

    Times that need no others to be understood are not looked through for it: a few lines tell what they are. Raises LogcorrError
    for an unknown zone.
    """
    place([], facts, zones)
    alone = len(logs) == 1 or all(log.kind == "instant" for log in logs)

    @cache
    def queries(asked: bool) -> Sequence[Query]:
        if not asked:
            return [partial(_timed, log, Placement("UTC", ""), None) for log in logs]
        rows = [_summary(pl.concat(ahead(partial(_ended, log), log.blocks(few=alone)))) for log in logs]
        readings = [_reading(log, row) for log, row in zip(logs, rows, strict=True)]
        of, starts = _joined(logs, rows, place(readings, facts, zones))
        return [partial(_timed, log, where, start) for log, where, start in zip(logs, of, starts, strict=True)]

    return queries


def _joined(logs: Sequence[Log], rows: Sequence[Row], of: Sequence[Placement]) -> tuple[list[Placement], list[datetime | None]]:
    """The placements, and the stamp of what stands before each log's first: parts of a rotated log go on from the one before.

    A part whose year or date nothing tells begins no earlier than the one before it ends.
    """
    placed: list[Placement] = []
    starts: list[datetime | None] = []
    for number, (log, row, where) in enumerate(zip(logs, rows, of, strict=True)):
        first, last = row["first"], rows[number - 1]["last"] if number else None
        assert first is None or isinstance(first, datetime)
        if number and isinstance(last, datetime) and _goes_on(logs[number - 1], log):
            if first is not None:
                where = where.after(placed[-1], last, first, TURNS.get(log.kind))
            start = last if (where.years, where.days) == (placed[-1].years, placed[-1].days) else first
        else:
            start = first
        placed.append(where)
        starts.append(start)
    return placed, starts


def _goes_on(before: Log, log: Log) -> bool:
    """Whether two logs are parts of one."""
    same = part_of(before.artifact.path)[0] == part_of(log.artifact.path)[0]
    return same and (before.parser.name, before.service, before.kind) == (log.parser.name, log.service, log.kind)


def logs_of(
    artifacts: Iterable[Artifact],
    parsers: Mapping[str, LogParser],
    facts: tuple[Fact, ...],
    service_of: Callable[[str], str | None],
    names: Mapping[str, str],
) -> tuple[list[Log], tuple[Problem, ...]]:
    """The logs among the artifacts, identical copies once, by path; parts of a rotated log from the oldest."""
    logs, problems = [], []
    seen: dict[str, str] = {}
    for artifact in sorted(artifacts, key=lambda artifact: (part_of(artifact.path), artifact.path)):
        parser = parsers.get(artifact.format or "")
        if parser is None:
            continue
        first = seen.setdefault(artifact.sha256, artifact.path)
        if first != artifact.path:
            problems.append(Problem(artifact.path, f"not read again: the same bytes as {first}"))
            continue
        service = artifact.service or service_of(artifact.path)
        logs.append(log_of(artifact, parser, facts, names.get(service or "", service), names))
    return logs, tuple(problems)


def _measured(one: Parsed) -> Row:
    """What the log's stamps are like, and how many of its lines its format does not know."""
    microseconds = pl.col("clock").dt.epoch("us")
    measured = one.events.select(
        pl.col("lines").filter(~pl.col("parsed")).sum().alias("unparsed"),
        *((microseconds % step == 0).all().alias(f"every_{step}") for step in _STEPS),
        *_ends(one.log),
    )
    return measured.collect().row(0, named=True)


def _ended(log: Log, events: Events) -> pl.DataFrame:
    return events().select(_ends(log)).collect(engine="in-memory")


def _ends(log: Log) -> list[pl.Expr]:
    """What places a log among others."""
    clock = pl.col("clock")
    offset = pl.col("utc_offset_s") if "utc_offset_s" in log.schema else pl.lit(None, pl.Int32)
    return [
        clock.min().alias("first"),
        clock.max().alias("last"),
        offset.min().alias("least_offset"),
        offset.max().alias("greatest_offset"),
        (clock.dt.strftime("%m-%d") == "02-29").any().alias("leap") if log.kind == "yearless" else pl.lit(False).alias("leap"),
        _turns(clock, _unordered(log)).all().alias("turnable"),
    ]


def _unordered(log: Log) -> str:
    """What else its first numbers may be than they were read as, of stamps of local time: either the day, the other the month,
    or the first of three of two figures the `year` or the day."""
    if log.kind != "local":
        return ""
    lines = log.artifact.sample.lines
    shorts = [match for match in map(SHORT.search, lines) if match]
    if shorts:
        return "year" if all(int(match[1]) > TWELVE for match in shorts) else "month"
    return "month" if any(map(UNORDERED.search, lines)) else ""


def _turns(clock: pl.Expr, turnable: str) -> pl.Expr:
    """Whether there is such a day, too."""
    if turnable == "month":
        return clock.dt.day() <= TWELVE
    day, month = clock.dt.year() - CENTURY, clock.dt.month()
    there = day.is_between(1, 28) | ((day <= 30) & (month != 2)) | ((day == 31) & month.is_in([1, 3, 5, 7, 8, 10, 12]))
    return there if turnable else pl.lit(False)


def _summary(blocks: pl.DataFrame) -> Row:
    """What the blocks of a log say together."""
    return blocks.select(
        pl.col("first", "least_offset").min(),
        pl.col("last", "greatest_offset").max(),
        pl.col("leap").any(),
        pl.col("turnable").all(),
    ).row(0, named=True)


SHORT = regex(r"(?<![\d/.-])(\d\d)/\d\d/\d\d (?=\d\d:)")
"""A date with two figures for the year."""

UNORDERED = regex(r"(?<![\d/.-])\d{1,2}[/-]\d{1,2}[/-]\d{4}(?![\d/-])")

TWELVE = 12

_STEPS = (1_000_000, 1_000)
"""Microseconds that stamps may all be multiples of."""


def _reading(log: Log, row: Row) -> Reading:
    first, last = row["first"], row["last"]
    assert first is None or isinstance(first, datetime)
    assert last is None or isinstance(last, datetime)
    least, greatest = row["least_offset"], row["greatest_offset"]
    offsets = (least, greatest) if isinstance(least, int) and isinstance(greatest, int) else None
    return Reading(
        log.artifact.path, log.parser.source, log.service, log.kind, first, last, offsets, log.stamped,
        leap=row["leap"] is True, turnable=_unordered(log) if row["turnable"] is True else "",
        names=abbreviations(log.artifact.sample.lines) if log.kind == "local" else (),
    )  # fmt: skip


def _timed(log: Log, placement: Placement, start: datetime | None, events: pl.LazyFrame) -> pl.LazyFrame:
    """The events with what the timeline adds to the parser's columns; those before the first stamp are at `start`."""
    clock = pl.col("clock").fill_null(pl.lit(start, log.dtype))
    return events.with_columns(
        (clock if log.kind == "instant" else placement.expression(clock)).alias("time"),
        pl.lit(log.parser.source).alias("source"),
        pl.lit(log.artifact.path).alias("file"),
    )


def _placed(logs: Sequence[Parsed], of: Sequence[Placement], starts: Sequence[datetime | None]) -> list[Parsed]:
    return [
        replace(one, events=_timed(one.log, where, start, one.events)) for one, where, start in zip(logs, of, starts, strict=True)
    ]


def _merged(logs: Sequence[Parsed]) -> pl.LazyFrame:
    """The events of all logs, one log after the other."""
    schema = timeline_schema()
    return pl.concat([pl.LazyFrame(schema=schema), *(one.events.select(schema.names()) for one in logs)])


def _between(events: pl.LazyFrame, since: datetime | None, until: datetime | None) -> pl.LazyFrame:
    if since is not None:
        events = events.filter(pl.col("time") >= _aware(since))
    if until is not None:
        events = events.filter(pl.col("time") <= _aware(until))
    return events


def _aware(time: datetime) -> datetime:
    """A time without a zone is UTC, whatever the machine's own zone."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _source(log: Log, row: Row, placement: Placement) -> Source:
    first, last = row["first"], row["last"]
    steps = [step / 1_000_000 for step in _STEPS if row[f"every_{step}"]]
    return Source(
        path=log.artifact.path,
        format=log.artifact.format or "",
        source=log.parser.source,
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
