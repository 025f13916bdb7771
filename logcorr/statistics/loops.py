"""Trains that run free: each event comes a period after the one before (sleep plus run time): the phase drifts."""

from __future__ import annotations

import math

from msgspec import Struct

from logcorr.lazily import np
from logcorr.statistics.likelihood import log_mean_exp
from logcorr.statistics.locked import log_period_range
from logcorr.statistics.trains import BoolArray, FloatArray, Train

# Standard deviation of a turn as a share of its period.
_JITTERS = (0.002, 0.006, 0.02, 0.06, 0.15)
_COVERAGES = (0.97, 0.8, 0.5)
_OUTLIERS = (0.02, 0.15, 0.4)
# An interval longer than this many turns is a silence, not missed turns.
_MOST_TURNS = 30
_MOST_INTERVALS = 20_000
# The difference of two stamps cut to a unit has this standard deviation, in units.
STAMP_SPREAD = math.sqrt(1 / 6)
# Intervals of irregular events spread by at least half a unit of ln; less is regular.
_LEAST_SPREAD = 0.5
# Where each interval foretells the next, they still differ by this much.
_LEAST_STEP = 0.5
# Shorter turns than this many stamp units cannot be told from the stamps' own grid.
_LEAST_UNITS = 4.5


class LoopFit(Struct, frozen=True):
    """One free-running hypothesis: score as for LockedFit, of which period_log_prior is the prior of the period
    (nats).

    spread: standard deviation of an interval, seconds. turns: period multiples in each interval, 0 where it does not
    fit.
    """

    score: float
    period_log_prior: float
    period: float
    spread: float
    turns: FloatArray


class Irregular(Struct, frozen=True):
    """Intervals without a period: log density of each interval, and the gain (nats) over a constant rate."""

    log_density: FloatArray
    log_gain: float


def irregular(intervals: FloatArray, window_s: float, unit: float) -> Irregular:
    """Return the best irregular reading of the intervals.

    Constant rate over the window or over the active part, log-normal intervals, or log-normal ones that wander from
    one to the next; each but the first pays a nat.
    """
    count = len(intervals)
    constant = _geometric(intervals, window_s / (count + 1), unit)
    active = _geometric(intervals, float(intervals.mean()), unit)
    logs = np.log(np.maximum(intervals, 1e-3))
    normal = _log_normal(logs, np.full(count, np.median(logs)), _LEAST_SPREAD)
    readings = [constant, active, normal]
    if count > 3:
        readings.append(_log_normal(logs, _predicted(logs), _LEAST_STEP))
    totals = [float(reading.sum()) - (index > 0) for index, reading in enumerate(readings)]
    best = max(range(len(totals)), key=totals.__getitem__)
    return Irregular(readings[best], totals[best] - totals[0])


def _geometric(intervals: FloatArray, mean: float, unit: float) -> FloatArray:
    """Return the log density of intervals of independent events: exponential, on the stamps' grid from a unit up."""
    chance = min(unit / max(mean, 1e-9), 0.999)
    density: FloatArray = math.log(chance / unit) + np.maximum(intervals / unit - 1, 0) * math.log1p(-chance)
    return density


def _predicted(logs: FloatArray) -> FloatArray:
    """Return each logarithm as the one before it foretells: drawn to the middle by least squares."""
    centred = logs - logs.mean()
    carry = float((centred[1:] * centred[:-1]).sum()) / max(float((centred[:-1] ** 2).sum()), 1e-9)
    predicted: FloatArray = logs.mean() + min(max(carry, 0.0), 1.0) * np.concatenate(([0.0], centred[:-1]))
    return predicted


def _log_normal(logs: FloatArray, centre: FloatArray, least: float) -> FloatArray:
    """Return the log density of intervals, given their logarithms, with at least such a spread around the centre."""
    spread = max(float(np.sqrt(((logs - centre) ** 2).mean())), least)
    density: FloatArray = -0.5 * ((logs - centre) / spread) ** 2 - math.log(spread * math.sqrt(2 * math.pi)) - logs
    return density


