"""The one likelihood behind every answer: ticks cause events within a lag window, on top of noise.

A hypothesis is a train of ticks (a cron line, a period with a phase, another kind of event), a window of lags and a
coverage q: each tick fires one event with probability q, uniformly in its window; everything else is Poisson noise, a
share s of the local rate. With n events in all and c_k of them in the window of tick k, where the local rate alone
would put e_k,

    log LR(q, s) = n ln s + n (1 - s) + sum_k ln((1 - q) + q c_k / (s e_k))

against "all is noise" (exact for a Bernoulli tick on Poisson noise). The Bayes factor is its mean over q and s. It
rests on counts alone, so a person can redo it. Close relatives: epoch folding (Gregory & Loredo 1992; Loredo,
arXiv:1107.5805).
"""

from __future__ import annotations

import math

from logcorr.lazily import np
from logcorr.statistics.trains import FloatArray, IntArray

# Coverage: from "one tick in thirty fires" to "all do". Noise: from none to "nearly all is noise".
_COVERAGES = (0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.96, 0.99)
_NOISE_SHARES = (0.002, 0.01, 0.03, 0.07, 0.15, 0.25, 0.4, 0.55, 0.7, 0.82, 0.9, 0.95, 0.98, 0.995)
# More windows than this are grouped by ratio, rounded to a thousandth of a nat.
_MOST_SEPARATE = 400

LONGEST_LAG_S = 900.0
_LAG_SCALE_S = 5.0

LOG10 = math.log(10)


def log_sum_exp(values: FloatArray | list[float]) -> float:
    """Return ln(sum(exp(values))); minus infinity for none."""
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        return -math.inf
    largest = float(array.max())
    if not math.isfinite(largest):
        return largest
    return largest + math.log(float(np.exp(array - largest).sum()))


def log_mean_exp(values: FloatArray | list[float]) -> float:
    """Return ln(mean(exp(values)))."""
    return log_sum_exp(values) - math.log(max(len(values), 1))


def tick_log_bf(events: int, counts: IntArray, expected: FloatArray, ticks: int) -> float:
    """Return the log Bayes factor (nats) of "these ticks cause these events" against noise alone.

    counts and expected belong to the windows that hold an event: how many, and how many the local rate alone would
    put there.
    """
    return _log_bf(events, _of_hits(counts, expected), max(ticks, len(counts)) - len(counts))


def _of_hits(counts: IntArray, expected: FloatArray) -> FloatArray:
    """Return what the windows that hold an event say, for each coverage (down) and noise share (across)."""
    ratio, times = _grouped(counts / np.maximum(expected, 1e-12))
    coverages = np.array(_COVERAGES)[:, None]
    chances = np.log((1 - coverages)[..., None] + (coverages / _NOISE_SHARES)[..., None] * ratio)
    of_hits: FloatArray = (times * chances).sum(axis=-1)
    return of_hits


def _log_bf(events: int, of_hits: FloatArray, missed: int) -> float:
    """Return the mean over coverage and noise, of so many events, and ticks without one."""
    shares = np.array(_NOISE_SHARES)
    total = events * (np.log(shares) + 1 - shares) + missed * np.log1p(-np.array(_COVERAGES))[:, None]
    return log_mean_exp((total + of_hits).ravel())


def _grouped(ratio: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return distinct ratios and how often each occurs; exact while they are few."""
    if len(ratio) <= _MOST_SEPARATE:
        return ratio, np.ones(len(ratio))
    distinct, times = np.unique(np.round(np.log(ratio), 3), return_counts=True)
    return np.exp(distinct), times.astype(np.float64)


def active_log_bf(events: int, index: IntArray, counts: IntArray, expected: FloatArray, ticks: int) -> float:
    """Return the mean evidence of two readings: the ticks fire all along, or only from the first to the last that was
    hit.

    index: ascending number of each tick that was hit. The second reading pays for the choice among ticks (ticks + 1)
    / 2 spans.
    """
    of_hits, hits = _of_hits(counts, expected), len(counts)
    active = int(index[-1] - index[0]) + 1
    spans = max(ticks, active) * (max(ticks, active) + 1) / 2
    whole = _log_bf(events, of_hits, max(ticks, hits) - hits)
    return log_mean_exp([whole, _log_bf(events, of_hits, max(active, hits) - hits) - math.log(spans)])


def lag_log_density(lag: FloatArray | float) -> FloatArray:
    """Return the log prior density (per second) of the delay from cause to effect, proportional to (lag + 5 s)^-1.5
    up to 900 s.

    Scripts take seconds, seldom minutes: this prefers a */5 cron 3 s before the event to a 2-59/5 cron 183 s before
    it.
    """
    norm = 2 * (_LAG_SCALE_S**-0.5 - (LONGEST_LAG_S + _LAG_SCALE_S) ** -0.5)
    return -1.5 * np.log(np.maximum(np.asarray(lag, dtype=np.float64), 0) + _LAG_SCALE_S) - math.log(norm)


def log_binomial_tail(trials: int, hits: int, share: float) -> float:
    """Return ln P(at least hits of trials) when each falls in by chance with probability share."""
    if hits <= 0:
        return 0.0
    share = min(max(share, 1e-300), 1 - 1e-12)
    step = np.arange(hits, min(trials, hits + 2000) + 1, dtype=np.float64)
    head = math.lgamma(trials + 1) - math.lgamma(hits + 1) - math.lgamma(trials - hits + 1)
    ratios = np.log((trials - step[:-1]) / (step[:-1] + 1)) + math.log(share) - math.log1p(-share)
    terms = head + hits * math.log(share) + (trials - hits) * math.log1p(-share) + np.concatenate(([0.0], np.cumsum(ratios)))
    return min(0.0, log_sum_exp(terms))
