"""When did the rate of events change: one or several steps, up or down, each with an interval; none where none is."""

from __future__ import annotations

import math

from msgspec import Struct

from logcorr.lazily import np, npt
from logcorr.statistics.background import log_rising
from logcorr.statistics.likelihood import LOG10, log_sum_exp
from logcorr.statistics.trains import FloatArray, IntArray, checked_window, sorted_times

# Gamma prior of a rate: shape 1/2, mean as over the whole stretch.
_SHAPE = 0.5
# Before looking, a stretch holds a change with this probability; it is reported from this confidence on.
_PRIOR = 0.3
_LEAST_CONFIDENCE = 0.95
_MOST_CHANGES = 20
_LEAST_EVENTS = 4
# Epoch seconds as floats are a quarter microsecond apart: a shorter stretch has no rates to compare.
_SHORTEST_S = 0.01
# Dispersion is measured at these numbers of bins; the largest differences, which a step itself makes, are left out.
_BIN_COUNTS = (16, 32, 64, 128, 256)
_LEFT_OUT = 0.1
_LEAST_LEFT_OUT = 4


class Change(Struct, frozen=True):
    """One step of the rate. time with its 90 % interval low..high, epoch seconds; rates in events a second.

    before and after hold from the change before to the next one. confidence: probability that there is a change.
    log10_bf: evidence for it, divided by the dispersion (variance over mean of counts; 1 for independent events, more
    for bursts).
    """

    time: float
    low: float
    high: float
    before: float
    after: float
    confidence: float
    log10_bf: float
    dispersion: float


class _Step(Struct, frozen=True):
    """A step within a stretch; index of its events lie before it."""

    index: int
    time: float
    low: float
    high: float
    confidence: float
    log_bf: float
    dispersion: float


def onsets(times: npt.ArrayLike, *, start: float, end: float) -> tuple[Change, ...]:
    """Return the changes of rate of events seen in start..end (epoch seconds), in time order."""
    start, end = checked_window(start, end)
    array = sorted_times(times)
    array = array[(array >= start) & (array <= end)]
    steps = _confirmed(array, start, end, _split(array, start, end, _MOST_CHANGES))
    edges = [start, *(step.time for step in steps), end]
    counts = np.diff(np.searchsorted(array, edges[1:-1]), prepend=0, append=len(array))
    rates = (counts / np.maximum(np.diff(edges), 1e-9)).tolist()
    return tuple(
        Change(step.time, step.low, step.high, before, after, step.confidence, step.log_bf / LOG10, step.dispersion)
        for step, before, after in zip(steps, rates[:-1], rates[1:], strict=True)
    )


def _split(times: FloatArray, start: float, end: float, most: int) -> list[_Step]:
    """Return the steps found by splitting the stretch at its most probable change, and its parts again."""
    step = _best_step(times, start, end)
    if step is None or step.confidence < _LEAST_CONFIDENCE or most == 0:
        return []
    left = _split(times[: step.index], start, step.time, most - 1)
    right = _split(times[step.index :], step.time, end, most - 1 - len(left))
    return [*left, step, *right]


def _confirmed(times: FloatArray, start: float, end: float, steps: list[_Step]) -> list[_Step]:
    """Return the steps that stand between their neighbours as well, timed anew there: the first splits saw the later
    ones' rates.
    """
    for _ in range(_MOST_CHANGES):
        edges = [start, *(step.time for step in steps), end]
        counts = np.searchsorted(times, edges)
        anew = [
            _best_step(times[counts[index] : counts[index + 2]], edges[index], edges[index + 2]) for index in range(len(steps))
        ]
        doubted = min(range(len(anew)), key=lambda index: _confidence_of(anew[index]), default=0)
        if not anew or _confidence_of(anew[doubted]) >= _LEAST_CONFIDENCE:
            return [step for step in anew if step is not None]
        steps = steps[:doubted] + steps[doubted + 1 :]
    return steps


def _confidence_of(step: _Step | None) -> float:
    """Return the confidence of a step, 0 for none."""
    return step.confidence if step is not None else 0.0


