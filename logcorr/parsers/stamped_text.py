"""Any text whose lines begin with a time: better than nothing.

`2026-11-20T08:03:01-0500 rooms=1`
"""

from __future__ import annotations

import re

from logcorr.grammar import messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl, regex
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import COMMON, died_at, dies, dying, events, folded, lived, no, severity_of

NOW = regex(r"\w{3} \w{3} [ \d]\d [\d:]{8} \S+ \d{4}|\w{3} \d\d? \w{3} \d{4} [\d:]{8} .+")
"""All that date(1) prints: when something was captured, not an event."""

FEWEST = 0.2
"""The share of lines with a time, among those that are not indented: the others may tell more of what failed.
The first must have one."""

_CONTINUED = r"[ \t})\]]"
"""How a line begins that goes on from the one before."""


def _recognise(sample: Sample) -> float:
    if all(NOW.fullmatch(line.strip()) for line in sample.lines if line.strip()):
        return 0.0
    written = [line for line in sample.lines if line.strip()]
    lines = _rows([line for line in written if not re.match(_CONTINUED, line)] or written)
    if not sample.stamped and not (lines and stamps.at_head(lines[0])):
        return 0.0
    stamped = 1.0 if sample.stamped else stamps.share(lines, stamps.at_head)
    return 0.15 + 0.15 * stamped if stamped >= FEWEST else 0.0


def _rows(lines: list[str]) -> list[str]:
    """The lines without the names of a table's columns, which stand above as many values."""
    first, second = (*lines, "", "")[:2]
    named = any(mark in first and first.count(mark) == second.count(mark) for mark in ",;\t")
    return lines[1:] if named and not stamps.at_head(first) and stamps.at_head(second) else lines


PHRASES = (*messages.MONITOR, *messages.APPLICATION)


@log_parser(title="text with times", source="log", recognise=_recognise, emits=messages.emitted(PHRASES))
def stamped_text(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events; the lines without a stamp after one belong to it, but for what ends the process."""
    shape = stamps.shape_of(context.sample.lines)
    pattern = rf"^({stamps.LEAD}({shape.pattern})[\])>:,]*[\s|-]*)" if shape else "^(())"
    groups = pl.col("text").str.extract_groups(ascii_only(pattern)).struct
    read = lines.with_columns(groups[0].alias("head"), groups[1].alias("stamp"))
    indented = pl.col("text").str.contains(f"^{_CONTINUED}") | (pl.col("text") == "")
    is_head = ~indented if context.sample.stamped else pl.col("head").is_not_null()
    message = pl.col("text").cast(pl.Binary).bin.slice(pl.col("head").str.len_bytes().fill_null(0)).cast(pl.String)
    told = read.with_columns(message.alias("message")).with_columns(
        dying(context, is_head, pl.col("message"), headed=not context.sample.stamped).alias("dying")
    )
    cut = folded(told, is_head | dies(), context)
    level = pl.col("message").str.extract(rf"^[\[(<]?({COMMON}|{COMMON.upper()})[\])>:]", 1)
    time = shape.time(pl.col("stamp")) if shape else no(pl.Datetime("us"))
    offset = shape.utc_offset_s(pl.col("stamp")) if shape else None
    return events(
        cut.with_columns(time.alias("time")),
        time=died_at(context),
        severity=severity_of(level),
        kind=pl.coalesce(messages.kind_of(pl.col("message"), PHRASES), lived(context)),
        message=pl.col("message"),
        parsed=pl.lit(True) if context.sample.stamped else pl.col("head").is_not_null() | dies(),
        count=pl.col("lines"),
        own={} if offset is None else {"utc_offset_s": offset},
    )
