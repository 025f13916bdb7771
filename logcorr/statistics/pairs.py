"""Pairs of events that two sources may both have logged: which offsets make many of them meet."""

from __future__ import annotations

import math

from msgspec import Struct

from logcorr.lazily import np, npt
from logcorr.statistics.trains import FloatArray, IntArray, checked_window, runs, sorted_times
from logcorr.statistics.trains import resolution as stamp_resolution

LARGEST_ZONE_S = 14 * 3600.0
LARGEST_SKEW_S = 120.0
# Links lie within this many seconds of their common offset: stamps, and a delay that varies.
SCATTER_S = 5.0
_MOST_CANDIDATES = 60
# More pairs than this are correlated by whole seconds instead of one by one.
_MOST_PAIRS = 4_000_000
# Of a longer source its middle is used: so many events, within so many seconds.
_MOST_EVENTS = 10_000
_LONGEST_SPAN_S = 30 * 86400.0


class Pair(Struct, frozen=True):
    """Two sources' events with the windows their logs cover."""

    a: FloatArray
    b: FloatArray
    window_a: tuple[float, float]
    window_b: tuple[float, float]
    unit: float


def pair_of(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    window_a: tuple[float, float] | None,
    window_b: tuple[float, float] | None,
    unit: float | None,
) -> Pair:
    """Return the checked input; a and b without repeated stamps."""
    first, second = np.unique(sorted_times(a)), np.unique(sorted_times(b))
    unit = max(stamp_resolution(first), stamp_resolution(second)) if unit is None else unit
    windows = [
        checked_window(*window) if window else (float(times[0]), float(times[-1])) if len(times) else (0.0, 0.0)
        for window, times in ((window_a, first), (window_b, second))
    ]
    return Pair(first, second, windows[0], windows[1], unit)


def shortened(pair: Pair) -> Pair:
    """Return the pair with the middle of a, where it is long, and the part of b that could belong to it."""
    if len(pair.a) <= _MOST_EVENTS:
        return pair
    first = (len(pair.a) - _MOST_EVENTS) // 2
    a = pair.a[first : first + _MOST_EVENTS]
    a = a[np.abs(a - a[len(a) // 2]) <= _LONGEST_SPAN_S / 2]
    reach = LARGEST_ZONE_S + LARGEST_SKEW_S
    low, high = float(a[0]), float(a[-1])
    near = (pair.b >= low - reach) & (pair.b <= high + reach)
    window_b = max(pair.window_b[0], low - reach), min(pair.window_b[1], high + reach)
    return Pair(a, pair.b[near], (low, high), window_b, pair.unit)


def candidate_offsets(pair: Pair) -> list[float]:
    """Return offsets where differences crowd, fullest first, and no offset."""
    differences = _differences(pair)
    counts = np.searchsorted(differences, differences + SCATTER_S, side="right") - np.arange(len(differences))
    chosen: list[float] = []
    for index in np.argsort(-counts, kind="stable")[:5000].tolist():
        middle = float(np.median(differences[index : index + counts[index]]))
        if all(abs(middle - other) >= SCATTER_S for other in chosen):
            chosen.append(middle)
        if len(chosen) == _MOST_CANDIDATES:
            break
    return [*chosen, 0.0] if all(abs(each) >= SCATTER_S for each in chosen) else chosen


def _differences(pair: Pair) -> FloatArray:
    """Return, ascending, the differences b - a that a zone and a skew could make; of many events the commonest, by
    seconds.
    """
    reach = LARGEST_ZONE_S + LARGEST_SKEW_S
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


def matched(ticks: FloatArray, partners: FloatArray, shift: float) -> IntArray:
    """Return for each partner the index of the event of a that it belongs to, -1 for none."""
    opened = ticks + (shift - SCATTER_S / 2)
    index = np.searchsorted(opened, partners, side="right") - 1
    return np.where((index >= 0) & (partners - opened[np.maximum(index, 0)] <= SCATTER_S), index, -1)


def matched_runs(ticks: FloatArray, partners: FloatArray, shift: float) -> tuple[IntArray, IntArray]:
    """Return the indices of a's events that have partners, and how many each."""
    index = matched(ticks, partners, shift)
    return runs(index[index >= 0])