def _best_step(times: FloatArray, start: float, end: float) -> _Step | None:
    """Return the posterior of a single step: constant rates on both sides, at any time in any gap between events."""
    count, window = len(times), end - start
    if count < _LEAST_EVENTS or window < _SHORTEST_S:
        return None
    dispersion = _dispersion(times, start, end)
    edges = np.concatenate(([start], times, [end]))
    before = np.arange(count + 1)
    # Within a gap the likelihood grows exponentially towards the event for a step up, away from it for a step down.
    rate_before, rate_after = (
        _rate(before, edges[:-1] - start, window / count),
        _rate(count - before, end - edges[1:], window / count),
    )
    slope = (rate_after - rate_before) / dispersion
    peak = np.where(slope > 0, edges[1:], edges[:-1]) - start
    evidence = _marginal(before, peak, count, window) + _marginal(count - before, window - peak, count, window)
    constant = float(_marginal(np.array([count]), np.array([window]), count, window)[0])
    reach = -np.expm1(-np.abs(slope) * np.diff(edges)) / np.maximum(np.abs(slope), 1e-12)
    logs = (evidence - constant) / dispersion + np.log(np.maximum(reach, 1e-9) / window)
    log_bf = log_sum_exp(logs)
    confidence = 1 / (1 + (1 - _PRIOR) / _PRIOR * math.exp(-min(log_bf, 700.0)))
    shares = np.exp(logs - log_bf)
    index, time = _quantile(0.5, shares, edges, slope)
    low, high = (_quantile(level, shares, edges, slope)[1] for level in (0.05, 0.95))
    return _Step(index, time, low, high, confidence, log_bf, dispersion)


def _rate(counts: IntArray, lengths: FloatArray, mean_gap: float) -> FloatArray:
    """Return posterior mean rates of stretches with so many events in so many seconds."""
    return (counts + _SHAPE) / (lengths + _SHAPE * mean_gap)


def _marginal(counts: IntArray, lengths: FloatArray, total: int, window: float) -> FloatArray:
    """Return the log marginal likelihood (Gamma-Poisson) of stretches with so many events in so many seconds."""
    scale = _SHAPE * window / total
    return log_rising(_SHAPE, total)[counts] + _SHAPE * math.log(scale) - (counts + _SHAPE) * np.log(lengths + scale)


def _quantile(level: float, shares: FloatArray, edges: FloatArray, slope: FloatArray) -> tuple[int, float]:
    """Return the gap in which the posterior of the time of change passes level, and the time."""
    reached = np.cumsum(shares)
    gap = min(int(np.searchsorted(reached, level * reached[-1])), len(shares) - 1)
    part = (level * float(reached[-1]) - float(reached[gap] - shares[gap])) / max(float(shares[gap]), 1e-300)
    part, width, rate = min(max(part, 0.0), 1.0), float(edges[gap + 1] - edges[gap]), float(slope[gap])
    if abs(rate) * width < 1e-9:
        return gap, float(edges[gap]) + part * width
    if rate > 0:
        return gap, float(edges[gap + 1]) + math.log(part + (1 - part) * math.exp(-rate * width)) / rate
    return gap, float(edges[gap]) + math.log1p(part * math.expm1(rate * width)) / rate


def _dispersion(times: FloatArray, start: float, end: float) -> float:
    """Return variance over mean of counts, from differences of neighbouring bins, the largest left out; at least 1."""
    largest = 1.0
    for bins in _BIN_COUNTS:
        if bins > max(_BIN_COUNTS[0], len(times)):
            break
        counts = np.histogram(times, bins=bins, range=(start, end))[0].astype(np.float64)
        squares = np.sort(np.diff(counts) ** 2)
        kept = len(squares) - max(_LEAST_LEFT_OUT, math.ceil(_LEFT_OUT * len(squares)))
        means = (counts[1:] + counts[:-1])[np.argsort(np.diff(counts) ** 2, kind="stable")[:kept]]
        largest = max(largest, float(squares[:kept].sum()) / max(float(means.sum()), 1.0))
    return largest
