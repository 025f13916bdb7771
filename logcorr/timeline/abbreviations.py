"""Zones that stamps name by an abbreviation (`2026-07-21 14:51:16 IST`), which several may share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from logcorr.errors import LogcorrError
from logcorr.lazily import regex
from logcorr.timeline.offsets import zone_of

USUAL = (
    *("UTC", "Europe/London", "Europe/Lisbon", "Europe/Berlin", "Europe/Athens", "Europe/Moscow", "America/New_York"),
    *("America/Chicago", "America/Denver", "America/Los_Angeles", "Asia/Kolkata", "Asia/Shanghai", "Asia/Tokyo", "Asia/Seoul"),
    *("Asia/Hong_Kong", "Asia/Jakarta", "Asia/Karachi", "Australia/Sydney", "Australia/Perth", "Pacific/Auckland"),
    *("Africa/Johannesburg", "Africa/Nairobi", "Africa/Lagos", "Europe/Dublin", "Asia/Jerusalem"),
)
"""One zone of each abbreviation that zones have in use, that of most people first."""

STAMP = regex(r".{0,36}?\b\d\d?:\d\d(?::\d\d)?(?:[.,]\d{1,9})?(?: ?[AP]M)? ?(?P<name>[A-Z]{3,5}\b)?")
MOST_OF = 0.5


def abbreviations(lines: Sequence[str]) -> tuple[str, ...]:
    """The abbreviations of zones behind the times at the heads of most of these lines."""
    stamped = [match["name"] for match in map(STAMP.match, lines) if match]
    named = [name for name in stamped if name in _known()]
    return tuple(sorted(set(named))) if named and len(named) >= MOST_OF * len(stamped) else ()


def called(names: Sequence[str], time: datetime, known: Sequence[str]) -> list[str]:
    """The zones that were called so at this naive time: `known` ones, then those as far ahead as one of them, then others."""
    ahead = {zone_of(zone).utcoffset(time) for zone in known}
    found = [zone for zone in (*known, *USUAL) if names and _name(zone, time) in names]
    return sorted(dict.fromkeys(found), key=lambda zone: zone_of(zone).utcoffset(time) not in ahead)


@cache
def _known() -> frozenset[str]:
    names = (_name(zone, datetime(2024, month, 1)) for zone in USUAL for month in (1, 7))  # noqa: DTZ001 (wall clock of the zone)
    return frozenset({name for name in names if name.isalpha()} | {"GMT"})


def _name(zone: str, time: datetime) -> str:
    """What a zone's time is called then; nothing where the machine does not know the zone."""
    try:
        return zone_of(zone).tzname(time) or ""
    except LogcorrError:
        return ""
