"""The walls at which a systemd calendar event elapses."""

from __future__ import annotations

from logcorr.grammar.calendar import Calendar
from logcorr.lazily import np, npt
from logcorr.semantics.schedule.clock import Seconds

_DAY_S = 86400


def walls(calendar: Calendar, first: float, last: float) -> Seconds:
    """Every wall from `first` to `last`, both included, at which the event elapses."""
    days = np.arange(int(first // _DAY_S), int(last // _DAY_S) + 1, dtype=np.int64)
    matching = days[_day_matches(calendar, days)]
    moments = [
        hour * 3600 + minute * 60 + second
        for hour in sorted(calendar.hours)
        for minute in sorted(calendar.minutes)
        for second in sorted(calendar.seconds)
    ]
    found = (matching[:, None] * float(_DAY_S) + np.array(moments, dtype=np.float64)[None, :]).ravel()
    return found[(found >= first) & (found <= last)]


def _day_matches(calendar: Calendar, days: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    years = months.astype("datetime64[Y]").astype(np.int64) + 1970
    of_month = (dates - months).astype(np.int64) + 1
    if calendar.days_from_end:
        of_month = ((months + 1).astype("datetime64[D]") - dates).astype(np.int64)
    return (
        np.isin(years, list(calendar.years))
        & np.isin(months.astype(np.int64) % 12 + 1, list(calendar.months))
        & np.isin(of_month, list(calendar.days))
        & np.isin((days + 4) % 7, list(calendar.weekdays))  # day 0, 1970-01-01, was a Thursday
    )
