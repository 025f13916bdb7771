"""Is a train periodic, with which period, and by which mechanism."""

from __future__ import annotations

import math

from msgspec import Struct

from logcorr.lazily import np, npt
from logcorr.statistics.assessment import PRIOR, Assessment, Mechanisms, assess
from logcorr.statistics.likelihood import LOG10, log_binomial_tail, log_sum_exp
from logcorr.statistics.locked import LockedFit
from logcorr.statistics.loops import LoopFit
from logcorr.statistics.trains import Train, observed, runs

# What was tried, for the chance: periods set by two events and a divisor, or usual ones, times widths.
_DIVISORS, _WIDTHS, _USUAL = 3, 14, 33
# A normal quantity lies within 1.645 standard deviations of its mean nine times out of ten.
_NINETY = 1.645


class Periodicity(Struct, frozen=True):
    """What a train's timing says. Times in seconds; a burst counts as one event.

    mechanism: wall_clock (locked to a usual period of the clock), loop (a timer or sleep with a period of its own),
    backoff (growing delays) or irregular; mechanisms: the probability of each. confidence: probability of the claim:
    that there is this period for wall_clock and loop, else that of the mechanism. explained of events fit; hits of
    ticks were hit, coverage is their share; cover: share of the time that the windows take up. chance: probability
    that noise does as well somewhere among all that was tried. log10_bf: evidence for the mechanism against irregular
    events (of irregular: against the other three). period_s with its 90 % interval and jitter_s (nine of ten
    explained events lie within so many seconds of each other around their tick; of a loop, its turns) are None
    without a period; phase_s (epoch time modulo period at which events begin) is None where it drifts; factor and
    longest_delay_s belong to a back-off. onsets_explained: epoch seconds, ascending.
    """

    mechanism: str
    confidence: float
    mechanisms: Mechanisms
    events: int
    explained: int
    chance: float
    log10_bf: float
    resolution_s: float
    period_s: float | None = None
    period_low_s: float | None = None
    period_high_s: float | None = None
    phase_s: float | None = None
    jitter_s: float | None = None
    ticks: int = 0
    hits: int = 0
    coverage: float = 0.0
    cover: float = 0.0
    factor: float | None = None
    longest_delay_s: float | None = None
    onsets_explained: tuple[float, ...] = ()


def detect(times: npt.ArrayLike, *, start: float, end: float, resolution: float | None = None) -> Periodicity:
    """Say whether the events seen in start..end (epoch seconds) are periodic, and how.

    resolution: unit in seconds that the source's stamps are cut to; inferred from the times when None, which cannot
    tell a cron that fires at :00 of every minute from stamps cut to minutes: give it when the source's other stamps
    are known. Two events never prove a period; under four the confidence in one is at most 0.8.
    """
    train, _ = observed(times, start, end, resolution)
    return describe(train, assess(train))


def _sure(periodic: float, chance: float) -> float:
    """Return the confidence in a period: no more than noise leaves over, should its intervals be of an odd kind."""
    return min(periodic, 1 - chance)


def describe(train: Train, found: Assessment) -> Periodicity:
    """Return the result for the most probable mechanism; wall clock and loop stand together against the others."""
    shares = found.mechanisms
    if shares.wall_clock + shares.loop >= max(shares.backoff, shares.irregular):
        if shares.wall_clock >= shares.loop and found.wall_clock is not None:
            return _of_locked(train, found, found.wall_clock)
        if found.timer is not None and found.timer_log_bf >= found.drift_log_bf:
            return _of_locked(train, found, found.timer)
        if found.drift is not None:
            return _of_drift(train, found, found.drift)
    if shares.backoff > shares.irregular:
        bound = min(1.0, math.exp(-max(found.backoff_log_bf, 0.0)))
        return Periodicity(
            mechanism="backoff",
            confidence=shares.backoff,
            mechanisms=shares,
            events=len(train.events),
            explained=len(train.events),
            chance=bound,
            log10_bf=found.backoff_log_bf / LOG10,
            resolution_s=train.resolution,
            factor=found.backoff.factor,
            longest_delay_s=found.backoff.longest_s,
        )
    return _irregular(train, found)


