"""What followed a stop: which events come soon after, how soon, and whether that is more than their usual rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from logcorr.lazily import np, npt, pl
from logcorr.timeline.select import seconds

LONGEST_S = 60.0
"""Effects of a stop (closed sockets, refused connections) are over within a minute of it, or have another reason."""

SLACK_S = 1.0
"""Stamps are cut to the second: an effect may seem to come so much before its cause."""

START_TAKES_S = 30.0
"""A service that was stopped and started says so within this time of its stop."""

BACK_S = 10.0
"""Clients and the proxy take a little to notice that a service is back."""

LEAST_SHARE, LEAST_LIFT = 0.5, 2.0
"""Of the events, so many follow a stop, and so many times more than their rate alone would bring."""

LEAST_FOLLOWED, CLEAR_LIFT = 0.6, 4.0
"""Or: so many of the stops are followed by one, and the events are so much denser there; the others have another reason."""

FEWEST_BURSTS, ONE_BURST_S, MOST_APART_S, NEARLY_ALL = 3, 30.0, 900.0, 0.8
"""Bursts of effects that keep one distance from their causes tell of a clock that is wrong by it, if there are enough of them."""

Times: TypeAlias = "npt.NDArray[np.float64]"


class Ends(Struct, frozen=True):
    """When something broke (epoch seconds, ascending), and for how long after each its effects are looked for.

    What lasts has one time, and no end (`within_s` is infinite). `sure`: what lies there is an effect, whatever its rate.
    """

    times: Times
    within_s: Times
    sure: bool = False

    @property
    def lasts(self) -> bool:
        """Whether it went on for good."""
        return bool(np.isinf(self.within_s).any())

    def felt(self, times: Times) -> npt.NDArray[np.bool_]:
        """For each time, whether it may be an effect: it lies in the wake of the last end before it."""
        if not len(self.times):
            return np.zeros(len(times), dtype=bool)
        last = np.searchsorted(self.times, times + SLACK_S, side="right") - 1
        near = np.maximum(last, 0)
        return (last >= 0) & (times - self.times[near] <= self.within_s[near])

    def covered(self, window: tuple[float, float]) -> float:
        """The share of the window in which effects are looked for."""
        start, end = window
        within = np.minimum(self.within_s, np.diff(self.times, append=np.inf))
        inside = np.minimum(self.times + within, end) - np.maximum(self.times, start)
        return max(float(np.clip(inside, 0.0, None).sum()) / max(end - start, 1e-9), 1e-9)


class Following(Struct, frozen=True):
    """`followed` of `total` timed events come in the wake of one of the ends; `lag_s` is the median to the first."""

    rows: pl.DataFrame
    followed: int
    total: int
    lag_s: float


def as_fine(told: Times, stops: Times) -> Times:
    """The times by the step of the stops' stamps: where these are cut to the second, what led to one may seem to follow it."""
    return np.unique(np.floor(told) if (stops == np.floor(stops)).all() else told)


def of_stops(stops: pl.DataFrame) -> Ends:
    """The ends of a service; where only the start after it is known, a little before that. While it was down, it is felt.

    A start that is told just before the next end may be that end's, by another clock: then nothing tells how long it was down.
    """
    early = pl.when(pl.col("kind") == "process.started").then(START_TAKES_S).otherwise(0.0)
    rows = stops.select(
        at=pl.col("time").dt.epoch("us") / 1e6 - early,
        down=(pl.col("up") - pl.col("time")).dt.total_microseconds().fill_null(0) / 1e6,
    ).sort("at")
    times, down = rows["at"].to_numpy(), rows["down"].to_numpy()
    known = np.append(times[1:], np.inf) - (times + down) >= START_TAKES_S
    return Ends(times, np.maximum(horizon(times), np.where(known, down, 0.0) + BACK_S))


def of_times(times: Times, within_s: float, *, sure: bool = False) -> Ends:
    """Events of any kind, their effects within so many seconds."""
    return Ends(times, np.full(len(times), within_s), sure)


