"""Attribution of a train to one of up to thirty listed schedules, to one not listed, or to none."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from bench.statistics import baselines
from bench.statistics.scores import calibration, row, share
from bench.statistics.trains import MIDNIGHT, FloatArray, Rng, day_and_night, poisson, self_exciting, storms
from logcorr.statistics import Attribution, Group, Schedule, attribute

# name, period, offset in seconds from midnight
_CRONTAB = [
    ("*/5", 300, 0), ("2-59/5", 300, 120), ("3-59/5", 300, 180), ("*/10", 600, 0), ("5-59/10", 600, 300),
    ("*/15", 900, 0), ("7-59/15", 900, 420), ("*/30", 1800, 0), ("0 *", 3600, 0), ("17 *", 3600, 1020),
    ("25 *", 3600, 1500), ("45 *", 3600, 2700), ("10 *", 3600, 600), ("59 *", 3600, 3540), ("* *", 60, 0),
    ("*/2", 120, 0), ("1-59/2", 120, 60), ("*/3", 180, 0), ("*/4", 240, 0), ("*/6", 360, 0), ("*/12", 720, 0),
    ("*/20", 1200, 0), ("0 */2", 7200, 0), ("30 */6", 21600, 1800), ("0 0", 86400, 0), ("15 3", 86400, 11700),
]  # fmt: skip
_COUNTS = (2, 3, 4, 6, 12, 50)
_LISTS = (1, 3, 10, 30)


@dataclass(frozen=True, slots=True)
class _Case:
    """A train, the schedules listed, and the (period, offset) that made it: listed, unlisted, or None."""

    times: FloatArray
    start: float
    end: float
    listed: list[tuple[str, int, int]]
    truth: tuple[float, float] | None


def _ticks(period: float, offset: float, start: float, end: float) -> FloatArray:
    first = np.ceil((start - MIDNIGHT - offset) / period)
    last = np.floor((end - MIDNIGHT - offset) / period)
    return MIDNIGHT + offset + period * np.arange(first, last + 1)


def _case(rng: Rng, count: int, length: int, mix: tuple[float, float, float]) -> _Case:
    chosen = rng.choice(len(_CRONTAB), min(length, len(_CRONTAB)), replace=False)
    listed = [_CRONTAB[index] for index in chosen]
    listed += [listed[rng.integers(len(listed))] for _ in range(length - len(listed))]
    kind = rng.choice(3, p=mix)
    if kind == 2:
        make = (poisson, self_exciting, storms, day_and_night)[rng.integers(4)]
        trial = make(rng, count)
        shift = float(np.floor(rng.uniform(0, 86400)))
        return _Case(np.floor(trial.times + shift), np.floor(trial.start + shift), np.ceil(trial.end + shift), listed, None)
    others = [entry for entry in _CRONTAB if entry not in listed]
    if kind == 0:
        _, period, offset = listed[rng.integers(length)]
    elif others and rng.random() < 0.6:
        _, period, offset = others[rng.integers(len(others))]
    else:
        period, offset = int(rng.choice([90, 250, 420, 700, 1300, 3600])), int(rng.uniform(0, 3600))
    return _train(rng, count, listed, float(period), float(offset))


def _train(rng: Rng, count: int, listed: list[tuple[str, int, int]], period: float, offset: float) -> _Case:
    """A train behind ticks: some missed, a lag that scatters, noise."""
    coverage = float(rng.choice([1, 1, 0.9, 0.6, 0.3]))
    begin = MIDNIGHT + rng.uniform(0, 86400)
    number = int(np.ceil(count / coverage))
    ticks = np.sort(rng.choice(_ticks(period, offset, begin, begin + (number + 1) * period)[:number], count, replace=False))
    lag = min(rng.lognormal(np.log(2.5), 1.0) if rng.random() < 0.8 else rng.uniform(20, 150), 0.8 * period)
    times = ticks + lag + np.abs(rng.normal(0, float(rng.choice([0.3, 1.0, 3.0])), count))
    start, end = times.min() - rng.uniform(0, 6) * period, times.max() + rng.uniform(0, 6) * period
    noise = rng.uniform(start, end, rng.poisson(float(rng.choice([0, 0, 0.1, 0.5, 1.0])) * count))
    times = np.sort(np.concatenate((times, noise)))
    return _Case(np.floor(times), float(np.floor(start)), float(np.ceil(end)), listed, (period, offset))


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What was said about one case, and whether it is right."""

    count: int
    length: int
    listed: bool
    top: float
    right: bool
    forced_right: bool
    coverage: tuple[float, bool]
    same_period: tuple[float, bool]


