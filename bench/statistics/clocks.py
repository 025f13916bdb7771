"""Clock offsets between two sources that log the same events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.statistics import baselines
from bench.statistics.scores import row, share
from bench.statistics.trains import MIDNIGHT, FloatArray, Rng
from logcorr.statistics import offset

_ZONES = [0.0] * 6 + [3600.0 * hours for hours in range(-11, 13)] + [19800.0, 20700.0, 34200.0, -12600.0]
_COUNTS = (2, 3, 5, 10, 30, 200)
_MODES = (
    "irregular",
    "irregular, truncated",
    "periodic",
    "periodic, truncated",
    "minute jobs",
    "not linked",
    "not linked, periodic",
)


@dataclass(frozen=True, slots=True)
class _Case:
    """Events as two sources stamp them, the windows their logs cover, and how far b is ahead; None where nothing
    links them.
    """

    a: FloatArray
    b: FloatArray
    window_a: tuple[float, float]
    window_b: tuple[float, float]
    truth: float | None


def _events(rng: Rng, mode: str, count: int, length: float) -> FloatArray:
    if "periodic" in mode and mode != "not linked, periodic":
        period = float(rng.choice([60.0, 300.0, 300.0, 900.0, 3600.0, 77.7]))
        return np.arange(count) * period + rng.uniform(0, period) + rng.exponential(0.7, count)
    if mode == "minute jobs":
        return np.sort(rng.choice(int(length // 60), count, replace=False)) * 60.0 + rng.exponential(2.0, count)
    return np.sort(rng.uniform(0, length, count))


def _case(rng: Rng, mode: str, count: int) -> _Case:
    length = max(3600.0, count * 600.0)
    zone, skew = float(rng.choice(_ZONES)), float(rng.normal(0, 2) if rng.random() < 0.6 else rng.normal(0, 30))
    a = _events(rng, mode, count, length)
    b = a[rng.random(count) < 0.9]
    b = (b if len(b) > 1 else a) + rng.uniform(0.1, 2)
    b = b + rng.exponential(0.3, len(b))
    if mode.startswith("not linked"):
        b = np.sort(rng.uniform(0, length, count)) if mode == "not linked" else np.arange(count) * 300.0 + rng.uniform(0, 300)
        a = a if mode == "not linked" else np.arange(count) * 300.0 + rng.uniform(0, 300)
    low, high = -rng.uniform(0, 7200, 2), max(length, float(a[-1])) + rng.uniform(0, 7200, 2)
    if "truncated" in mode and count > 3:
        front, back = rng.integers(0, count // 2, 2)
        a, b = a[front:], b[: max(2, len(b) - back)]
        low[0], high[1] = a[0] - 0.5, b[-1] + 0.5
    noise_a = rng.uniform(low[0], high[0], rng.poisson(0.5 * count))
    noise_b = rng.uniform(low[1], high[1], rng.poisson(1.0 * count))
    ahead = zone + skew
    stamps_a = np.floor(np.sort(np.concatenate((a, noise_a))) + MIDNIGHT)
    stamps_b = np.floor(np.sort(np.concatenate((b, noise_b))) + MIDNIGHT + ahead)
    windows = (low[0] + MIDNIGHT, high[0] + MIDNIGHT), (low[1] + MIDNIGHT + ahead, high[1] + MIDNIGHT + ahead)
    return _Case(stamps_a, stamps_b, *windows, None if mode.startswith("not linked") else ahead)


def run(seed: int, rounds: int) -> None:
    """Print the table of clocks."""
    print(
        "clocks: zone (nearest quarter hour) right; claims at confidence >= .9, and how many of them are wrong "
        "(zone, or skew by over 5 s)"
    )
    row("links", "events", "zone ok", "claims", "wrong", "first ev.", "x-corr.")
    wrong_claims, claims, clear = 0, 0, []
    for which, mode in enumerate(_MODES):
        for count in _COUNTS:
            right, said, first, peak = [], [], [], []
            for turn in range(3 * rounds):
                rng = np.random.default_rng([seed, 5, which, count, turn])
                case = _case(rng, mode, count)
                found = offset(case.a, case.b, window_a=case.window_a, window_b=case.window_b, resolution=1.0)
                zone = None if case.truth is None else round(case.truth / 900) * 900
                claimed = found is not None and found.confidence >= 0.9
                good = (
                    found is not None and case.truth is not None and found.zone_s == zone and abs(found.offset_s - case.truth) < 5
                )
                right.append(found is not None and found.zone_s == zone)
                said.append((claimed, good))
                first.append(round(baselines.first_event_offset(case.a, case.b) / 900) * 900 == zone)
                peak.append(round(baselines.correlation_offset(case.a, case.b) / 900) * 900 == zone)
            wrong = sum(claimed and not good for claimed, good in said)
            wrong_claims, claims = wrong_claims + wrong, claims + sum(claimed for claimed, _ in said)
            if mode.startswith("irregular") and count >= 3:
                clear += [claimed and good for claimed, good in said]
            row(
                mode,
                str(count),
                share(right),
                share(claimed for claimed, _ in said),
                str(wrong),
                share(first),
                share(peak),
            )
    print(f"  claims {claims}, wrong {wrong_claims}; right claims on three or more irregular links: {share(clear):.3f}")
