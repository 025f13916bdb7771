"""What a script writes about itself, with the output of the commands it runs.

`[2026-11-18 06:00:01] ERROR: health check failed (HTTP 301), restarting services`

The stamp is what the script's `date` makes; lines without one are commands' output, and events of their own.
"""

from __future__ import annotations

from logcorr.grammar import messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.grammar.tools import TOOLS
from logcorr.lazily import pl
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import LEVELS, events, no, severity_of

_PHRASES = (*messages.SCRIPT, *messages.APPLICATION)

_CONTAINER = r"^ *Container /?([\w.-]+) +(?:Start|Stopp|Restart|Creat|Kill|\(\w+\) found|found)"


def _recognise(sample: Sample) -> float:
    stamped = stamps.share(sample.lines, stamps.at_head)
    if stamped < 0.2:
        return 0.0
    bracketed = any(line.startswith("[") and stamps.at_head(line) for line in sample.lines)
    bare = [line for line in sample.lines if line and not stamps.at_head(line)]
    if any(line.startswith(("}", "    at ")) for line in bare):
        return 0.0  # an application's objects and traces
    own = any(messages.says(line, messages.SCRIPT) and not messages.says(line, TOOLS) for line in map(_message, sample.lines))
    indented = sum(line[0].isspace() for line in bare)
    return 0.5 if own or (bracketed and not indented) else 0.0


def _message(line: str) -> str:
    head = stamps.at_head(line)
    return head[1].lstrip(" ])>:,-") if head else line


@log_parser(title="a script's own log", source="script", recognise=_recognise, emits=messages.emitted(_PHRASES))
def script_log(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events, one a line, with unit: the container that a line of docker compose, or of autoheal, names."""
    shape = stamps.shape_of(context.sample.lines)
    pattern = rf"^({stamps.LEAD}({shape.pattern})[\])>:,]*[\s-]*)" if shape else "^(())"
    groups = pl.col("text").str.extract_groups(ascii_only(pattern)).struct
    read = lines.with_columns(groups[0].alias("head"), groups[1].alias("stamp"))
    message = pl.col("text").cast(pl.Binary).bin.slice(pl.col("head").str.len_bytes().fill_null(0)).cast(pl.String)
    read = read.with_columns(message.alias("message"))
    level = pl.col("message").str.extract(rf"^\[?({LEVELS}|{LEVELS.upper()})\]?:", 1)
    offset = shape.utc_offset_s(pl.col("stamp")) if shape else None
    return events(
        read,
        time=shape.time(pl.col("stamp")) if shape else no(pl.Datetime("us")),
        severity=severity_of(level),
        kind=messages.kind_of(pl.col("message"), _PHRASES),
        message=pl.col("message"),
        own={"unit": pl.col("message").str.extract(ascii_only(_CONTAINER), 1)}
        | ({} if offset is None else {"utc_offset_s": offset}),
    )
