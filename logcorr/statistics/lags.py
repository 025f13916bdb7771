"""Does one kind of event tend to follow another, after which delay, beyond what their rates would do."""

from __future__ import annotations

import math

from msgspec import Struct

from logcorr.lazily import np, npt
from logcorr.statistics.assessment import FEW_EVENTS, MOST_FROM_FEW, assess
from logcorr.statistics.background import Backgrounds
from logcorr.statistics.likelihood import LOG10, LONGEST_LAG_S, lag_log_density, log_binomial_tail
from logcorr.statistics.tickfit import WIDTH_CHOICES, fit_ticks, matched, usable_ticks
from logcorr.statistics.trains import FloatArray, Train, observed

# Before looking, one pair in five that somebody asks about is linked.
_PRIOR = 0.2
_MOST_PREDECESSORS = 16
# Two periods are on one clock when their ratio is this near to a ratio of whole numbers up to 6.
_SAME_RATIO = 0.004
_LARGEST_WHOLE = 6
# Fewer coincidences than this need no common clock.
_LEAST_SHARED = 3


class Lag(Struct, frozen=True):
    """How effects follow causes; bursts count as one event each. Times in seconds.

    explained of effects fall in the window lag_low_s..lag_high_s after a cause (median lag_median_s); hits of causes
    are followed so. cover: share of the observed time in such windows. chance: probability that as many fall in by
    chance, after any lag, of any width. confidence: probability of a link (at most 0.8 while fewer than four effects
    are explained). shared_period_s: both kinds run on one clock with this period, which makes all their coincidences
    one, and is weighed so; None otherwise.
    """

    causes: int
    effects: int
    explained: int
    hits: int
    lag_low_s: float | None
    lag_high_s: float | None
    lag_median_s: float | None
    cover: float
    chance: float
    confidence: float
    log10_bf: float
    shared_period_s: float | None


def lag(causes: npt.ArrayLike, effects: npt.ArrayLike, *, start: float, end: float, resolution: float | None = None) -> Lag:
    """Say whether effects follow causes within 900 s, both seen in start..end (epoch seconds), and how late."""
    before, _ = observed(causes, start, end, resolution)
    after, _ = observed(effects, start, end, resolution)
    return lag_of_trains(before, after, shared_period(period_of(before), period_of(after)))


def lag_of_trains(before: Train, after: Train, shared: float | None) -> Lag:
    """Return the lag of one train of onsets behind another, seen in one window; shared: the period of their common
    clock.
    """
    ticks = usable_ticks(before.onsets, after)
    if not len(ticks) or not after.count:
        return Lag(before.count, after.count, 0, 0, None, None, None, 0.0, 1.0, 0.0, 0.0, None)
    gap = float(np.median(np.diff(ticks))) if len(ticks) > 1 else after.window_s
    predecessors = int(np.clip(math.ceil(LONGEST_LAG_S / max(gap, 1.0)), 1, _MOST_PREDECESSORS))
    fit = fit_ticks(after, ticks, Backgrounds(after).of_bins(4 * gap), predecessors)
    found = matched(after, ticks, fit)
    lags = found.lags
    if not len(lags):
        return Lag(before.count, after.count, 0, 0, None, None, None, 0.0, 1.0, 0.0, 0.0, None)
    shared = shared if len(lags) >= _LEAST_SHARED else None
    log_bf, chance = fit.log_bf, _log_chance(after, ticks, lags)
    if shared is not None:
        log_bf = min(log_bf, float(lag_log_density(np.median(lags))) + math.log(shared))
        chance = max(chance, math.log(min(1.0, (float(np.ptp(lags)) + after.resolution) / shared)))
    confidence = 1 / (1 + (1 - _PRIOR) / _PRIOR * math.exp(-min(log_bf, 700.0)))
    if len(lags) < FEW_EVENTS:
        confidence = min(confidence, MOST_FROM_FEW)
    return Lag(
        before.count, after.count, len(lags), found.hits, float(lags.min()), float(lags.max()), float(np.median(lags)),
        covered_share(ticks, lags, after), math.exp(chance), confidence, log_bf / LOG10, shared,
    )  # fmt: skip


def covered_share(ticks: FloatArray, lags: FloatArray, train: Train) -> float:
    """Return the share of the observed time that lies in windows from the lowest to the highest lag, overlaps once."""
    width = float(np.ptp(lags)) + train.resolution
    open_s = np.minimum(width, np.diff(ticks, append=ticks[-1] + width))
    return min(1.0, float(open_s.sum()) / train.window_s)


def _log_chance(train: Train, ticks: FloatArray, lags: FloatArray) -> float:
    """Return ln P(noise fills the windows as well): one effect opens the window; any could have, and any width."""
    tail = log_binomial_tail(train.count - 1, len(lags) - 1, covered_share(ticks, lags, train))
    return min(0.0, math.log(WIDTH_CHOICES * train.count) + tail)


def period_of(train: Train) -> float | None:
    """Return the period in seconds of a train that is likelier than not to have one."""
    found = assess(train)
    return found.period if found.mechanisms.wall_clock + found.mechanisms.loop > 0.5 else None


def shared_period(before: float | None, after: float | None) -> float | None:
    """Return the longer of two periods that fit one clock: their ratio is one of small whole numbers."""
    if before is None or after is None:
        return None
    ratio = max(before, after) / min(before, after)
    multiples = ratio * np.arange(1, _LARGEST_WHOLE + 1)
    near = np.abs(multiples - np.round(multiples)) < _SAME_RATIO * multiples
    return max(before, after) if near.any() else None
