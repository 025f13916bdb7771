"""Time stamps at the head of a line: which shape they have, and the expressions that read them by the column.

A shape is decided from a file's first lines and then read everywhere; what does not fit it is a line without a stamp.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum
from functools import cache, lru_cache, partial

from msgspec import Struct

from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl, regex

YEARLESS = "1972"
"""Stands for the missing year; a leap year. The same as `model.events.YEARLESS`."""

LEAD = r'(?:\d{1,7}:[A-Z] |(?:time|ts)=)?[\[(<"]?'
"""What may open a stamp: a bracket or quote, redis's process and role, logfmt's key."""


_IN_FIGURES = regex(r"(?=.{0,6}%Y)%[Ymd]\W%[Ymd]\W%[Ymd].%H:%M:%S")
"""The formats whose date and time of day take 19 characters."""


class Clock(Enum):
    """What a stamp says about its zone."""

    LOCAL = "the writer's local time"
    UTC = "UTC, marked by Z"
    OFFSET = "its own offset from UTC"
    YEARLESS = "local time without a year"
    TIME_OF_DAY = "a time of day"


class Shape(Struct, frozen=True):
    """One way of writing a time. `format` is chrono's; a shape without one is a number of seconds and its fractions.

    `drop` is what is left out before reading, as a pattern: commas, names of zones.
    """

    name: str
    pattern: str
    format: str
    clock: Clock
    drop: str = ""

    def text(self, line: pl.Expr) -> pl.Expr:
        """The stamp at the head of a line, as it is written."""
        return line.str.extract(ascii_only(f"^{LEAD}({self.pattern})"), 1)

    def time(self, stamp: pl.Expr) -> pl.Expr:
        """The times that stamps say: naive, in UTC, or of day (see `parsers.ReadLog`); null where one does not fit."""
        if not self.format:
            return _epoch(stamp)
        if _IN_FIGURES.match(self.format) and self.clock is not Clock.OFFSET:
            return self._numeric(stamp)
        if self.drop:
            stamp = stamp.str.replace_all(self.drop, "")
        elif r",\d" in self.pattern:
            stamp = stamp.str.replace(",", ".", literal=True)
        match self.clock:
            case Clock.TIME_OF_DAY:
                return stamp.str.to_time(self.format, strict=False)
            case Clock.YEARLESS:
                return _years_counted(datetimes(pl.lit(f"{YEARLESS} ") + stamp, f"%Y {self.format}"))
            case Clock.UTC:
                return datetimes(stamp, self.format).dt.replace_time_zone("UTC")
            case Clock.OFFSET if self.name == "clf":
                return _clf(stamp)
            case Clock.OFFSET if self.name == "date_offset":
                stamp = stamp.str.replace(r" ([+-][0-9]{2}) ", " ${1}00 ")
                return datetimes(stamp, self.format).dt.convert_time_zone("UTC")
            case Clock.OFFSET:
                return datetimes(stamp.str.replace(r" ?(GMT|UTC|Z)$", "+0000"), self.format).dt.convert_time_zone("UTC")
        return datetimes(stamp, self.format)

    def _numeric(self, stamp: pl.Expr) -> pl.Expr:
        """The times of stamps whose date and time of day take 19 characters, fractions of a second perhaps following."""
        read = partial(_fractional, self.format[:17], "," if r",\d" in self.pattern else ".")
        if self.clock is Clock.LOCAL:
            return stamp.map_batches(read, return_dtype=pl.Datetime("us"), is_elementwise=True)
        marked = pl.when(stamp.str.ends_with("Z")).then(stamp.str.head(-1))
        return marked.map_batches(read, return_dtype=pl.Datetime("us"), is_elementwise=True).dt.replace_time_zone("UTC")

    def utc_offset_s(self, stamp: pl.Expr) -> pl.Expr | None:
        """Seconds east of UTC, for stamps that say so in figures."""
        if self.clock is not Clock.OFFSET:
            return None
        return _by_runs(
            stamp, lambda each: offset_s(each.str.extract(r"([+-][0-9]{2}(?::?[0-9]{2})?)(?: [0-9]{4})?$", 1)), pl.Int32()
        )


def offset_s(written: pl.Expr) -> pl.Expr:
    """`+0530`, `+05:30` or `+05` in seconds."""
    number = written.str.replace(":", "", literal=True).str.pad_end(5, "0").cast(pl.Int32, strict=False)
    minutes = (number.abs() // 100) * 60 + number.abs() % 100
    return (number.sign() * minutes * 60).cast(pl.Int32)


def datetimes(text: pl.Expr, format: str) -> pl.Expr:
    """The times of stamps, null where one is none: naive, or in UTC where the format ends in `%z`."""
    dtype = pl.Datetime("us", "UTC" if "%z" in format else None)
    return _by_runs(text, lambda each: each.str.to_datetime(format, time_unit="us", strict=False), dtype)


def _by_runs(text: pl.Expr, read: Callable[[pl.Expr], pl.Expr], dtype: pl.DataType) -> pl.Expr:
    """What `read` makes of stamps. Busy logs repeat a stamp: each run of one is read once."""
    return text.map_batches(partial(_runs, read), return_dtype=dtype, is_elementwise=True)


def _runs(read: Callable[[pl.Expr], pl.Expr], stamps: pl.Series) -> pl.Series:
    begins = stamps.ne_missing(stamps.shift(1))
    if len(stamps):
        begins = begins.scatter(0, True)
    first = stamps.filter(begins)
    values = pl.select(read(pl.lit(first))).to_series()
    return values if len(first) == len(stamps) else values.gather(begins.cum_sum() - 1)


def _fractional(format: str, mark: str, stamps: pl.Series) -> pl.Series:
    """Times read as whole seconds, of which busy logs repeat many, and a number behind a mark."""
    text = pl.lit(stamps)
    whole = datetimes(text.str.head(19), format)
    if (stamps.str.len_bytes() > 19).any():
        length = text.str.len_bytes()
        digits = pl.when(length.is_between(21, 29)).then(text.str.slice(20)).str.pad_end(9, "0").cast(pl.UInt32, strict=False)
        fraction = pl.when(length == 19).then(0).when(text.str.slice(19, 1) == mark).then(digits // 1000)
        whole = (whole.cast(pl.Int64) + fraction).cast(pl.Datetime("us"))
    return pl.select(whole).to_series()


def _years_counted(time: pl.Expr) -> pl.Expr:
    """Times of one year counted on over New Year: a step back by more than half a year is one passed."""
    known = time.forward_fill()
    passed = (known - known.shift(1) < -pl.duration(days=183)).fill_null(False).cast(pl.Int32).cum_sum()
    later = pl.when(passed > 0).then(time.dt.offset_by(pl.concat_str(passed, pl.lit("y"))))
    return pl.coalesce(later, time)


def _clf(stamp: pl.Expr) -> pl.Expr:
    """Apache's stamps; their offsets are few, so that taking them off by arithmetic is much faster than reading zoned times."""
    return _by_runs(stamp, _clf_each, pl.Datetime("us", "UTC"))


