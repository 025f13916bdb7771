"""Python's logging, with its tracebacks.

`2026-01-31 12:00:00,123 - shop.orders - ERROR - connection refused`

The documentation's usual formats, and `basicConfig`'s `LEVEL:logger:message` (https://docs.python.org/3/library/logging.html).
"""

from __future__ import annotations

import re

from logcorr.grammar import messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import died_at, dies, dying, events, folded, lived, no, severity_of

_LEVELS = "DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL|TRACE|NOTICE|SUCCESS"
_BASIC = rf"^(?P<head>(?P<level>{_LEVELS}):(?P<logger>[\w.-]+):)"


def _pattern(lines: tuple[str, ...]) -> tuple[str, stamps.Shape | None]:
    shape = stamps.shape_of(lines)
    if shape is None:
        return _BASIC, None
    return rf"^(?P<head>(?P<stamp>{shape.pattern}) - (?P<logger>[\w.-]+) - (?P<level>{_LEVELS}) - )", shape


def _recognise(sample: Sample) -> float:
    pattern, shape = _pattern(sample.lines)
    candidates = [line for line in sample.lines if stamps.at_head(line) or (shape is None and line and not line[0].isspace())]
    heads = sum(re.match(pattern, line, re.ASCII) is not None for line in candidates)
    return 0.9 * heads / len(candidates) if heads and heads >= 0.5 * len(candidates) else 0.0


@log_parser(title="Python logging", source="app", recognise=_recognise, emits=messages.emitted(messages.APPLICATION))
def python_logging(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with logger; a traceback belongs to the event before, but for the exception that ends the process."""
    pattern, shape = _pattern(context.sample.lines)
    read = lines.with_columns(pl.col("text").str.extract_groups(ascii_only(pattern)).alias("groups"))
    part = pl.col("groups").struct.field
    message = pl.col("text").cast(pl.Binary).bin.slice(part("head").str.len_bytes().fill_null(0)).cast(pl.String)
    begins = part("head").is_not_null()
    told = read.with_columns(message.alias("message")).with_columns(dying(context, begins, pl.col("message")).alias("dying"))
    cut = folded(told, begins | dies(), context)
    time = shape.time(part("stamp")) if shape else no(pl.Datetime("us"))
    offset = shape.utc_offset_s(part("stamp")) if shape else None
    return events(
        cut.with_columns(time.alias("time")),
        time=died_at(context),
        severity=severity_of(part("level")),
        kind=pl.coalesce(messages.kind_of(pl.col("message"), messages.APPLICATION), lived(context)),
        message=pl.col("message"),
        parsed=begins | dies(),
        count=pl.col("lines"),
        own={"logger": part("logger")} | ({} if offset is None else {"utc_offset_s": offset}),
    )
