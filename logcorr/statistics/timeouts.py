"""Are closes tied to their own opens: connections or requests that end a fixed time after they began or last spoke."""

from __future__ import annotations

import math

from msgspec import Struct

from logcorr.errors import LogcorrError
from logcorr.lazily import np, npt
from logcorr.statistics.assessment import FEW_EVENTS, MOST_FROM_FEW
from logcorr.statistics.likelihood import LOG10, log_binomial_tail, log_sum_exp
from logcorr.statistics.trains import FloatArray
from logcorr.statistics.trains import resolution as stamp_resolution

# Timeouts that software ships with, in seconds; half the prior is theirs.
_USUAL_S = (1.0, 2, 3, 5, 10, 15, 20, 30, 45, 60, 65, 75, 90, 100, 120, 180, 240, 300, 600, 900, 1800, 3600, 7200)
_NOISE_SHARES = (0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95)
_PRIOR = 0.2
# Durations without a timeout spread over at least half a unit of ln (log-normal), or are exponential.
_LEAST_SPREAD = 0.5


class Timeout(Struct, frozen=True):
    """Durations from open to close, in seconds: explained of connections last low_s..high_s, median timeout_s.

    confidence: probability that they end by a timeout; at most 0.8 while fewer than four are explained. chance:
    probability that durations without one crowd as much anywhere. log10_bf: evidence against durations without one.
    """

    connections: int
    explained: int
    timeout_s: float | None
    low_s: float | None
    high_s: float | None
    confidence: float
    chance: float
    log10_bf: float


def timeouts(opens: npt.ArrayLike, closes: npt.ArrayLike, *, resolution: float | None = None) -> Timeout:
    """Say whether closes[i] comes a fixed time after opens[i] (epoch seconds; for an idle timeout, the last
    activity).
    """
    begun, ended = np.asarray(opens, dtype=np.float64), np.asarray(closes, dtype=np.float64)
    if begun.shape != ended.shape or begun.ndim != 1:
        raise LogcorrError("opens and closes must be two rows of the same length: one pair for each connection")
    unit = stamp_resolution(np.concatenate((begun, ended))) if resolution is None else resolution
    durations = np.sort(ended - begun)
    if len(durations) < 2:
        return Timeout(len(durations), 0, None, None, None, _PRIOR / 2, 1.0, 0.0)
    density = _free_density(durations)
    looks = [look for width in _widths(durations, unit) for look in _crowded(durations, width)]
    scores = [_evidence(durations, density, low, width, unit) for low, width in looks]
    low, width = looks[int(np.argmax(scores))]
    inside = durations[(durations >= low) & (durations <= low + width)]
    log_bf = log_sum_exp(scores)
    confidence = 1 / (1 + (1 - _PRIOR) / _PRIOR * math.exp(-min(log_bf, 700.0)))
    confidence = min(confidence, MOST_FROM_FEW) if len(inside) < FEW_EVENTS else confidence
    return Timeout(
        len(durations), len(inside), float(np.median(inside)), float(inside[0]), float(inside[-1]), confidence,
        _chance(durations, density, inside, unit), log_bf / LOG10,
    )  # fmt: skip


def _free_density(durations: FloatArray) -> FloatArray:
    """Return the density of each duration under the better of exponential and broad log-normal."""
    mean = max(float(durations.mean()), 1e-9)
    exponential = np.exp(-durations / mean) / mean
    logs = np.log(np.maximum(durations, 1e-3))
    spread = max(float(logs.std()), _LEAST_SPREAD)
    normal = np.exp(-0.5 * ((logs - np.median(logs)) / spread) ** 2 - logs) / (spread * math.sqrt(2 * math.pi))
    return exponential if np.log(exponential).sum() >= np.log(np.maximum(normal, 1e-300)).sum() else normal


def _widths(durations: FloatArray, unit: float) -> list[float]:
    """Return window widths to try: from two stamp units, doubling to an eighth of the median duration."""
    narrow = max(2 * unit, 0.05)
    doublings = max(0, math.floor(math.log2(max(float(np.median(durations)) / 8 / narrow, 1))))
    return [narrow * 2.0**step for step in range(doublings + 1)]


def _crowded(durations: FloatArray, width: float) -> list[tuple[float, float]]:
    """Return the window of this width that holds the most durations, as (low, width); long durations win ties."""
    counts = np.searchsorted(durations, durations + width, side="right") - np.arange(len(durations))
    fullest = len(counts) - 1 - int(np.argmax(counts[::-1]))
    return [(float(durations[fullest]), width)]


def _evidence(durations: FloatArray, density: FloatArray, low: float, width: float, unit: float) -> float:
    """Return the log evidence (nats, prior of the window included) that a share of durations lies in the window,
    evenly.
    """
    gain = np.where((durations >= low) & (durations <= low + width), 1 / (width + unit) / density, 0.0)
    shares = np.array(_NOISE_SHARES)[:, None]
    terms = np.log(shares + (1 - shares) * gain[None, :]).sum(axis=1)
    near = np.abs(low + width / 2 - np.array(_USUAL_S)) <= width
    usual = 0.5 / len(_USUAL_S) if near.any() else 0.0
    any_length = 0.5 * min(1.0, width / max(low + width, 1e-9)) / math.log(1e5)
    return log_sum_exp(terms) - math.log(len(_NOISE_SHARES)) + math.log(usual + any_length)


def _chance(durations: FloatArray, density: FloatArray, inside: FloatArray, unit: float) -> float:
    """Return the chance that durations without a timeout crowd so: one opens the window, any could have, of any
    width.
    """
    peak = float(density[(durations >= inside[0]) & (durations <= inside[-1])].max())
    share = min(1.0, peak * (float(inside[-1] - inside[0]) + unit))
    tail = log_binomial_tail(len(durations) - 1, len(inside) - 1, share)
    return math.exp(min(0.0, math.log(len(durations) * len(_widths(durations, unit))) + tail))
