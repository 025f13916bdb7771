r"""Application logs as winston writes them: `printf` templates, `simple`, JSON lines.

`2025-10-16 09:55:03 [info]: Received SIGTERM, shutting down gracefully...`

winston has no single format; logform's `printf` lets everyone write their own (https://github.com/winstonjs/logform). Time,
level and message are found in any usual order of brackets; what follows an event without a stamp (stack traces,
`util.inspect` blocks) belongs to it, unless it says itself that a process ends or begins.
"""

from __future__ import annotations

import re

import polars as pl

from logcorr.grammar import messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.grammar.stamps import Shape
from logcorr.grammar.winston import head_pattern
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._columns import LEVELS, TEXT, events, folded, severity_of


def _recognise(sample: Sample) -> float:
    shape = stamps.shape_of(sample.lines)
    if shape is None:
        return 0.0
    head = re.compile(head_pattern(shape, LEVELS))
    stamped = [line for line in sample.lines if stamps.at_head(line)]
    levelled = sum(head.match(line) is not None for line in stamped)
    return 0.8 * levelled / len(stamped) if levelled >= 0.6 * len(stamped) else 0.0


@log_parser(
    title="winston and other application logs",
    source="app",
    recognise=_recognise,
    emits=messages.emitted(messages.APPLICATION),
)
def winston(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with level (as written), label and pid."""
    shape = stamps.shape_of(context.sample.lines)
    return _text(lines, context, shape)


def _text(lines: pl.LazyFrame, context: Context, shape: Shape | None) -> pl.LazyFrame:
    groups = TEXT.str.extract_groups(ascii_only(head_pattern(shape, LEVELS))).alias("groups")
    part = pl.col("groups").struct.field
    message = TEXT.cast(pl.Binary).bin.slice(part("head").str.len_bytes().fill_null(0)).cast(pl.String)
    read = lines.with_columns(groups).with_columns(
        message.alias("message"), part("stamp"), part("head").is_not_null().alias("is_head")
    )
    bare = ~pl.col("is_head") & messages.kind_of(TEXT, messages.bare(messages.APPLICATION)).is_not_null()
    cut = folded(read, pl.col("is_head") | bare, context)
    offset = shape.utc_offset_s(pl.col("stamp")) if shape else None
    level = pl.coalesce(part("level"), part("word"))
    return events(
        cut,
        time=shape.time(pl.col("stamp")) if shape else pl.lit(None, pl.Datetime("us")),
        severity=severity_of(level),
        kind=messages.kind_of(pl.col("message"), messages.APPLICATION),
        message=pl.col("message"),
        parsed=pl.col("is_head") | bare,
        count=pl.col("lines"),
        own={"level": level, "label": part("label"), "pid": part("pid").cast(pl.Int32, strict=False)}
        | ({} if offset is None else {"utc_offset_s": offset}),
    )
