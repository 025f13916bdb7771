"""Onset and offset: when did the rate change."""

from __future__ import annotations

import numpy as np

from bench.statistics import baselines
from bench.statistics.scores import row, share
from bench.statistics.trains import (
    MIDNIGHT,
    FloatArray,
    Rng,
    cron,
    cron_with_bursts,
    out_of_memory,
    poisson,
    self_exciting,
    sleep_loop,
)
from logcorr.statistics import onsets

_WINDOW_S = 7200.0


def _step(rng: Rng, rate: float, ratio: float, bursty: bool) -> tuple[FloatArray, float]:
    at = rng.uniform(0.3, 0.8) * _WINDOW_S
    before, after = rng.poisson(rate * at), rng.poisson(rate * ratio * (_WINDOW_S - at))
    times = np.concatenate((rng.uniform(0, at, before), rng.uniform(at, _WINDOW_S, after)))
    if bursty:
        times = np.concatenate((times, times[rng.random(len(times)) < 0.3] + rng.exponential(1, 1)))
        times = times[times < _WINDOW_S]
    return MIDNIGHT + np.sort(times), MIDNIGHT + at


def run(seed: int, rounds: int) -> None:
    """Print the tables of changes."""
    print("onset of one step within two hours: share found / median error in s; coverage of our 90 % interval")
    row("rate, step", "logcorr", "PELT", "3 sigma", "CUSUM", "interval", "extra")
    end = MIDNIGHT + _WINDOW_S
    for rate in (0.002, 0.01, 0.03, 0.1):
        for ratio in (3.0, 10.0, 50.0):
            ours, covered, extra = [], [], 0
            theirs: dict[str, list[float]] = {label: [] for label in baselines.CHANGE_METHODS}
            for turn in range(10 * rounds):
                rng = np.random.default_rng([seed, 6, int(rate * 1e4), int(ratio), turn])
                times, at = _step(rng, rate, ratio, turn % 3 == 0)
                found = onsets(times, start=MIDNIGHT, end=end)
                extra += max(0, len(found) - 1)
                if found:
                    nearest = min(found, key=lambda change: abs(change.time - at))
                    ours.append(abs(nearest.time - at))
                    covered.append(nearest.low - 1 <= at <= nearest.high + 1)
                for label, method in baselines.CHANGE_METHODS.items():
                    others = method(times, MIDNIGHT, end)
                    theirs[label] += [min(abs(each - at) for each in others)] if others else []
            cells = [
                f"{len(errors) / (10 * rounds):.2f}/{np.median(errors) if errors else 0:.0f}"
                for errors in (ours, *theirs.values())
            ]
            row(f"{rate:g}/s x{ratio:g}", *cells, share(covered), str(extra))
    _quiet(seed, rounds)
    _pulses(seed, rounds)


def _quiet(seed: int, rounds: int) -> None:
    """False alarms where nothing changes."""
    print("false alarms where nothing changes (share of trains with any change found)")
    row("train", "logcorr", *baselines.CHANGE_METHODS)
    makers = {
        "poisson": poisson,
        "clustered": self_exciting,
        "cron": cron,
        "bursts by cron": cron_with_bursts,
        "loop": sleep_loop,
        "gamma": out_of_memory,
    }
    for which, (name, make) in enumerate(makers.items()):
        alarms: list[bool] = []
        theirs: dict[str, list[bool]] = {label: [] for label in baselines.CHANGE_METHODS}
        for count in (10, 40, 200, 1000):
            for turn in range(5 * rounds):
                rng = np.random.default_rng([seed, 7, which, count, turn])
                trial = make(rng, count)
                times = trial.times
                # From the first event to the last, but for half a gap: the window says nothing about a beginning or an
                # end.
                start, end = (
                    float(times[0]) - float(np.diff(times).mean()) / 2,
                    float(times[-1]) + float(np.diff(times).mean()) / 2,
                )
                alarms.append(bool(onsets(times, start=start, end=end)))
                for label, method in baselines.CHANGE_METHODS.items():
                    theirs[label].append(bool(method(times, start, end)))
        row(name, share(alarms), *[share(each) for each in theirs.values()])


def _pulses(seed: int, rounds: int) -> None:
    """An incident that begins and ends."""
    both = []
    for turn in range(10 * rounds):
        rng = np.random.default_rng([seed, 8, turn])
        begin, length = rng.uniform(0.2, 0.6) * _WINDOW_S, rng.uniform(300, 1200)
        quiet = rng.uniform(0, _WINDOW_S, rng.poisson(0.01 * _WINDOW_S))
        storm = rng.uniform(begin, begin + length, rng.poisson(0.3 * length))
        found = onsets(MIDNIGHT + np.concatenate((quiet, storm)), start=MIDNIGHT, end=MIDNIGHT + _WINDOW_S)
        edges = (MIDNIGHT + begin, MIDNIGHT + begin + length)
        both.append(len(found) == 2 and all(abs(change.time - edge) < 30 for change, edge in zip(found, edges, strict=True)))
    print(f"pulse x30: exactly its beginning and end, each within 30 s: {share(both):.3f}")
