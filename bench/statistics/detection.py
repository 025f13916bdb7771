"""Detection, mechanism and peeling of periods."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from bench.statistics import baselines
from bench.statistics.scores import calibration, row, share
from bench.statistics.trains import BACKING_OFF, IRREGULAR, PERIODIC, Trial, any_stamps, stamped
from logcorr.statistics import Periodicity, detect, peel

_COUNTS = (3, 4, 6, 12, 50, 300)
_CLAIM = 0.9
_CRONS = ("cron", "cron_on_a_slow_host", "cron_with_bursts")
_LOOPS = ("sleep_loop", "healthcheck")


@dataclass(frozen=True)
class Outcome:
    """One train: who made it, what was said, by us and by the baselines."""

    maker: str
    count: int
    trial: Trial
    found: Periodicity
    others: dict[str, tuple[float, float | None]]

    @property
    def periodic(self) -> bool:
        """Whether it has a period."""
        return self.trial.period is not None

    @property
    def claimed(self) -> bool:
        """Whether a period is claimed."""
        return self.found.period_s is not None and self.found.confidence >= _CLAIM

    @property
    def probability(self) -> float:
        """Said probability of any period."""
        return self.found.mechanisms.wall_clock + self.found.mechanisms.loop


def right_period(said: float | None, *true: float | None) -> bool:
    """Within two percent of one of the true ones."""
    return said is not None and any(period is not None and abs(said - period) < 0.02 * period for period in true)


def run(seed: int, rounds: int, with_baselines: bool = True) -> None:
    """Print the tables of detection."""
    outcomes: list[Outcome] = []
    seconds: dict[str, float] = defaultdict(float)
    makers = {**PERIODIC, **BACKING_OFF, **IRREGULAR}
    for which, (name, make) in enumerate(makers.items()):
        for count in _COUNTS:
            for turn in range(rounds):
                rng = np.random.default_rng([seed, 1, which, count, turn])
                trial = any_stamps(make(rng, count), rng)
                begun = time.perf_counter()
                found = detect(trial.times, start=trial.start, end=trial.end)
                seconds["logcorr"] += time.perf_counter() - begun
                others = {}
                for label, (method, _) in baselines.PERIOD_METHODS.items() if with_baselines else ():
                    begun = time.perf_counter()
                    others[label] = method(trial.times, trial.start, trial.end)
                    seconds[label] += time.perf_counter() - begun
                outcomes.append(Outcome(name, count, trial, found, others))
    _methods(outcomes, seconds)
    _ours(outcomes)
    _mechanisms(outcomes)
    _peeling(seed, rounds)
    _coarse(seed, rounds)


def _methods(outcomes: list[Outcome], seconds: dict[str, float]) -> None:
    periodic, rest = [each for each in outcomes if each.periodic], [each for each in outcomes if not each.periodic]
    print(f"detection: {len(periodic)} periodic trains, {len(rest)} not")
    row("method", "rec n>=4", "rec n>=12", "FPR", "period ok", "ms")
    for label, (_, threshold) in baselines.PERIOD_METHODS.items() if outcomes[0].others else ():
        hits = [(each, each.others[label]) for each in periodic if each.count >= 4]
        said = [(each, answer) for each, answer in hits if answer[0] >= threshold]
        row(
            label,
            share(answer[0] >= threshold for _, answer in hits),
            share(answer[0] >= threshold for each, answer in hits if each.count >= 12),
            share(each.others[label][0] >= threshold for each in rest),
            share(right_period(answer[1], each.trial.period, each.trial.also) for each, answer in said),
            1000 * seconds[label] / len(outcomes),
        )
    row(
        "logcorr",
        share(each.claimed for each in periodic if each.count >= 4),
        share(each.claimed for each in periodic if each.count >= 12),
        share(each.claimed for each in rest),
        share(right_period(each.found.period_s, each.trial.period, each.trial.also) for each in periodic if each.claimed),
        1000 * seconds["logcorr"] / len(outcomes),
    )


def _ours(outcomes: list[Outcome]) -> None:
    print("claims of a period by maker (share at confidence >= 0.9), and mechanisms named")
    row("maker", *[f"n={count}" for count in _COUNTS], "period ok")
    for maker in dict.fromkeys(each.maker for each in outcomes):
        mine = [each for each in outcomes if each.maker == maker]
        correct = share(right_period(each.found.period_s, each.trial.period, each.trial.also) for each in mine if each.claimed)
        row(maker, *[share(each.claimed for each in mine if each.count == count) for count in _COUNTS], correct)
    brier, error, lines = calibration([each.probability for each in outcomes], [each.periodic for each in outcomes])
    mix = share(outcome.periodic for outcome in outcomes)
    print(f"  probability of a period (prior 0.2, share here {mix:.2f}): Brier {brier:.4f} ECE {error:.4f}")
    print("   " + "; ".join(lines))


def _mechanisms(outcomes: list[Outcome]) -> None:
    classes = {"wall_clock": _CRONS, "loop": _LOOPS, "backoff": tuple(BACKING_OFF), "irregular": tuple(IRREGULAR)}
    print("mechanism named, by truth (share right; counts at n >= 12)")
    row("truth", *[f"n={count}" for count in _COUNTS], "at n>=12:")
    for truth, makers in classes.items():
        mine = [each for each in outcomes if each.maker in makers]
        named = Counter(each.found.mechanism for each in mine if each.count >= 12)
        row(
            truth,
            *[share(e.found.mechanism == truth for e in mine if e.count == count) for count in _COUNTS],
            str(dict(named)),
        )
    for count in (6, 12, 50):
        each_class = [
            share(each.found.mechanism == truth for each in outcomes if each.maker in makers and each.count == count)
            for truth, makers in classes.items()
        ]
        print(f"  mean over the four classes at n={count}: {np.mean(each_class):.3f}")


def _peeling(seed: int, rounds: int) -> None:
    right, both = [], []
    for count in (6, 12, 50, 300):
        for turn in range(2 * rounds):
            rng = np.random.default_rng([seed, 2, count, turn])
            trial = any_stamps(PERIODIC["two_crons"](rng, count), rng)
            found = peel(trial.times, start=trial.start, end=trial.end)
            right.append(any(right_period(each.period_s, trial.period) for each in found))
            both.append(len(found) >= 2)
    print(f"two crons: true period peeled {share(right):.3f}, two peeled {share(both):.3f} ({len(right)} trains)")


def _coarse(seed: int, rounds: int) -> None:
    print("stamps cut to 10 s and 60 s, resolution inferred: claims of a period")
    for unit in (10.0, 60.0):
        wrong, right = [], []
        for which, make in enumerate((*IRREGULAR.values(), *BACKING_OFF.values(), PERIODIC["cron"])):
            for count in (6, 20, 60):
                for turn in range(rounds):
                    rng = np.random.default_rng([seed, 3, which, count, turn])
                    trial = stamped(make(rng, count), unit)
                    found = detect(trial.times, start=trial.start, end=trial.end)
                    claimed = found.period_s is not None and found.confidence >= _CLAIM
                    if trial.period is None:
                        wrong.append(claimed)
                    elif trial.period >= 5 * unit:
                        right.append(claimed)
        row(
            f"cut to {unit:g} s",
            f"FPR {share(wrong):.4f}",
            f"recall {share(right):.3f}",
            f"of {len(wrong)}/{len(right)}",
        )
