"""The walls at which a cron schedule matches."""

from __future__ import annotations

from typing import TypeAlias

from logcorr.grammar.crontab import Times
from logcorr.lazily import np, npt
from logcorr.semantics.schedule.clock import Seconds

_DAY_S = 86400
_Days: TypeAlias = "npt.NDArray[np.int64]"


def walls(times: Times, first: float, last: float) -> Seconds:
    """Every wall from `first` to `last`, both included, at which the schedule matches."""
    days = np.arange(int(first // _DAY_S), int(last // _DAY_S) + 1, dtype=np.int64)
    matching = days[_day_matches(times, days)]
    minutes = np.array([hour * 60 + minute for hour in sorted(times.hours) for minute in sorted(times.minutes)], dtype=np.int64)
    found = (matching[:, None] * _DAY_S + minutes[None, :] * 60).ravel().astype(np.float64)
    return found[(found >= first) & (found <= last)]


def _day_matches(times: Times, days: _Days) -> npt.NDArray[np.bool_]:
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    by_date = np.isin((dates - months).astype(np.int64) + 1, list(times.days))
    by_weekday = np.isin((days + 4) % 7, list(times.weekdays))  # day 0, 1970-01-01, was a Thursday
    in_month = np.isin(months.astype(np.int64) % 12 + 1, list(times.months))
    return in_month & ((by_date | by_weekday) if times.either_day else (by_date & by_weekday))
