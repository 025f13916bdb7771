"""When linked events are periodic, offsets whole periods apart match alike: which of them does the pattern of misses
leave?
"""

from __future__ import annotations

import math

from msgspec import Struct

from logcorr.lazily import np
from logcorr.statistics.likelihood import log_sum_exp
from logcorr.statistics.trains import IntArray

# Logs gathered for one incident overlap: what share of the prior is left for those that do not.
_APART = 0.01
_LEAST_SHARE = 0.02
_TAIL = 0.03
_LEAST_CHANCE, _MOST_CHANCE = 0.02, 0.97


class Pattern(Struct, frozen=True):
    """Numbers of the periods in which a and b have an event, ascending, and the first and last number each log
    covers.
    """

    a: IntArray
    b: IntArray
    window_a: tuple[int, int]
    window_b: tuple[int, int]


class _Counts(Struct, frozen=True):
    """Periods that both logs cover: both have an event, a alone, b alone, neither; outer: those beyond the other's
    own events.
    """

    both: int
    a_alone: int
    a_alone_outer: int
    b_alone: int
    b_alone_outer: int
    neither: int


def alias_share(pattern: Pattern, turns: list[int]) -> tuple[float, float]:
    """Return the posterior of the first of these shifts of b (in periods) among all, none favoured by zone or skew,
    and the log Bayes factor (nats) of a link at that shift to none.

    Each shift says: where a has an event b has one with probability q, else with probability e; against it, that both
    fill the grid independently, b in a share c of its own span and not beyond. q, e and c are those of the first
    shift. What lies outside the other's window tells nothing; shifts without overlap share one percent of the prior.
    """
    overlaps = [_overlap(pattern, shift) for shift in turns]
    apart = max(sum(share == 0 for share in overlaps), 1)
    priors = [math.log(share + _LEAST_SHARE) if share > 0 else math.log(_APART / apart) for share in overlaps]
    posterior = [score + prior for score, prior in zip(_scores(pattern, turns), priors, strict=True)]
    return math.exp(posterior[0] - log_sum_exp(posterior)), _scores(_inner(pattern), turns[:1])[0]


def _inner(pattern: Pattern) -> Pattern:
    """Return the part where both are active all along: that two sources start and stop together links no single
    events.
    """
    edges = [np.quantile(numbers, (_TAIL, 1 - _TAIL)) for numbers in (pattern.a, pattern.b)]
    window = math.ceil(max(edges[0][0], edges[1][0])), math.floor(min(edges[0][1], edges[1][1]))
    a, b = (numbers[(numbers >= window[0]) & (numbers <= window[1])] for numbers in (pattern.a, pattern.b))
    return Pattern(a, b, window, window)


def _scores(pattern: Pattern, turns: list[int]) -> list[float]:
    """Return the log likelihood ratio (nats) of a link to none for each shift; the chances are those of the first."""
    counts = [_count(pattern, shift) for shift in turns]
    follows = _chance(counts[0].both, counts[0].a_alone)
    appears = _chance(counts[0].b_alone, counts[0].neither)
    fills = _chance(len(pattern.b), int(pattern.b[-1] - pattern.b[0]) + 1 - len(pattern.b)) if len(pattern.b) else 0.5
    return [_score(each, follows, appears, fills) for each in counts]


def _chance(hits: int, misses: int) -> float:
    """Return a probability from counts, kept off zero and one."""
    return min(max((hits + 0.5) / (hits + misses + 1), _LEAST_CHANCE), _MOST_CHANCE)


def _covered(pattern: Pattern, shift: int) -> tuple[int, int]:
    """Return the first and last period that both logs cover when b is shifted."""
    return max(pattern.window_a[0], pattern.window_b[0] - shift), min(pattern.window_a[1], pattern.window_b[1] - shift)


def _overlap(pattern: Pattern, shift: int) -> float:
    """Return the share of the shorter log that the overlap makes up."""
    low, high = _covered(pattern, shift)
    shorter = min(pattern.window_a[1] - pattern.window_a[0], pattern.window_b[1] - pattern.window_b[0]) + 1
    return min(max(high - low + 1, 0) / max(shorter, 1), 1.0)


def _count(pattern: Pattern, shift: int) -> _Counts:
    """Return the counts for one shift."""
    low, high = _covered(pattern, shift)
    a = pattern.a[(pattern.a >= low) & (pattern.a <= high)]
    shifted = pattern.b - shift
    b = shifted[(shifted >= low) & (shifted <= high)]
    both = np.isin(a, b)
    b_alone = b[~np.isin(b, a)]
    a_alone = a[~both]
    outer_a = int(((a_alone < shifted[0]) | (a_alone > shifted[-1])).sum()) if len(shifted) else len(a_alone)
    outer_b = int(((b_alone < pattern.a[0]) | (b_alone > pattern.a[-1])).sum()) if len(pattern.a) else len(b_alone)
    matched = int(both.sum())
    neither = max(high - low + 1, 0) - matched - len(a_alone) - len(b_alone)
    return _Counts(matched, len(a_alone) - outer_a, outer_a, len(b_alone) - outer_b, outer_b, max(neither, 0))


def _score(counts: _Counts, follows: float, appears: float, fills: float) -> float:
    """Return the log likelihood ratio (nats) of a link at one shift to two independent patterns."""
    inner = counts.both * math.log(follows / fills) + counts.a_alone * math.log((1 - follows) / (1 - fills))
    alone = (counts.b_alone + counts.b_alone_outer) * math.log(min(appears / fills, 1.0))
    return inner + counts.a_alone_outer * math.log(1 - follows) + alone
