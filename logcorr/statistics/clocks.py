"""Do the clocks of two sources differ: by whole or part hours (zone) and by seconds (skew), from events that both logged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logcorr.statistics.aliases import Pattern, alias_share
from logcorr.statistics.assessment import assess
from logcorr.statistics.likelihood import LOG10, log_binomial_tail, log_sum_exp, tick_log_bf
from logcorr.statistics.trains import FloatArray, IntArray, Train, checked_window, runs, sorted_times
from logcorr.statistics.trains import resolution as stamp_resolution

ZONE_STEP_S = 900.0
_LARGEST_ZONE_S = 14 * 3600.0
_LARGEST_SKEW_S = 120.0
# Links lie within this many seconds of their common offset: stamps, and a delay that varies.
_SCATTER_S = 5.0
# Clocks kept by NTP differ by less than this.
_KEPT_S = 2.5
# Before looking: the sources share no events; no zone apart; whole hours, half hours and quarters apart, spread evenly.
_UNLINKED, _SAME_ZONE = 0.3, 0.5
_HOURS, _HALVES, _QUARTERS = 0.35 / 28, 0.12 / 28, 0.03 / 56
_MOST_CANDIDATES = 60
_MOST_PAIRS = 4_000_000
_MOST_EVENTS = 10_000
# Fewer matched pairs than this never show whether the events are periodic.
_FEW_PAIRS = 3
MOST_FROM_FEW = 0.8


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Source b's stamps are offset_s ahead of source a's: zone_s (a multiple of 15 min) plus skew_s, in seconds.

    low_s..high_s hold all matched differences. A steady delay from a's event to b's is part of the skew. matched of a_events
    (those inside both logs, once shifted) have a partner in b. confidence: probability of the zone and, within 5 s, the skew.
    alias_period_s: the matched events are periodic, so that offsets a whole number of periods away match as well save for
    misses; the confidence takes no help from the prior then. chance: as many pairs by chance at any offset. log10_bf: against
    no link.
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


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two sources' events with the windows their logs cover."""

    a: FloatArray
    b: FloatArray
    window_a: tuple[float, float]
    window_b: tuple[float, float]
    unit: float


