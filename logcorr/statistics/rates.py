"""Two counts over two stretches of time: did the rate fall? And a schedule's runs: did they stop having an effect?

Given b + a events in all, of which a fell into the second stretch, and nothing changed, a is binomial with the second stretch's
share of the time (Przyborowski & Wilenski 1940). The interval of the ratio is that of Clopper & Pearson for this share. Runs are
Bernoulli trials; with a flat prior on their coverage, what n runs of which k had an effect say of m more is beta-binomial.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec import Struct

from logcorr.statistics.likelihood import log_binomial_tail

LEVEL = 0.05
_STEPS = 60
_TINY = 1e-9


class RateChange(Struct, frozen=True, kw_only=True):
    """The second rate divided by the first, its 95 % interval, and the chance of so few or fewer had nothing changed.

    The ratio is None where the first stretch has no event: then nothing can be said of it; high is None where it has no end.
    """

    ratio: float | None
    low: float | None
    high: float | None
    p: float


def fewer_chance(before: int, before_s: float, after: int, after_s: float) -> float:
    """The chance that so few or fewer of all events fall into the second stretch, had nothing changed."""
    return math.exp(log_binomial_tail(before + after, before, before_s / (before_s + after_s)))


def rate_change(before: int, before_s: float, after: int, after_s: float) -> RateChange:
    """Compare the events of two stretches of time, which must both be longer than nothing."""
    total, p = before + after, fewer_chance(before, before_s, after, after_s)
    if not before:
        return RateChange(ratio=None, low=None, high=None, p=p)
    high = _root(lambda x: math.exp(log_binomial_tail(total, before, 1 - x)) - LEVEL / 2)
    low = _root(lambda x: LEVEL / 2 - math.exp(log_binomial_tail(total, after, x))) if after else 0.0
    odds = before_s / after_s
    return RateChange(ratio=after / before * odds, low=odds * low / (1 - low), high=odds * high / (1 - high), p=p)


def unlikely(p: float) -> bool:
    """Whether a chance is no explanation."""
    return p <= LEVEL + _TINY


def needed_s(before: int, before_s: float) -> float:
    """How long none may be seen until that is no chance: p falls to `LEVEL`."""
    return before_s * (LEVEL ** (-1 / before) - 1) if before else math.inf


def runs_chance(runs: int, hits: int, runs_after: int, hits_after: int) -> float:
    """The chance that of so many further runs so few or fewer have an effect, had nothing changed."""
    return math.fsum(math.exp(_beta_binomial(runs, hits, runs_after, few)) for few in range(hits_after + 1))


def needed_runs(runs: int, hits: int) -> int:
    """How many runs must pass without an effect until that is no chance."""
    return next(more for more in range(1, 10_000) if unlikely(runs_chance(runs, hits, more, 0)) or more == 9_999)


def _beta_binomial(runs: int, hits: int, runs_after: int, hits_after: int) -> float:
    choose = _log_choose(runs_after, hits_after)
    return (
        choose
        + _log_beta(hits + hits_after + 1, runs - hits + runs_after - hits_after + 1)
        - _log_beta(hits + 1, runs - hits + 1)
    )


def _log_choose(many: int, few: int) -> float:
    return math.lgamma(many + 1) - math.lgamma(few + 1) - math.lgamma(many - few + 1)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _root(falls: Callable[[float], float]) -> float:
    """Where a falling function of a share crosses zero."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if falls(middle) > 0 else (low, middle)
    return low
