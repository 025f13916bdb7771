"""Small readings of timeline rows that rules and causes share."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from logcorr.model.claim import Evidence
from logcorr.model.source import Span

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def instants(rows: pl.DataFrame) -> tuple[datetime, ...]:
    """The rows' times in UTC, those without one left out."""
    return tuple(rows["time"].drop_nulls())


def seconds(rows: pl.DataFrame) -> npt.NDArray[np.float64]:
    """The rows' times as sorted epoch seconds, those without one left out."""
    return (rows["time"].drop_nulls().sort().dt.epoch("us") / 1e6).to_numpy()


def spans(rows: pl.DataFrame) -> tuple[Span, ...]:
    """Where the rows stand."""
    return tuple(Span(file, line, line + lines - 1) for file, line, lines in rows.select("file", "line", "lines").iter_rows())


def cite(rows: pl.DataFrame, note: str = "", most: int = 6) -> tuple[Evidence, ...]:
    """Evidence from the first and the last rows, at most `most`; claims carry the full count."""
    few = rows if rows.height <= most else pl.concat([rows.head(most - most // 2), rows.tail(most // 2)])
    return tuple(Evidence(span, note) for span in spans(few))