def _irregular(train: Train, found: Assessment) -> Periodicity:
    """Return the result for a train without a period: log10_bf weighs against the mean of the other mechanisms."""
    periodic, backoff = PRIOR.wall_clock + PRIOR.loop, PRIOR.backoff
    rest = log_sum_exp([found.periodic_log_bf + math.log(periodic), found.backoff_log_bf + math.log(backoff)])
    against = math.log(periodic + backoff) - rest
    return Periodicity(
        "irregular",
        found.mechanisms.irregular,
        found.mechanisms,
        train.count,
        0,
        1.0,
        against / LOG10,
        train.resolution,
    )


def _of_locked(train: Train, found: Assessment, fit: LockedFit) -> Periodicity:
    """Return the result for a period that keeps its phase."""
    onsets, number = train.onsets[fit.inside], fit.number[fit.inside]
    offsets = onsets - fit.origin - number * fit.period
    centred = number - number.mean()
    slope = float((centred * (onsets - onsets.mean())).sum() / max(float((centred**2).sum()), 1e-9))
    spread = math.hypot(float(offsets.std()), train.resolution / math.sqrt(12))
    error = _ninety(len(onsets) - 2) * spread / math.sqrt(max(float((centred**2).sum()), 1e-9))
    low, high = np.quantile(offsets, (0.05, 0.95)).tolist()
    cover = min(1.0, float(np.ptp(offsets) + train.resolution) / fit.period)
    hits = len(runs(number)[0])
    chance = _chance_locked(train.count, len(onsets), cover, fit.usual)
    return Periodicity(
        mechanism="wall_clock" if fit.usual else "loop",
        confidence=_sure(found.mechanisms.wall_clock + found.mechanisms.loop, chance),
        mechanisms=found.mechanisms,
        events=train.count,
        explained=len(onsets),
        chance=chance,
        log10_bf=found.periodic_log_bf / LOG10,
        resolution_s=train.resolution,
        period_s=fit.period,
        period_low_s=slope - error,
        period_high_s=slope + error,
        phase_s=(fit.origin + float(offsets.min())) % fit.period,
        jitter_s=high - low,
        ticks=fit.ticks,
        hits=hits,
        coverage=hits / fit.ticks,
        cover=cover,
        onsets_explained=tuple(onsets.tolist()),
    )


def _ninety(freedom: int) -> float:
    """Return how many standard errors hold nine in ten: Student's t to first order (Abramowitz 26.7.5)."""
    return _NINETY + (_NINETY**3 + _NINETY) / (4 * max(freedom, 1))


def _chance_locked(events: int, explained: int, cover: float, usual: bool) -> float:
    """Return the chance that noise fills windows as well: two events set any period and phase, one the phase of a
    usual one.
    """
    free = math.log(events * (events - 1) / 2 * _DIVISORS * _WIDTHS) + log_binomial_tail(events - 2, explained - 2, cover)
    if usual:
        free = min(free, math.log(events * _USUAL * _WIDTHS) + log_binomial_tail(events - 1, explained - 1, cover))
    return math.exp(min(0.0, free))


def _of_drift(train: Train, found: Assessment, fit: LoopFit) -> Periodicity:
    """Return the result for a period whose phase drifts: each interval is some whole number of turns."""
    fitting = fit.turns > 0
    turns = fit.turns[fitting]
    first = np.flatnonzero(np.concatenate((fitting, [False])) | np.concatenate(([False], fitting)))
    error = _ninety(len(turns) - 1) * fit.spread / math.sqrt(max(len(turns), 1))
    cover = min(1.0, 6 * fit.spread / fit.period)
    intervals = len(fit.turns)
    tail = log_binomial_tail(intervals - 1, len(turns) - 1, cover)
    chance = math.exp(min(0.0, math.log(max(intervals, 1) * _WIDTHS) + tail))
    ticks = int(turns.sum())
    return Periodicity(
        mechanism="loop",
        confidence=_sure(found.mechanisms.wall_clock + found.mechanisms.loop, chance),
        mechanisms=found.mechanisms,
        events=train.count,
        explained=len(first),
        chance=chance,
        log10_bf=found.periodic_log_bf / LOG10,
        resolution_s=train.resolution,
        period_s=fit.period,
        period_low_s=fit.period - error,
        period_high_s=fit.period + error,
        jitter_s=2 * _NINETY * fit.spread,
        ticks=ticks,
        hits=len(turns),
        coverage=len(turns) / max(ticks, 1),
        cover=cover,
        onsets_explained=tuple(train.onsets[first].tolist()),
    )
