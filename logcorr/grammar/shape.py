"""One way of writing a time, and the expressions that read stamps written so by the column."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial

from msgspec import Struct

from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl, regex

YEARLESS = "1972"
"""Stands for the missing year; a leap year. The same as `model.events.YEARLESS`."""

LEAD = r' {0,3}(?:\d{1,7}:[A-Z] |(?:time|ts)=|(?:={2,9}|-{2,9}|\*{2,9}|#{1,9}|>{1,9}) )?[\[(<"]?'
"""What may open a stamp: a bracket or quote, redis's process and role, logfmt's key, a rule that sets a part of a log off."""


_IN_FIGURES = regex(r"(?=.{0,6}%Y)%[Ymd]\W%[Ymd]\W%[Ymd].%H:%M:%S")
"""The formats whose date and time of day take 19 characters."""


_LONGEST_OFFSET = len("+05:30")


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
        if _IN_FIGURES.match(self.format) and self.clock is not Clock.OFFSET and not self.drop:
            return self._numeric(stamp)
        if "午" in self.pattern:
            stamp = stamp.str.replace("上午 ?", "AM").str.replace("下午 ?", "PM")
        elif self.drop:
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
        mark = "," if r",\d" in self.pattern else ":" if self.pattern.endswith(r":\d{3}") else "."
        read = partial(_fractional, self.format[:17], mark)
        if self.clock is Clock.LOCAL:
            return stamp.map_batches(read, return_dtype=pl.Datetime("us"), is_elementwise=True)
        marked = pl.when(stamp.str.ends_with("Z")).then(stamp.str.head(-1))
        return marked.map_batches(read, return_dtype=pl.Datetime("us"), is_elementwise=True).dt.replace_time_zone("UTC")

    def utc_offset_s(self, stamp: pl.Expr) -> pl.Expr | None:
        """Seconds east of UTC, for stamps that say so in figures."""
        if self.clock is not Clock.OFFSET:
            return None
        ends = stamp.str.tail(_LONGEST_OFFSET) if self.format.endswith("%z") else stamp
        return _by_runs(
            ends, lambda each: offset_s(each.str.extract(r"([+-][0-9]{2}(?::?[0-9]{2})?)(?: [0-9]{4})?$", 1)), pl.Int32()
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
