"""Seconds for a million events, one core."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from bench.statistics.scores import row
from bench.statistics.trains import MIDNIGHT
from logcorr.statistics import Schedule, attribute, detect, lag, offset, onsets, peel


def run(seed: int, rounds: int) -> None:
    """Print the table of speed; rounds is not used."""
    rng = np.random.default_rng([seed, 11])
    count = 1_000_000
    noise = np.floor(MIDNIGHT + np.sort(rng.uniform(0, 30 * 86400, count)))
    fine = MIDNIGHT + np.sort(rng.uniform(0, 30 * 86400, count))
    minutes = np.floor(MIDNIGHT + 60.0 * np.arange(count) + rng.uniform(1, 4, count))
    loop = MIDNIGHT + np.cumsum(rng.normal(10.4, 0.1, count))
    storms = np.sort(MIDNIGHT + rng.choice(rng.uniform(0, 30 * 86400, 500), count) + rng.exponential(60, count))
    trains = {
        "noise, whole seconds": noise,
        "noise, microseconds": fine,
        "cron each minute": minutes,
        "loop of 10 s": loop,
        "storms": storms,
    }
    tasks: dict[str, Callable[[np.ndarray, float, float], object]] = {
        "detect": lambda times, start, end: detect(times, start=start, end=end),
        "attribute": lambda times, start, end: attribute(times, _schedules(start, end), start=start, end=end),
        "onsets": lambda times, start, end: onsets(times, start=start, end=end),
        "offset of half": lambda times, start, end: offset(times, times[::2] + 3600.0),
        "lag": lambda times, start, end: lag(times[::10], times, start=start, end=end),
        "peel": lambda times, start, end: peel(times, start=start, end=end),
    }
    print("processor seconds for a million events on one core")
    row("train", *tasks)
    for name, times in trains.items():
        cells = []
        for task in tasks.values():
            begun = time.process_time()
            task(times, float(times[0]), float(times[-1]))
            cells.append(time.process_time() - begun)
        row(name, *cells)


def _schedules(start: float, end: float) -> list[Schedule]:
    return [
        Schedule(name, np.arange(MIDNIGHT - 3600 + offset_s, end, period))
        for name, period, offset_s in (("* *", 60.0, 0.0), ("*/5", 300.0, 0.0), ("17 *", 3600.0, 1020.0))
    ]
