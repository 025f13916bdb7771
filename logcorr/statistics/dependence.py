"""Which kinds of events tend to follow which, among hundreds, with false discoveries controlled."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from logcorr.lazily import np, npt
from logcorr.statistics.background import fit_background
from logcorr.statistics.lags import Lag, lag_of_trains, period_of, shared_period
from logcorr.statistics.likelihood import log_binomial_tail
from logcorr.statistics.trains import FloatArray, IntArray, Train, observed

_WIDTHS_S = (1.0, 2, 4, 8, 16, 32, 64, 128)
# Rates are compared on a common grid of this many bins.
_GRID = 96
# Kinds that merely come in the same storms precede each other as often as they follow.
_MOST_SYMMETRIC = 0.05
_LEAST_CONFIDENCE = 0.5


class Dependence(Struct, frozen=True):
    """Events of kind effect tend to follow those of kind cause; q_value: expected share of false ones among all as
    strong.
    """

    cause: str
    effect: str
    lag: Lag
    q_value: float


def dependence(
    trains: Mapping[str, npt.ArrayLike],
    *,
    start: float,
    end: float,
    resolution: float | None = None,
    false_discovery: float = 0.01,
) -> tuple[Dependence, ...]:
    """Return the dependences among kinds of events seen in start..end, strongest first.

    Every ordered pair is tested: are more causes followed within a window than the effect's local rate would do
    (binomial tail, corrected for the windows tried), and does the effect follow more often than it precedes? Of the
    reported ones about false_discovery are false (Benjamini & Hochberg 1995). A chain A, B, C also shows as A, C.
    """
    names = sorted(trains)
    seen = [observed(trains[name], start, end, resolution)[0] for name in names]
    chances = _pair_chances(seen)
    # Kinds that run on one clock coincide each time or never: their many coincidences count as one.
    suspects = np.argwhere(_adjusted(chances) <= false_discovery).tolist()
    periods = {kind: period_of(seen[kind]) for kind in sorted({kind for pair in suspects for kind in pair})}
    lags = {}
    for cause, effect in suspects:
        shared = shared_period(periods[cause], periods[effect])
        if shared is not None:
            chances[cause, effect] = max(chances[cause, effect], len(_WIDTHS_S) * seen[cause].resolution / shared)
        if chances[cause, effect] <= false_discovery:
            lags[cause, effect] = lag_of_trains(seen[cause], seen[effect], shared)
    q_values = _adjusted(chances)
    found = [
        Dependence(names[cause], names[effect], behind, float(q_values[cause, effect]))
        for (cause, effect), behind in lags.items()
        if q_values[cause, effect] <= false_discovery and behind.confidence >= _LEAST_CONFIDENCE
    ]
    return tuple(sorted(found, key=lambda each: (-each.lag.log10_bf, each.cause, each.effect)))


def _adjusted(chances: FloatArray) -> FloatArray:
    """Return Benjamini-Hochberg q-values of all ordered pairs of different kinds; the diagonal stays at 1."""
    pairs = ~np.eye(len(chances), dtype=bool)
    flat = chances[pairs]
    order = np.argsort(flat, kind="stable")
    scaled = flat[order] * len(flat) / np.arange(1, len(flat) + 1)
    adjusted = np.empty_like(flat)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    result = np.ones_like(chances)
    result[pairs] = adjusted
    return result


def _pair_chances(trains: list[Train]) -> FloatArray:
    """Return for every (cause, effect) the chance that the effect's local rate alone follows as many causes."""
    kinds = len(trains)
    onsets = np.concatenate([train.onsets for train in trains]) if kinds else np.empty(0)
    kind = np.repeat(np.arange(kinds), [train.count for train in trains])
    rates = np.array([_grid_rates(train) for train in trains])
    chances = np.ones((kinds, kinds))
    for index, cause in enumerate(trains):
        if cause.count >= 2:
            chances[index] = _chances_behind(cause, onsets, kind, rates)
    return chances


def _grid_rates(train: Train) -> FloatArray:
    """Return the local rate of a kind in each bin of the common grid, events a second."""
    centres = train.start + (np.arange(_GRID) + 0.5) * train.window_s / _GRID
    return fit_background(train).at(centres)


def _chances_behind(cause: Train, onsets: FloatArray, kind: IntArray, rates: FloatArray) -> FloatArray:
    """Return for every effect kind the corrected chance of its hits behind this cause."""
    ticks, unit, kinds = cause.onsets, cause.resolution, len(rates)
    following = _hits(ticks, onsets, kind, kinds, unit)
    preceding = _hits(-ticks[::-1], -onsets[::-1], kind[::-1], kinds, unit)
    grid = np.clip(((ticks - cause.start) / cause.window_s * _GRID).astype(np.int64), 0, _GRID - 1)
    open_s = np.minimum(np.array(_WIDTHS_S) + unit, np.diff(ticks, append=cause.end + unit)[:, None])
    chances = np.ones(kinds)
    for effect in np.flatnonzero(following[:, -1] >= 2).tolist():
        shares = (1 - np.exp(-rates[effect][grid][:, None] * np.maximum(open_s, 0))).mean(axis=0)
        for width, share in enumerate(shares.tolist()):
            hits, before = int(following[effect, width]), int(preceding[effect, width])
            if hits > share * len(ticks) and log_binomial_tail(hits + before, hits, 0.5) < np.log(_MOST_SYMMETRIC):
                tail = np.exp(log_binomial_tail(len(ticks), hits, share))
                chances[effect] = min(chances[effect], tail * len(_WIDTHS_S))
    return chances


def _hits(ticks: FloatArray, onsets: FloatArray, kind: IntArray, kinds: int, unit: float) -> IntArray:
    """Return for every kind and width how many ticks have an event of the kind after them, before the next tick."""
    index = np.searchsorted(ticks, onsets, side="right") - 1
    after = index >= 0
    lags = onsets[after] - ticks[index[after]]
    key = kind[after] * len(ticks) + index[after]
    order = np.lexsort((lags, key))
    first = order[np.concatenate(([True], np.diff(key[order]) > 0))] if len(order) else order
    held = lags[first][:, None] <= np.array(_WIDTHS_S) + unit / 2
    return np.array([np.bincount(key[first] // len(ticks), weights=column, minlength=kinds) for column in held.T]).T.astype(
        np.int64
    )
