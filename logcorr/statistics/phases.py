"""Second looks at periodic fits: does a drifting one keep its phase after all, and does a fine grid hide coarser
combs.
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from logcorr.lazily import np
from logcorr.statistics.candidates import USUAL_PERIODS
from logcorr.statistics.locked import LockedFit, locked_at
from logcorr.statistics.loops import STAMP_SPREAD, LoopFit
from logcorr.statistics.trains import FloatArray, Train, runs

_FITS = 4
_NEAR = 0.02
_SAME = 0.002
_WIDEST_SHARE = 0.25
# A comb is tried up to this many teeth apart, each class with at least three ticks of which most are hit.
_MOST_APART = 20
_LEAST_TICKS = 3
_LEAST_COVERAGE = 0.85
_LEAST_GAIN = 1.0
_MOST_HITS = 20_000


def phase_kept(train: Train, fits: list[LoopFit]) -> list[LockedFit]:
    """Return the drifting fits read as keeping their phase, to a usual period nearby or to their own; scatter of any
    smooth shape.
    """
    total = sum(USUAL_PERIODS.values())
    found = []
    for fit in _distinct(fits) if fits and train.count == len(fits[0].turns) + 1 else []:
        near = [period for period in USUAL_PERIODS if abs(period - fit.period) <= _NEAR * period]
        for period in [*near, _mean_turn(train, fit)]:
            prior = math.log(USUAL_PERIODS[period] / total) if period in near else fit.period_log_prior
            score = fit.score - fit.period_log_prior + prior + _locked_gain(train, fit.turns, period)
            found.append(_window_of(train, period, period in near, score))
    return [each for each in found if each is not None]


def _distinct(fits: list[LoopFit]) -> list[LoopFit]:
    """Return the best fit of each of the best few periods."""
    chosen: list[LoopFit] = []
    for fit in fits:
        if len(chosen) < _FITS and all(abs(fit.period - other.period) > _SAME * fit.period for other in chosen):
            chosen.append(fit)
    return chosen


def _mean_turn(train: Train, fit: LoopFit) -> float:
    """Return the period by least squares over the events between fitting intervals, each some turns after the first."""
    number = np.concatenate(([0.0], np.cumsum(np.maximum(np.round(np.diff(train.onsets) / fit.period), 0))))
    centred = number - number.mean()
    return float((centred * (train.onsets - train.onsets.mean())).sum() / max(float((centred**2).sum()), 1e-9))


def _locked_gain(train: Train, turns: FloatArray, period: float) -> float:
    """Return the evidence (nats) that events keep their phase to this period, against turns that add up.

    Both take normal scatter, fitted: of phases around their mean, of turns around the period. A clock's turns scatter
    sqrt(2) times as much as its phases; a loop's phases wander off. With n events, from the likelihoods at their
    maxima: (n - 1) ln(spread of turns / spread of phases) - ln(n) / 2 - 1/2.
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


def _window_of(train: Train, period: float, usual: bool, score: float) -> LockedFit | None:
    """Return the window that holds the phases near the middle one; None where it is too wide for a phase."""
    phases = _phases(train, period)
    centre = float(np.median(phases))
    spread = 1.4826 * float(np.median(np.abs(phases - centre))) + train.resolution
    near = phases[np.abs(phases - centre) <= 4 * spread]
    low, high = float(near.min()), float(near.max())
    if high - low > _WIDEST_SHARE * period:
        return None
    return locked_at(train, period, float((train.onsets - phases)[0]) + low, high - low, usual=usual, score=score)


def combs(train: Train, fits: list[LockedFit]) -> list[LockedFit]:
    """Return coarser trains that hide in fine grids: two crons fill a common grid, each in its own regular teeth."""
    found = [_comb(train, fit) for fit in fits[:_FITS]]
    return [fit for fit in found if fit is not None]


def _comb(train: Train, fit: LockedFit) -> LockedFit | None:
    """Return the comb among a fit's ticks that gains most by its own coverage; None where none gains."""
    hit = runs(fit.number[fit.inside])[0][:_MOST_HITS]
    if len(hit) < 2 * _LEAST_TICKS:
        return None
    span = int(hit[-1] - hit[0]) + 1
    usual = len(hit) / span
    best: tuple[float, int, int] = (_LEAST_GAIN, 0, 0)
    for apart in range(2, min(_MOST_APART, span // _LEAST_TICKS) + 1):
        teeth = (hit - hit[0]) % apart
        for tooth in np.flatnonzero(np.bincount(teeth, minlength=apart) >= _LEAST_TICKS).tolist():
            mine = hit[teeth == tooth]
            ticks = int(mine[-1] - mine[0]) // apart + 1
            if len(mine) >= _LEAST_COVERAGE * ticks:
                choices = math.log(apart * _MOST_APART * (span / apart - ticks + 1))
                best = max(best, (_gain(len(mine), ticks, usual) - choices, apart, tooth))
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
        number=number // apart, inside=inside, ticks=max(ticks_seen, len(runs(number[inside])[0])),
    )  # fmt: skip


def _gain(hits: int, ticks: int, usual: float) -> float:
    """Return how much better (nats) so many hits of ticks are told by their own share than by the usual one."""
    share = hits / ticks
    rest = (ticks - hits) * math.log(max(1 - share, 1e-12) / max(1 - usual, 1e-12)) if hits < ticks else 0.0
    return hits * math.log(share / usual) + rest
