"""Lag and dependence: which kinds of events follow which."""

from __future__ import annotations

import time

import numpy as np

from bench.statistics.scores import row, share
from bench.statistics.trains import MIDNIGHT, FloatArray, Rng
from logcorr.statistics import dependence, lag

_DAY_S = 86400.0


def _independent(rng: Rng, style: str) -> FloatArray:
    count = int(rng.integers(4, 80))
    if style == "bursty":
        centres = rng.uniform(0, _DAY_S, max(1, count // 8))
        times = rng.choice(centres, count) + rng.exponential(rng.choice([5.0, 60.0, 600.0]), count)
    elif style == "daytime":
        times = np.clip(rng.normal(0.5, 0.15, count), 0, 1) * _DAY_S
    elif style == "cron":
        period = float(rng.choice([300.0, 600.0, 900.0, 3600.0]))
        times = np.arange(rng.uniform(0, period), _DAY_S, period) + rng.uniform(0, 2)
    else:
        times = rng.uniform(0, _DAY_S, count)
    stamps: FloatArray = np.floor(MIDNIGHT + np.sort(times[(times >= 0) & (times < _DAY_S)]))
    return stamps


def _followers(rng: Rng, causes: FloatArray) -> FloatArray:
    kept = causes[rng.random(len(causes)) < rng.choice([0.6, 0.9, 1.0])]
    late = float(rng.choice([1.0, 3.0, 10.0, 30.0])) * rng.uniform(0.8, 1.2, len(kept)) + rng.exponential(0.5, len(kept))
    noise = rng.uniform(MIDNIGHT, MIDNIGHT + _DAY_S, rng.poisson(0.5 * len(kept)))
    return np.floor(np.sort(np.concatenate((kept + late, noise))))


def run(seed: int, rounds: int) -> None:
    """Print the tables of lags."""
    print("dependence among 60 kinds of events, 10 of which follow another (n 4 to 80)")
    row("style of the others", "found", "of 10", "false", "kinds", "seconds")
    for which, style in enumerate(("poisson", "daytime", "bursty", "cron")):
        found_right, false, linked, seconds = 0, 0, 0, 0.0
        for turn in range(max(1, rounds // 2)):
            rng = np.random.default_rng([seed, 9, which, turn])
            trains = {f"kind{index:03}": _independent(rng, style) for index in range(50)}
            truth = {}
            for index in range(10):
                trains[f"effect{index}"] = _followers(rng, trains[f"kind{index:03}"])
                truth[(f"kind{index:03}", f"effect{index}")] = True
            begun = time.perf_counter()
            found = dependence(trains, start=MIDNIGHT, end=MIDNIGHT + _DAY_S, resolution=1.0)
            seconds += time.perf_counter() - begun
            right = sum((each.cause, each.effect) in truth for each in found)
            found_right, false, linked = found_right + right, false + len(found) - right, linked + 10
        row(style, str(found_right), str(linked), str(false), "60", seconds / max(1, rounds // 2))
    _pairs(seed, rounds)


def _pairs(seed: int, rounds: int) -> None:
    """Single pairs: confidence in a link, linked or not."""
    print("single pairs: share with confidence >= .9")
    row("style", "linked", "unlinked", "lag ok")
    for which, style in enumerate(("poisson", "daytime", "bursty", "cron")):
        linked, unlinked, near = [], [], []
        for turn in range(10 * rounds):
            rng = np.random.default_rng([seed, 10, which, turn])
            causes = _independent(rng, style)
            effects, others = _followers(rng, causes), _independent(rng, style)
            true = lag(causes, effects, start=MIDNIGHT, end=MIDNIGHT + _DAY_S, resolution=1.0)
            linked.append(true.confidence >= 0.9)
            if true.confidence >= 0.9 and true.lag_high_s is not None:
                near.append(true.lag_high_s < 60)
            unlinked.append(lag(causes, others, start=MIDNIGHT, end=MIDNIGHT + _DAY_S, resolution=1.0).confidence >= 0.9)
        row(style, share(linked), share(unlinked), share(near))
