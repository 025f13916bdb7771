"""Synthetic trains of events with known causes. Written from how such events come about; imports nothing that it
tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Rng = np.random.Generator

# 2025-10-16T00:00:00Z
MIDNIGHT = 1_760_572_800.0
_PERIODS = (60.0, 120.0, 300.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 86400.0)


@dataclass(frozen=True, slots=True)
class Trial:
    """A train seen in start..end; period in seconds, None where there is none; also: that of a second train in it."""

    times: FloatArray
    start: float
    end: float
    period: float | None
    also: float | None = None


def _around(times: FloatArray, rng: Rng, margin: float, period: float | None) -> Trial:
    times = np.sort(times)
    return Trial(times, times[0] - rng.uniform(0.0, 4.0) * margin - 1, times[-1] + rng.uniform(0.0, 4.0) * margin + 1, period)


def with_noise(trial: Trial, rng: Rng, share: float) -> Trial:
    """Add Poisson noise, share times as many events as there are."""
    extra = rng.uniform(trial.start, trial.end, rng.poisson(share * len(trial.times)))
    return replace(trial, times=np.sort(np.concatenate((trial.times, extra))))


def stamped(trial: Trial, unit: float) -> Trial:
    """Cut the stamps, as a log does, to multiples of unit seconds."""
    return replace(trial, times=np.floor(trial.times / unit) * unit, start=np.floor(trial.start), end=np.ceil(trial.end))


def any_stamps(trial: Trial, rng: Rng) -> Trial:
    """Cut the stamps to seconds more often than to milliseconds."""
    return stamped(trial, 1.0 if rng.random() < 0.6 else 0.001)


# ---------------------------------------------------------------- periodic
def cron(rng: Rng, count: int) -> Trial:
    """A cron job: minute aligned, a lag of seconds, jitter, sometimes ticks missed and noise among it."""
    period = float(rng.choice(_PERIODS))
    missed = float(rng.choice([0, 0, 0.1, 0.3, 0.5]))
    ticks = max(count, round(count / (1 - missed)))
    number = np.sort(rng.choice(ticks, count, replace=False))
    lag = float(rng.choice([rng.uniform(0, 20), rng.lognormal(1.0, 1.0)]))
    scatter = np.abs(rng.normal(0, float(rng.choice([0.3, 1.0, 3.0])), count))
    first = MIDNIGHT + 60 * rng.integers(0, 1440) + period * rng.integers(0, 5)
    return with_noise(
        _around(first + number * period + lag + scatter, rng, period, period),
        rng,
        float(rng.choice([0, 0, 0.1, 0.3, 1.0])),
    )


def cron_on_a_slow_host(rng: Rng, count: int) -> Trial:
    """A cron job whose effect scatters over up to a tenth of the period, with an exponential tail."""
    period = float(rng.choice([60.0, 300.0, 600.0, 3600.0]))
    lag = 1 + rng.exponential(period * rng.uniform(0.002, 0.03), count)
    return _around(MIDNIGHT + 3600 + np.arange(count) * period + lag, rng, period, period)


def cron_with_bursts(rng: Rng, count: int) -> Trial:
    """A cron job of which each run logs up to twenty lines within seconds."""
    period = float(rng.choice([300.0, 600.0, 900.0, 3600.0]))
    ticks = MIDNIGHT + 7200 + np.arange(count) * period + rng.uniform(1, 3, count)
    lines = [tick + np.cumsum(rng.exponential(rng.choice([0.1, 0.5, 1.5]), rng.integers(1, 20))) for tick in ticks]
    return _around(np.concatenate(lines), rng, period, period)


def cron_in_daytime_noise(rng: Rng, count: int) -> Trial:
    """A cron job among as many events that people make in working hours."""
    period = float(rng.choice([300.0, 900.0, 3600.0]))
    ticks = MIDNIGHT + np.arange(count) * period + 2 + rng.exponential(1.0, count)
    people = human_hours(rng, max(2, count // 2)).times
    people = people[(people > ticks[0]) & (people < ticks[-1])]
    return _around(np.concatenate((ticks, people)), rng, period, period)


def weak_cron(rng: Rng, count: int) -> Trial:
    """A cron job of at least forty ticks under three to ten times as much noise."""
    period = float(rng.choice([60.0, 300.0, 600.0]))
    ticks = max(count, 40)
    times = MIDNIGHT + np.arange(ticks) * period + rng.uniform(0, 20) + np.abs(rng.normal(0, 0.7, ticks))
    trial = Trial(times, times[0] - period, times[-1] + period, period)
    return with_noise(trial, rng, float(rng.choice([3, 6, 10])))


def sleep_loop(rng: Rng, count: int) -> Trial:
    """A shell loop: sleep, then work for a time that varies."""
    pause = float(rng.choice([5.0, 10.0, 30.0, 60.0, 300.0, 600.0]))
    work = pause * rng.uniform(0.002, 0.1)
    turns = pause + np.maximum(rng.normal(work, max(float(rng.choice([0.002, 0.01, 0.03])) * pause, 0.02), count), 0.0)
    return _around(MIDNIGHT + rng.uniform(0, 9e4) + np.cumsum(turns), rng, pause, float(turns[1:].mean()))


def healthcheck(rng: Rng, count: int) -> Trial:
    """A docker health check: the interval is a wait between checks, and checks take long now and then."""
    wait = float(rng.choice([10.0, 30.0, 60.0]))
    took = rng.gamma(4.0, rng.uniform(0.02, 0.4), count) + np.where(rng.random(count) < 0.03, rng.uniform(3, 10, count), 0)
    turns = wait + took
    return _around(MIDNIGHT + rng.uniform(0, 9e4) + np.cumsum(turns), rng, wait, float(np.median(turns[1:])))


def timer(rng: Rng, count: int) -> Trial:
    """A timer that does not drift, of any period and phase."""
    period = float(rng.choice([rng.uniform(7, 2000), rng.choice([15.0, 30.0, 60.0, 300.0])]))
    times = MIDNIGHT + rng.uniform(0, 9e4) + np.arange(count) * period + rng.uniform(0, 0.3, count)
    return _around(times, rng, period, period)


def two_crons(rng: Rng, count: int) -> Trial:
    """Two cron jobs in one train; period is the first one's, the second is half as often or two in three."""
    period = float(rng.choice([60.0, 120.0, 300.0, 600.0, 900.0, 3600.0]))
    other = period * float(rng.choice([2.0, 1.5]))
    number = max(count, 6)
    first = MIDNIGHT + 3600 + np.arange(number) * period + rng.uniform(1, 6) + np.abs(rng.normal(0, 0.5, number))
    trial = _around(first, rng, period, period)
    second = np.arange(trial.start, trial.end, other) + rng.uniform(0, other * 0.9)
    second = second[second < trial.end]
    return Trial(np.sort(np.concatenate((first, second))), trial.start, trial.end, period, other)


