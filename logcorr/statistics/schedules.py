"""What the caller lists as possible causes, and the cron-like schedules that nobody listed."""

from __future__ import annotations

import math
from functools import lru_cache
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import force_setattr

from logcorr.errors import LogcorrError
from logcorr.lazily import np
from logcorr.statistics.background import Backgrounds
from logcorr.statistics.likelihood import LONGEST_LAG_S, log_sum_exp
from logcorr.statistics.tickfit import fit_ticks, usable_ticks
from logcorr.statistics.trains import FloatArray, Train, sorted_times

# Periods of cron lines as they are written, in seconds, with how often one meets each (relative).
CRON_PERIODS = {
    60: 2.0, 120: 1.0, 180: 0.5, 240: 0.5, 300: 5.0, 360: 0.3, 600: 3.0, 720: 0.3, 900: 3.0, 1200: 1.0,
    1800: 2.0, 3600: 5.0, 7200: 1.0, 10800: 0.5, 14400: 0.5, 21600: 1.0, 43200: 0.5, 86400: 3.0,
}  # fmt: skip
_MINUTE_S = 60
_MOST_PERIODS = 5
# Over a window that holds more ticks than this a period is not tried: a frequent job would leave more of a trace.
_MOST_TICKS = 3_000_000
# A phase window for the sieve: the usual scatter of a script's lag.
_SIEVE_WIDTH_S = 8.0


class Schedule(Struct, frozen=True):
    """A possible cause: its name, the times it ticks at (epoch seconds), and its prior odds from elsewhere than
    timing.

    weight: 1 when nothing but timing is known; above 1 when it could do it (its script stops that service); near 0
    when not. Ticks must reach back 900 s before the observed window, for the effects of those ticks lie inside.
    told: they are no timetable, but times at which a log tells of it.
    """

    name: str
    ticks: FloatArray
    weight: float = 1.0
    told: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise LogcorrError(f"the weight of schedule {self.name!r} must be a number of at least 0, not {self.weight}")
        force_setattr(self, "ticks", np.unique(sorted_times(self.ticks)))


def cron_prior(ticks: FloatArray) -> float:
    """Return the share that a regular, minute-aligned train of ticks has among unlisted cron lines; 0 for any other
    train.
    """
    gaps = np.diff(ticks)
    if not len(gaps) or (gaps != gaps[0]).any() or ticks[0] % _MINUTE_S:
        return 0.0
    period = float(gaps[0])
    return (
        CRON_PERIODS.get(round(period), 0.0) / sum(CRON_PERIODS.values()) * _MINUTE_S / period if period == round(period) else 0.0
    )


def unlisted_cron_log_bf(train: Train, listed: list[FloatArray]) -> float:
    """Return the log Bayes factor (nats) of a minute-aligned cron line that is none of the listed trains, averaged by
    prior.
    """
    known = {_digest(ticks) for ticks in listed}
    return log_sum_exp([evidence for digest, evidence in _cron_evidence(train) if digest not in known])


def _digest(ticks: FloatArray) -> bytes:
    return blake2b(ticks.tobytes()).digest()


@lru_cache(maxsize=8)  # rules and causes ask about the same train, with other lists
def _cron_evidence(train: Train) -> tuple[tuple[bytes, float], ...]:
    """Return a digest of the usable ticks of each likely cron line, and the evidence for it, its prior included."""
    backgrounds = Backgrounds(train)
    found = []
    for period, offset in _likely_crons(train) if train.count else ():
        first = math.ceil((train.start - LONGEST_LAG_S - offset) / period)
        ticks = offset + period * np.arange(first, math.floor((train.end - offset) / period) + 1, dtype=np.float64)
        if len(ticks):
            prior = CRON_PERIODS[period] / sum(CRON_PERIODS.values()) * _MINUTE_S / period
            log_bf = fit_ticks(train, ticks, backgrounds.of_bins(4 * period)).log_bf
            found.append((_digest(usable_ticks(ticks, train)), log_bf + math.log(prior)))
    return tuple(found)


def _likely_crons(train: Train) -> list[tuple[int, float]]:
    """Return the cron lines worth an exact look as (period, minute offset in seconds): the fullest phase, and the
    minute before.
    """
    sieve = train.onsets[:100_000]
    scored = []
    for period, weight in CRON_PERIODS.items():
        if not period < train.window_s < _MOST_TICKS * period:
            continue
        phases = np.sort(sieve % period)
        circle = np.concatenate((phases, phases + period))
        width = min(_SIEVE_WIDTH_S, period / 4)
        counts = np.searchsorted(circle, phases + width, side="right") - np.arange(len(phases))
        fullest = int(np.argmax(counts))
        share = min((width + train.resolution) / period, 0.99)
        gain = float(counts[fullest]) * math.log(1 / share) + math.log(weight * _MINUTE_S / period)
        minute = math.floor((float(phases[fullest]) + train.resolution / 2) / _MINUTE_S) * _MINUTE_S
        scored.append((gain, period, minute))
    scored.sort(reverse=True)
    return [
        (period, offset % period)
        for _, period, minute in scored[:_MOST_PERIODS]
        for offset in {minute % period, (minute - _MINUTE_S) % period}
    ]
