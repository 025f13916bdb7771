"""Second looks at periodic fits: does a drifting one keep its phase after all, and does a fine grid hide coarser combs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from logcorr.statistics.candidates import USUAL_PERIODS
from logcorr.statistics.locked import LockedFit, locked_at
from logcorr.statistics.loops import STAMP_SPREAD, LoopFit
from logcorr.statistics.trains import FloatArray, Train

_FITS = 4
_NEAR = 0.02
_WIDEST_SHARE = 0.25
# A comb is tried up to this many teeth apart, each class with at least three ticks of which most are hit.
_MOST_APART = 12
_LEAST_TICKS = 3
_LEAST_COVERAGE = 0.85
_LEAST_GAIN = 3.0


def on_the_clock(train: Train, fits: list[LoopFit]) -> list[LockedFit]:
    """Return the drifting fits read as usual periods that keep their phase, with scatter of any smooth shape."""
    total = sum(USUAL_PERIODS.values())
    found = []
    for fit in fits[:_FITS]:
        for period, weight in USUAL_PERIODS.items():
            if abs(period - fit.period) <= _NEAR * period and train.count == len(fit.turns) + 1:
                score = fit.score - fit.period_log_prior + math.log(weight / total) + _locked_gain(train, fit.turns, period)
                found.append(_window_of(train, period, score))
    return [each for each in found if each is not None]


def _locked_gain(train: Train, turns: FloatArray, period: float) -> float:
    """Return the evidence (nats) that events keep their phase to this period, against turns that add up.

    Both take normal scatter, fitted: of phases around their mean, of turns around the period. A clock's turns scatter sqrt(2)
    times as much as its phases; a loop's phases wander off. With n events, from the likelihoods at their maxima:
    (n - 1) ln(spread of turns / spread of phases) - ln(n) / 2 - 1/2.
    """
    fitting = turns > 0
    if fitting.sum() < 2:
        return -math.inf
    drift = np.diff(train.onsets)[fitting] - turns[fitting] * period
    phases = _phases(train, period)[np.append(fitting, False) | np.append(False, fitting)]
    cut = (STAMP_SPREAD * train.resolution) ** 2
    of_turns = math.sqrt(float((drift**2 / turns[fitting]).mean()) + cut / 4 + 1e-12)
    of_phases = math.sqrt(float(phases.var()) + cut / 8 + 1e-12)
    return len(drift) * math.log(of_turns / of_phases) - 0.5 * math.log(len(phases)) - 0.5


def _phases(train: Train, period: float) -> FloatArray:
    """Return how far each onset lies from the circular mean phase, in seconds, within half a period."""
    angles = train.onsets % period * (2 * math.pi / period)
    middle = math.atan2(float(np.sin(angles).sum()), float(np.cos(angles).sum())) * period / (2 * math.pi)
    return (train.onsets - middle + period / 2) % period - period / 2


def _window_of(train: Train, period: float, score: float) -> LockedFit | None:
    """Return the window that holds the phases near the middle one; None where it is too wide for a phase."""
    phases = _phases(train, period)
    centre = float(np.median(phases))
    spread = 1.4826 * float(np.median(np.abs(phases - centre))) + train.resolution
    near = phases[np.abs(phases - centre) <= 4 * spread]
    low, high = float(near.min()), float(near.max())
    if high - low > _WIDEST_SHARE * period:
        return None
    return locked_at(train, period, float((train.onsets - phases)[0]) + low, high - low, True, score)


def combs(train: Train, fits: list[LockedFit]) -> list[LockedFit]:
    """Return coarser trains that hide in fine grids: two crons fill a common grid, each in its own regular teeth."""
    found = [_comb(train, fit) for fit in fits[:_FITS]]
    return [fit for fit in found if fit is not None]


def _comb(train: Train, fit: LockedFit) -> LockedFit | None:
    """Return the comb among a fit's ticks that gains most by its own coverage; None where none gains."""
    hit = np.unique(fit.number[fit.inside])
    if len(hit) < 2 * _LEAST_TICKS:
        return None
    span = int(hit[-1] - hit[0]) + 1
    usual = len(hit) / span
    best: tuple[float, int, int] = (_LEAST_GAIN, 0, 0)
    for apart in range(2, min(_MOST_APART, span // _LEAST_TICKS) + 1):
        hits = np.bincount((hit - hit[0]) % apart, minlength=apart)
        ticks = (span - np.arange(apart) + apart - 1) // apart
        for tooth in np.flatnonzero(hits >= _LEAST_COVERAGE * ticks).tolist():
            gain = _gain(int(hits[tooth]), int(ticks[tooth]), usual) - math.log(apart * _MOST_APART)
            best = max(best, (gain, apart, tooth))
    gain, apart, tooth = best
    if not apart:
        return None
    number = fit.number - hit[0] - tooth
    inside = fit.inside & (number % apart == 0)
    period, origin = fit.period * apart, fit.origin + (int(hit[0]) + tooth) * fit.period
    usual_period = next((each for each in USUAL_PERIODS if abs(each - period) <= fit.width / len(hit) + 1e-6 * each), None)
    ticks_seen = max(fit.ticks // apart, int(inside.sum() > 0))
    return replace(
        fit, score=fit.score + gain, period=usual_period or period, origin=origin, usual=usual_period is not None,
        number=number // apart, inside=inside, ticks=max(ticks_seen, len(np.unique(number[inside]))),
    )  # fmt: skip


def _gain(hits: int, ticks: int, usual: float) -> float:
    """Return how much better (nats) so many hits of ticks are told by their own share than by the usual one."""
    share = hits / ticks
    rest = (ticks - hits) * math.log(max(1 - share, 1e-12) / max(1 - usual, 1e-12)) if hits < ticks else 0.0
    return hits * math.log(share / usual) + rest
