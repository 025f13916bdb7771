"""PostgreSQL's log in text, whatever its `log_line_prefix`, as long as a time comes first or second; and its csvlog.

`2026-03-02 10:16:05.002 UTC [72] app@shop FATAL:  sorry, too many clients already`

https://www.postgresql.org/docs/current/runtime-config-logging.html: two blanks follow the word for the severity; more lines of a
message begin with a tab; DETAIL, HINT, CONTEXT and STATEMENT tell more of the line before, and are events of their own here.
"""

from __future__ import annotations

import re

from msgspec import Struct

from logcorr.grammar import messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events, folded, no

_LEVELS = {
    **{f"DEBUG{number}": "debug" for number in range(1, 6)},
    "DEBUG": "debug",
    "LOG": "info",
    "INFO": "info",
    "NOTICE": "notice",
    "WARNING": "warn",
    "ERROR": "error",
    "FATAL": "crit",
    "PANIC": "emerg",
}
_MORE = "STATEMENT|DETAIL|HINT|CONTEXT|QUERY|LOCATION"


class _Layout(Struct, frozen=True):
    """The shape of the stamps, and whether a word (a host, `%h`) comes before them."""

    shape: stamps.Shape
    second: bool = False


def _layout(lines: tuple[str, ...]) -> _Layout | None:
    shape = stamps.shape_of(lines)
    if shape:
        return _Layout(shape)
    shape = stamps.shape_of(tuple(line.partition(" ")[2] for line in lines))
    return _Layout(shape, second=True) if shape else None


def _csv_pattern(shape: stamps.Shape) -> str:
    """The first line of a record of csvlog, by the columns up to the message (the manual's section on it)."""
    text, number = r'(?:"(?:[^"]|"")*"|[^,"]*)', r"[^,]*"
    return (
        rf'^"?(?P<stamp>{shape.pattern})(?: [A-Z]{{3,5}})?"?,"?(?P<user>[^",]*)"?,"?(?P<database>[^",]*)"?,"?(?P<pid>\d*)"?,'
        rf"{text},{number},{number},{text},{text},{number},{number},(?P<level>{'|'.join(_LEVELS)}),{text},"
        r'"?(?P<message>(?:[^"]|"")*)'
    )


def _pattern(layout: _Layout) -> str:
    """All but the message; of a line that tells more of another, the word for it belongs to the message."""
    first = r"\S+ " * layout.second
    shape = layout.shape.pattern
    prefix = r"(?:[A-Z]{3,5} )?(?P<prefix>[^\n]{0,200}?)"
    return (
        rf"^(?P<head>{first}(?P<stamp>{shape}) {prefix} ?(?:(?P<level>{'|'.join(_LEVELS)}):  ))|"
        rf"^(?P<other>{first}(?P<others_stamp>{shape}) {prefix.replace('prefix', 'others_prefix')} ?)(?P<more>(?:{_MORE}):  )"
    )


def _recognise(sample: Sample) -> float:
    if not any(":  " in line or ",LOG," in line or ",ERROR," in line for line in sample.lines):
        return 0.0
    layout = _layout(sample.lines)
    if layout is None:
        return 0.0
    heads = [line.partition(" ")[2] if layout.second else line for line in sample.lines]
    stamped = [line for line, head in zip(sample.lines, heads, strict=True) if stamps.at_head(head)]
    patterns = [re.compile(pattern, re.ASCII) for pattern in (rf"(?:{_pattern(layout)})(?! )", _csv_pattern(layout.shape))]
    return 0.93 * max(stamps.share(stamped, pattern.match) for pattern in patterns)


@log_parser(title="PostgreSQL", source="app", recognise=_recognise, emits=messages.emitted(messages.APPLICATION))
def postgresql(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with level (as written), pid, and user and database where the prefix has them as `user@database`."""
    layout = _layout(context.sample.lines)
    if layout is None:
        return events(lines, time=no(pl.Datetime("us")), message=pl.col("text"), parsed=pl.lit(False))
    in_csv = re.compile(_csv_pattern(layout.shape), re.ASCII).match
    return (_in_csv if any(map(in_csv, context.sample.lines)) else _in_text)(lines, context, layout)


def _in_csv(lines: pl.LazyFrame, context: Context, layout: _Layout) -> pl.LazyFrame:
    """Records of csvlog; the lines of a quoted message after the first belong to it."""
    part = pl.col("groups").struct.field
    read = lines.with_columns(pl.col("text").str.extract_groups(ascii_only(_csv_pattern(layout.shape))).alias("groups"))
    message = pl.coalesce(part("message").str.replace_all('""', '"', literal=True), pl.col("text"))
    return _events(
        folded(read, part("stamp").is_not_null(), context),
        layout.shape,
        part("stamp"),
        message,
        {"level": part("level")} | {name: pl.when(part(name) != "").then(part(name)) for name in ("pid", "user", "database")},
    )


def _in_text(lines: pl.LazyFrame, context: Context, layout: _Layout) -> pl.LazyFrame:
    part = pl.col("groups").struct.field
    read = lines.with_columns(pl.col("text").str.extract_groups(ascii_only(_pattern(layout))).alias("groups"))
    head = pl.coalesce(part("head"), part("other"))
    prefix, stamp = pl.coalesce(part("prefix"), part("others_prefix")), pl.coalesce(part("stamp"), part("others_stamp"))
    message = pl.col("text").cast(pl.Binary).bin.slice(head.str.len_bytes().fill_null(0)).cast(pl.String)
    own = {
        "level": part("level"),
        "pid": prefix.str.extract(r"\[([0-9]{1,9})(?:-[0-9]+)?\]", 1),
        "user": prefix.str.extract(r"([^\s@\[\]]+)@[^\s@\[\]]+", 1),
        "database": prefix.str.extract(r"[^\s@\[\]]+@([^\s@\[\]]+)", 1),
    }
    return _events(folded(read, head.is_not_null(), context), layout.shape, stamp, message, own)


def _events(cut: pl.LazyFrame, shape: stamps.Shape, stamp: pl.Expr, message: pl.Expr, own: dict[str, pl.Expr]) -> pl.LazyFrame:
    offset = shape.utc_offset_s(stamp)
    return events(
        cut,
        time=shape.time(stamp),
        severity=own["level"].replace_strict(_LEVELS, default=None, return_dtype=severity_type()),
        kind=messages.kind_of(message, messages.APPLICATION),
        message=message,
        parsed=stamp.is_not_null(),
        count=pl.col("lines"),
        own={**own, "pid": own["pid"].cast(pl.Int32, strict=False)} | ({} if offset is None else {"utc_offset_s": offset}),
    )