def together(parts: Sequence[Ends]) -> Ends:
    """The ends of several services that one thing stopped."""
    times = np.concatenate([one.times for one in parts])
    order = np.argsort(times, kind="stable")
    return Ends(times[order], np.concatenate([one.within_s for one in parts])[order])


def from_then_on(times: Times) -> Ends:
    """A state that lasts: everything from the first time on is its effect."""
    return Ends(times[:1], np.full(len(times[:1]), np.inf), sure=True)


def going_on(ends: Ends, failed: Times) -> Ends:
    """The ends, felt up to the last of the failures that follow so closely on one another, a quarter of an hour at most."""
    if not len(failed):
        return ends
    apart = np.diff(failed, append=np.inf)
    within = ends.within_s.copy()
    for number, (at, near) in enumerate(zip(ends.times, ends.within_s, strict=True)):
        first = int(np.searchsorted(failed, at - SLACK_S))
        if first < len(failed) and failed[first] - at <= near:
            last = first + int(np.argmax(apart[first:] > near))
            within[number] = min(max(float(failed[last] - at), near), MOST_APART_S)
    return Ends(ends.times, within, ends.sure)


def horizon(times: Times) -> float:
    """How long after an end its effects are looked for: a minute, or half the way to the next one."""
    gaps = np.diff(times)
    return float(min(LONGEST_S, gaps.min() / 2)) if len(gaps) and gaps.min() > 0 else LONGEST_S


def explained_by(ends: Ends, times: Times, window: tuple[float, float]) -> npt.NDArray[np.bool_]:
    """Which times are effects of the ends; none where the odds that one lies in a wake are hardly better than by chance."""
    felt = ends.felt(times)
    share, covered = float(felt.mean()) if len(felt) else 1.0, ends.covered(window)
    by_chance = not ends.sure and share * (1 - covered) < LEAST_LIFT * covered * (1 - share)
    return np.zeros(len(times), dtype=bool) if by_chance else felt


def on_another_clock(ends: Ends, times: Times) -> npt.NDArray[np.bool_]:
    """Which times would be effects, were the clock that tells them wrong by one distance that explains nearly all of them."""
    nothing = np.zeros(len(times), dtype=bool)
    bursts = times[np.diff(times, prepend=-np.inf) > ONE_BURST_S]
    if len(bursts) < FEWEST_BURSTS or len(ends.times) < FEWEST_BURSTS or ends.lasts:
        return nothing
    apart = np.unique((bursts[:FEWEST_BURSTS, None] - ends.times[None, :]).ravel())
    for shift in sorted(apart[np.abs(apart) <= MOST_APART_S], key=abs):
        felt = ends.felt(times - shift)
        if felt.mean() >= NEARLY_ALL:
            return felt
    return nothing


def following(ends: Ends, events: pl.DataFrame, window: tuple[float, float]) -> Following | None:
    """The events in the wake of the ends, if most of them are or most ends have some, clearly more than by their rate alone."""
    timed = events.filter(pl.col("time").is_not_null()).sort("time", maintain_order=True)
    times = seconds(timed)
    hit = ends.felt(times)
    if not hit.any() or not (ends.sure or _linked(ends, times, hit, window)):
        return None
    lag = 0.0 if ends.lasts else _first_lag(ends.times, times[hit])
    return Following(timed.filter(pl.Series(hit)), int(hit.sum()), timed.height, lag)


def _linked(ends: Ends, times: Times, hit: npt.NDArray[np.bool_], window: tuple[float, float]) -> bool:
    lift = float(hit.mean()) / ends.covered(window)
    if hit.mean() >= LEAST_SHARE:
        return lift >= LEAST_LIFT
    followed = len(np.unique(np.searchsorted(ends.times, times[hit] + SLACK_S, side="right")))
    return lift >= CLEAR_LIFT and followed >= LEAST_FOLLOWED * len(ends.times)


def _first_lag(ends: Times, times: Times) -> float:
    """The median, over the ends that were followed, of the seconds to the first event after."""
    index = np.searchsorted(ends, times + SLACK_S, side="right") - 1
    _, first = np.unique(index, return_index=True)
    return float(np.median(np.maximum(times[first] - ends[index[first]], 0.0)))
