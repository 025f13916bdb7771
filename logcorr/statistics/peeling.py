"""Several periods in one train: name the surest, take away what it explains, look again."""

from __future__ import annotations

from logcorr.lazily import np, npt
from logcorr.statistics.assessment import assess
from logcorr.statistics.detection import Periodicity, describe
from logcorr.statistics.trains import LONGEST_BURST_GAP_S, observed

_MOST_ROUNDS = 8
_LEAST_CONFIDENCE = 0.9
_SAME_PERIOD = 0.01


def peel(times: npt.ArrayLike, *, start: float, end: float, resolution: float | None = None) -> tuple[Periodicity, ...]:
    """Return every period (confidence at least 0.9) in the events seen in start..end, in the order they are taken away.

    What follows a period's own events within a burst is no period of its own, unless it comes more seldom.
    """
    train, _ = observed(times, start, end, resolution)
    found: list[Periodicity] = []
    for _ in range(_MOST_ROUNDS):
        result = describe(train, assess(train))
        if result.period_s is None or result.confidence < _LEAST_CONFIDENCE or not result.onsets_explained:
            break
        if not any(_follows(result, earlier) for earlier in found):
            found.append(result)
        rest = train.events[~np.isin(train.events, np.array(result.onsets_explained))]
        train, _ = observed(rest, train.start, train.end, train.resolution)
    return tuple(found)


def _follows(result: Periodicity, earlier: Periodicity) -> bool:
    """Whether a result repeats an earlier one, of the same period, a little later: further lines of the same bursts."""
    if result.period_s is None or earlier.period_s is None or abs(result.period_s / earlier.period_s - 1) > _SAME_PERIOD:
        return False
    before, after = np.array(earlier.onsets_explained), np.array(result.onsets_explained)
    index = np.searchsorted(before, after, side="right") - 1
    lags = (after - before[np.maximum(index, 0)])[index >= 0]
    return bool(len(lags)) and float(np.median(lags)) <= LONGEST_BURST_GAP_S
