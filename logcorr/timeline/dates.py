"""Dates as people write them: in notes, letters, lists of releases, histories of shells. Near the beginning of a line.

[2026-05-19 14:20] 2.3.1 is out          ## 2.3.1 - 19 May 2026          #1779200400          14:20 lena: the limit is up
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from logcorr.lazily import regex

_MONTHS = (
    "jan ene gen sty", "feb fév fev lut", "mar mär maa mrt", "apr avr abr kwi", "may mai maj mag mei", "juin jun giu cze",
    "juil jul lug lip", "aug aou aoû ago sie", "sep set wrz", "oct okt out ott paź", "nov lis", "dec déc dez dic des gru",
)  # fmt: skip
"""How the months begin in nine languages."""

_MONTH = rf"(?i:{'|'.join(' '.join(_MONTHS).split())})[^\W\d_]{{0,8}}"
_DATED = regex(
    rf"""
    ^(?:[^\d\n]{{0,12}}\d+(?:\.\d+){{1,3}}(?![.\d])(?=\D))?        # a version
    (?:[^\d\n]|\d(?!\d{{0,3}}[-/.])){{0,24}}?(?<![\w.])
    (?:(?P<year>\d{{4}})[-/.](?P<month>\d\d)[-/.](?P<day>\d\d)
      |(?P<one>\d\d?)[-/.](?P<two>\d\d?)[-/.](?:(?P<year_last>\d{{4}})|(?P<year_short>\d\d)(?=,?\ +\d\d?:\d\d))
      |(?P<one_short>\d\d?)\.(?P<two_short>\d\d?)\.(?![.\d])
      |(?P<word_day>\d\d?)(?:\.|st|nd|rd|th)?\ +(?:de\ |of\ )?(?P<word>{_MONTH})\.?
       (?:,?\ (?:de\ )?(?P<word_year>\d{{4}})(?![\d:]))?
      |(?P<named>{_MONTH})\.?\ +(?P<named_day>\d\d?)(?:st|nd|rd|th)?(?![\d:])
       (?:,?\ (?P<named_year>\d{{4}})(?![\d:]))?
    )
    (?:(?:T|[^\d\n]{{1,6}}?)(?P<clock>\d\d?:\d\d(?::\d\d)?)(?:[.,]\d+)?(?:\ ?(?P<half>[AaPp])\.?[Mm]\b)?)?
    (?:\ (?P<late_year>\d{{4}}))?(?:\ ?(?P<zone>Z\b|[+-](?:0\d|1[0-4]):?[0-5]\d))?(?!\w)
    """,
    re.VERBOSE,
)
_AT_THE_END = regex(r"^.*[ \t|,;](?=\d{4}-\d\d-\d\dT\d\d:\d\d\S*$)")
"""What stands before the last column of a table, if that is a time."""

_EPOCH = regex(r"(?:#|: )(?P<epoch>1\d{9})(?::\d+;.*)?$")
"""The stamps of bash and of zsh, in seconds."""

_CLOCK = regex(r"\W{0,3}(?P<clock>\d\d?:\d\d(?::\d\d)?)(?![:.,\d])(?: ?(?P<half>[AaPp])\.?[Mm]\b)?")


class Dated(Struct, frozen=True):
    """What a date says. `days` are year (None: left out), month and day, more than one where either number may be the day.

    None at all where only the `clock` is told, as `14:20:00`, which may be left out, too. An `epoch` says it all (in seconds).
    """

    days: tuple[tuple[int | None, int, int], ...] = ()
    clock: str = ""
    zone: str | None = None
    epoch: float | None = None


def dated(text: str) -> Dated | None:
    """The date near the beginning of a line, or the time of day with which it begins."""
    stamp = _EPOCH.match(text)
    if stamp:
        return Dated(epoch=float(stamp["epoch"]))
    found = _DATED.match(text[:120]) or _DATED.match(_AT_THE_END.sub("", text[:240]))
    days = tuple(dict.fromkeys(_days(found.groupdict()))) if found else ()
    if found and days:
        return Dated(days, _clock(found["clock"], found["half"]), found["zone"])
    alone = _CLOCK.match(text)
    return Dated(clock=_clock(alone["clock"], alone["half"])) if alone else None


def undated(text: str) -> str:
    """A line without the date near its beginning."""
    found = _DATED.match(text[:120])
    if not found:
        return text
    begin = min(found.start(name) for name, part in found.groupdict().items() if part)
    return text[:begin] + text[found.end() :]


def _days(said: dict[str, str | None]) -> Iterator[tuple[int | None, int, int]]:
    """Year, month, day; both readings where either number may be the day."""
    late = _number(said["late_year"])
    if said["year"]:
        yield _number(said["year"]), int(said["month"] or 0), int(said["day"] or 0)
    elif said["word"] or said["named"]:
        year = _number(said["word_year"] or said["named_year"]) or late
        yield year, _month(said["word"] or said["named"] or ""), int(said["word_day"] or said["named_day"] or 0)
    else:
        year = _number(said["year_last"]) or (2000 + int(said["year_short"]) if said["year_short"] else late)
        one, two = int(said["one"] or said["one_short"] or 0), int(said["two"] or said["two_short"] or 0)
        yield from ((year, month, day) for day, month in ((one, two), (two, one)) if 1 <= month <= len(_MONTHS))


def _number(digits: str | None) -> int | None:
    return int(digits) if digits else None


def _month(word: str) -> int:
    return next(at for at, names in enumerate(_MONTHS, 1) if word.lower().startswith(tuple(names.split())))


def _clock(said: str | None, half: str | None) -> str:
    """`2:20 PM` as `14:20`."""
    if not said:
        return ""
    hour, _, rest = said.partition(":")
    shown = int(hour) % 12 + 12 * (half in ("p", "P")) if half else int(hour)
    return f"{shown:02}:{rest}"
