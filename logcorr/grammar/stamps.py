"""Time stamps at the head of a line: which shape they have, and the expressions that read them by the column.

A shape is decided from a file's first lines and then read everywhere; what does not fit it is a line without a stamp.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, lru_cache

from logcorr.grammar.shape import LEAD as LEAD
from logcorr.grammar.shape import YEARLESS as YEARLESS
from logcorr.grammar.shape import Clock as Clock
from logcorr.grammar.shape import Shape as Shape
from logcorr.grammar.shape import datetimes as datetimes
from logcorr.grammar.shape import offset_s as offset_s
from logcorr.lazily import regex

_DAY = r"\d\d:\d\d:\d\d"
_FRACTION = r"(?:\.\d{1,9})?"
_OFFSET = r"(?: ?[+-]\d\d:?\d\d| ?GMT| ?UTC|Z)"


def _iso() -> list[Shape]:
    shapes = []
    for joint, date, written in (
        ("T", "-", "iso"),
        (" ", "-", "date"),
        (" ", "/", "slash"),
        ("-", "/", "joined"),
        (" ", ".", "dots"),
    ):
        head = rf"\d{{4}}{re.escape(date)}\d\d{re.escape(date)}\d\d{joint}{_DAY}"
        format = f"%Y{date}%m{date}%d{joint}%H:%M:%S"
        comma = ((r",\d{1,9}", "_c"),) if written in ("iso", "date", "slash") else ()
        for fraction, tag in (*comma, (_FRACTION, "")):
            shapes += [
                Shape(f"{written}{tag}_z", f"{head}{fraction}Z", f"{format}%.fZ", Clock.UTC),
                Shape(f"{written}{tag}_o", f"{head}{fraction}{_OFFSET}", f"{format}%.f%z", Clock.OFFSET),
                Shape(f"{written}{tag}", f"{head}{fraction}", f"{format}%.f", Clock.LOCAL),
            ]
    return shapes


_HALF = r"\d{1,2}:\d\d:\d\d(?:\.\d{1,9})? [AaPp][Mm]"
_WEEKDAY, _MONTH = "[A-Z][a-z]{2}", "[A-Z][a-z]{2}"


def _numbered() -> list[Shape]:
    """`31/01/2026, 12:00:00` and its like: which of the first two numbers is the day, only one above twelve tells."""
    shapes = []
    for tag, mark in (("", "/"), ("_d", "-")):
        for name, first, second, order in (
            ("month_first", r"(?:0?\d|1[0-2])", r"\d{1,2}", f"%m{mark}%d"),
            ("day_first", r"\d{1,2}", r"(?:0?\d|1[0-2])", f"%d{mark}%m"),
        ):
            head = f"{first}{mark}{second}{mark}" + r"\d{4},? "
            shapes += [
                Shape(f"{name}{tag}_half", head + _HALF, f"{order}{mark}%Y %I:%M:%S%.f %p", Clock.LOCAL, ","),
                Shape(f"{name}{tag}", head + _DAY + _FRACTION, f"{order}{mark}%Y %H:%M:%S%.f", Clock.LOCAL, ","),
            ]
    return shapes


def _written() -> list[Shape]:
    """Figures without marks, years of two figures, minutes, and what browsers and people write in Chinese."""
    month, day, hour = "(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])", r"(?:[01]\d|2[0-3])"
    ymd, clock = rf"20\d\d{month}{day}", rf"{hour}[0-5]\d[0-5]\d"
    date, minute = rf"\d{{4}}-{month}-{day}", rf"{hour}:[0-5]\d"
    return [
        Shape("basic_z", rf"{ymd}T{clock}Z", "%Y%m%dT%H%M%SZ", Clock.UTC),
        Shape("basic_t", rf"{ymd}T{clock}\b", "%Y%m%dT%H%M%S", Clock.LOCAL),
        Shape("basic", rf"{ymd}{clock}\b", "%Y%m%d%H%M%S", Clock.LOCAL),
        Shape("basic_day", rf"{ymd} {_DAY}{_FRACTION}", "%Y%m%d %H:%M:%S%.f", Clock.LOCAL),
        Shape("basic_joined", rf"{ymd}-{_DAY}{_FRACTION}", "%Y%m%d-%H:%M:%S%.f", Clock.LOCAL),
        Shape("short_year", rf"(?:1[3-9]|[2-9]\d)/{month}/{day} {_DAY}{_FRACTION}", "%y/%m/%d %H:%M:%S%.f", Clock.LOCAL),
        Shape("short_year_d", rf"(?:1[3-9]|[2-9]\d)-{month}-{day} {_DAY}{_FRACTION}", "%y-%m-%d %H:%M:%S%.f", Clock.LOCAL),
        Shape("short_year_last", rf"{month}/{day}/\d\d {_DAY}{_FRACTION}", "%m/%d/%y %H:%M:%S%.f", Clock.LOCAL),
        Shape("short_day_first", rf"(?:0[1-9]|[12]\d|3[01])/{month}/\d\d {_DAY}{_FRACTION}", "%d/%m/%y %H:%M:%S%.f", Clock.LOCAL),
        Shape("gin", rf"\d{{4}}/{month}/{day} - {_DAY}", "%Y/%m/%d - %H:%M:%S", Clock.LOCAL),
        Shape("unpadded", r"\d{4}/\d\d?/\d\d?,? \d\d?:\d\d:\d\d", "%Y/%m/%d %k:%M:%S", Clock.LOCAL, ","),
        Shape("unpadded_d", r"\d{4}-\d\d?-\d\d?,? \d\d?:\d\d:\d\d", "%Y-%m-%d %k:%M:%S", Clock.LOCAL, ","),
        Shape("chinese", rf"\d{{4}}年\d\d?月\d\d?日 ?{_DAY}", "%Y年%m月%d日 %H:%M:%S", Clock.LOCAL),
        Shape("chinese_half", r"\d{4}/\d\d?/\d\d? [上下]午 ?\d\d?:\d\d:\d\d", "%Y/%m/%d %p%I:%M:%S", Clock.LOCAL),
        Shape("minute_z", rf"{date}T{minute}Z", "%Y-%m-%dT%H:%MZ", Clock.UTC),
        Shape("minute_t", rf"{date}T{minute}", "%Y-%m-%dT%H:%M", Clock.LOCAL),
        Shape("minute", rf"{date} {minute}", "%Y-%m-%d %H:%M", Clock.LOCAL),
    ]


def _named() -> list[Shape]:
    """Dates with the names of weekdays and months: date(1), JavaScript, HTTP, Apache, PHP, redis."""
    date = rf"{_WEEKDAY} {_MONTH} [ \d]?\d"
    zone = r"(?: [A-Z]{2,5})?"
    read = "%a %b %e %H:%M:%S%.f %Y"
    return [
        Shape("date_utc", rf"{date} {_DAY} (?:UTC|GMT) \d{{4}}", read, Clock.UTC, " (?:UTC|GMT)"),
        Shape("date_half_utc", rf"{date} {_HALF} UTC \d{{4}}", "%a %b %e %I:%M:%S%.f %p %Y", Clock.UTC, " UTC"),
        Shape("date_half", rf"{date} {_HALF}{zone} \d{{4}}", "%a %b %e %I:%M:%S%.f %p %Y", Clock.LOCAL, " [A-Z]{3,5}"),
        Shape("asctime", rf"{date} {_DAY}{_FRACTION}{zone} \d{{4}}", read, Clock.LOCAL, " [A-Z]{2,5}"),
        Shape("date_offset", rf"{date} {_DAY} [+-]\d\d(?:\d\d)? \d{{4}}", "%a %b %e %H:%M:%S %z %Y", Clock.OFFSET),
        Shape("javascript", rf"{date} \d{{4}} {_DAY} GMT[+-]\d{{4}}", "%a %b %e %Y %H:%M:%S GMT%z", Clock.OFFSET),
        Shape("http", rf"{_WEEKDAY}, \d\d {_MONTH} \d{{4}} {_DAY} GMT", "%a, %d %b %Y %H:%M:%S GMT", Clock.UTC),
        Shape("journal_utc", rf"{_WEEKDAY} \d{{4}}-\d\d-\d\d {_DAY}{_FRACTION} UTC", "%a %Y-%m-%d %H:%M:%S%.f UTC", Clock.UTC),
        Shape(
            "journal",
            rf"{_WEEKDAY} \d{{4}}-\d\d-\d\d {_DAY}{_FRACTION}(?: [A-Z]{{2,5}}| [+-]\d\d)?",
            "%a %Y-%m-%d %H:%M:%S%.f",
            Clock.LOCAL,
            " (?:[A-Z]{2,5}|[+-][0-9]{2})$",
        ),
        Shape("mail", rf"{_WEEKDAY}, \d\d? {_MONTH} \d{{4}} {_DAY} [+-]\d{{4}}", "%a, %d %b %Y %H:%M:%S %z", Clock.OFFSET),
        Shape("mail_local", rf"{_WEEKDAY}, \d\d? {_MONTH} \d{{4}} {_DAY}", "%a, %d %b %Y %H:%M:%S", Clock.LOCAL),
        *(
            shape
            for mark, tag in ((" ", ""), ("-", "_d"), ("/", "_s"))
            for shape in (
                Shape(f"day_name{tag}_utc", _spelt(mark) + " UTC", f"%d{mark}%b{mark}%Y %H:%M:%S%.f UTC", Clock.UTC),
                Shape(f"day_name{tag}", _spelt(mark), f"%d{mark}%b{mark}%Y %H:%M:%S%.f", Clock.LOCAL),
            )
        ),
        Shape(
            "month_name_half",
            rf"{_MONTH} \d\d?(?:st|nd|rd|th)?,? \d{{4}},? {_HALF}",
            "%b %e %Y %I:%M:%S%.f %p",
            Clock.LOCAL,
            ",|st|nd|rd|th",
        ),
        Shape("month_name", rf"{_MONTH}-\d\d-\d{{4}} {_DAY}{_FRACTION}", "%b-%d-%Y %H:%M:%S%.f", Clock.LOCAL),
        Shape("no_year", rf"{date} {_DAY}{_FRACTION}", "%b %e %H:%M:%S%.f", Clock.YEARLESS, "^[A-Z][a-z]{2} "),
    ]


def _spelt(mark: str) -> str:
    return rf"\d\d{mark}{_MONTH}{mark}\d{{4}} {_DAY}{_FRACTION}"


_DAY_MONTH = r"(?:0[1-9]|[12]\d|3[01])\.(?:0[1-9]|1[0-2])"
"""Who writes dots writes the day first."""

SHORT = regex(r"(?<![\d/.-])(\d\d)/\d\d/(\d\d) (?=\d\d:)")
"""A date with two figures for the year, which may be the first of them or the last."""

SHAPES = (
    Shape("date_half_day", rf"\d{{4}}-\d\d-\d\d {_HALF}", "%Y-%m-%d %I:%M:%S%.f %p", Clock.LOCAL),
    *_iso(),
    Shape("date_colon", rf"\d{{4}}-\d\d-\d\d {_DAY}:\d{{3}}", "%Y-%m-%d %H:%M:%S%.f", Clock.LOCAL),
    Shape("date_ms", rf"\d{{4}}-\d\d-\d\d {_DAY}:\d{{2,4}}", "%Y-%m-%d %k:%M:%S", Clock.LOCAL, ":[0-9]{2,4}$"),
    Shape("date_blank", r"\d{4}-\d\d-\d\d [ \d]\d:\d\d:\d\d", "%Y-%m-%d %k:%M:%S", Clock.LOCAL),
    Shape("short_date", r"\d{6} [ \d]\d:\d\d:\d\d", "%y%m%d %k:%M:%S", Clock.LOCAL),
    Shape("clf_blank", rf"\d\d/{_MONTH}/\d{{4}} {_DAY} [+-]\d{{4}}", "%d/%b/%Y %H:%M:%S %z", Clock.OFFSET),
    *_written(),
    Shape("clf", rf"\d\d/{_MONTH}/\d{{4}}:{_DAY} [+-]\d{{4}}", "%d/%b/%Y:%H:%M:%S %z", Clock.OFFSET),
    Shape("clf_local", rf"\d\d/{_MONTH}/\d{{4}}:{_DAY}", "%d/%b/%Y:%H:%M:%S", Clock.LOCAL),
    *_named(),
    Shape("zoned_no_year", rf"[A-Z]{{3,5}} {_MONTH} [ \d]?\d {_DAY}", "%b %e %H:%M:%S%.f", Clock.YEARLESS, "^[A-Z]{3,5} "),
    Shape("syslog", rf"{_MONTH} [ \d]?\d {_DAY}{_FRACTION}", "%b %e %H:%M:%S%.f", Clock.YEARLESS),
    Shape("dotted", rf"\d\d?\.\d\d?\.\d{{4}},? {_DAY}{_FRACTION}", "%d.%m.%Y %H:%M:%S%.f", Clock.LOCAL, ","),
    Shape("day_month", rf"{_DAY_MONTH},? {_DAY}{_FRACTION}", "%d.%m %H:%M:%S%.f", Clock.YEARLESS, ","),
    *_numbered(),
    Shape("day_month_dots", rf"\d\d?\.\d\d?\.,? {_DAY}{_FRACTION}", "%d.%m. %H:%M:%S%.f", Clock.YEARLESS, ","),
    Shape("month_day", rf"\d\d-\d\d {_DAY}{_FRACTION}", "%m-%d %H:%M:%S%.f", Clock.YEARLESS),
    Shape("twelve_hours", _HALF, "%I:%M:%S%.f %p", Clock.TIME_OF_DAY),
    Shape("kitchen", r"\d{1,2}:\d\d[AP]M", "%I:%M%p", Clock.TIME_OF_DAY),
    Shape("day_c", rf"{_DAY},\d{{1,9}}", "%H:%M:%S%.f", Clock.TIME_OF_DAY),
    Shape("day", _DAY + _FRACTION, "%H:%M:%S%.f", Clock.TIME_OF_DAY),
    Shape("epoch", r"1\d{9}(?:\d{3}|\d{6}|\d{9})?(?:\.\d{1,9})?", "", Clock.UTC),
)
"""From the most to the least specific: the first that fits a line's head is its shape."""