def _clf_each(stamp: pl.Expr) -> pl.Expr:
    local = stamp.str.slice(0, 20).str.to_datetime("%d/%b/%Y:%H:%M:%S", time_unit="us", strict=False)
    return (local - pl.duration(seconds=offset_s(stamp.str.slice(21, 5)))).dt.replace_time_zone("UTC")


def _epoch(stamp: pl.Expr) -> pl.Expr:
    """Seconds, milli-, micro- or nanoseconds since 1970, told apart by their number of digits."""
    whole = stamp.str.extract(r"^([0-9]+)", 1).cast(pl.Int64, strict=False)
    fraction = stamp.str.extract(r"\.([0-9]{1,6})", 1).str.pad_end(6, "0").cast(pl.Int64, strict=False).fill_null(0)
    microseconds = (
        pl.when(whole < 10**11)
        .then(whole * 1_000_000 + fraction)
        .when(whole < 10**14)
        .then(whole * 1_000)
        .when(whole < 10**17)
        .then(whole)
        .otherwise(whole // 1_000)
    )
    return pl.from_epoch(microseconds, time_unit="us").dt.replace_time_zone("UTC")


_DAY = r"\d\d:\d\d:\d\d"
_OFFSET = r"(?: ?[+-]\d\d:?\d\d| ?GMT| ?UTC|Z)"


def _iso() -> list[Shape]:
    shapes = []
    for joint, date, written in (("T", "-", "iso"), (" ", "-", "date"), (" ", "/", "slash")):
        head = rf"\d{{4}}{date}\d\d{date}\d\d{joint}{_DAY}"
        format = f"%Y{date}%m{date}%d{joint}%H:%M:%S"
        for fraction, tag in ((r",\d{1,9}", "_c"), (r"(?:\.\d{1,9})?", "")):
            shapes += [
                Shape(f"{written}{tag}_z", f"{head}{fraction}Z", f"{format}%.fZ", Clock.UTC),
                Shape(f"{written}{tag}_o", f"{head}{fraction}{_OFFSET}", f"{format}%.f%z", Clock.OFFSET),
                Shape(f"{written}{tag}", f"{head}{fraction}", f"{format}%.f", Clock.LOCAL),
            ]
    return shapes


_FRACTION = r"(?:\.\d{1,9})?"
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


def _named() -> list[Shape]:
    """Dates with the names of weekdays and months: date(1), JavaScript, HTTP, Apache, PHP, redis."""
    date = rf"{_WEEKDAY} {_MONTH} [ \d]\d"
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
        *(
            shape
            for mark, tag in ((" ", ""), ("-", "_d"), ("/", "_s"))
            for shape in (
                Shape(f"day_name{tag}_utc", _spelt(mark) + " UTC", f"%d{mark}%b{mark}%Y %H:%M:%S%.f UTC", Clock.UTC),
                Shape(f"day_name{tag}", _spelt(mark), f"%d{mark}%b{mark}%Y %H:%M:%S%.f", Clock.LOCAL),
            )
        ),
        Shape("month_name_half", rf"{_MONTH} \d\d?, \d{{4}},? {_HALF}", "%b %e %Y %I:%M:%S%.f %p", Clock.LOCAL, ","),
        Shape("month_name", rf"{_MONTH}-\d\d-\d{{4}} {_DAY}{_FRACTION}", "%b-%d-%Y %H:%M:%S%.f", Clock.LOCAL),
    ]


