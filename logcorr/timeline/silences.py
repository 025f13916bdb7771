"""When a program fell silent before it began anew: where its log never tells of its end, it ended then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from logcorr.lazily import np, npt, pl
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.timeline.signs import OWN

START_S = 60.0
"""The lines of one start."""

TALKS = 10
"""So many lines for each start, those of the starts aside, show that a program says what it does."""

SELDOM = 0.25
"""So long a silence is nearly never but before a start: half as long a one comes for no more than so many of them."""


def fallen_silent(case: Case, path: str, starts: Sequence[datetime]) -> list[tuple[datetime, Span]]:
    """For each of the starts after the first, the last words before it; none where the log is as silent at other times."""
    told = (pl.col("file") == path) & pl.col("source").is_in(OWN) & pl.col("time").is_not_null()
    rows = case.timeline.filter(told).select("time", "line", "lines").collect().sort("time", maintain_order=True)
    at = (rows["time"].dt.epoch("us") / 1e6).to_numpy()
    begun = np.array([at.min(initial=np.inf), *(start.timestamp() for start in starts)])
    last = _before(at, begun[1:]) if len(at) > 1 else np.zeros(0, dtype=np.intp)
    gaps = np.diff(at)
    others = np.delete(gaps, last)
    works = at[:-1] - begun[np.maximum(np.searchsorted(begun, at[:-1], "right") - 1, 0)] > START_S
    if not len(last) or works.sum() < TALKS * len(last) or (others > np.median(gaps[last]) / 2).sum() > SELDOM * len(last):
        return []
    return [(row["time"], Span(path, row["line"], row["line"] + row["lines"] - 1)) for row in rows[last].iter_rows(named=True)]


def _before(at: npt.NDArray[np.float64], starts: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """For each start, the line before the longest pause that leads to it or to what is said on the way to it."""
    gaps = np.diff(at)
    ends = np.maximum(np.searchsorted(at, starts, "left"), 1)
    firsts = np.minimum(np.maximum(np.searchsorted(at, starts - START_S, "left"), 1), ends)
    return np.array([first - 1 + gaps[first - 1 : end].argmax() for first, end in zip(firsts, ends, strict=True)], dtype=np.intp)
