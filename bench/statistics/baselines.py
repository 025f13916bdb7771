"""The usual methods, each after its source: what people reach for to find a period, a schedule, a change or a clock
offset.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Answer = tuple[float, float | None]


def rita(times: FloatArray, start: float, end: float) -> Answer:
    """RITA's beacon score on timestamps (github.com/activecm/rita, analysis/beacons.go): Bowley skew and MAD of
    intervals.
    """
    gaps = np.diff(np.floor(times))
    gaps = gaps[gaps > 0]
    if len(times) < 4 or len(gaps) < 3:
        return 0.0, None
    low, middle, high = np.percentile(gaps, [25, 50, 75]).tolist()
    skew = (low + high - 2 * middle) / (high - low) if high - low >= 10 and middle not in (low, high) else 0.0
    deviation = float(np.median(np.abs(gaps - middle)))
    return ((1 - abs(skew)) + max(0.0, (middle - deviation) / middle)) / 2, middle


def median_mad(times: FloatArray, start: float, end: float) -> Answer:
    """Median interval, scored by its median absolute deviation."""
    gaps = np.diff(times)
    middle = float(np.median(gaps)) if len(gaps) > 1 else 0.0
    return (1 - min(1.0, float(np.median(np.abs(gaps - middle))) / middle), middle) if middle > 0 else (0.0, None)


def _binned(times: FloatArray, start: float, end: float) -> FloatArray:
    bins = 2 ** int(np.clip(math.ceil(math.log2(max(end - start, 256))), 8, 17))
    counts: FloatArray = np.histogram(times, bins, (start, end))[0].astype(np.float64)
    centred: FloatArray = counts - counts.mean()
    return centred


def autoperiod(times: FloatArray, start: float, end: float) -> Answer:
    """AUTOPERIOD (Vlachos et al., SDM 2005): periodogram peaks above a permutation's, confirmed on a hill of the
    autocorrelation.
    """
    counts = _binned(times, start, end)
    power = np.abs(np.fft.rfft(counts)) ** 2
    power[:2] = 0
    rng = np.random.default_rng(0)
    threshold = float(np.mean([np.abs(np.fft.rfft(rng.permutation(counts)))[2:].max() ** 2 for _ in range(4)]))
    self_correlation = np.fft.irfft(np.abs(np.fft.rfft(counts, 2 * len(counts))) ** 2)
    self_correlation = self_correlation / max(float(self_correlation[0]), 1e-9)
    for index in np.argsort(-power)[:8].tolist():
        low, high = len(counts) // (index + 1), len(counts) // max(index - 1, 1) + 2
        hill = self_correlation[low:high]
        at = low + int(hill.argmax()) if len(hill) > 2 else round(len(counts) / max(index, 1))
        if self_correlation[min(at, len(self_correlation) - 1)] > 0.1:
            return min(1.0, float(power[index]) / threshold / 2.5), at * (end - start) / len(counts)
    return min(1.0, float(power.max()) / threshold / 2.5) * 0.5, None


def h_test(times: FloatArray, start: float, end: float) -> Answer:
    """de Jager's H-test (1989) over a spectrum of one-second bins, corrected for the frequencies tried."""
    counts = _binned(times, start, end)
    power = 2 * np.abs(np.fft.rfft(counts, 2 * len(counts))) ** 2 / max(len(times), 1)
    power[:4] = 0
    best, running = np.zeros(len(power)), np.zeros(len(power))
    for order in range(1, 13):
        index = np.arange(0, len(power), order)
        running[: len(index)] += power[index]
        best[: len(index)] = np.maximum(best[: len(index)], running[: len(index)] - 4 * order + 4)
    at = int(best[4:].argmax()) + 4
    log_chance = math.log(len(power) / 2) - 0.4 * float(best[at])
    return 1 / (1 + math.exp(min(50.0, max(-50.0, log_chance + 2)))), 2 * (end - start) / at


def rayleigh(times: FloatArray, start: float, end: float) -> Answer:
    """Rayleigh's test at the periods people use, Bonferroni corrected."""
    periods = np.array([60.0, 120, 180, 240, 300, 600, 900, 1200, 1800, 3600, 7200, 21600, 43200, 86400])
    periods = periods[periods < (end - start) / 1.5]
    if not len(periods) or len(times) < 3:
        return 0.0, None
    angles = 2 * np.pi * times[None, :] / periods[:, None]
    strength = (np.cos(angles).sum(axis=1) ** 2 + np.sin(angles).sum(axis=1) ** 2) / len(times)
    at = int(strength.argmax())
    return max(0.0, 1 - len(periods) * math.exp(-float(strength[at]))), float(periods[at])


