"""Trains locked to a period and a phase: a usual period on the wall clock, or any period at all (a timer that does
not drift).
"""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import np
from logcorr.statistics.background import Backgrounds
from logcorr.statistics.candidates import (
    USUAL_PERIODS,
    WIDEST_SHARE,
    Windows,
    candidate_periods,
    fullest_windows,
    usual_periods,
)
from logcorr.statistics.likelihood import active_log_bf, lag_log_density
from logcorr.statistics.trains import BoolArray, FloatArray, IntArray, Train, runs

_MOST_FITS = 24
_MOST_FITS_A_PERIOD = 3
# Of long trains, where evidence is ample, fewer candidates are worked out in full.
_LONG = 50_000
_MOST_LONG_FITS = 5
# A candidate this far (nats) below the best sieve score cannot win.
_HOPELESS = 60.0
# Cron starts at a full minute and the effect follows after a lag; the other wall-clock trains have any phase.
_MINUTE_SHARE = 0.8
_MINUTE_S = 60.0
_SAME_PERIOD = 0.002
_REFINEMENTS = 3


class Look(Struct, frozen=True):
    """A promising phase window, by the sieve: score and log prior in nats, times in seconds, origin an epoch time."""

    score: float
    log_prior: float
    period: float
    origin: float
    width: float
    usual: bool


class LockedFit(Struct, frozen=True):
    """One locked hypothesis: events fall within width seconds after origin + k * period, k whole.

    score: log Bayes factor times prior density (nats). usual: the period is a usual one, its phase counted from the
    epoch. number: for each onset its k; inside: whether it lies in the window. ticks: windows within the observed
    window.
    """

    score: float
    period: float
    origin: float
    width: float
    usual: bool
    number: IntArray
    inside: BoolArray
    ticks: int


def locked_fits(train: Train) -> list[LockedFit]:
    """Return locked hypotheses, best first: the most promising by the sieve, worked out exactly."""
    base = float(train.onsets[0])
    looks = _looks(train, usual_periods(train), True, 0.0) + _looks(train, candidate_periods(train), False, base)
    backgrounds = Backgrounds(train)
    chosen = _distinct(looks, _MOST_LONG_FITS if train.count > _LONG else _MOST_FITS)
    return sorted((_exact(train, look, backgrounds) for look in chosen), key=lambda fit: -fit.score)


def _looks(train: Train, periods: FloatArray, usual: bool, origin: float) -> list[Look]:
    """Return the two best widths of every period that hold more events than chance would put there."""
    if not len(periods):
        return []
    windows = fullest_windows(train, periods, origin)
    shares = np.minimum((windows.widths[None, :] + train.resolution) / periods[:, None], 0.999)
    priors = (_usual_prior if usual else _free_prior)(train, periods, windows)
    scores = _binomial_gain(windows, shares) + priors
    allowed = _allowed(train, periods, windows)
    scores = np.where(allowed & (windows.counts >= 2), scores, -np.inf)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :2]
    return [
        Look(float(scores[row, column]), float(priors[row, column]), float(periods[row]),
             origin + float(windows.starts[row, column]), float(windows.widths[column]), usual)
        for row, columns in enumerate(best.tolist())
        for column in columns
        if math.isfinite(scores[row, column])
    ]  # fmt: skip


def _binomial_gain(windows: Windows, shares: FloatArray) -> FloatArray:
    """Return the log likelihood gain of the window's own share of events over the share of time it covers; -inf where
    it is lower.
    """
    held = windows.counts / windows.events
    rest = np.maximum(1 - held, 1e-12)
    gain = windows.counts * np.log(held / shares) + (windows.events - windows.counts) * np.log(rest / (1 - shares))
    return np.where(held > shares, gain, -np.inf)


def _usual_prior(train: Train, periods: FloatArray, windows: Windows) -> FloatArray:
    """Return the log prior of a usual period and the phase cell of one window width."""
    weights = np.array([USUAL_PERIODS[period] for period in periods.tolist()])
    phase = windows.starts % _MINUTE_S + windows.widths[None, :] / 2
    any_phase = 1 / periods[:, None]
    on_minute = np.exp(lag_log_density(phase)) * np.minimum(_MINUTE_S / periods[:, None], 1)
    density = np.where(periods[:, None] < _MINUTE_S, any_phase, _MINUTE_SHARE * on_minute + (1 - _MINUTE_SHARE) * any_phase)
    period_prior = weights / sum(USUAL_PERIODS.values())
    prior: FloatArray = np.log(period_prior[:, None] * np.minimum(density * _cells(train, periods, windows), 1))
    return prior


