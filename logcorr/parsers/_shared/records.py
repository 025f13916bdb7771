"""Logs of JSON objects: the same for every format that writes them, but for the names of the members."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from logcorr.grammar import json_lines, messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl
from logcorr.model.events import severity_type
from logcorr.parsers import Context
from logcorr.parsers._shared.columns import by_value, died_at, dying, events, folded, lived, no, severity_of

TIMES = ("timestamp", "time", "@timestamp", "ts", "date", "datetime", "asctime", "eventTime", "t", "@t", "Timestamp")
LEVELS = (
    "level",
    "severity",
    "levelname",
    "log.level",
    "lvl",
    "loglevel",
    "s",
    "@fields",
    "error_severity",
    "log_level",
    "@l",
    "Level",
)
MESSAGES = (
    "message",
    "msg",
    "event",
    "log",
    "text",
    "@message",
    "@m",
    "@mt",
    "RenderedMessage",
    "MessageTemplate",
    "textPayload",
)
ERRORS = ("error", "err", "stack")
"""Members that hold what went wrong, as text or as an object."""

SIGNAL = "signal"
_TERMINATES = r"^SIG(?:TERM|INT|QUIT)$"
_OWN_END = (
    r"(?i)^(?:(?:received|got|caught|handling|on|process|server|service|app|gracefully|graceful) )*"
    r"(?:signal\b|stop|shut|terminat|exit|clos|quit|drain|going down|good ?bye|bye\b)"
)
"""What a process says of itself when a signal that asks it to end stands in a member of its own."""

_CODED = {"10": "trace", "20": "debug", "30": "info", "40": "warn", "50": "error", "60": "crit"} | {
    "D1": "debug",
    "D2": "debug",
    "I": "info",
    "W": "warn",
    "E": "error",
    "F": "crit",
    "dpanic": "crit",
    "DPANIC": "crit",
}
"""pino's, bunyan's and MongoDB's levels, and what only zap has."""

HOLDERS = ("metadata", "meta", "context")
"""Members that hold the time where none of its own does: winston's `format.metadata()` puts it there."""

_OBJECT = '{"$date":"'
"""How MongoDB's times begin."""


GOES_ON = " \t})]"
"""How a line begins that belongs to the one before."""


def members(lines: Sequence[str]) -> tuple[dict[str, object], ...]:
    """The objects of a sample, where half of the lines are one; else none: a runtime that aborts writes a page of plain text.

    Lines that only go on do not count: what a dying program dumps of an object is longer than all that it wrote before.
    """
    written = [line for line in lines if line and not line.isspace()]
    found = json_lines.objects(written)
    if json_lines.opening_of(written) is not None:
        return tuple(found)
    begun = [line for line in written if line[0] not in GOES_ON]
    return tuple(found) if begun and len(found) >= 0.5 * len(begun) else ()


