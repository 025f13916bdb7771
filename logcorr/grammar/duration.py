"""Spans of time as configuration writes them."""

from __future__ import annotations

import re

from logcorr.lazily import regex

_GO_UNITS = {
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ns": 1e-9,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_GO = regex(r"(\d+(?:\.\d*)?|\.\d+)(us|µs|μs|ns|ms|s|m|h|d|w)")

_MONTH_S = 2629800.0
_YEAR_S = 31557600.0
_SYSTEMD_UNITS = {
    **dict.fromkeys(("usec", "us", "µs", "μs"), 1e-6),
    **dict.fromkeys(("nsec", "ns"), 1e-9),
    **dict.fromkeys(("msec", "ms"), 1e-3),
    **dict.fromkeys(("seconds", "second", "sec", "s", ""), 1.0),
    **dict.fromkeys(("minutes", "minute", "min", "m"), 60.0),
    **dict.fromkeys(("hours", "hour", "hr", "h"), 3600.0),
    **dict.fromkeys(("days", "day", "d"), 86400.0),
    **dict.fromkeys(("weeks", "week", "w"), 604800.0),
    **dict.fromkeys(("months", "month", "M"), _MONTH_S),
    **dict.fromkeys(("years", "year", "y"), _YEAR_S),
}
_SYSTEMD = regex(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-zA-Zµμ]*)")


def compose_seconds(text: str) -> float | None:
    """The seconds of a compose duration (`1m30s`, `90s`, `0`); None if it is none."""
    if text.strip() == "0":
        return 0.0
    return _sum(_GO, _GO_UNITS, text.strip())


def systemd_seconds(text: str) -> float | None:
    """The seconds of a systemd time span (`1h 30min`, `90`, `2 weeks`), see systemd.time(7); None if it is none.

    `infinity` gives infinity; a number without a unit counts seconds.
    """
    if text.strip() == "infinity":
        return float("inf")
    return _sum(_SYSTEMD, _SYSTEMD_UNITS, text.strip())


def _sum(pattern: re.Pattern[str], units: dict[str, float], text: str) -> float | None:
    total, position = 0.0, 0
    while position < len(text):
        match = pattern.match(text, position)
        if not match or match[2] not in units:
            return None
        total += float(match[1]) * units[match[2]]
        position = match.end()
    return total if text else None
