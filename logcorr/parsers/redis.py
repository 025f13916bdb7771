"""Redis, and Valkey.

`1:M 02 Mar 2026 10:15:30.123 * Ready to accept connections`

The process, its role (`M`aster, `S`lave, `C`hild, `X` sentinel), local time, and a sign for the level (redis' server.c).
"""

from __future__ import annotations

import re

from logcorr.grammar import messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events

_PATTERN = (
    r"^(?P<pid>\d{1,9}):(?:(?P<role>[MSCX]) (?P<stamp>\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d(?:\.\d{3})?) (?P<level>[.*#-])"
    r"|signal-handler \(\d+\)) (?P<message>.*)$"
)
_LEVELS = {".": "trace", "-": "debug", "*": "notice", "#": "warn"}


def _recognise(sample: Sample) -> float:
    return 0.95 if stamps.share(sample.lines, re.compile(_PATTERN, re.ASCII).match) >= 0.5 else 0.0


@log_parser(title="Redis", source="app", recognise=_recognise, emits=messages.emitted(messages.APPLICATION))
def redis(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events, one a line, with pid and role."""
    part = pl.col("groups").struct.field
    message = pl.coalesce(part("message"), pl.col("text"))
    return events(
        lines.with_columns(pl.col("text").str.extract_groups(ascii_only(_PATTERN)).alias("groups")),
        time=stamps.datetimes(part("stamp"), "%d %b %Y %H:%M:%S%.f"),
        severity=part("level").replace_strict(_LEVELS, default=None, return_dtype=severity_type()),
        kind=messages.kind_of(message, messages.APPLICATION),
        message=message,
        parsed=part("message").is_not_null(),
        own={"pid": part("pid").cast(pl.Int32, strict=False), "role": part("role")},
    )