def records(lines: pl.LazyFrame, context: Context, own: Mapping[str, str]) -> pl.LazyFrame:
    """Events of JSON objects; `own` gives further columns the member they are read from.

    Where an error's reason stands in another member than its message (whatever that is called), the message is the whole object.
    """
    sample = json_lines.objects(context.sample.lines)
    time, level, message = (_used(sample, names) for names in (TIMES, LEVELS, MESSAGES))
    holder = next((name for name in HOLDERS if _held(sample, time, name)), None)
    wanted = sorted({holder or time, time, level, message, *ERRORS, SIGNAL, *own.values()})
    opening = json_lines.opening_of(context.sample.lines)
    whole = lines if opening is None else json_lines.joined(lines, opening)
    read = whole.with_columns(json_lines.fields(pl.col("text"), wanted).alias("record"))
    part = pl.col("record").struct.field
    parsed = part(message).is_not_null() | part(level).is_not_null() | part(time).is_not_null()
    read = read.with_columns(parsed.alias("is_record"))
    text = pl.coalesce(part(message), part("stack"), pl.col("text"))
    read = read.with_columns(dying(context, pl.col("is_record"), text).alias("dying"))
    others = pl.when(~pl.col("is_record")).then(pl.col("text"))
    begins = pl.col("is_record") | others.str.contains(r"^[^ \t})\]]")
    cut = folded(read, begins, context) if opening is None else read
    stamp = part(time)
    if holder:
        stamp = part(holder).str.extract(rf'"{time}":"?([^",}}]+)', 1)
    held = (of for record in sample if isinstance(of := record.get(holder or "", record), dict))
    shape = stamps.shape_of(tuple(_plain(of.get(time, "")) for of in held))
    severity = by_value(part(level), _severities, severity_type())
    told = _timed(cut, stamp, shape).with_columns(severity.alias("severity"), text.alias("told"))
    elsewhere = messages.kind_of(pl.when(pl.col("severity") >= "error").then(pl.col("text")), messages.FAILURES)
    found = told.with_columns(elsewhere.alias("elsewhere"), messages.by_members(pl.col("text")).alias("by_members"))
    telling = pl.col("elsewhere").is_not_null() | pl.col("by_members").is_not_null()
    unsaid = telling & _own_kind(lambda name: pl.when(telling).then(name)).is_null()
    offset = shape.utc_offset_s(shape.text(_bare(stamp))) if shape else None
    return events(
        found,
        time=died_at(context),
        severity=pl.col("severity"),
        kind=pl.coalesce(_own_kind(lambda name: name), "elsewhere", lived(context), "by_members"),
        message=pl.when(unsaid).then(pl.col("text")).otherwise(pl.col("told").str.split_exact("\n", 1).struct[0]),
        parsed=pl.col("is_record"),
        count=pl.col("lines"),
        own={name: part(member) for name, member in own.items()} | ({} if offset is None else {"utc_offset_s": offset}),
    )


def _own_kind(only: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """The kind by an object's message, signal or error, of `only` some of the objects."""
    part, text = pl.col("record").struct.field, only(pl.col("told"))
    signalled = only(part(SIGNAL)).str.contains(_TERMINATES) & text.str.contains(_OWN_END)
    return pl.coalesce(
        messages.kind_of(text, messages.APPLICATION),
        pl.when(signalled).then(pl.lit("process.terminating")),
        *(messages.kind_of(only(part(name)), messages.FAILURES) for name in ERRORS),
    )


def _used(sample: Sequence[Mapping[str, object]], names: Sequence[str]) -> str:
    """Which of these names most objects use."""
    return max(names, key=lambda name: (sum(name in record for record in sample), -names.index(name)))


def _held(sample: Sequence[Mapping[str, object]], time: str, holder: str) -> bool:
    """Whether the time stands within that member, and never beside it."""
    held = [isinstance(of := record.get(holder), dict) and time in of for record in sample]
    return any(held) and not any(time in record for record in sample)


def _timed(lines: pl.LazyFrame, stamp: pl.Expr, shape: stamps.Shape | None) -> pl.LazyFrame:
    """The lines with `time`, read from stamps that are nothing else, and from those that something stands around."""
    if shape is None:
        return lines.with_columns(no(pl.Datetime("us")).alias("time"))
    plain = lines.with_columns(shape.time(stamp).alias("time"))
    others = pl.when(pl.col("time").is_null()).then(_bare(stamp))
    return plain.with_columns(pl.coalesce("time", shape.time(shape.text(others))))


def _bare(stamp: pl.Expr) -> pl.Expr:
    return stamp.str.strip_prefix(_OBJECT)


def _plain(time: object) -> str:
    return str(time.get("$date", "")) if isinstance(time, dict) else str(time)


def _severities(levels: pl.Series) -> pl.Series:
    """Words, coloured or not, or codes; of an object (winston's `logstash`) its member `level`."""
    level = pl.lit(levels)
    inner = pl.when(level.str.starts_with("{")).then(level).str.extract(r'"level":"([^"]+)"', 1)
    plain = pl.coalesce(inner, level).str.replace_all(ascii_only(r"\x1b\[[\d;]*m"), "")
    coded = plain.replace_strict(list(_CODED), list(_CODED.values()), default=None, return_dtype=severity_type())
    return pl.select(pl.coalesce(severity_of(plain), coded)).to_series()
