"""Trains that back off: each delay is a factor longer than the last, up to a cap, until a success starts them over.

docker restarts a failing container after 0.1 s, doubling to 60 s, and starts over after a run of 10 s; kubelet goes from
10 s to 300 s. An interval is delay plus run time. The hypothesis is a ladder of delays with a hidden rung: every event climbs
one rung (the top one repeats), a reset goes to any lower rung after a silence of any length. Forward recursion sums over rungs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np

from logcorr.statistics.loops import Irregular
from logcorr.statistics.trains import FloatArray, Train

_FACTORS = (2.0, 1.5, 3.0)
_JITTERS = (0.02, 0.08, 0.25)
_RUNGS = 14
_RESET = 0.08
# Run time as a share of the shortest tenth of the intervals.
_RUN_SHARES = (0.0, 0.3, 0.6, 0.9)
_ANCHORS = 2
# Ladders are told within this many intervals; the rest of a longer train is taken to continue alike.
_MOST_INTERVALS = 300
_CUT = math.sqrt(1 / 6)
_SILENT = -60.0


@dataclass(frozen=True, slots=True)
class BackoffFit:
    """Evidence (nats, prior included) for a ladder, with the best ladder's factor, longest delay (its cap, if capped) and run time."""

    score: float
    factor: float
    longest_s: float
    run_s: float


@dataclass(frozen=True, slots=True)
class _Ladder:
    """One ladder: its delays in seconds ascending, their relative jitter, the run time, the log prior."""

    delays: FloatArray
    factor: float
    jitter: float
    run_s: float
    log_prior: float


def backoff_fit(train: Train, null: Irregular) -> BackoffFit:
    """Return the evidence that the intervals climb a ladder."""
    intervals = np.diff(train.onsets)[:_MOST_INTERVALS]
    ladders = _ladders(intervals, train.resolution) if len(intervals) >= 4 else []
    if not ladders:
        return BackoffFit(-math.inf, 0.0, 0.0, 0.0)
    scale = (train.count - 1) / len(intervals)
    evidence = scale * _forward(intervals, null.log_density[: len(intervals)], ladders, train.resolution)
    scores = evidence + np.array([ladder.log_prior for ladder in ladders])
    best = ladders[int(np.argmax(scores))]
    largest = float(scores.max())
    total = largest + math.log(float(np.exp(scores - largest).sum()))
    return BackoffFit(total, best.factor, float(best.delays[-1]), best.run_s)


def _ladders(intervals: FloatArray, unit: float) -> list[_Ladder]:
    """Return the ladders worth trying: through intervals with the most relatives a power of the factor away, with and without cap."""
    quick = float(np.quantile(intervals, 0.1))
    caps = _caps(intervals)
    ladders = []
    for factor, share, jitter in product(_FACTORS, _RUN_SHARES, _JITTERS):
        delays = intervals - share * quick
        cell = math.log(min(1.0, 2.5 * jitter / math.log(factor)))
        for anchor, cap in product(_anchors(delays, factor, unit), caps):
            rungs = _rungs(anchor, factor, cap - share * quick if cap else float(delays.max()) * 1.2)
            if len(rungs) >= 3:
                price = math.log(0.5) + (math.log(jitter) if cap else 0.0)
                ladders.append(
                    _Ladder(_with_cap(rungs, cap - share * quick if cap else 0.0), factor, jitter, share * quick, cell + price)
                )
    choices = math.log(len(_FACTORS) * len(_RUN_SHARES) * len(_JITTERS))
    return [_Ladder(each.delays, each.factor, each.jitter, each.run_s, each.log_prior - choices) for each in ladders]


def _anchors(delays: FloatArray, factor: float, unit: float) -> list[float]:
    """Return the delays that have the most relatives a power of the factor away, longest (and so most exact) first."""
    usable = np.unique(delays[delays >= 3 * unit])
    if not len(usable):
        return []
    steps = np.log(usable[:, None] / usable[None, :]) / math.log(factor)
    off = np.abs(steps - np.round(steps)) * math.log(factor) * usable[None, :]
    relatives = ((off <= 0.08 * usable[None, :] + unit) & (np.abs(steps) < 6.5) & (np.abs(steps) > 0.5)).sum(axis=1)
    order = np.lexsort((-usable, -relatives))
    return usable[order[:_ANCHORS]].tolist()


def _caps(intervals: FloatArray) -> list[float]:
    """Return 0 (no cap) and the centre of the densest cluster of intervals among the upper half."""
    upper = np.sort(intervals)[len(intervals) // 2 :]
    counts = np.searchsorted(upper, upper * 1.05, side="right") - np.arange(len(upper))
    at = int(np.argmax(counts))
    return [0.0, float(np.median(upper[at : at + counts[at]]))] if counts[at] >= 2 else [0.0]


def _rungs(anchor: float, factor: float, longest: float) -> FloatArray:
    """Return the ladder through the anchor, up to longest, at most fourteen rungs."""
    if longest <= anchor / factor:
        return np.empty(0)
    top = math.floor(math.log(max(longest / anchor, 1e-9)) / math.log(factor) + 1e-6)
    return anchor * factor ** np.arange(top - _RUNGS + 1, top + 1, dtype=np.float64)


def _with_cap(rungs: FloatArray, cap: float) -> FloatArray:
    """Return the rungs with the last one replaced by the cap where it is given."""
    return np.append(rungs[1:], cap) if cap > rungs[-1] else rungs


def _forward(intervals: FloatArray, density: FloatArray, ladders: list[_Ladder], unit: float) -> FloatArray:
    """Return for each ladder the log likelihood ratio to irregular intervals, summed over the hidden rungs."""
    delays = np.array([ladder.delays for ladder in ladders])
    jitter = np.array([ladder.jitter for ladder in ladders])[:, None]
    run = np.array([ladder.run_s for ladder in ladders])[:, None]
    spread = np.sqrt((jitter * delays) ** 2 + (0.3 * run) ** 2 + (_CUT * unit) ** 2 + 1e-6)
    start = np.zeros_like(delays)
    start[:, :-2] = 1 / (_RUNGS - 2)
    weight, silent = 0.9 * start, np.full((len(ladders), 1), 0.1)
    total = np.zeros(len(ladders))
    for interval, log_density in zip(intervals.tolist(), density.tolist(), strict=True):
        shape = -0.5 * ((interval - delays - run) / spread) ** 2 - np.log(spread) - 0.5 * math.log(2 * math.pi) - log_density
        held = weight * np.exp(np.clip(shape, _SILENT, 60.0))
        norm = held.sum(axis=1, keepdims=True) + silent
        total += np.log(norm[:, 0])
        held, silent = held / norm, silent / norm
        climbed = np.zeros_like(held)
        climbed[:, 1:] = held[:, :-1]
        climbed[:, -1] += held[:, -1]
        weight = (1 - _RESET) * (climbed + silent * start)
        silent = _RESET * (held.sum(axis=1, keepdims=True) + silent)
    return total
