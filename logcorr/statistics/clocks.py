"""Do the clocks of two sources differ: by hours (zone) and by seconds (skew), told from events that both logged."""

from __future__ import annotations

import math

from msgspec import Struct

from logcorr.lazily import np, npt
from logcorr.statistics.aliases import Pattern, alias_share
from logcorr.statistics.assessment import MOST_FROM_FEW, assess
from logcorr.statistics.likelihood import LOG10, log_binomial_tail, log_sum_exp, tick_log_bf
from logcorr.statistics.pairs import (
    LARGEST_SKEW_S,
    LARGEST_ZONE_S,
    SCATTER_S,
    Pair,
    candidate_offsets,
    matched,
    matched_runs,
    pair_of,
    shortened,
)
from logcorr.statistics.trains import Train

_ZONE_STEP_S = 900.0
# Clocks kept by NTP differ by less than this.
_KEPT_S = 2.5
# Before looking: the sources share no events; no zone apart; whole hours, half hours and quarters apart, spread evenly.
_UNLINKED, _SAME_ZONE = 0.3, 0.5
_HOURS, _HALVES, _QUARTERS = 0.35 / 28, 0.12 / 28, 0.03 / 56
# Fewer matched pairs than this never show whether the events are periodic.
_FEW_PAIRS = 3


class ClockOffset(Struct, frozen=True):
    """Source b's stamps are offset_s ahead of source a's: zone_s (a multiple of 15 min) plus skew_s, in seconds.

    low_s..high_s hold all matched differences. A steady delay from a's event to b's is part of the skew. matched of
    a_events (those inside both logs, once shifted) have a partner in b. confidence: probability of the zone and,
    within 5 s, the skew. alias_period_s: the matched events are periodic, so that offsets a whole number of periods
    away match as well save for misses; the confidence takes no help from the prior then. chance: as many pairs by
    chance at any offset. log10_bf: against no link.
    """

    offset_s: float
    zone_s: float
    skew_s: float
    low_s: float
    high_s: float
    matched: int
    a_events: int
    confidence: float
    chance: float
    log10_bf: float
    alias_period_s: float | None


class _Trial(Struct, frozen=True):
    """One offset: events of a and b in the overlap, pairs matched, evidence (nats) without and with prior."""

    offset: float
    a_events: int
    b_events: int
    matched: int
    overlap_s: float
    log_bf: float
    log_prior: float


def offset(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    window_a: tuple[float, float] | None = None,
    window_b: tuple[float, float] | None = None,
    resolution: float | None = None,
) -> ClockOffset | None:
    """Estimate how far b's clock is ahead of a's from linked events (epoch seconds by each source's own clock).

    window_a, window_b: first and last time each log covers; the first and last event when None. Only events that both
    logs could hold count. None when there is nothing to match.
    """
    pair = shortened(pair_of(a, b, window_a, window_b, resolution))
    if not len(pair.a) or not len(pair.b):
        return None
    trials = [trial for each in candidate_offsets(pair) if (trial := _trial(pair, each)) is not None]
    if not trials:
        return None
    best = max(trials, key=lambda trial: trial.log_bf + trial.log_prior)
    period = _alias_period(pair, best)
    confidence = _confidence(pair, trials, best, period)
    return _described(pair, best, min(confidence, MOST_FROM_FEW) if best.matched < _FEW_PAIRS else confidence, period)


def _log_zone_prior(zone: float) -> float:
    """Return the log prior of a zone difference in seconds."""
    if zone == 0:
        return math.log(_SAME_ZONE)
    if zone % 3600 == 0:
        return math.log(_HOURS)
    return math.log(_HALVES if zone % 1800 == 0 else _QUARTERS)


def _log_skew_prior(skew: float) -> float:
    """Return the log prior of a skew, for a cell as wide as the scatter: half is kept by NTP, half log-uniform up to
    120 s.
    """
    if abs(skew) <= _KEPT_S + SCATTER_S / 2:
        return math.log(0.5)
    return math.log(0.5 * SCATTER_S / (2 * abs(skew) * math.log(LARGEST_SKEW_S / 2)))


def _zone(shift: float) -> float:
    """Return the nearest multiple of 15 minutes."""
    return round(shift / _ZONE_STEP_S) * _ZONE_STEP_S


def _trial(pair: Pair, shift: float) -> _Trial | None:
    """Weigh one offset by the events inside both logs; None where it is no clock's or the logs would not overlap."""
    skew = shift - _zone(shift)
    if not _is_clock(shift):
        return None
    low, high = max(pair.window_a[0] + shift, pair.window_b[0]), min(pair.window_a[1] + shift, pair.window_b[1])
    prior = _log_zone_prior(_zone(shift)) + _log_skew_prior(skew)
    ticks = pair.a[(pair.a + shift >= low - SCATTER_S / 2) & (pair.a + shift <= high + SCATTER_S / 2)]
    partners = pair.b[(pair.b >= low - SCATTER_S / 2) & (pair.b <= high + SCATTER_S / 2)]
    if not len(ticks) or not len(partners):
        return _Trial(shift, len(ticks), len(partners), 0, max(high - low, 0.0), -math.inf, prior)
    index, counts = matched_runs(ticks, partners, shift)
    overlap = max(high - low, SCATTER_S)
    rate = max(len(partners) / overlap, len(pair.b) / max(pair.window_b[1] - pair.window_b[0], 1.0))
    expected = np.full(len(index), rate * (SCATTER_S + pair.unit))
    evidence = tick_log_bf(len(partners), counts, expected, len(ticks)) if len(index) else -math.inf
    return _Trial(shift, len(ticks), len(partners), len(index), max(high - low, 0.0), evidence, prior)


