"""Text copied from a browser's console.

`08:02:44.289 [Chat] WebSocket connected: XbSDe5e8Qc9lLRkVAAAA chat.bundle.js:42:17`

Chrome puts the source of a message before or after it, Firefox after it; both leave the time out unless it is switched on.
"""

from __future__ import annotations

import re
from itertools import pairwise

import polars as pl

from logcorr.grammar import messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import TEXT, events, folded, no

_TIME = r"(?:\d{1,2}:\d\d:\d\d(?:\.\d{1,3})?(?: [AP]M)?)"
_SOURCE = r"(?:[^\s:()]+\.(?:[cm]?[jt]sx?|html?|vue|svelte)(?:\?[^\s:]*)?|\(index\)|VM\d+|<anonymous>):\d+(?::\d+)?"
_REQUEST = r"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (?:https?|wss?)://\S+"

_PATTERN = rf"^(?:(?P<stamp>{_TIME})\s+)?(?:(?P<before>{_SOURCE})\s+)?(?P<message>.*?)(?:\s+(?P<after>{_SOURCE}))?$"

_TELLTALE = re.compile(
    rf"^(?:{_TIME}\s+)?(?:{_SOURCE}\s|.*\s{_SOURCE}$|{_REQUEST}(?:\s|$)|Uncaught |Failed to load resource|"
    r"WebSocket connection to |Access to \S+ at |\[(?:vite|HMR|webpack)\b)"
)
_PLAUSIBLE = re.compile(rf"^(?:{_TIME}\s+)?(?:\[[A-Za-z][^\]]{{0,30}}\] |\s+at |\S+ @ \S+:\d+)")


_METHOD = r"(?:XHR)?(?P<method>GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)"
_SAVED = re.compile(rf"{_TIME}\s{_METHOD}\nhttps?://")
"""A request as Firefox saves its messages: time and method, the address, the answer, a line each."""


def _recognise(sample: Sample) -> float:
    if any(map(_SAVED.match, map("\n".join, pairwise(sample.lines)))):
        return 0.85
    certain = stamps.share(sample.lines, _TELLTALE.match)
    dated = any(head[0].clock is not stamps.Clock.TIME_OF_DAY for head in map(stamps.at_head, sample.lines) if head)
    if not certain or dated:
        return 0.0
    likely = stamps.share(sample.lines, lambda line: _TELLTALE.match(line) or _PLAUSIBLE.match(line))
    return (0.9 if "console" in sample.name.lower() else 0.75) * likely if likely >= 0.5 else 0.0


@log_parser(
    title="browser console",
    source="browser",
    recognise=_recognise,
    emits=messages.emitted(messages.CONSOLE),
)
def browser_console(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with script (the source position a message names)."""
    groups = TEXT.str.extract_groups(ascii_only(_PATTERN))
    part = pl.col("groups").struct.field
    method = part("message").str.extract(f"^{_METHOD}$", 1)
    answer = TEXT.shift(-2).str.extract(r"^\[HTTP/\S+ ([1-5][0-9]{2})\b", 1)
    request = pl.concat_str(method, TEXT.shift(-1), answer, separator=" ", ignore_nulls=True)
    message = pl.when(method.is_not_null()).then(request).otherwise(part("message"))
    read = lines.with_columns(groups.alias("groups")).with_columns(message.alias("message"))
    timed = any(re.match(_TIME, line) for line in context.sample.lines)
    stack = TEXT.str.contains(ascii_only(r"^\s|^at |^\S+ @ \S+:\d+"))
    cut = folded(read, part("stamp").is_not_null() if timed else ~stack & (TEXT != ""), context)
    return events(
        cut,
        time=_time(part("stamp"), context.sample.lines) if timed else no(pl.Time),
        kind=messages.kind_of(pl.col("message"), messages.CONSOLE),
        message=pl.col("message"),
        count=pl.col("lines"),
        own={"script": pl.coalesce(part("before"), part("after"))},
    )


def _time(stamp: pl.Expr, lines: tuple[str, ...]) -> pl.Expr:
    shape = stamps.shape_of(lines)
    return shape.time(stamp) if shape and shape.clock is stamps.Clock.TIME_OF_DAY else no(pl.Time)