def _free_prior(train: Train, periods: FloatArray, windows: Windows) -> FloatArray:
    """Return the log prior of any period (log-uniform, resolved to a window width over the train) and phase."""
    span = max(train.onsets[-1] - train.onsets[0], train.resolution)
    resolved = np.minimum(np.maximum(windows.widths, train.resolution) / span, 1)[None, :] / log_period_range(train)
    prior: FloatArray = np.log(resolved * np.minimum(_cells(train, periods, windows) / periods[:, None], 1))
    return prior


def _allowed(train: Train, periods: FloatArray, windows: Windows) -> BoolArray:
    """Return which widths are narrow enough for each period; one stamp and two are always tried."""
    return (windows.widths[None, :] <= WIDEST_SHARE * periods[:, None]) | (windows.widths <= train.resolution)[None, :]


def _cells(train: Train, periods: FloatArray, windows: Windows) -> FloatArray:
    """Return the extent in seconds of one phase cell, divided by how many widths compete for each period."""
    choices = _allowed(train, periods, windows).sum(axis=1, keepdims=True)
    cells: FloatArray = np.maximum(windows.widths, train.resolution)[None, :] / choices
    return cells


def log_period_range(train: Train) -> float:
    """Return ln(longest period / shortest) that the train could show, at least 1."""
    return max(math.log(max(train.window_s / 1.5, 4 * train.resolution) / (2 * train.resolution)), 1.0)


def _distinct(looks: list[Look], most: int) -> list[Look]:
    """Return the best looks, at most three for what is one period within measurement."""
    ordered = sorted(looks, key=lambda look: -look.score)
    chosen: list[Look] = []
    for look in ordered:
        if len(chosen) == most or look.score < ordered[0].score - _HOPELESS:
            break
        same = [other for other in chosen if abs(other.period - look.period) < _SAME_PERIOD * look.period]
        twin = any(0.45 < (look.width + 1e-6) / (other.width + 1e-6) < 2.2 and other.usual == look.usual for other in same)
        if not twin and len(same) < _MOST_FITS_A_PERIOD:
            chosen.append(look)
    return chosen


def _exact(train: Train, look: Look, backgrounds: Backgrounds) -> LockedFit:
    """Work out the evidence of one look; a free period and phase are refined by least squares first."""
    period, origin = look.period, look.origin
    if not look.usual:
        period, origin = _refined(train, period, origin, look.width)
    fit = locked_at(train, period, origin, look.width, usual=look.usual)
    index, counts = runs(fit.number[fit.inside])
    if not len(index):
        return fit
    expected = backgrounds.of_bins(4 * period).at((origin + index * period).astype(np.float64)) * min(
        look.width + train.resolution, 0.9 * period
    )
    return replace(fit, score=look.log_prior + active_log_bf(train.count, index, counts, expected, fit.ticks))


def locked_at(train: Train, period: float, origin: float, width: float, *, usual: bool, score: float = -math.inf) -> LockedFit:
    """Return the events that lie in the windows of one period, phase and width."""
    number = np.floor((train.onsets - origin) / period).astype(np.int64)
    inside = train.onsets - origin - number * period <= width + 1e-9
    first, last = math.floor((train.start - origin) / period) + 1, math.floor((train.end - origin) / period)
    ticks = max(last - first + 1, len(runs(number[inside])[0]), 1)
    return LockedFit(score, period, origin, width, usual, number, inside, ticks)


def _refined(train: Train, period: float, origin: float, width: float) -> tuple[float, float]:
    """Return period and origin by least squares over the events inside the window, while they stay near."""
    for _ in range(_REFINEMENTS):
        centred = train.onsets - origin - width / 2
        number = np.round(centred / period)
        inside = np.abs(centred - number * period) <= width / 2 + 1e-9
        k = number[inside] - number[inside].mean() if inside.any() else number[inside]
        if len(k) < 3 or float((k * k).sum()) == 0:
            break
        times = train.onsets[inside]
        slope = float((k * (times - times.mean())).sum() / (k * k).sum())
        if not 0.95 * period < slope < 1.05 * period:
            break
        period, origin = slope, float(times.mean() - number[inside].mean() * slope - width / 2)
    return period, origin
