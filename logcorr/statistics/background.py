"""The local rate of events, piecewise constant: what noise alone would do by day and night, in bursts, during the
incident only.
"""

from __future__ import annotations

import math

from msgspec import Struct

from logcorr.lazily import np
from logcorr.statistics.trains import FloatArray, Train

_BIN_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
# Gamma prior of a bin's rate: mean as the whole window's, shape 1/2, so that rates may differ widely.
_SHAPE = 0.5
# One more nat is asked of every finer division, and three events a bin.
_PRICE = 1.0
_EVENTS_A_BIN = 3


class Background(Struct, frozen=True):
    """Rates (events a second) in equal bins from start to end; log_gain is the evidence (nats) against a constant
    rate.
    """

    start: float
    end: float
    rates: FloatArray
    log_gain: float

    def at(self, times: FloatArray) -> FloatArray:
        """Return the rate at each time; outside the window that of the nearest bin."""
        position = (times - self.start) * (len(self.rates) / (self.end - self.start))
        rates: FloatArray = self.rates[np.clip(position.astype(np.int64), 0, len(self.rates) - 1)]
        return rates


def log_rising(shape: float, most: int) -> FloatArray:
    """Return ln(Gamma(shape + k) / Gamma(shape)) for k = 0..most."""
    return np.concatenate(([0.0], np.cumsum(np.log(shape + np.arange(most, dtype=np.float64)))))


class Backgrounds:
    """The backgrounds of one train, by the shortest bin allowed; each division is worked out once."""

    def __init__(self, train: Train) -> None:
        self._train = train
        self._known: dict[int, Background] = {}

    def of_bins(self, shortest_s: float) -> Background:
        """Return the background with no bin shorter than this."""
        finest = max(bins for bins in _BIN_COUNTS if bins == 1 or self._train.window_s / bins >= shortest_s)
        if finest not in self._known:
            self._known[finest] = fit_background(self._train, shortest_s)
        return self._known[finest]


def fit_background(train: Train, shortest_bin_s: float = 0.0) -> Background:
    """Return the division into equal bins with the highest marginal likelihood (Gamma-Poisson), none shorter than
    given.
    """
    start, end = train.start, train.start + train.window_s
    rising = log_rising(_SHAPE, train.count)
    best: tuple[float, FloatArray] | None = None
    constant = 0.0
    for bins in _BIN_COUNTS:
        if bins > 1 and (train.window_s / bins < shortest_bin_s or bins > max(2, train.count / _EVENTS_A_BIN)):
            continue
        counts = np.histogram(np.clip(train.onsets, start, end), bins=bins, range=(start, end))[0]
        evidence = _evidence(counts, rising, train.window_s)
        if best is None:
            best, constant = (evidence, counts), evidence
        elif evidence > best[0] + _PRICE:
            best = (evidence, counts)
    assert best is not None
    return Background(start, end, _rates(best[1].astype(np.float64), train), best[0] - constant)


def _evidence(counts: FloatArray, rising: FloatArray, window_s: float) -> float:
    """Return the log marginal likelihood (nats) of where the events fall, given counts in equal bins."""
    bins, total = len(counts), max(int(counts.sum()), 1)
    odds = _SHAPE * bins / total
    each = rising[counts.astype(np.int64)] + _SHAPE * math.log(odds) - (counts + _SHAPE) * math.log1p(odds)
    return float(each.sum()) - total * math.log(window_s / bins)


def _rates(counts: FloatArray, train: Train) -> FloatArray:
    """Return posterior mean rates, scaled so that they integrate to the number of events."""
    posterior = counts + _SHAPE
    rates = posterior / posterior.sum() * (max(train.count, 1) * len(counts) / train.window_s)
    floored: FloatArray = np.maximum(rates, 1e-12)
    return floored