@dataclass(frozen=True, slots=True)
class _Trial:
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

    window_a, window_b: first and last time each log covers; the first and last event when None. Only events that both logs
    could hold count. None when there is nothing to match.
    """
    pair = _short(_pair(a, b, window_a, window_b, resolution))
    if not len(pair.a) or not len(pair.b):
        return None
    trials = [trial for each in _candidates(pair) if (trial := _trial(pair, each)) is not None]
    if not trials:
        return None
    best = max(trials, key=lambda trial: trial.log_bf + trial.log_prior)
    period = _alias_period(pair, best)
    confidence = _confidence(pair, trials, best, period)
    return _described(pair, best, min(confidence, MOST_FROM_FEW) if best.matched < _FEW_PAIRS else confidence, period)


def _pair(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    window_a: tuple[float, float] | None,
    window_b: tuple[float, float] | None,
    unit: float | None,
) -> _Pair:
    """Return the checked input; a and b without repeated stamps."""
    first, second = np.unique(sorted_times(a)), np.unique(sorted_times(b))
    unit = max(stamp_resolution(first), stamp_resolution(second)) if unit is None else unit
    windows = [
        checked_window(*window) if window else (float(times[0]), float(times[-1])) if len(times) else (0.0, 0.0)
        for window, times in ((window_a, first), (window_b, second))
    ]
    return _Pair(first, second, windows[0], windows[1], unit)


def _short(pair: _Pair) -> _Pair:
    """Return the pair with the middle of a, where it is long, and the part of b that could belong to it."""
    if len(pair.a) <= _MOST_EVENTS:
        return pair
    first = (len(pair.a) - _MOST_EVENTS) // 2
    a = pair.a[first : first + _MOST_EVENTS]
    reach = _LARGEST_ZONE_S + _LARGEST_SKEW_S
    low, high = float(a[0]), float(a[-1])
    near = (pair.b >= low - reach) & (pair.b <= high + reach)
    window_b = max(pair.window_b[0], low - reach), min(pair.window_b[1], high + reach)
    return _Pair(a, pair.b[near], (low, high), window_b, pair.unit)


def _candidates(pair: _Pair) -> list[float]:
    """Return offsets where differences crowd, fullest first, and no offset."""
    differences = _differences(pair)
    counts = np.searchsorted(differences, differences + _SCATTER_S, side="right") - np.arange(len(differences))
    chosen: list[float] = []
    for index in np.argsort(-counts, kind="stable")[:5000].tolist():
        middle = float(np.median(differences[index : index + counts[index]]))
        if all(abs(middle - other) >= _SCATTER_S for other in chosen):
            chosen.append(middle)
        if len(chosen) == _MOST_CANDIDATES:
            break
    return [*chosen, 0.0] if all(abs(each) >= _SCATTER_S for each in chosen) else chosen


def _differences(pair: _Pair) -> FloatArray:
    """Return, ascending, the differences b - a that a zone and a skew could make; of many events the commonest, by seconds."""
    reach = _LARGEST_ZONE_S + _LARGEST_SKEW_S
    if len(pair.a) * len(pair.b) <= _MOST_PAIRS:
        differences = (pair.b[None, :] - pair.a[:, None]).ravel()
        return np.sort(differences[np.abs(differences) <= reach])
    base = math.floor(min(pair.a[0], pair.b[0]))
    seconds = int(max(pair.a[-1], pair.b[-1]) - base) + 2
    size = 1 << (seconds + int(reach) + 2).bit_length()
    spectra = [
        np.fft.rfft(np.minimum(np.bincount((times - base).astype(np.int64), minlength=seconds), 1), size)
        for times in (pair.a, pair.b)
    ]
    correlation = np.fft.irfft(np.conj(spectra[0]) * spectra[1], size)
    shifts = np.arange(-int(reach), int(reach) + 1)
    heights = np.round(correlation[shifts % size]).astype(np.int64)
    top = np.sort(np.argsort(-heights, kind="stable")[:400])
    return np.repeat(shifts[top].astype(np.float64), np.maximum(heights[top], 0))


def _log_zone_prior(zone: float) -> float:
    """Return the log prior of a zone difference in seconds."""
    if zone == 0:
        return math.log(_SAME_ZONE)
    if zone % 3600 == 0:
        return math.log(_HOURS)
    return math.log(_HALVES if zone % 1800 == 0 else _QUARTERS)


def _log_skew_prior(skew: float) -> float:
    """Return the log prior of a skew, for a cell as wide as the scatter: half is kept by NTP, half log-uniform up to 120 s."""
    if abs(skew) <= _KEPT_S + _SCATTER_S / 2:
        return math.log(0.5)
    return math.log(0.5 * _SCATTER_S / (2 * abs(skew) * math.log(_LARGEST_SKEW_S / 2)))


def _zone(shift: float) -> float:
    """Return the nearest multiple of 15 minutes."""
    return round(shift / ZONE_STEP_S) * ZONE_STEP_S


def _trial(pair: _Pair, shift: float) -> _Trial | None:
    """Weigh one offset by the events inside both logs; None where it is no clock's or the logs would not overlap."""
    skew = shift - _zone(shift)
    if not _is_clock(shift):
        return None
    low, high = max(pair.window_a[0] + shift, pair.window_b[0]), min(pair.window_a[1] + shift, pair.window_b[1])
    prior = _log_zone_prior(_zone(shift)) + _log_skew_prior(skew)
    ticks = pair.a[(pair.a + shift >= low - _SCATTER_S / 2) & (pair.a + shift <= high + _SCATTER_S / 2)]
    partners = pair.b[(pair.b >= low - _SCATTER_S / 2) & (pair.b <= high + _SCATTER_S / 2)]
    if not len(ticks) or not len(partners):
        return _Trial(shift, len(ticks), len(partners), 0, max(high - low, 0.0), -math.inf, prior)
    index, counts = _matched_runs(ticks, partners, shift)
    overlap = max(high - low, _SCATTER_S)
    rate = max(len(partners) / overlap, len(pair.b) / max(pair.window_b[1] - pair.window_b[0], 1.0))
    expected = np.full(len(index), rate * (_SCATTER_S + pair.unit))
    evidence = tick_log_bf(len(partners), counts.astype(np.float64), expected, len(ticks)) if len(index) else -math.inf
    return _Trial(shift, len(ticks), len(partners), len(index), max(high - low, 0.0), evidence, prior)