def _is_truth(case: _Case, name: str) -> bool:
    return any(entry[0] == name and (entry[1], entry[2]) == case.truth for entry in case.listed)


def _judged(case: _Case, count: int, found: Attribution, schedules: list[Schedule]) -> _Outcome:
    best: Group = found.groups[0]
    names = [job.name for job in best.jobs]
    right = any(_is_truth(case, name) for name in names)
    listed = case.truth is not None and any((entry[1], entry[2]) == case.truth for entry in case.listed)
    claimed = best.probability > found.unlisted + found.coincidence
    ticks = [schedule.ticks for schedule in schedules]
    cover, same = (
        baselines.coverage_attribution(case.times, ticks),
        baselines.same_period_attribution(case.times, ticks),
    )
    return _Outcome(
        count, len(case.listed), listed, best.probability, right, right if claimed else not listed,
        (cover[0], cover[1] >= 0 and _is_truth(case, schedules[cover[1]].name)),
        (same[0], same[1] >= 0 and _is_truth(case, schedules[same[1]].name)),
    )  # fmt: skip


def run(seed: int, rounds: int) -> None:
    """Print the tables of attribution."""
    for mix, label in (
        ((0.6, 0.15, 0.25), "listed .60, unlisted .15, none .25"),
        ((0.2, 0.15, 0.65), "listed .20, unlisted .15, none .65"),
    ):
        outcomes, seconds = [], 0.0
        for count in _COUNTS:
            for length in _LISTS:
                for turn in range(3 * rounds):
                    rng = np.random.default_rng([seed, 4, int(10 * mix[0]), count, length, turn])
                    case = _case(rng, count, length, mix)
                    schedules = [
                        Schedule(name, _ticks(period, offset, case.start - 900, case.end)) for name, period, offset in case.listed
                    ]
                    begun = time.perf_counter()
                    found = attribute(case.times, schedules, start=case.start, end=case.end)
                    seconds += time.perf_counter() - begun
                    outcomes.append(_judged(case, count, found, schedules))
        print(f"attribution, {label}: {len(outcomes)} trains, {1000 * seconds / len(outcomes):.0f} ms each")
        _report(outcomes)


def _report(outcomes: list[_Outcome]) -> None:
    listed, rest = [each for each in outcomes if each.listed], [each for each in outcomes if not each.listed]
    row("method", "top-1", "recall", "precision", "blame")
    claims = {
        "coverage of ticks >= .6": [(each, each.coverage[0] >= 0.6, each.coverage[1]) for each in outcomes],
        "same period": [(each, each.same_period[0] > 0, each.same_period[1]) for each in outcomes],
        "logcorr >= .9": [(each, each.top >= 0.9, each.right) for each in outcomes],
    }
    for label, said in claims.items():
        row(
            label,
            share(right for each, _, right in said if each.listed),
            share(claimed and right for each, claimed, right in said if each.listed),
            share(right for _, claimed, right in said if claimed),
            share(claimed for each, claimed, _ in said if not each.listed),
        )
    print("  top-1 by events:  " + "  ".join(f"n={n} {share(e.right for e in listed if e.count == n):.2f}" for n in _COUNTS))
    print("  top-1 by entries: " + "  ".join(f"{m} {share(e.right for e in listed if e.length == m):.2f}" for m in _LISTS))
    print(
        "  recall at .9 by events: "
        + "  ".join(f"n={n} {share(e.top >= 0.9 for e in listed if e.count == n):.2f}" for n in _COUNTS)
    )
    print(f"  false blame at .5: {share(each.top >= 0.5 for each in rest):.3f}")
    print(f"  right, 'unlisted' and 'none' being answers too: {share(each.forced_right for each in outcomes):.3f}")
    many = [each for each in outcomes if each.count >= 4]
    _, error_many, _ = calibration([each.top for each in many], [each.right for each in many])
    brier, error, lines = calibration([each.top for each in outcomes], [each.right for each in outcomes])
    print(f"  probability of the top schedule: Brier {brier:.4f} ECE {error:.4f}, from four events on {error_many:.4f}")
    print("   " + "; ".join(lines))
