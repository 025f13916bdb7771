"""Trains that back off: each delay is a factor longer than the last, up to a cap, until a success starts them over.

docker restarts a failing container after 0.1 s, doubling to 60 s, and starts over after a run of 10 s; kubelet goes
from 10 s to 300 s. An interval is delay plus run time. The hypothesis is a ladder of delays with a hidden rung: every
event climbs one rung (the top one repeats), a reset goes to any lower rung after a silence of any length. Forward
recursion sums over rungs.
"""

from __future__ import annotations

import math
from itertools import product

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import np
from logcorr.statistics.likelihood import log_mean_exp, log_sum_exp
from logcorr.statistics.loops import STAMP_SPREAD, irregular
from logcorr.statistics.trains import FloatArray, Train

_FACTORS = (2.0, 1.5, 3.0)
_JITTERS = (0.004, 0.025, 0.1)
_RUNGS = 14
_RESET = 0.03
# A climb begins at intervals at most this share of the longest: else every steady loop would be a ladder at its top.
_LOW = 0.5
# And it climbs so many rungs at least: two intervals of which the second is longer are no ladder.
_LEAST_CLIMB = 3
# A ladder whose longest delay is under so many stamp units cannot be told from the stamps' own grid.
_LEAST_UNITS = 5.0
# Run time as a share of the shortest interval, and how much it varies.
_RUN_SHARES = (0.0, 0.5, 0.9, 1.2)
_RUN_JITTER = 0.1
_ANCHORS = 2
# Ladders are told within this many intervals; the rest of a longer train is taken to continue alike.
_MOST_INTERVALS = 300
_IMPOSSIBLE = -700.0


class BackoffFit(Struct, frozen=True):
    """Evidence (nats, prior included) for a ladder, with the best ladder's factor, longest delay (its cap, if capped)
    and run time.
    """

    score: float
    factor: float
    longest_s: float
    run_s: float


class _Ladder(Struct, frozen=True):
    """One ladder: its delays in seconds ascending, the standard deviation of each, the run time in seconds, the log
    prior.
    """

    delays: FloatArray
    spreads: FloatArray
    factor: float
    run_s: float
    log_prior: float


def backoff_fit(train: Train) -> BackoffFit:
    """Return the evidence that intervals climb a ladder: those of all events or, where these come in bursts, of
    onsets as well.
    """
    whole = _fit(train.events, train.resolution)
    if train.count == len(train.events):
        return whole
    onsets = _fit(train.onsets, train.resolution)
    return replace(max(whole, onsets, key=lambda fit: fit.score), score=log_mean_exp([whole.score, onsets.score]))


def _fit(times: FloatArray, unit: float) -> BackoffFit:
    """Return the evidence of one train of times, with the best ladder."""
    intervals = np.diff(times[: _MOST_INTERVALS + 1])
    ladders = _ladders(intervals, unit) if len(intervals) >= 4 and intervals.max() > 0 else []
    if not ladders:
        return BackoffFit(-math.inf, 0.0, 0.0, 0.0)
    null = irregular(intervals, float(intervals.sum()) + unit, unit)
    scale = (len(times) - 1) / len(intervals)
    evidence = scale * _forward(intervals, null.log_density, ladders, unit)
    scores = evidence + np.array([ladder.log_prior for ladder in ladders])
    best = ladders[int(np.argmax(scores))]
    return BackoffFit(log_sum_exp(scores), best.factor, float(best.delays[-1]), best.run_s)


def _ladders(intervals: FloatArray, unit: float) -> list[_Ladder]:
    """Return ladders worth trying: through intervals that have most relatives a power of the factor away, with and
    without cap.
    """
    ladders = []
    for factor in _FACTORS:
        runs = _run_times(intervals, factor)
        choices = math.log(len(_FACTORS) * len(runs) * len(_JITTERS) * 2)
        for run, cap in product(runs, _caps(intervals)):
            for anchor, jitter in product(_anchors(intervals - run, factor, unit), _JITTERS):
                ladder = _ladder(anchor, factor, jitter, run, cap=cap, longest=float(intervals.max()))
                if ladder is not None and ladder.delays[-1] >= _LEAST_UNITS * unit:
                    ladders.append(replace(ladder, log_prior=ladder.log_prior - choices))
    return ladders