def _matched(ticks: FloatArray, partners: FloatArray, shift: float) -> IntArray:
    """Return for each partner the index of the event of a that it belongs to, -1 for none."""
    opened = ticks + (shift - _SCATTER_S / 2)
    index = np.searchsorted(opened, partners, side="right") - 1
    return np.where((index >= 0) & (partners - opened[np.maximum(index, 0)] <= _SCATTER_S), index, -1)


def _matched_runs(ticks: FloatArray, partners: FloatArray, shift: float) -> tuple[IntArray, IntArray]:
    """Return the indices of a's events that have partners, and how many each."""
    index = _matched(ticks, partners, shift)
    return runs(index[index >= 0])


def _alias_period(pair: _Pair, best: _Trial) -> float | None:
    """Return the period of the matched events when it is likelier than not that they have one; three may be evenly spaced."""
    linked = pair.a[_matched_runs(pair.a, pair.b, best.offset)[0]]
    if len(linked) < _FEW_PAIRS:
        return None
    found = assess(Train(linked, linked, float(linked[0]), float(linked[-1]), pair.unit))
    odds = found.periodic_log_bf
    return found.period if odds > 0 else None


def _confidence(pair: _Pair, trials: list[_Trial], best: _Trial, period: float | None) -> float:
    """Return the posterior of the best offset among all trials and no link; among aliases by misses, without the prior's help."""
    logs = [trial.log_bf + trial.log_prior for trial in trials]
    rivals = [each for trial, each in zip(trials, logs, strict=True) if not _is_alias(trial.offset, best, period)]
    own = best.log_bf + best.log_prior
    shown = math.exp(own - log_sum_exp([own, *rivals, math.log(_UNLINKED)]))
    if period is None:
        return shown
    share, pattern_log_bf = alias_share(_pattern(pair, best.offset, period), _turns(pair, best.offset, period))
    # Two clocks' jobs of one period always fit somewhere: it is one coincidence that they fit where a clock would put them.
    skew = best.offset - _zone(best.offset)
    coincidence = _log_skew_prior(skew) - math.log(min(1.0, 2 * (_KEPT_S + _SCATTER_S / 2) / period))
    odds = pattern_log_bf + coincidence + math.log((1 - _UNLINKED) / _UNLINKED)
    return shown * share / (1 + math.exp(-max(min(odds, 700.0), -700.0)))


def _is_alias(shift: float, best: _Trial, period: float | None) -> bool:
    """Whether an offset is the best one, or whole periods from it."""
    away = abs(shift - best.offset)
    if period is None:
        return away < 1e-9
    return abs(away - round(away / period) * period) <= _SCATTER_S


def _pattern(pair: _Pair, shift: float, period: float) -> Pattern:
    """Return both sources' periodic events as numbers of their period, b's brought to a's clock."""
    origin = float(pair.a[_matched_runs(pair.a, pair.b, shift)[0]][0])
    numbers, windows = [], []
    for times, window, ahead in ((pair.a, pair.window_a, 0.0), (pair.b, pair.window_b, shift)):
        turns = (times - ahead - origin) / period
        nearest = np.round(turns).astype(np.int64)
        numbers.append(np.unique(nearest[np.abs(turns - nearest) * period <= _SCATTER_S]))
        low, high = (window[0] - ahead - origin) / period, (window[1] - ahead - origin) / period
        windows.append((math.ceil(low - _SCATTER_S / period), math.floor(high + _SCATTER_S / period)))
    return Pattern(numbers[0], numbers[1], windows[0], windows[1])


def _turns(pair: _Pair, shift: float, period: float) -> list[int]:
    """Return by how many periods b's clock could be further off, as far as a zone and a skew could make it; 0 comes first."""
    most = int((_LARGEST_ZONE_S + _LARGEST_SKEW_S) // period) + 1
    others = [turns for turns in range(-most, most + 1) if turns and _is_clock(shift + turns * period)]
    return [0, *others]


def _is_clock(shift: float) -> bool:
    """Whether a zone and a skew could make this offset."""
    return abs(_zone(shift)) <= _LARGEST_ZONE_S and abs(shift - _zone(shift)) <= _LARGEST_SKEW_S


def _described(pair: _Pair, best: _Trial, confidence: float, period: float | None) -> ClockOffset:
    """Return the result for the best offset, centred on its matched differences."""
    index = _matched(pair.a, pair.b, best.offset)
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
