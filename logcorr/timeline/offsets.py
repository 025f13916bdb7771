"""Time zones by name and by offset from UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from logcorr.errors import LogcorrError
from logcorr.lazily import regex

_OFFSET = regex(r"([+-])(\d\d):?(\d\d)")


def offset(zone: str) -> timedelta | None:
    """`+05:30` as a duration; None for a named zone."""
    if zone == "UTC":
        return timedelta(0)
    match = _OFFSET.fullmatch(zone)
    if match is None:
        return None
    size = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return -size if match[1] == "-" else size


def written(offset_s: int) -> str:
    """An offset from UTC, in seconds, as a zone."""
    if not offset_s:
        return "UTC"
    hours, minutes = divmod(abs(offset_s) // 60, 60)
    return f"{'-' if offset_s < 0 else '+'}{hours:02}:{minutes:02}"


def is_zone(name: str) -> bool:
    """Whether this names a zone, or is an offset."""
    try:
        zone_of(name)
    except LogcorrError:
        return False
    return True


def offset_of(zone: str, time: datetime) -> float:
    """How many seconds a zone is ahead of UTC at this instant."""
    ahead = zone_of(zone).utcoffset(time.astimezone(zone_of(zone)))
    return ahead.total_seconds() if ahead else 0.0


def zone_of(zone: str) -> ZoneInfo | timezone:
    """A zone by its name in the tz database, or by its offset from UTC; what is neither raises `LogcorrError`."""
    ahead = offset(zone)
    if ahead is not None:
        return timezone(ahead)
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise LogcorrError(
            f"no such time zone: {zone}", "use a name such as Europe/Berlin, or an offset such as +02:00"
        ) from error