def _spelt(mark: str) -> str:
    return rf"\d\d{mark}{_MONTH}{mark}\d{{4}} {_DAY}{_FRACTION}"


SHAPES = (
    Shape("date_half_day", rf"\d{{4}}-\d\d-\d\d {_HALF}", "%Y-%m-%d %I:%M:%S%.f %p", Clock.LOCAL),
    *_iso(),
    Shape("date_blank", r"\d{4}-\d\d-\d\d [ \d]\d:\d\d:\d\d", "%Y-%m-%d %k:%M:%S", Clock.LOCAL),
    Shape("short_date", r"\d{6} [ \d]\d:\d\d:\d\d", "%y%m%d %k:%M:%S", Clock.LOCAL),
    Shape("clf", rf"\d\d/{_MONTH}/\d{{4}}:{_DAY} [+-]\d{{4}}", "%d/%b/%Y:%H:%M:%S %z", Clock.OFFSET),
    *_named(),
    Shape("syslog", rf"{_MONTH} [ \d]\d {_DAY}{_FRACTION}", "%b %e %H:%M:%S%.f", Clock.YEARLESS),
    Shape("dotted", rf"\d\d\.\d\d\.\d{{4}},? {_DAY}{_FRACTION}", "%d.%m.%Y %H:%M:%S%.f", Clock.LOCAL, ","),
    *_numbered(),
    Shape("month_day", rf"\d\d-\d\d {_DAY}{_FRACTION}", "%m-%d %H:%M:%S%.f", Clock.YEARLESS),
    Shape("twelve_hours", _HALF, "%I:%M:%S%.f %p", Clock.TIME_OF_DAY),
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


@lru_cache(maxsize=256)
def shape_of(lines: tuple[str, ...]) -> Shape | None:
    """The shape that most of these lines begin with, if any does."""
    heads = (at_head(line) for line in lines)
    counts = Counter(head[0].name for head in heads if head)
    for name in ("", "_half", "_d", "_d_half"):
        if counts[f"month_first{name}"] and counts[f"day_first{name}"]:
            return _BY_NAME[f"day_first{name}"]  # some number that can only be a day comes first
    name = counts.most_common(1)[0][0] if counts else ""
    if name.endswith("_z") and counts[f"{name[:-2]}_o"]:
        name = f"{name[:-2]}_o"  # which takes `Z` for an offset too
    elif name == "date" and counts["date_blank"]:
        name = "date_blank"  # hours below ten come first
    return _BY_NAME.get(name)


def share(lines: Sequence[str], test: Callable[[str], object]) -> float:
    """The share of the lines that are not blank for which `test` holds."""
    written = [line for line in lines if line and not line.isspace()]
    return sum(bool(test(line)) for line in written) / len(written) if written else 0.0
