"""A statement is slow since an index was dropped that it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._indexes import DROPS, Dropped, dropped, dropped_by_hand
from logcorr.rules._words import sought, telling
from logcorr.timeline.select import cite, instants

SLOW = (
    r"^duration: ([\d.]+) ms\s+(?:statement|execute [^:]*|parse [^:]*|bind [^:]*): ((?s:.+))",
    r"(?i)\bslow (?:query|sql|statement)\b.{0,80}?\b([\d.]+) ?ms\b.{0,40}?\b((?:select|update|delete|insert)\b.+)",
)
"""PostgreSQL's `log_min_duration_statement`; what libraries write of slow queries."""

SAYS_SLOW = sought("|".join(f"(?:{one})" for one in SLOW), "duration: ", "slow query", "slow sql", "slow statement")

VALUES = r"'(?:[^']|'')*'|\b\d[\d.]*\b|\$\d+"
HEAD, SHAPE = 70, 300

FEWEST, CALM = 3, timedelta(minutes=10)
SOON, LATE = timedelta(hours=6), timedelta(seconds=5)
"""It is slow at once, but seen only when it is used; and a file's log must tell that it was not slow for a while before."""

HALF_HOUR_S, FARTHEST = 1800.0, timedelta(hours=15)
"""Zones differ by half hours: by so much the time of a log may be wrong whose zone nothing tells."""
STEM = regex(r"\d{8,}")
SHOWS, CHANGES = "statement_slows", "deploy_changes_configuration"
SURE = 0.92


class _Slowed(Struct, frozen=True):
    """A sort of statement that is slow since a moment, and was not before."""

    rows: pl.DataFrame
    text: str
    since: datetime


@rule(code="DB002", title="A statement lacks an index since it was dropped", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Statements that a database calls slow since a moment, and the lines that dropped an index on what they look up."""
    slowed = list(_slowed(case))
    by_hand = pl.col("message").str.contains(DROPS) & pl.col("time").is_not_null()
    told = case.timeline.filter(by_hand).collect() if slowed else None
    gone = [*dropped(case), *dropped_by_hand(told)] if told is not None else []
    for one in slowed:
        needed = [drop for drop in gone if drop.serves(one.text)]
        ran = {drop.span: rows for drop in needed if (rows := _ran(case, drop, one.since)).height}
        near = sorted((drop for drop in needed if drop.span in ran), key=lambda drop: not drop.is_looked_up(one.text))
        if near:
            yield _finding(one, near, ran[near[0].span])


def _slowed(case: Case) -> Iterator[_Slowed]:
    begins = {source.path: source.first for source in case.sources}
    sort = pl.col("statement").str.replace_all(VALUES, "#").str.slice(0, SHAPE).alias("sort")
    rows = pl.concat([*_told_slow(case), _mysql(case)]).sort("time", "file", "line").with_columns(sort)
    for (file, _), same in rows.group_by("file", "sort", maintain_order=True):
        first = begins.get(str(file))
        if same.height >= FEWEST and first and same["time"][0] - first >= CALM:
            yield _Slowed(same, str(same["statement"][0]), same["time"][0])


def _told_slow(case: Case) -> Iterator[pl.DataFrame]:
    """What messages tell, with `took` in seconds and the `statement`."""
    message = pl.col("message")
    rows = telling(case, SAYS_SLOW)
    for pattern in SLOW:
        told = rows.filter(message.str.contains(pattern))
        took = message.str.extract(pattern, 1).cast(pl.Float64, strict=False) / 1000
        yield told.with_columns(took=took, statement=message.str.extract(pattern, 2))


def _mysql(case: Case) -> pl.DataFrame:
    """What MySQL's log of slow queries tells, where everything is slow."""
    records = case.records("mysql_slow")
    if "query_time_s" not in records.collect_schema():
        return case.happened().with_columns(took=pl.lit(0.0), statement=pl.col("message"))
    took = records.select("file", "line", took="query_time_s").drop_nulls().collect()
    rows = case.timeline.filter(pl.col("file").is_in(took["file"].unique().implode()) & pl.col("time").is_not_null()).collect()
    return rows.join(took, on=["file", "line"], maintain_order="left").with_columns(statement=pl.col("message"))


def _ran(case: Case, drop: Dropped, since: datetime) -> pl.DataFrame:
    """What logs tell shortly before of the file by its name or its number, or the line itself where a log tells it."""
    name = drop.span.path.rpartition("/")[2]
    stem = re.escape(name.partition(".")[0])
    number = STEM.search(name)
    wanted = rf"\b{stem}\b" + (rf"|\b{number[0]}\b" if number else "")
    itself = (pl.col("file") == drop.span.path) & (pl.col("line") == drop.span.line)
    rows = case.timeline.filter(pl.col("time").is_not_null() & (pl.col("message").str.contains(wanted) | itself)).collect()
    unsure = [source.path for source in case.sources if source.zone_assumed]
    before = (pl.lit(since) - pl.col("time")).dt.total_microseconds() / 1e6
    in_time = before.is_between(-LATE.total_seconds(), SOON.total_seconds())
    shifted = (before.abs() <= FARTHEST.total_seconds()) & ((before % HALF_HOUR_S) <= CALM.total_seconds())
    return rows.filter(in_time | (pl.col("file").is_in(unsure) & shifted))


def _finding(slowed: _Slowed, drops: Sequence[Dropped], ran: pl.DataFrame) -> Finding:
    rows, first = slowed.rows, drops[0]
    took = float(rows["took"].quantile(0.5) or 0.0)
    return Finding(
        confidence=SURE,
        claim=claim(
            "index_dropped.found",
            "{place} drops an index on {columns}, and a statement that needs it takes {took:.1f} s since ({count}×, and not once "
            "before): “{words}”",
            place=str(first.span),
            columns=", ".join(first.serves(slowed.text)),
            took=took,
            count=rows.height,
            words=slowed.text[:HEAD],
        ),
        evidence=tuple(_evidence(drops, ran, rows)),
        would_refute=claim("index_dropped.refute", "the statement's plan (EXPLAIN) with another index, or as slow before"),
        subject=str(rows["service"][0] or rows["source"][0]),
        measured={"count": rows.height, "took_s": round(took, 1)},
        times=instants(rows),
        fix=claim(
            "index_dropped.fix",
            "make the index again (CREATE INDEX CONCURRENTLY), and look at what uses an index before it is dropped",
        ),
    )


def _evidence(drops: Sequence[Dropped], ran: pl.DataFrame, rows: pl.DataFrame) -> Iterator[Evidence]:
    yield from (Evidence(drop.span, "drops it", shows=CHANGES) for drop in drops)
    yield from cite(ran, "when it ran", most=2, shows=CHANGES)
    made: dict[Span, None] = dict.fromkeys(span for drop in drops for span in drop.made)
    yield from (Evidence(span, "what it was on", shows=CHANGES) for span in made)
    yield from cite(rows, shows=SHOWS)