def _ladder(
    anchor: float, factor: float, jitter: float, run: float, *, cap: tuple[float, float] | None, longest: float
) -> _Ladder | None:
    """Return the ladder through the anchor, up to the cap or the longest interval; None where that is no climb."""
    top_s = cap[0] - run if cap else 1.2 * longest
    if top_s <= anchor / factor:
        return None
    top = math.floor(math.log(top_s / anchor) / math.log(factor) + 1e-6)
    delays = anchor * factor ** np.arange(top - _RUNGS + 1, top + 1, dtype=np.float64)
    spreads = np.hypot(jitter * delays, _RUN_JITTER * run)
    cell = math.log(min(1.0, 2.5 * jitter / math.log(factor)))
    if cap and top_s > delays[-1] * 1.01:
        delays, spreads = np.append(delays[1:], top_s), np.append(spreads[1:], cap[1])
        cell += math.log(max(cap[1] / top_s, 0.01))
    return _Ladder(delays, spreads, factor, run, cell)


def _run_times(intervals: FloatArray, factor: float) -> list[float]:
    """Return run times to try: shares of the shortest interval, and what two intervals a rung apart leave."""
    shortest, quarter = np.sort(intervals)[[min(1, len(intervals) // 30), len(intervals) // 4]].tolist()
    runs = [share * shortest for share in _RUN_SHARES]
    growing = (intervals[1:] > 1.25 * intervals[:-1]) & (intervals[1:] < 1.02 * factor * intervals[:-1])
    if growing.any():
        left = (factor * intervals[:-1] - intervals[1:])[growing] / (factor - 1)
        runs.append(min(max(float(np.median(left)), 0.0), quarter))
    return runs


def _anchors(delays: FloatArray, factor: float, unit: float) -> list[float]:
    """Return the delays that have the most relatives a power of the factor away, longest (and so most exact) first."""
    usable = np.unique(delays[delays >= 3 * unit])
    if not len(usable):
        return []
    steps = np.log(usable[:, None] / usable[None, :]) / math.log(factor)
    off = np.abs(steps - np.round(steps)) * math.log(factor) * usable[None, :]
    relatives = ((off <= 0.08 * usable[None, :] + unit) & (np.abs(steps) < 6.5) & (np.abs(steps) > 0.5)).sum(axis=1)
    order = np.lexsort((-usable, -relatives))
    anchors: list[float] = usable[order[:_ANCHORS]].tolist()
    return anchors


def _caps(intervals: FloatArray) -> list[tuple[float, float] | None]:
    """Return no cap, and the densest cluster of intervals among the upper half as (centre, standard deviation)."""
    upper = np.sort(intervals)[len(intervals) // 2 :]
    counts = np.searchsorted(upper, upper * 1.06, side="right") - np.arange(len(upper))
    at = int(np.argmax(counts))
    centre = float(np.median(upper[at : at + counts[at]]))
    cluster = intervals[np.abs(intervals - centre) <= 0.06 * centre]
    return (
        [None, (float(cluster.mean()), max(float(cluster.std()), 0.002 * float(cluster.mean())))] if len(cluster) > 1 else [None]
    )


def _forward(intervals: FloatArray, density: FloatArray, ladders: list[_Ladder], unit: float) -> FloatArray:
    """Return for each ladder the log likelihood ratio to irregular intervals, summed over the hidden rungs."""
    delays = np.array([ladder.delays for ladder in ladders])
    run = np.array([ladder.run_s for ladder in ladders])[:, None]
    spread = np.sqrt(np.array([ladder.spreads for ladder in ladders]) ** 2 + (STAMP_SPREAD * unit) ** 2 + 1e-6)
    low = (delays + run <= _LOW * (delays[:, -1:] + run)).astype(np.float64)
    low[:, -_LEAST_CLIMB:] = 0
    start = low / np.maximum(low.sum(axis=1, keepdims=True), 1)
    weight, silent = 0.9 * start, np.full((len(ladders), 1), 0.1)
    total = np.zeros(len(ladders))
    for interval, log_density in zip(intervals.tolist(), density.tolist(), strict=True):
        shape = -0.5 * ((interval - delays - run) / spread) ** 2 - np.log(spread) - 0.5 * math.log(2 * math.pi) - log_density
        held = weight * np.exp(np.clip(shape, _IMPOSSIBLE, 60.0))
        norm = held.sum(axis=1, keepdims=True) + silent
        total += np.log(norm[:, 0])
        held, silent = held / norm, silent / norm
        climbed = np.zeros_like(held)
        climbed[:, 1:] = held[:, :-1]
        climbed[:, -1] += held[:, -1]
        weight = (1 - _RESET) * (climbed + silent * start)
        silent = _RESET * (held.sum(axis=1, keepdims=True) + silent)
    return total