def loop_fits(train: Train, null: Irregular) -> list[LoopFit]:
    """Return free-running hypotheses, best first; null: the irregular reading of the same intervals."""
    intervals = np.diff(train.onsets)
    step = max(1, len(intervals) // _MOST_INTERVALS)
    sample, density = intervals[::step], null.log_density[::step]
    scale = len(intervals) / max(len(sample), 1)
    fits = [
        fit
        for period in _periods(sample, train.resolution)
        for jitter in (*_JITTERS, _fitted_jitter(sample, period))
        if (fit := _fit(sample, density, period, jitter, scale=scale, train=train)) is not None
    ]
    return sorted(fits, key=lambda fit: -fit.score)


def _periods(intervals: FloatArray, unit: float) -> list[float]:
    """Return the median interval, the centres of its densest clusters, and their halves."""
    ordered = np.sort(intervals)
    found = [float(np.median(ordered))]
    for width in (0.01, 0.04, 0.15):
        counts = np.searchsorted(ordered, ordered * (1 + width) + unit, side="right") - np.arange(len(ordered))
        for index in np.argsort(-counts, kind="stable")[:2].tolist():
            found.append(float(ordered[index : index + counts[index]].mean()))
    periods = np.unique(np.round(np.array(found + [period / 2 for period in found]), 3))
    return [period for period in periods.tolist() if period > _LEAST_UNITS * unit]


def _fitted_jitter(intervals: FloatArray, period: float) -> float:
    """Return the scatter of turns as a share of the period, from the median absolute deviation (times 1.4826, if
    normal).
    """
    turns = np.maximum(np.round(intervals / period), 1)
    return max(1.4826 * float(np.median(np.abs(intervals - turns * period) / np.sqrt(turns))) / period, 0.0005)


def _fit(
    intervals: FloatArray, density: FloatArray, period: float, jitter: float, *, scale: float, train: Train
) -> LoopFit | None:
    """Work out one period and jitter, averaged over coverage and share of outliers; None where turns would blur
    together.
    """
    period = _recentred(intervals, period, jitter)
    turns = np.maximum(np.round(intervals / period), 1)
    spread = np.sqrt((jitter * period) ** 2 * turns + (STAMP_SPREAD * train.resolution) ** 2)
    if float(spread.min()) > period / 4:
        return None
    miss = intervals - turns * period
    shape = -0.5 * (miss / spread) ** 2 - np.log(spread * math.sqrt(2 * math.pi)) - density
    shape = np.where(turns <= _MOST_TURNS, shape, -np.inf)
    terms = []
    for coverage in _COVERAGES:
        gain = np.exp(np.minimum(shape + math.log(coverage) + (turns - 1) * math.log1p(-coverage), 600))
        terms += [scale * float(np.log(outliers + (1 - outliers) * gain).sum()) for outliers in _OUTLIERS]
    cell = min(math.sqrt(2 * math.pi) * float(np.median(spread)) / math.sqrt(len(intervals)) / period, 0.5)
    prior = math.log(cell / log_period_range(train))
    score = log_mean_exp(terms) + prior - math.log(len(_JITTERS) + 1)
    fitting = np.where((np.abs(miss) <= 3 * spread) & (turns <= _MOST_TURNS), turns, 0)
    return LoopFit(score, prior, period, float(np.median(spread)), fitting)


def _recentred(intervals: FloatArray, period: float, jitter: float) -> float:
    """Return the period as the mean turn of the intervals near a multiple of it."""
    turns = np.maximum(np.round(intervals / period), 1)
    near: BoolArray = np.abs(intervals - turns * period) <= 3 * jitter * period * np.sqrt(turns) + 0.01 * period
    near &= turns <= 3
    return float(intervals[near].sum() / turns[near].sum()) if near.any() else period
