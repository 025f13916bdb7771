"""What scripts wrote into logs, known again by the text they print."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from logcorr.model.case import Behaviour, Case
from logcorr.model.source import Span

FEWEST_LETTERS = 4
"""A message is known again by its pieces of at least so many letters."""

NEAR_LINES = 3


def said(case: Case, behaviours: Iterable[Behaviour], near: Span | None = None) -> pl.DataFrame:
    """The timeline's rows that hold a message of these scripts, in time order; only those written close to the line `near`."""
    pieces = [
        [piece.strip() for piece in pieces if len(piece.strip()) >= FEWEST_LETTERS]
        for behaviour in behaviours
        for pieces, span in behaviour.says
        if near is None or (span.path == near.path and abs(span.line - near.line) <= NEAR_LINES)
    ]
    message = pl.col("message")
    written = [pl.all_horizontal(message.str.contains(piece, literal=True) for piece in one) for one in pieces if one]
    if not written:
        return case.events.clear()
    rows = case.timeline.filter(pl.any_horizontal(written) & pl.col("time").is_not_null())
    return rows.sort("time", maintain_order=True).collect()
