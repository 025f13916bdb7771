"""How well do given ticks (a schedule, or events of another kind) explain a train: the best lag window and its
evidence.
"""

from __future__ import annotations

import math

from msgspec import Struct

from logcorr.lazily import np
from logcorr.statistics.background import Background
from logcorr.statistics.candidates import window_widths
from logcorr.statistics.likelihood import LONGEST_LAG_S, active_log_bf, lag_log_density, log_sum_exp
from logcorr.statistics.trains import FloatArray, IntArray, Train, runs

# Lag windows are no wider than this: it holds a systemd timer's default accuracy of a minute.
_WIDEST_S = 64.0
# How many widths compete, at most, for the chance.
WIDTH_CHOICES = 10
_WINDOWS_A_WIDTH = 2
# So many windows are worked out exactly.
_MOST_WINDOWS = 12
# Window starts tried per width; beyond this every m-th lag is one.
_MOST_STARTS = 2000
# Lags longer than the spacing of ticks are followed back over several ticks, but over no more pairs than this.
_MOST_PAIRS = 2_000_000
_EPSILON_S = 1e-6


class TickFit(Struct, frozen=True):
    """Evidence for one train of ticks in nats, averaged over windows by their prior; the best opens lag seconds after
    a tick.
    """

    log_bf: float
    lag: float
    width: float


class Matched(Struct, frozen=True):
    """Which events lie in the windows of ticks.

    tick_of: for each onset the index of its tick, -1 for none. lags: those of the explained onsets, in seconds.
    ticks: how many have their window inside the observed window. hits: how many of them hold an event.
    """

    tick_of: IntArray
    lags: FloatArray
    ticks: int
    hits: int


def usable_ticks(ticks: FloatArray, train: Train) -> FloatArray:
    """Return the ticks that could cause an event inside the observed window."""
    return ticks[(ticks >= train.start - LONGEST_LAG_S) & (ticks <= train.end)]


def fit_ticks(train: Train, ticks: FloatArray, background: Background, predecessors: int = 1) -> TickFit:
    """Fit the lag window of ascending, usable ticks; predecessors: how many ticks back an event's cause may lie."""
    lags = _lags(train, ticks, predecessors)
    if not len(lags):
        return TickFit(-math.inf, 0.0, 0.0)
    gaps = np.diff(ticks)
    gap = float(np.median(gaps)) if len(gaps) else train.window_s
    widest = min(_WIDEST_S, gap / 2) if predecessors == 1 else _WIDEST_S
    widths = window_widths(train.resolution)
    widths = widths[widths <= max(widest, train.resolution)]
    looks = [look for width in widths.tolist() for look in _promising(lags, width, gap, train)]
    looks.sort(key=lambda look: -look[0])
    fits = [
        (_window_evidence(train, ticks, background, lag, width) + prior - math.log(len(widths)), lag, width)
        for _, lag, width, prior in looks[:_MOST_WINDOWS]
    ]
    best = max(fits, key=lambda fit: fit[0])
    return TickFit(log_sum_exp([fit[0] for fit in fits]), best[1], best[2])


def matched(train: Train, ticks: FloatArray, fit: TickFit) -> Matched:
    """Return which events the best window of a fit explains."""
    if not math.isfinite(fit.log_bf):
        return Matched(np.full(train.count, -1, dtype=np.int64), np.empty(0), 0, 0)
    tick_of = _match(train.onsets, ticks, fit.lag, fit.width)
    explained = tick_of >= 0
    hits = len(runs(tick_of[explained])[0])
    lags = train.onsets[explained] - ticks[tick_of[explained]]
    return Matched(tick_of, lags, _inside(train, ticks, fit.lag, hits), hits)


def _lags(train: Train, ticks: FloatArray, predecessors: int) -> FloatArray:
    """Return, ascending, the lags of every event behind the last ticks before it; half a unit early is cut stamps'
    doing.
    """
    last = np.searchsorted(ticks, train.onsets + train.resolution / 2, side="right") - 1
    pool = []
    for back in range(max(1, min(predecessors, _MOST_PAIRS // max(train.count, 1)))):
        index = last - back
        known = index >= 0
        lags = train.onsets[known] - ticks[index[known]]
        pool.append(lags[lags <= LONGEST_LAG_S])
    return np.sort(np.concatenate(pool))


def _promising(lags: FloatArray, width: float, gap: float, train: Train) -> list[tuple[float, float, float, float]]:
    """Return the fullest windows of this width as (score, lag, width, log prior); those that overlap by half count
    once.
    """
    starts = lags[:: max(1, len(lags) // _MOST_STARTS)]
    counts = np.searchsorted(lags, starts + width, side="right") - np.searchsorted(lags, starts, side="left")
    priors = lag_log_density(starts + width / 2) + math.log(max(width, train.resolution))
    scores = counts * math.log(max(gap / (width + train.resolution), 2.0)) + priors
    chosen: list[tuple[float, float, float, float]] = []
    for index in np.argsort(-scores, kind="stable").tolist():
        lag = float(starts[index])
        if all(abs(lag - other) >= max(width / 2, train.resolution) for _, other, _, _ in chosen):
            chosen.append((float(scores[index]), lag, width, float(priors[index])))
        if len(chosen) == _WINDOWS_A_WIDTH:
            break
    return chosen


def _match(onsets: FloatArray, ticks: FloatArray, lag: float, width: float) -> IntArray:
    """Return for each onset the index of the tick whose window lag..lag+width holds it (the latest such), or -1."""
    opened = ticks + lag
    index = np.searchsorted(opened, onsets + _EPSILON_S, side="right") - 1
    inside = (index >= 0) & (onsets - opened[np.maximum(index, 0)] <= width + _EPSILON_S)
    return np.where(inside, index, -1)


def _inside(train: Train, ticks: FloatArray, lag: float, least: int) -> int:
    """Return how many ticks have their window's opening inside the observed window."""
    opened = ticks + lag
    return max(int(np.searchsorted(opened, train.end, side="right") - np.searchsorted(opened, train.start, side="left")), least)


def _window_evidence(train: Train, ticks: FloatArray, background: Background, lag: float, width: float) -> float:
    """Return the log Bayes factor (nats) of one window."""
    tick_of = _match(train.onsets, ticks, lag, width)
    index, counts = runs(tick_of[tick_of >= 0])
    if not len(index):
        return -math.inf
    following = np.append(ticks[1:], np.inf)[index]
    open_s = np.minimum(width + train.resolution, np.maximum(following - ticks[index], train.resolution))
    expected = background.at(ticks[index] + lag) * open_s
    return active_log_bf(train.count, index, counts, expected, _inside(train, ticks, lag, len(index)))
