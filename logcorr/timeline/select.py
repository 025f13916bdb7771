"""Small readings of timeline rows that rules and causes share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.source import Span
from logcorr.model.times import Times

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def instants(rows: pl.DataFrame) -> Times:
    """The rows' times in UTC, those without one left out."""
    return Times(rows["time"].drop_nulls())


def seconds(rows: pl.DataFrame) -> npt.NDArray[np.float64]:
    """The rows' times as sorted epoch seconds, those without one left out."""
    return (rows["time"].drop_nulls().sort().dt.epoch("us") / 1e6).to_numpy()


def moments(case: Case, *kinds: str) -> npt.NDArray[np.float64]:
    """When events of these kinds happened, as sorted epoch seconds: of millions nothing else is read."""
    there = [kind for kind in kinds if kind in case.kinds]
    return seconds(case.events.filter(pl.col("kind").is_in(there)).select("time").collect() if there else case.happened())


def spans(rows: pl.DataFrame) -> tuple[Span, ...]:
    """Where the rows stand."""
    return tuple(Span(file, line, line + lines - 1) for file, line, lines in rows.select("file", "line", "lines").iter_rows())


def texts(case: Case, rows: pl.DataFrame) -> list[str]:
    """The whole line at which each row begins: it may tell more than the message, in members of its own."""
    found = {
        (path, line): text
        for path in rows["file"].unique(maintain_order=True)
        for line, text in case.lines(path)
        .filter(pl.col("line").is_in(rows.filter(pl.col("file") == path)["line"].implode()))
        .select("line", "text")
        .collect()
        .iter_rows()
    }
    return [found.get(place, "") for place in rows.select("file", "line").iter_rows()]


def lines_like(case: Case, inside: Span, pattern: str) -> Iterator[tuple[Span, str]]:
    """The lines of a stanza that hold the pattern, with their text."""
    wanted = pl.col("line").is_between(inside.line, inside.end_line) & pl.col("text").str.contains(pattern)
    for line, text in case.lines(inside.path).filter(wanted).select("line", "text").collect().iter_rows():
        yield Span(inside.path, line), text.strip()


def cite(rows: pl.DataFrame, note: str = "", most: int = 6, shows: str = "") -> tuple[Evidence, ...]:
    """Evidence from the first row of each file and the first and last rows of all, at most `most`; claims carry the count."""
    few = rows if rows.height <= most else rows[_telling(rows, most)]
    return tuple(Evidence(span, note, shows) for span in spans(few))


def _telling(rows: pl.DataFrame, most: int) -> list[int]:
    """Which rows a person would look at first, in order."""
    ends = (row for near in range(most) for row in (near, rows.height - 1 - near))
    return sorted(list(dict.fromkeys([*rows["file"].is_first_distinct().arg_true(), *ends]))[:most])
