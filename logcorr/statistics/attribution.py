"""Which of the listed schedules explains a train of events: one posterior over all of them, an unlisted one, and
none.
"""

from __future__ import annotations

import math

from msgspec import Struct

from logcorr.lazily import np, npt
from logcorr.statistics.assessment import FEW_EVENTS, MOST_FROM_FEW, assess
from logcorr.statistics.background import Backgrounds
from logcorr.statistics.likelihood import LOG10, log_binomial_tail, log_mean_exp, log_sum_exp
from logcorr.statistics.schedules import Schedule, cron_prior, unlisted_cron_log_bf
from logcorr.statistics.tickfit import WIDTH_CHOICES, TickFit, fit_ticks, matched, usable_ticks
from logcorr.statistics.trains import FloatArray, IntArray, Train, observed, thinned

# Before looking: the cause is among the listed schedules (shared equally), or a schedule nobody listed, or none.
_LISTED, _UNLISTED, _COINCIDENCE = 0.55, 0.15, 0.30
# Of longer trains the evidence is that of a sample of about so many events; the counts are of all.
_MOST_ONSETS = 30_000
_NEARLY_ALL, _AT_ONCE_S = 0.9, 10.0


class Job(Struct, frozen=True):
    """One listed job: its name, the weight it was given, and the probability that it is what causes the events."""

    name: str
    weight: float
    probability: float


class Evidence(Struct, frozen=True):
    """Numbers to check by eye: "11 of 11 events fall 2-4 s after a tick; those windows cover 1.0 % of the time".

    explained of events lie in a window (a burst is one event); hits of ticks (those whose window is observed) hold
    one. The lags run from lag_low_s to lag_high_s, median lag_median_s; cover is the share of the observed time in
    such windows, one stamp unit added. chance: probability that noise fills windows so well after any lag, of any
    width, for any of the listed schedules. log10_bf: timing alone, against noise. tick_of: for every event in the
    observed window, ascending, the index of its tick among Group.ticks, -1 for none.
    """

    events: int
    explained: int
    ticks: int
    hits: int
    lag_low_s: float | None
    lag_high_s: float | None
    lag_median_s: float | None
    cover: float
    chance: float
    log10_bf: float
    tick_of: tuple[int, ...]


class Group(Struct, frozen=True):
    """Listed jobs whose ticks are identical as far as the window shows, so that timing cannot tell them apart.

    probability: that this train of ticks causes the events, whichever job (or unlisted twin) runs on it. Each job's own
    probability also asks whether it is that job. ticks: those that could matter, epoch seconds.
    """

    jobs: tuple[Job, ...]
    probability: float
    evidence: Evidence
    ticks: tuple[float, ...]


class Attribution(Struct, frozen=True):
    """The posterior: groups by falling probability; unlisted: another schedule, not listed; coincidence: none. They
    sum to one.
    """

    groups: tuple[Group, ...]
    unlisted: float
    coincidence: float
    events: int
    resolution_s: float


class _Candidate(Struct, frozen=True):
    """Listed schedules with the same usable ticks, and their fit."""

    schedules: tuple[Schedule, ...]
    ticks: FloatArray
    fit: TickFit


def attribute(
    times: npt.ArrayLike, schedules: list[Schedule], *, start: float, end: float, resolution: float | None = None
) -> Attribution:
    """Say which listed schedule explains the events seen in start..end (epoch seconds), and how sure that is.

    Timing speaks first: prior 0.55 shared by the listed, 0.15 an unlisted one, 0.3 none; of under four events at most
    0.8 goes to any schedule. Then each weight multiplies its job's odds. resolution: unit of the stamps in seconds,
    None to infer it.
    """
    train, burst_of = observed(times, start, end, resolution)
    sample = thinned(train, _MOST_ONSETS)
    candidates = _candidates(sample, schedules)
    share = _LISTED / max(len(schedules), 1)
    unlisted = _unlisted_log_bf(sample, candidates)
    logs = [max(one.fit.log_bf, unlisted) if _keeps_time(sample, one) else one.fit.log_bf for one in candidates]
    listed = [log + math.log(share * len(candidate.schedules)) for log, candidate in zip(logs, candidates, strict=True)]
    twins = [
        log + math.log(max(_UNLISTED / 2 * cron_prior(candidate.ticks), 1e-300))
        for log, candidate in zip(logs, candidates, strict=True)
    ]
    rest = [math.log(_UNLISTED) + unlisted, math.log(_COINCIDENCE)]
    timing = _timing_posterior(train.count, np.array(listed), np.array(twins), np.array(rest))
    return _weighted(train, burst_of, candidates, timing, len(schedules))


