"""Logs of programs in other worlds than Node's, as their lines show: a time, a level, perhaps a logger, a message.

`2026-03-02 10:15:31,123 [exec-1] ERROR com.example.shop.Orders - order failed`

Java's, Python's, .NET's, Go's, Ruby's and Rust's loggers, PostgreSQL, MySQL, Elasticsearch and RabbitMQ write so.
"""

from __future__ import annotations

from logcorr.grammar import messages
from logcorr.grammar.levelled import FOLLOWING, MEANT, Levelled, layout_of
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import died_at, dies, dying, events, failure, folded, lived, no, with_failures


def _recognise(sample: Sample) -> float:
    layout = layout_of(sample.lines)
    if layout is None:
        return 0.0
    return (0.85 if "(?P<logger>" in layout.pattern else 0.6) * layout.share


@log_parser(
    title="text with times and levels",
    source="app",
    recognise=_recognise,
    emits=messages.emitted(messages.APPLICATION),
)
def levelled_text(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with level (as written) and logger; of a stamped line without a level all after the stamp is the message."""
    layout = layout_of(context.sample.lines)
    if layout is None:
        return events(lines, time=no(pl.Datetime("us")), message=pl.col("text"), parsed=pl.lit(False))
    shape = layout.shape
    cut = _cut(lines, layout, context)
    time = shape.time(pl.col("stamp")) if shape else no(pl.Datetime("us"))
    offset = shape.utc_offset_s(pl.col("stamp")) if shape else None
    return events(
        cut.with_columns(time.alias("time")),
        time=died_at(context),
        severity=pl.col("level").str.to_lowercase().replace_strict(MEANT, default=None, return_dtype=severity_type()),
        kind=pl.coalesce(messages.kind_of(pl.col("message"), messages.APPLICATION), failure(), lived(context)),
        message=pl.col("message"),
        parsed=pl.col("head").is_not_null() | dies(),
        count=pl.col("lines"),
        own={"level": pl.col("level"), "logger": pl.col("logger")} | ({} if offset is None else {"utc_offset_s": offset}),
    )


def _cut(lines: pl.LazyFrame, layout: Levelled, context: Context) -> pl.LazyFrame:
    """The lines that begin an event, with head, stamp, level, logger and message (of a head alone, the line that follows).

    A line that names what ended the process has no head.
    """
    whole = pl.col("text").str.extract_groups(ascii_only(layout.pattern))
    lacking = pl.when(pl.col("whole").struct.field("head").is_null()).then(pl.col("text"))
    stamped = lacking.str.extract_groups(ascii_only(layout.stamped or "^(?P<head>)(?P<stamp>$.)"))
    read = lines.with_columns(whole.alias("whole")).with_columns(stamped.alias("stamped"))
    part, other = pl.col("whole").struct.field, pl.col("stamped").struct.field
    named = "(?P<logger>" in layout.pattern
    read = read.with_columns(
        pl.coalesce(part("head"), pl.when(pl.lit(layout.stamped is not None)).then(other("head"))).alias("head"),
        (pl.coalesce(part("stamp"), other("stamp")) if layout.shape else no(pl.String)).alias("stamp"),
        (pl.col("text").shift(-1).str.extract(FOLLOWING, 1) if layout.follows else part("level")).alias("level"),
        (part("logger").str.strip_chars() if named else no(pl.String)).alias("logger"),
    )
    failing = with_failures(read, pl.when(pl.col("head").is_null()).then(pl.col("text")))
    message = pl.col("text").cast(pl.Binary).bin.slice(pl.col("head").str.len_bytes().fill_null(0)).cast(pl.String)
    following = pl.when(pl.col("head").shift(-1).is_null()).then(pl.col("text").shift(-1)).str.strip_chars()
    following = following.str.replace(FOLLOWING, "") if layout.follows else following
    told = failing.with_columns(pl.when(message == "").then(pl.coalesce(following, message)).otherwise(message).alias("message"))
    begins = pl.col("head").is_not_null()
    lasting = told.with_columns(dying(context, begins, pl.col("message")).alias("dying"))
    return folded(lasting, begins | dies(), context)