_BY_NAME = {shape.name: shape for shape in SHAPES}


@cache
def _any() -> re.Pattern[str]:
    return re.compile(
        f"{LEAD}(?:" + "|".join(f"(?P<{shape.name}>{shape.pattern}(?!\\d|:\\d))" for shape in SHAPES) + ")", re.ASCII
    )


def at_head(line: str) -> tuple[Shape, str] | None:
    """The shape of the stamp that opens a line, and what follows it; None where no stamp does."""
    match = _any().match(line)
    if match is None or match.lastgroup is None:
        return None
    return _BY_NAME[match.lastgroup], line[match.end() :]


def _days_come_first(lines: tuple[str, ...]) -> bool:
    """Whether of dates with two figures for the year the first number changes and the last does not."""
    dates = [match.groups() for match in map(SHORT.search, lines) if match]
    return len({last for _, last in dates}) == 1 < len({first for first, _ in dates})


@lru_cache(maxsize=256)
def shape_of(lines: tuple[str, ...]) -> Shape | None:
    """The shape that most of these lines begin with, if any does."""
    heads = (at_head(line) for line in lines)
    counts = Counter(head[0].name for head in heads if head)
    for name in ("", "_half", "_d", "_d_half"):
        if counts[f"month_first{name}"] and counts[f"day_first{name}"]:
            return _BY_NAME[f"day_first{name}"]  # some number that can only be a day comes first
    name = counts.most_common(1)[0][0] if counts else ""
    if counts["short_year"] and (counts["short_year_last"] or _days_come_first(lines)):
        return _BY_NAME["short_day_first"]
    if name.endswith("_z") and counts[f"{name[:-2]}_o"]:
        name = f"{name[:-2]}_o"  # which takes `Z` for an offset too
    elif name == "date" and counts["date_blank"]:
        name = "date_blank"  # hours below ten come first
    return _BY_NAME.get(name)


def share(lines: Sequence[str], test: Callable[[str], object]) -> float:
    """The share of the lines that are not blank for which `test` holds."""
    written = [line for line in lines if line and not line.isspace()]
    return sum(bool(test(line)) for line in written) / len(written) if written else 0.0