# ---------------------------------------------------------------- not periodic
def poisson(rng: Rng, count: int) -> Trial:
    """Independent events at a constant rate."""
    window = 10 ** rng.uniform(2.5, 5.5)
    return Trial(MIDNIGHT + np.sort(rng.uniform(0, window, count)), MIDNIGHT, MIDNIGHT + window, None)


def self_exciting(rng: Rng, count: int) -> Trial:
    """Events that cause further events (clusters of clusters)."""
    window = 10 ** rng.uniform(3.5, 5.5)
    times = list(rng.uniform(0, window, max(2, count // 5)))
    while len(times) < count:
        times.append(times[rng.integers(len(times))] + rng.exponential(window / rng.choice([30, 300, 3000])))
    return _around(MIDNIGHT + np.array(times[:count]), rng, window / 20, None)


def human_hours(rng: Rng, count: int) -> Trial:
    """People at work: weekdays, 9 to 18, a dip at noon, now and then later."""
    days = int(rng.integers(1, 12))
    out: list[float] = []
    while len(out) < count:
        day, hour = int(rng.integers(days)), float(rng.uniform(0, 24))
        rate = 1.0 if 9 <= hour < 18 else 0.04
        rate *= 0.5 if 12 <= hour < 13 else 1.0
        if day % 7 < 5 and rng.random() < rate:
            out.append(day * 86400 + hour * 3600)
    return Trial(MIDNIGHT + np.sort(out), MIDNIGHT, MIDNIGHT + days * 86400, None)


def day_and_night(rng: Rng, count: int) -> Trial:
    """Traffic that rises and falls smoothly over one to seven days."""
    days = int(rng.integers(1, 8))
    phase = rng.random()
    times = rng.uniform(0, days * 86400, 40 * count + 40)
    kept = times[rng.random(len(times)) < 0.05 + 0.95 * np.maximum(0, np.sin(2 * np.pi * (times / 86400 - phase))) ** 2]
    return Trial(MIDNIGHT + np.sort(kept[:count]), MIDNIGHT, MIDNIGHT + days * 86400, None)


def lognormal_gaps(rng: Rng, count: int) -> Trial:
    """Independent log-normal intervals."""
    gaps = rng.lognormal(np.log(10 ** rng.uniform(1, 3)), float(rng.choice([0.8, 1.2, 2.0])), count)
    return _around(MIDNIGHT + np.cumsum(gaps), rng, float(np.median(gaps)), None)


def out_of_memory(rng: Rng, count: int) -> Trial:
    """A leak that fills up and crashes: gamma intervals, more even than chance."""
    gaps = rng.gamma(float(rng.choice([2, 3, 4])), 10 ** rng.uniform(2, 3.5), count)
    return _around(MIDNIGHT + np.cumsum(gaps), rng, float(gaps.mean()), None)


def random_walk_gaps(rng: Rng, count: int) -> Trial:
    """Intervals that wander: each is the last one times a random factor, drawn back to the middle by a tenth."""
    steps, walk = rng.normal(0, float(rng.choice([0.3, 0.6])), count), np.zeros(count)
    for index in range(1, count):
        walk[index] = 0.9 * walk[index - 1] + steps[index]
    gaps = 10 ** rng.uniform(0.8, 2.5) * np.exp(walk)
    return _around(MIDNIGHT + np.cumsum(gaps), rng, float(np.median(gaps)), None)


def storms(rng: Rng, count: int) -> Trial:
    """A few storms of errors at random times over quiet noise."""
    window = 10 ** rng.uniform(3.5, 5)
    quiet = rng.uniform(0, window, max(1, count // 4))
    centres = rng.uniform(0, window, int(rng.integers(1, 6)))
    stormy = rng.choice(centres, count - len(quiet)) + rng.exponential(window / rng.choice([50, 500, 3000]), count - len(quiet))
    return _around(MIDNIGHT + np.concatenate((quiet, stormy)), rng, window / 20, None)


def deploy_step(rng: Rng, count: int) -> Trial:
    """A rate that jumps at a deploy and stays."""
    window = 10 ** rng.uniform(3, 5)
    step = rng.uniform(0.2, 0.8) * window
    after = round(count * rng.uniform(0.7, 0.95))
    times = np.concatenate((rng.uniform(0, step, count - after), rng.uniform(step, window, after)))
    return Trial(MIDNIGHT + np.sort(times), MIDNIGHT, MIDNIGHT + window, None)


def idle_timeouts(rng: Rng, count: int) -> Trial:
    """Closes of many overlapping connections, each 60 s after its own last word: no common clock."""
    opened = np.sort(rng.uniform(0, max(count * rng.choice([5.0, 30.0, 200.0]), 300), count))
    spoke = opened + rng.exponential(20.0, count) * rng.integers(0, 3, count)
    return _around(MIDNIGHT + spoke + 60 + rng.exponential(0.05, count), rng, 60.0, None)


def docker_backoff(rng: Rng, count: int) -> Trial:
    """docker's restart delays: 0.1 s doubling to 60 s, from the start again after a run of 10 s; the program fails
    after a while.
    """
    out: list[float] = []
    now, run = 0.0, float(rng.choice([0.3, 0.8, 2.0, 4.0]))
    healthy_chance = float(rng.choice([0.0, 0.05]))
    delay = 0.1
    while len(out) < count:
        out.append(now)
        if rng.random() < healthy_chance:
            delay, now = 0.1, now + rng.uniform(15, 3000)
        now += min(delay, 60.0) + run * rng.uniform(0.9, 1.2)
        delay *= 2
    return _around(MIDNIGHT + rng.uniform(0, 9e4) + np.array(out), rng, 60.0, None)


def kubelet_backoff(rng: Rng, count: int) -> Trial:
    """kubelet's CrashLoopBackOff: 10 s doubling to 300 s, sometimes cleared."""
    out: list[float] = []
    now, delay, run = 0.0, 10.0, float(rng.uniform(0.5, 8.0))
    clears = rng.random() < 0.5
    while len(out) < count:
        out.append(now)
        if clears and rng.random() < 0.08:
            delay, now = 10.0, now + rng.uniform(600, 6000)
        now += delay * rng.uniform(1.0, 1.05) + run * rng.uniform(0.8, 1.3)
        delay = min(delay * 2, 300.0)
    return _around(MIDNIGHT + rng.uniform(0, 9e4) + np.array(out), rng, 100.0, None)


def client_backoff(rng: Rng, count: int) -> Trial:
    """A client that retries with growing delays, gives up, and comes again."""
    out: list[float] = []
    now, base, factor = 0.0, float(rng.choice([0.5, 1.0, 2.0, 5.0])), float(rng.choice([1.5, 2.0]))
    tries, cap = int(rng.integers(5, 11)), base * factor ** int(rng.integers(4, 8))
    while len(out) < count:
        delay = base
        for _ in range(tries):
            out.append(now)
            now += min(delay, cap) * rng.uniform(0.97, 1.1)
            delay *= factor
        now += rng.uniform(50, 5000)
    return _around(MIDNIGHT + np.array(out[:count]), rng, 60.0, None)


Maker = Callable[[Rng, int], Trial]
PERIODIC: dict[str, Maker] = {
    maker.__name__: maker
    for maker in (
        cron, cron_on_a_slow_host, cron_with_bursts, cron_in_daytime_noise, weak_cron, sleep_loop, healthcheck, timer,
        two_crons,
    )
}  # fmt: skip
BACKING_OFF: dict[str, Maker] = {maker.__name__: maker for maker in (docker_backoff, kubelet_backoff, client_backoff)}
IRREGULAR: dict[str, Maker] = {
    maker.__name__: maker
    for maker in (
        poisson, self_exciting, human_hours, day_and_night, lognormal_gaps, out_of_memory, random_walk_gaps, storms,
        deploy_step, idle_timeouts,
    )
}  # fmt: skip
