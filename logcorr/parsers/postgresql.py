"""PostgreSQL's log in text, whatever its `log_line_prefix`, as long as it begins with a time.

`2026-03-02 10:16:05.002 UTC [72] app@shop FATAL:  sorry, too many clients already`

https://www.postgresql.org/docs/current/runtime-config-logging.html: two blanks follow the word for the severity; more lines of a
message begin with a tab; DETAIL, HINT, CONTEXT and STATEMENT tell more of the line before, and are events of their own here.
"""

from __future__ import annotations

import re

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


def _pattern(shape: stamps.Shape) -> str:
    """All but the message; of a line that tells more of another, the word for it belongs to the message."""
    prefix = r"(?:[A-Z]{3,5} )?(?P<prefix>[^\n]{0,200}?)"
    return (
        rf"^(?P<head>(?P<stamp>{shape.pattern}) {prefix} ?(?:(?P<level>{'|'.join(_LEVELS)}):  ))|"
        rf"^(?P<other>(?P<others_stamp>{shape.pattern}) {prefix.replace('prefix', 'others_prefix')} ?)(?P<more>(?:{_MORE}):  )"
    )


def _recognise(sample: Sample) -> float:
    shape = stamps.shape_of(sample.lines) if any(":  " in line for line in sample.lines) else None
    if shape is None:
        return 0.0
    heads = [line for line in sample.lines if stamps.at_head(line)]
    return 0.93 * stamps.share(heads, re.compile(_pattern(shape), re.ASCII).match)


@log_parser(title="PostgreSQL", source="app", recognise=_recognise, emits=messages.emitted(messages.APPLICATION))
def postgresql(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with level (as written), pid, and user and database where the prefix has them as `user@database`."""
    shape = stamps.shape_of(context.sample.lines)
    if shape is None:
        return events(lines, time=no(pl.Datetime("us")), message=pl.col("text"), parsed=pl.lit(False))
    part = pl.col("groups").struct.field
    read = lines.with_columns(pl.col("text").str.extract_groups(ascii_only(_pattern(shape))).alias("groups"))
    head = pl.coalesce(part("head"), part("other"))
    prefix, stamp = pl.coalesce(part("prefix"), part("others_prefix")), pl.coalesce(part("stamp"), part("others_stamp"))
    message = pl.col("text").cast(pl.Binary).bin.slice(head.str.len_bytes().fill_null(0)).cast(pl.String)
    offset = shape.utc_offset_s(stamp)
    return events(
        folded(read, head.is_not_null(), context),
        time=shape.time(stamp),
        severity=part("level").replace_strict(_LEVELS, default=None, return_dtype=severity_type()),
        kind=messages.kind_of(message, messages.APPLICATION),
        message=message,
        parsed=head.is_not_null(),
        count=pl.col("lines"),
        own={
            "level": part("level"),
            "pid": prefix.str.extract(r"\[([0-9]{1,9})(?:-[0-9]+)?\]", 1).cast(pl.Int32, strict=False),
            "user": prefix.str.extract(r"([^\s@\[\]]+)@[^\s@\[\]]+", 1),
            "database": prefix.str.extract(r"[^\s@\[\]]+@([^\s@\[\]]+)", 1),
        }
        | ({} if offset is None else {"utc_offset_s": offset}),
    )
