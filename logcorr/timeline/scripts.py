"""What scripts wrote into logs, known again by the text they print."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from logcorr.lazily import pl
from logcorr.model.case import Behaviour, Case
from logcorr.model.events import timeline_schema
from logcorr.model.source import Span

FEWEST_LETTERS = 4
"""A message is known again by its pieces of at least so many letters; numbers in it may be counted."""

NEAR_LINES = 3


def said(case: Case, behaviours: Iterable[Behaviour], near: Span | None = None) -> pl.DataFrame:
    """The timeline's rows that hold a message of these scripts, in time order; only those written close to the line `near`.

    A line without a stamp inside another log (`docker compose logs`) has the time of the event after it in the file: scripts
    say what they do before they do it.
    """
    wanted = [
        pieces
        for behaviour in behaviours
        for pieces, span in messages(behaviour)
        if near is None or (span.path == near.path and abs(span.line - near.line) <= NEAR_LINES)
    ]
    if not wanted:
        return case.happened()
    return _held(case, lambda column: _holds(column, wanted))


def printed(case: Case, pattern: str) -> pl.DataFrame:
    """The timeline's rows that hold what the programs of a script print, as `said` gives its own messages."""
    return _held(case, lambda column: pl.col(column).str.contains(pattern))


def _held(case: Case, holds: Callable[[str], pl.Expr]) -> pl.DataFrame:
    timed = case.timeline.filter(holds("message") & pl.col("time").is_not_null())
    rows = timed.sort("time", maintain_order=True).collect()
    return rows if rows.height else pl.concat([rows, *_unstamped(case, holds("text"))])


def messages(behaviour: Behaviour) -> Iterator[tuple[Sequence[str], Span]]:
    """What a script writes: the pieces by which each message is known again, and the line that writes it."""
    for pieces, span in behaviour.says:
        known = [part.strip() for piece in pieces for part in re.split(r"\d+", piece) if len(part.strip()) >= FEWEST_LETTERS]
        if known:
            yield known, span


def _holds(column: str, wanted: Sequence[Sequence[str]]) -> pl.Expr:
    return pl.any_horizontal(
        pl.all_horizontal(pl.col(column).str.contains(piece, literal=True) for piece in pieces) for pieces in wanted
    )


def _unstamped(case: Case, holds: pl.Expr) -> Iterator[pl.DataFrame]:
    """The lines in files of logs that belong to no event, with the time of the first event after them in the file."""
    for path in sorted({source.path for source in case.sources}):
        lines = case.lines(path).filter(holds).select("line", message="text").collect()
        if lines.height:
            events = case.timeline.filter(pl.col("file") == path).select("time", "line").drop_nulls().collect().sort("line")
            timed = lines.sort("line").join_asof(events, on="line", strategy="forward").drop_nulls("time")
            yield timed.with_columns(file=pl.lit(path), source=pl.lit("script"), lines=pl.lit(1, pl.UInt32)).select(
                pl.col(name) if name in ("time", "line", "message", "file", "source", "lines") else pl.lit(None, kind).alias(name)
                for name, kind in timeline_schema().items()
            )
