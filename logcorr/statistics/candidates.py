"""Candidate periods of a train, and the fullest phase window of each: cheap sieves before the exact evidence."""

from __future__ import annotations

import math

from msgspec import Struct

from logcorr.lazily import np
from logcorr.statistics.trains import FloatArray, Train

# Periods people write down, in seconds, and how much likelier each is than the least usual.
USUAL_PERIODS = {
    **dict.fromkeys((1.0, 2.0, 20.0, 45.0, 90.0, 180.0, 240.0, 360.0, 420.0, 480.0, 720.0, 2400.0, 2700.0, 5400.0), 1.0),
    **dict.fromkeys((5.0, 10.0, 15.0, 30.0, 120.0, 1200.0, 7200.0, 10800.0, 14400.0, 21600.0, 43200.0, 604800.0), 2.0),
    **dict.fromkeys((60.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 86400.0), 6.0),
}
# A period of fewer stamp units than this cannot be told from the stamps' own grid; one that is not usual needs more.
_LEAST_UNITS = 4.5
_LEAST_FREE_UNITS = 5.0
# A window wider than an eighth of the period is no phase.
WIDEST_SHARE = 0.125
_MOST_CANDIDATES = 1500
# Up to here windows are searched among the events themselves, beyond in a histogram of phases.
_MOST_EXACT = 300
_MOST_PHASE_BINS = 16384
_SIEVE_EVENTS = 100_000


class Windows(Struct, frozen=True):
    """The fullest phase windows: one row a period, one column a width. Counts among so many events; starts are phases
    in seconds.
    """

    events: int
    widths: FloatArray
    counts: FloatArray
    starts: FloatArray


def usual_periods(train: Train) -> FloatArray:
    """Return the usual periods that this train could show at least once and a half."""
    periods = np.array(sorted(USUAL_PERIODS))
    return periods[(periods >= _LEAST_UNITS * train.resolution) & (periods < train.window_s / 1.5)]


def candidate_periods(train: Train) -> FloatArray:
    """Return periods worth a look: differences of near events and their fractions; for long trains the frequent ones
    and a spectrum's peaks.
    """
    lags = range(1, min(train.count, 13 if train.count <= 400 else 9))
    sieve = train.onsets[:_SIEVE_EVENTS]
    differences = np.concatenate([sieve[lag:] - sieve[:-lag] for lag in lags])
    differences = differences[differences > 2 * train.resolution]
    if train.count <= 60:
        found = np.concatenate([differences / divisor for divisor in (1, 2, 3)])
    else:
        found = np.concatenate((_frequent(differences), _spectral(train)))
    found = found[(found >= _LEAST_FREE_UNITS * train.resolution) & (found < train.window_s / 1.5)]
    return _thinned(found, train)


def _thinned(periods: FloatArray, train: Train) -> FloatArray:
    """Return the periods ascending, without those that no phase over the train could tell from their neighbour."""
    if not len(periods):
        return periods
    grain = max(1e-4, 0.25 * train.resolution / max(train.onsets[-1] - train.onsets[0], train.resolution))
    kept = periods[np.unique(np.round(np.log(periods) / grain), return_index=True)[1]]
    return kept[np.linspace(0, len(kept) - 1, min(len(kept), _MOST_CANDIDATES)).astype(np.int64)]


def _frequent(differences: FloatArray) -> FloatArray:
    """Return the medians of the forty fullest bins, one percent wide, of the differences."""
    if not len(differences):
        return differences
    bins = np.round(np.log(differences) / 0.01).astype(np.int64)
    order = np.argsort(bins, kind="stable")
    _, first, counts = np.unique(bins[order], return_index=True, return_counts=True)
    groups = np.split(differences[order], first[1:])
    return np.array([np.median(groups[index]) for index in np.argsort(-counts, kind="stable")[:40]], dtype=np.float64)


def _spectral(train: Train) -> FloatArray:
    """Return the periods of the sixty highest peaks of the power spectrum, and of its sum over five harmonics (narrow
    pulses).
    """
    window_s = train.window_s
    bins = 2 ** int(np.clip(math.ceil(math.log2(window_s / max(train.resolution, window_s / 2**17))), 8, 17))
    counts = np.histogram(train.onsets, bins=bins, range=(train.start, train.start + window_s))[0]
    power = np.abs(np.fft.rfft(counts - counts.mean(), 2 * bins)) ** 2
    power[:8] = 0
    harmonics = power.copy()
    for order in (2, 3, 4, 5):
        index = np.arange(0, len(power), order)
        harmonics[: len(index)] += power[index]
    peaks = np.unique(np.concatenate([np.argsort(-spectrum, kind="stable")[:60] for spectrum in (power, harmonics)]))
    periods: FloatArray = 2 * window_s / np.maximum(peaks, 1)
    return periods


def window_widths(unit: float) -> FloatArray:
    """Return the widths in seconds of windows to try: none (one stamp), then doubling from a stamp unit or a quarter
    second.
    """
    return np.concatenate(([0.0], max(unit, 0.25) * 2.0 ** np.arange(15)))


def fullest_windows(train: Train, periods: FloatArray, origin: float) -> Windows:
    """Return the fullest windows of every period, phases counted from origin."""
    widths = window_widths(train.resolution)
    onsets = train.onsets[:_SIEVE_EVENTS] - origin
    if train.count <= _MOST_EXACT:
        return _exact_windows(onsets, periods, widths)
    rows = [_binned_windows(onsets, period, widths, train.resolution) for period in periods.tolist()]
    shape = (len(periods), len(widths))
    counts, starts = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    return Windows(len(onsets), widths, counts.reshape(shape), starts.reshape(shape))


def _exact_windows(onsets: FloatArray, periods: FloatArray, widths: FloatArray) -> Windows:
    """Search among the events: the shortest arc that holds m of them, for every m, says how many fit into a width."""
    count = len(onsets)
    phases = np.sort(onsets[None, :] % periods[:, None], axis=1)
    circle = np.concatenate((phases, phases + periods[:, None]), axis=1)
    counts = np.ones((len(periods), len(widths)))
    starts = np.repeat(phases[:, :1], len(widths), axis=1)
    for events in range(2, count + 1):
        arcs = circle[:, events - 1 : events - 1 + count] - phases
        where = np.argmin(arcs, axis=1)
        shortest = np.take_along_axis(arcs, where[:, None], axis=1)
        fits = shortest <= widths[None, :] + 1e-9
        if not fits.any():
            break
        counts[fits] = events
        starts = np.where(fits, np.take_along_axis(phases, where[:, None], axis=1), starts)
    return Windows(count, widths, counts, starts)


def _binned_windows(onsets: FloatArray, period: float, widths: FloatArray, unit: float) -> tuple[FloatArray, FloatArray]:
    """Search in a histogram of phases, its bins a stamp unit wide or the period / 16384."""
    bins = int(np.clip(round(period / unit), 4, _MOST_PHASE_BINS))
    index = np.minimum((onsets % period * (bins / period) + 1e-9).astype(np.int64), bins - 1)
    folded = np.bincount(index, minlength=bins)
    running = np.concatenate(([0], np.cumsum(np.concatenate((folded, folded)))))
    spans = np.clip(np.round((widths + unit) / period * bins), 1, bins).astype(np.int64)
    sums = [running[span : span + bins] - running[:bins] for span in spans.tolist()]
    where = [int(np.argmax(each)) for each in sums]
    return np.array([float(each[at]) for each, at in zip(sums, where, strict=True)]), np.array(where) * (period / bins)