def _alias_period(pair: Pair, best: _Trial) -> float | None:
    """Return the period of the matched events when it is likelier than not that they have one; three may be evenly
    spaced.
    """
    linked = pair.a[matched_runs(pair.a, pair.b, best.offset)[0]]
    if len(linked) < _FEW_PAIRS:
        return None
    found = assess(Train(linked, linked, float(linked[0]), float(linked[-1]), pair.unit))
    odds = found.periodic_log_bf
    return found.period if odds > 0 else None


def _confidence(pair: Pair, trials: list[_Trial], best: _Trial, period: float | None) -> float:
    """Return the posterior of the best offset among all trials and no link; among aliases by misses, without the
    prior's help.
    """
    logs = [trial.log_bf + trial.log_prior for trial in trials]
    rivals = [each for trial, each in zip(trials, logs, strict=True) if not _is_alias(trial.offset, best, period)]
    own = best.log_bf + best.log_prior
    shown = math.exp(own - log_sum_exp([own, *rivals, math.log(_UNLINKED)]))
    if period is None:
        return shown
    share, pattern_log_bf = alias_share(_pattern(pair, best.offset, period), _turns(pair, best.offset, period))
    # Two clocks' jobs of one period always fit somewhere: it is one coincidence that they fit where a clock would put
    # them.
    skew = best.offset - _zone(best.offset)
    coincidence = _log_skew_prior(skew) - math.log(min(1.0, 2 * (_KEPT_S + SCATTER_S / 2) / period))
    odds = pattern_log_bf + coincidence + math.log((1 - _UNLINKED) / _UNLINKED)
    return shown * share / (1 + math.exp(-max(min(odds, 700.0), -700.0)))


def _is_alias(shift: float, best: _Trial, period: float | None) -> bool:
    """Whether an offset is the best one, or whole periods from it."""
    away = abs(shift - best.offset)
    if period is None:
        return away < 1e-9
    return abs(away - round(away / period) * period) <= SCATTER_S


def _pattern(pair: Pair, shift: float, period: float) -> Pattern:
    """Return both sources' periodic events as numbers of their period, b's brought to a's clock."""
    origin = float(pair.a[matched_runs(pair.a, pair.b, shift)[0]][0])
    numbers, windows = [], []
    for times, window, ahead in ((pair.a, pair.window_a, 0.0), (pair.b, pair.window_b, shift)):
        turns = (times - ahead - origin) / period
        nearest = np.round(turns).astype(np.int64)
        numbers.append(np.unique(nearest[np.abs(turns - nearest) * period <= SCATTER_S]))
        low, high = (window[0] - ahead - origin) / period, (window[1] - ahead - origin) / period
        windows.append((math.ceil(low - SCATTER_S / period), math.floor(high + SCATTER_S / period)))
    return Pattern(numbers[0], numbers[1], windows[0], windows[1])


def _turns(pair: Pair, shift: float, period: float) -> list[int]:
    """Return by how many periods b's clock could be further off, as far as a zone and a skew could make it; 0 comes
    first.
    """
    most = int((LARGEST_ZONE_S + LARGEST_SKEW_S) // period) + 1
    others = [turns for turns in range(-most, most + 1) if turns and _is_clock(shift + turns * period)]
    return [0, *others]


def _is_clock(shift: float) -> bool:
    """Whether a zone and a skew could make this offset."""
    return abs(_zone(shift)) <= LARGEST_ZONE_S and abs(shift - _zone(shift)) <= LARGEST_SKEW_S


def _described(pair: Pair, best: _Trial, confidence: float, period: float | None) -> ClockOffset:
    """Return the result for the best offset, centred on its matched differences."""
    index = matched(pair.a, pair.b, best.offset)
    known = index >= 0
    differences = pair.b[known] - pair.a[index[known]]
    middle = float(np.median(differences)) if len(differences) else best.offset
    low, high = (float(differences.min()), float(differences.max())) if len(differences) else (middle, middle)
    cover = min(1.0, best.a_events * (high - low + pair.unit) / max(best.overlap_s, 1.0))
    tried = math.log(max(len(pair.a) * len(pair.b), 1))
    chance = math.exp(min(0.0, tried + log_binomial_tail(max(best.b_events - 1, 0), best.matched - 1, cover)))
    zone = _zone(best.offset)
    return ClockOffset(
        middle,
        zone,
        middle - zone,
        low,
        high,
        best.matched,
        best.a_events,
        confidence,
        chance,
        best.log_bf / LOG10,
        period,
    )
