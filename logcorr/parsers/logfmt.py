r"""logfmt: `key=value` pairs, values with blanks in quotes.

`time="2026-03-02T10:15:31Z" level=error msg="append failed" err="out of order"`

logrus, Go's slog, go-kit and so Docker, Prometheus, Traefik and Heroku write it (https://brandur.org/logfmt).
"""

from __future__ import annotations

import re

from logcorr.grammar import messages, stamps
from logcorr.grammar.levelled import MEANT
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl, regex
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events, folded, no

_VALUE = r'"(?:[^"\\]|\\.)*"|[^\s"]*'
_LINE = regex(rf"(?:[\w.@/-]+=(?:{_VALUE})(?:\s+|$)){{2,}}")
_TELLS = regex(r"(?:^|\s)(?:level|lvl|msg|at)=|^method=[A-Z]+ path=")
"""A level or a message; lograge's lines have neither."""

_TIMES = ("time", "ts", "timestamp", "t", "at_time")
_LEVELS = ("level", "lvl", "severity", "at")
_MESSAGES = ("msg", "message", "event")
_ERRORS = ("err", "error")


def _recognise(sample: Sample) -> float:
    pairs = stamps.share(sample.lines, lambda line: _LINE.match(line) and _TELLS.search(line))
    return 0.92 * pairs if pairs >= 0.6 else 0.0


@log_parser(title="logfmt", source="app", recognise=_recognise, emits=messages.emitted(messages.APPLICATION))
def logfmt(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with level (as written), caller, component and err; a line without pairs belongs to the event before."""
    names = {name for line in context.sample.lines for name in re.findall(r"(?:^|\s)([\w.@/-]+)=", line)}
    shape = stamps.shape_of(tuple(text for line in context.sample.lines for text in re.findall(_written(_TIMES, names), line)))
    is_pairs = pl.col("text").str.contains(r'^[0-9A-Za-z_.@/-]+=(?:"|[^ \t"])')
    cut = folded(lines, is_pairs, context).with_columns(
        _value(_TIMES, names).alias("stamp"), _value(_LEVELS, names).alias("level")
    )
    said = pl.coalesce(_value(_MESSAGES, names), pl.col("text"))
    told = pl.coalesce(messages.kind_of(said, messages.APPLICATION), messages.kind_of(_value(_ERRORS, names), messages.FAILURES))
    members = messages.by_members(pl.col("text"))
    offset = shape.utc_offset_s(pl.col("stamp")) if shape else None
    return events(
        cut,
        time=shape.time(pl.col("stamp")) if shape else no(pl.Datetime("us")),
        severity=pl.col("level").str.to_lowercase().replace_strict(MEANT, default=None, return_dtype=severity_type()),
        kind=pl.coalesce(told, members),
        message=pl.when(told.is_null() & members.is_not_null()).then(pl.col("text")).otherwise(said),
        parsed=is_pairs,
        count=pl.col("lines"),
        own={
            "level": pl.col("level"),
            "caller": _value(("caller", "source"), names),
            "component": _value(("component", "logger", "module"), names),
            "err": _value(_ERRORS, names),
        }
        | ({} if offset is None else {"utc_offset_s": offset}),
    )


def _written(keys: tuple[str, ...], names: set[str]) -> str:
    """A pattern for the value of the first of these keys that the file has; of one that never matches where it has none."""
    key = next((key for key in keys if key in names), None)
    return rf'(?:^|\s){re.escape(key)}="?((?:[^"\\\s]|\\.|(?<=\d) (?=\d))+)' if key else "($.)"


def _value(keys: tuple[str, ...], names: set[str]) -> pl.Expr:
    """What the first of these keys that the file has is given, without its quotes."""
    key = next((key for key in keys if key in names), None)
    if key is None:
        return no(pl.String)
    quoted = pl.col("text").str.extract(ascii_only(rf'(?:^|\s){re.escape(key)}="((?:[^"\\]|\\.)*)"'), 1)
    single = pl.col("text").str.extract(ascii_only(rf"(?:^|\s){re.escape(key)}='([^']*)'"), 1)
    plain = pl.col("text").str.extract(ascii_only(rf'(?:^|\s){re.escape(key)}=([^\s"]+)'), 1)
    return pl.coalesce(quoted.str.replace_all(r'\\(["\\])', "${1}"), single, plain)