def _candidates(train: Train, schedules: list[Schedule]) -> list[_Candidate]:
    """Return the schedules grouped by their usable ticks, each group with its fit, in the order first listed."""
    groups: dict[bytes, list[Schedule]] = {}
    for schedule in schedules:
        groups.setdefault(usable_ticks(schedule.ticks, train).tobytes(), []).append(schedule)
    backgrounds = Backgrounds(train)
    candidates = []
    for members in groups.values():
        ticks = usable_ticks(members[0].ticks, train)
        gap = float(np.median(np.diff(ticks))) if len(ticks) > 1 else train.window_s
        candidates.append(_Candidate(tuple(members), ticks, fit_ticks(train, ticks, backgrounds.of_bins(4 * gap))))
    return candidates


def _keeps_time(train: Train, candidate: _Candidate) -> bool:
    """Whether what was told comes just before nearly every event: then the events' regularity is that of who tells.

    Else a schedule that nobody listed would fit both better than either fits the other.
    """
    if not any(schedule.told for schedule in candidate.schedules):
        return False
    found = matched(train, candidate.ticks, candidate.fit)
    both = len(found.lags) >= _NEARLY_ALL * train.count and found.hits >= _NEARLY_ALL * found.ticks
    return both and float(found.lags.max() - found.lags.min()) <= _AT_ONCE_S


def _unlisted_log_bf(train: Train, candidates: list[_Candidate]) -> float:
    """Return the evidence (nats) for a schedule nobody listed: half a minute-aligned cron line, half any period."""
    cron = unlisted_cron_log_bf(train, [candidate.ticks for candidate in candidates])
    return log_mean_exp([cron, assess(train).schedule_log_bf])


def _timing_posterior(events: int, listed: FloatArray, twins: FloatArray, rest: FloatArray) -> FloatArray:
    """Return the probabilities of listed groups, their unlisted twins, unlisted, coincidence, in a row; few events
    stay at 0.8.
    """
    logs = np.concatenate((listed, twins, rest))
    shares = np.exp(logs - log_sum_exp(logs))
    schedules = 1 - shares[-1]
    if events < FEW_EVENTS and schedules > MOST_FROM_FEW:
        shares[:-1] *= MOST_FROM_FEW / schedules
        shares[-1] = 1 - MOST_FROM_FEW
    return shares


def _weighted(train: Train, burst_of: IntArray, candidates: list[_Candidate], timing: FloatArray, looks: int) -> Attribution:
    """Apply the weights to the timing posterior and describe each group."""
    count = len(candidates)
    weights = np.array([sum(s.weight for s in c.schedules) / len(c.schedules) for c in candidates] + [1.0] * (count + 2))
    shares = timing * weights
    shares = shares / shares.sum()
    groups = [
        Group(
            _jobs(candidate, float(shares[index])),
            float(shares[index] + shares[count + index]),
            _evidence(train, burst_of, candidate, looks),
            tuple(candidate.ticks.tolist()),
        )
        for index, candidate in enumerate(candidates)
    ]
    order = sorted(range(count), key=lambda index: (-groups[index].probability, index))
    return Attribution(
        tuple(groups[index] for index in order), float(shares[-2]), float(shares[-1]), train.count, train.resolution
    )


def _jobs(candidate: _Candidate, probability: float) -> tuple[Job, ...]:
    """Share the probability that a listed job of the group did it among its jobs, by weight."""
    total = sum(schedule.weight for schedule in candidate.schedules) or 1.0
    return tuple(Job(s.name, s.weight, probability * s.weight / total) for s in candidate.schedules)


def _evidence(train: Train, burst_of: IntArray, candidate: _Candidate, looks: int) -> Evidence:
    """Return the numbers behind one group's fit."""
    log10_bf = candidate.fit.log_bf / LOG10
    found = matched(train, candidate.ticks, candidate.fit)
    tick_of = tuple(found.tick_of[burst_of].tolist())
    if not len(found.lags):
        return Evidence(train.count, 0, found.ticks, 0, None, None, None, 0.0, 1.0, log10_bf, tick_of)
    low, high = float(found.lags.min()), float(found.lags.max())
    cover = min(1.0, found.ticks * (high - low + train.resolution) / train.window_s)
    # One event opens the window, so it cannot count; any event could have, and any width.
    tried = math.log(looks * WIDTH_CHOICES * train.count)
    chance = math.exp(min(0.0, tried + log_binomial_tail(train.count - 1, len(found.lags) - 1, cover)))
    return Evidence(
        train.count, len(found.lags), found.ticks, found.hits, low, high, float(np.median(found.lags)), cover, chance,
        log10_bf, tick_of,
    )  # fmt: skip