# Scores from which each method says "periodic": its source's or its users' habit.
PERIOD_METHODS = {
    "RITA timestamp score": (rita, 0.75),
    "median + MAD": (median_mad, 0.9),
    "AUTOPERIOD": (autoperiod, 0.4),
    "H-test": (h_test, 0.5),
    "Rayleigh": (rayleigh, 0.99),
}


def coverage_attribution(times: FloatArray, schedules: list[FloatArray], within: float = 30.0) -> tuple[float, int]:
    """Best schedule by share of events within 30 s after a tick times share of ticks so followed."""
    best = (0.0, -1)
    for number, ticks in enumerate(schedules):
        near = ticks[(ticks >= times[0] - within) & (ticks <= times[-1])]
        if len(near):
            index = np.searchsorted(near, times, side="right") - 1
            held = (index >= 0) & (times - near[np.maximum(index, 0)] <= within)
            best = max(best, (float(held.mean()) * len(np.unique(index[held])) / len(near), number), key=lambda each: each[0])
    return best


def same_period_attribution(times: FloatArray, schedules: list[FloatArray]) -> tuple[float, int]:
    """The schedule whose period is the median interval, by smallest mean lag."""
    middle = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    best = (0.0, -1)
    for number, ticks in enumerate(schedules):
        period = float(np.median(np.diff(ticks))) if len(ticks) > 1 else 0.0
        if period > 0 and abs(middle - period) < 0.02 * period + 2:
            lags = times - ticks[np.maximum(np.searchsorted(ticks, times, side="right") - 1, 0)]
            best = max(best, (1 / (1 + float(np.median(lags)) / 30), number), key=lambda each: each[0])
    return best


def first_event_offset(a: FloatArray, b: FloatArray) -> float:
    """The difference of the first events."""
    return float(b[0] - a[0])


def correlation_offset(a: FloatArray, b: FloatArray) -> float:
    """The peak of the cross-correlation, two-second bins, within half a day and an hour."""
    differences = (b[None, :] - a[:, None]).ravel()
    differences = differences[np.abs(differences) < 14.2 * 3600]
    if not len(differences):
        return 0.0
    value, count = np.unique(np.round(differences / 2), return_counts=True)
    return float(value[count.argmax()] * 2)


def pelt(times: FloatArray, start: float, end: float) -> list[float]:
    """PELT (Killick et al. 2012), Poisson cost on 120 bins, penalty 2 ln n; returns the times of change."""
    bins = 120
    counts, edges = np.histogram(times, bins, (start, end))
    total = np.concatenate(([0], np.cumsum(counts)))
    cost = [-2 * math.log(bins)]
    last = [0]
    for right in range(1, bins + 1):
        inside = total[right] - total[:right]
        length = right - np.arange(right)
        fit = 2 * (inside - inside * np.log(np.maximum(inside, 1e-12) / length))
        options = np.array(cost) + fit + 2 * math.log(bins)
        last.append(int(options.argmin()))
        cost.append(float(options.min()))
    found, at = [], bins
    while at > 0:
        at = last[at]
        found.append(at)
    return [float(edges[each]) for each in sorted(found) if each > 0]


def three_sigma(times: FloatArray, start: float, end: float) -> list[float]:
    """The first of sixty bins above mean plus three sigma of the first quarter."""
    counts, edges = np.histogram(times, 60, (start, end))
    quiet = counts[:15]
    above = np.flatnonzero(counts > quiet.mean() + 3 * (quiet.std() + 0.5))
    return [float(edges[above[0]])] if len(above) else []


def cusum(times: FloatArray, start: float, end: float) -> list[float]:
    """Upward CUSUM on 120 bins, drift one half and threshold five sigma of the first quarter."""
    counts, edges = np.histogram(times, 120, (start, end))
    mean = float(counts[:30].mean()) + 0.1
    sigma, total, begun = max(math.sqrt(mean), 0.5), 0.0, 0
    for index, count in enumerate(counts.tolist()):
        if total <= 0:
            total, begun = 0.0, index
        total += (count - mean) / sigma - 0.5
        if total > 5:
            return [float(edges[begun])]
    return []


CHANGE_METHODS = {"PELT": pelt, "3 sigma": three_sigma, "CUSUM": cusum}
