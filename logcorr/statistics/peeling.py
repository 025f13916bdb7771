"""Several periods in one train: name the surest, take away what it explains, look again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from logcorr.statistics.assessment import assess
from logcorr.statistics.detection import Periodicity, describe
from logcorr.statistics.trains import FloatArray, Train, observed

_MOST_PERIODS = 5
_LEAST_CONFIDENCE = 0.9


def peel(
    times: npt.ArrayLike, *, start: float, end: float, resolution: float | None = None
) -> tuple[Periodicity, ...]:
    """Return every period (confidence at least 0.9) in the events seen in start..end, in the order they are taken away."""
    train, _ = observed(times, start, end, resolution)
    found: list[Periodicity] = []
    while len(found) < _MOST_PERIODS:
        result = describe(train, assess(train))
        if result.period_s is None or result.confidence < _LEAST_CONFIDENCE or not result.onsets_explained:
            break
        found.append(result)
        rest = train.onsets[~np.isin(train.onsets, np.array(result.onsets_explained))]
        train = replace(train, events=rest, onsets=rest)
    return tuple(found)
