"""systemd's calendar events, the values of `OnCalendar=`: `Mon..Fri *-*-* 08:00`, `*:0/15`, `weekly`.

Syntax: systemd.time(7), "Calendar Events".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pyparsing import ParserElement

_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_SHORTHANDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "biannually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
}
_YEARS = (1970, 2199)


class NotCalendar(ValueError):
    """A calendar event that systemd refuses."""


class Calendar(NamedTuple):
    """When a calendar event elapses; weekdays from 0 (Sunday), seconds may be fractions.

    `days_from_end` counts the days of the month from its end, 1 being the last. `zone` is the one it names, if any.
    """

    weekdays: frozenset[int]
    years: frozenset[int]
    months: frozenset[int]
    days: frozenset[int]
    days_from_end: bool
    hours: frozenset[int]
    minutes: frozenset[int]
    seconds: frozenset[float]
    zone: str | None


class _Part(NamedTuple):
    """`first`, or `first` to `last`, or every `step`-th value from `first` on; `*` is every value."""

    first: str
    last: str | None
    step: str | None


def _component_grammar() -> ParserElement:
    from pyparsing import Group, Opt, Regex, Suppress

    number = Regex(r"\d{1,9}(?:\.\d{1,6})?")
    span = number + Opt(Suppress("..") - number, default=None) + Opt(Suppress("/") - number, default=None)
    star = Regex(r"\*") + Opt(Regex("(?!)"), default=None) + Opt(Regex("(?!)"), default=None)
    part = (star | span).set_parse_action(lambda found: _Part(*found))
    return Group(part + (Suppress(",") - part)[...])


@cache
def _weekday_list() -> ParserElement:
    from pyparsing import Group, Opt, Regex, Suppress, one_of  # slow to import, and few runs need it

    name = one_of([*_WEEKDAYS, *(day[:3] for day in _WEEKDAYS)], caseless=True, as_keyword=True)
    span = Group(name + Opt(Suppress(Regex(r"\.\.|-")) - name, default=None))
    days: ParserElement = span + (Suppress(",") - span)[...]
    return days.leave_whitespace()


@cache
def _date() -> ParserElement:
    from pyparsing import Empty, Regex, Suppress

    part = _component_grammar()
    with_year = part + Suppress("-") + part + Regex("[-~]") + part
    return (with_year | (Empty().set_parse_action(lambda: [None]) + part + Regex("[-~]") + part)).leave_whitespace()


@cache
def _time() -> ParserElement:
    from pyparsing import Opt, Suppress

    part = _component_grammar()
    return (part + Suppress(":") + part + Opt(Suppress(":") + part, default=None)).leave_whitespace()


_ZERO = (_Part("0", None, None),)


def calendar(text: str) -> Calendar:
    """The meaning of a calendar event. Raises NotCalendar."""
    head, *rest = text.split() or [""]
    words = [*_SHORTHANDS.get(head.lower(), head).split(), *rest]
    weekdays = _take(_weekday_list(), words)
    date = _take(_date(), words)
    time = _take(_time(), words)
    zone = words.pop(0) if words and re.match(r"[A-Za-z]", words[0]) else None
    if words or not (weekdays or date or time):
        raise NotCalendar(f"no calendar event: {text!r}")
    year, month, sign, day = date or (None, None, "-", None)
    hour, minute, second = time or (_ZERO, _ZERO, _ZERO)
    return Calendar(
        weekdays=_weekdays(weekdays or ()),
        years=_integers(_whole_years(year), *_YEARS),
        months=_integers(month, 1, 12),
        days=_days_from_end(day) if sign == "~" else _integers(day, 1, 31),
        days_from_end=sign == "~",
        hours=_integers(hour, 0, 23),
        minutes=_integers(minute, 0, 59),
        seconds=_values(second or _ZERO, 0, 59),
        zone=zone,
    )


def _take(grammar: ParserElement, words: list[str]) -> list[Any] | None:
    """The parts of the first word, which is taken off the list, if the grammar reads all of it."""
    from pyparsing import ParseBaseException

    try:
        found = grammar.parse_string(words[0], parse_all=True).as_list() if words else None
    except ParseBaseException:
        return None
    del words[:1]
    return found


def _weekdays(written: Iterable[tuple[str, str | None]]) -> frozenset[int]:
    """The days of a list of names and ranges. The week begins on Monday here: Fri..Sun is a range, Fri..Mon is refused."""
    days: set[int] = set()
    for first, last in written:
        low, high = _from_monday(first), _from_monday(last or first)
        if low > high:
            raise NotCalendar(f"{first}..{last} ends before it begins")
        days.update((day + 1) % 7 for day in range(low, high + 1))
    return frozenset(days or range(7))


def _from_monday(name: str) -> int:
    return next((number - 1) % 7 for number, day in enumerate(_WEEKDAYS) if day.startswith(name.lower()))


def _whole_years(component: Iterable[_Part] | None) -> list[_Part] | None:
    """Years of two digits stand for 1970 to 2069."""

    def whole(year: str | None) -> str | None:
        return year if year is None or not year.isdigit() or int(year) > 99 else str(int(year) + (1900, 2000)[int(year) < 70])

    return None if component is None else [_Part(whole(part.first) or "", whole(part.last), part.step) for part in component]


def _integers(component: Iterable[_Part] | None, low: int, high: int) -> frozenset[int]:
    values = _values(component, low, high)
    if any(value != int(value) for value in values):
        raise NotCalendar("only seconds have fractions")
    return frozenset(int(value) for value in values)


def _values(component: Iterable[_Part] | None, low: int, high: int) -> frozenset[float]:
    if component is None:
        return frozenset(range(low, high + 1))
    return frozenset(chain.from_iterable(_part_values(part, low, high) for part in component))


def _part_values(part: _Part, low: int, high: int) -> Iterable[float]:
    if part.first == "*":
        return range(low, high + 1)
    first = float(part.first)
    last = float(part.last or (high if part.step else part.first))
    if not low <= first <= last < high + 1:
        raise NotCalendar(f"out of range: {part.first}")
    step = float(part.step or 1)
    if not step:
        raise NotCalendar("a repetition of nothing")
    return (round(first + index * step, 6) for index in range(int((last - first) / step + 1e-9) + 1))


def _days_from_end(component: Iterable[_Part] | None) -> frozenset[int]:
    """`~07/1` begins with the seventh day before the end and goes on towards the end."""
    days: set[int] = set()
    for part in component or ():
        first = 31 if part.first == "*" else int(float(part.first))
        step = 1 if part.first == "*" else int(part.step or first)
        if part.last or not 1 <= first <= 31 or not step:
            raise NotCalendar(f"no day before the end of the month: {part.first}")
        days.update(range(first, 0, -step))
    return frozenset(days)
