"""Time zones by name and by offset from UTC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from logcorr.errors import LogcorrError
from logcorr.lazily import regex
from logcorr.model.facts import Fact, Service, Setting

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


def between(least_s: int, greatest_s: int, first: datetime, last: datetime) -> str | None:
    """A zone that changes from one of these offsets to the other between two instants, when most zones that do so change."""
    changing = {name: frozenset((offset_of(name, first), offset_of(name, last))) for name in sorted(available_timezones())}
    found = [name for name, offsets in changing.items() if offsets == {float(least_s), float(greatest_s)} and "/" in name]
    changes = {name: _change(name, first, last) for name in found}
    usual = Counter(changes.values()).most_common(1)
    return next((name for name, at in changes.items() if at == usual[0][0]), None)


def _change(zone: str, first: datetime, last: datetime) -> datetime:
    """When a zone's offset becomes that of the last instant, to the minute."""
    low, high = first.astimezone(UTC).replace(second=0, microsecond=0), last.astimezone(UTC)
    while high - low > timedelta(minutes=1):
        middle = (low + (high - low) / 2).replace(second=0, microsecond=0)
        low, high = (middle, high) if offset_of(zone, middle) == offset_of(zone, first) else (low, middle)
    return high.replace(second=0, microsecond=0)


def told_by(facts: Iterable[Fact]) -> Iterator[tuple[str | None, str, str]]:
    """TZ as services and the host set it: service (None: the host), zone, where."""
    for fact in facts:
        if isinstance(fact, Service):
            names = [value for name, value in fact.environment if name == "TZ"]
            yield from ((fact.name, zone, str(fact.span)) for zone in names if is_zone(zone))
        elif isinstance(fact, Setting) and fact.name == "TZ" and is_zone(fact.value):
            yield None, fact.value, str(fact.span)
