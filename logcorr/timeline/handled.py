"""Exceptions that a program's last resort logs, and does not die of: it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from msgspec.structs import replace

from logcorr.lazily import np, npt, pl
from logcorr.model.case import Case
from logcorr.timeline.select import seconds
from logcorr.timeline.signs import ENDS, OWN, STARTS

Times: TypeAlias = "npt.NDArray[np.float64]"

LAST_RESORT = r"(?i)\b(?:un(?:caught|handled)[ _]?(?:promise[ _]?)?(?:exception|rejection))"
"""How handlers name what reaches them; who sets one may go on or end the process."""

DYING_S = 60.0
"""A program that dies of it says its last within so long, and is started again or seen to end."""

COARSE_S = 2.0
"""Stamps of several logs may differ by so much."""


def survivors_apart(case: Case) -> Case:
    """The case with no crash where the program goes on: its log tells of its starts, and of none before what it says later."""
    handled = list(_handled(case))
    if not handled:
        return case
    gone_on = pl.any_horizontal((pl.col("file") == path) & pl.col("line").is_in(lines) for path, lines in handled)
    kind = pl.when(gone_on).then(None).otherwise("kind").alias("kind")
    return replace(case, logged=case.logged.with_columns(kind))


def _handled(case: Case) -> Iterator[tuple[str, list[int]]]:
    """The lines by file that tell of something that reached the last resort of a program which went on."""
    told = case.happened("process.crashed").filter(pl.col("source").is_in(OWN) & pl.col("message").str.contains(LAST_RESORT))
    begun, ended = case.happened(*STARTS), case.happened(*ENDS).filter(~pl.col("source").is_in(OWN))
    for (path, service), rows in told.drop_nulls("time").group_by("file", "service", maintain_order=True):
        own = begun.filter(pl.col("file") == path)
        if own.is_empty():
            continue
        starts, ends = (seconds(_of(signs, path, service)) for signs in (begun, ended))
        alive = (pl.col("file") == path) & ~pl.col("kind").is_in([*ENDS, *STARTS]).fill_null(False)
        words = seconds(case.timeline.filter(alive).select("time").collect())
        lines = [line for line, at in zip(rows["line"], seconds(rows), strict=True) if _goes_on(at, words, starts, ends)]
        if lines:
            yield str(path), lines


def _of(signs: pl.DataFrame, path: object, service: object) -> pl.DataFrame:
    return signs.filter((pl.col("file") == path) | (pl.col("service") == service))


def _goes_on(at: float, words: Times, starts: Times, ends: Times) -> bool:
    """Whether it spoke when it would have been dead or started anew, and nobody saw it end."""
    next_start = starts[starts >= at - COARSE_S].min(initial=np.inf)
    seen = ((ends >= at - COARSE_S) & (ends <= at + DYING_S)).any()
    return bool(not seen and ((words >= at + DYING_S) & (words < next_start)).any())
