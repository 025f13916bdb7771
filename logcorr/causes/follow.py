"""What followed a stop: which events come soon after, how soon, and whether that is more than their usual rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from logcorr.timeline.select import seconds

LONGEST_S = 60.0
"""Effects of a stop (closed sockets, refused connections) are over within a minute of it, or have another reason."""

SLACK_S = 1.0
"""Stamps are cut to the second: an effect may seem to come so much before its cause."""

START_TAKES_S = 30.0
"""A service that was stopped and started says so within this time of its stop."""

LEAST_SHARE, LEAST_LIFT = 0.5, 2.0
"""Of the events, so many follow a stop, and so many times more than their rate alone would bring."""

LEAST_FOLLOWED, CLEAR_LIFT = 0.6, 4.0
"""Or: so many of the stops are followed by one, and the events are so much denser there; the others have another reason."""

Times = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Following:
    """`followed` of `total` timed events come within `horizon_s` after one of the stops; `lag_s` is the median to the first."""

    rows: pl.DataFrame
    followed: int
    total: int
    horizon_s: float
    lag_s: float


def begun(stops: pl.DataFrame) -> Times:
    """When each stop began, epoch seconds, ascending; where only the start after it is known, a little before that."""
    early = pl.when(pl.col("kind") == "process.started").then(START_TAKES_S).otherwise(0.0)
    return np.sort(stops.select(pl.col("time").dt.epoch("us") / 1e6 - early).to_series().to_numpy())


def horizon(stops: Times) -> float:
    """How long after a stop its effects are looked for: a minute, or half the way to the next stop."""
    gaps = np.diff(stops)
    return float(min(LONGEST_S, gaps.min() / 2)) if len(gaps) and gaps.min() > 0 else LONGEST_S


def after(stops: Times, times: Times, within_s: float) -> npt.NDArray[np.bool_]:
    """For each time, whether it lies at most `within_s` after some stop."""
    last = np.searchsorted(stops, times + SLACK_S, side="right") - 1
    return (last >= 0) & (times - stops[np.maximum(last, 0)] <= within_s)


def following(stops: Times, events: pl.DataFrame, window: tuple[float, float]) -> Following | None:
    """The events that follow the stops, if most of them do or most stops have some, and clearly more than by their rate alone."""
    timed = events.filter(pl.col("time").is_not_null()).sort("time", maintain_order=True)
    if not timed.height or not len(stops):
        return None
    within = horizon(stops)
    times = seconds(timed)
    hit = after(stops, times, within)
    if not _linked(stops, times, hit, float(hit.mean()) / _covered(stops, within, window)):
        return None
    return Following(timed.filter(pl.Series(hit)), int(hit.sum()), timed.height, within, _first_lag(stops, times[hit]))


def _linked(stops: Times, times: Times, hit: npt.NDArray[np.bool_], lift: float) -> bool:
    if hit.mean() >= LEAST_SHARE:
        return lift >= LEAST_LIFT
    followed = len(np.unique(np.searchsorted(stops, times[hit] + SLACK_S, side="right")))
    return lift >= CLEAR_LIFT and followed >= LEAST_FOLLOWED * len(stops)


def since(stops: Times, events: pl.DataFrame) -> Following | None:
    """The events from the first stop on: of a state that lasts."""
    timed = events.filter(pl.col("time").is_not_null()).sort("time", maintain_order=True)
    later = timed.filter(pl.col("time").dt.epoch("us") >= stops[0] * 1e6) if len(stops) else timed.clear()
    return Following(later, later.height, timed.height, 0.0, 0.0) if later.height else None


def _covered(stops: Times, within: float, window: tuple[float, float]) -> float:
    """The share of the window that lies within the horizon of a stop."""
    start, end = window
    covered = np.minimum(stops + within, end) - np.maximum(stops, start)
    return max(float(np.clip(covered, 0.0, None).sum()) / max(end - start, 1e-9), 1e-9)


def _first_lag(stops: Times, times: Times) -> float:
    """The median, over the stops that were followed, of the seconds to the first event after."""
    index = np.searchsorted(stops, times + SLACK_S, side="right") - 1
    _, first = np.unique(index, return_index=True)
    return float(np.median(np.maximum(times[first] - stops[index[first]], 0.0)))
