"""Ruby on Rails' log of requests, as it is written without a formatter: some lines a request, the time on the first.

`Started GET "/orders" for 192.0.2.1 at 2026-03-02 10:15:30 +0000`

railties' `Rails::Rack::Logger` and Action Controller's log subscriber. With a formatter (`I, [2026-…`) it is text with levels.
"""

from __future__ import annotations

import re

import polars as pl

from logcorr.grammar import messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.model.events import SEVERITY
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import TEXT, events, folded

_STARTED = (
    r'^(?:\[[^\]]{1,80}\] )*Started (?P<method>[A-Z]{3,8}) "(?P<path>[^"]*)" for (?P<client>\S+)'
    r" at (?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4})$"
)
_COMPLETED = r"^(?:\[[^\]]{1,80}\] )*Completed ([1-5]\d\d) .*in (\d+(?:\.\d+)?)ms"
_FAILED = r"^(?:\[[^\]]{1,80}\] )*[A-Z]\w*(?:::\w+)*\b \(.*\):?$"
"""How an exception that reached the middleware is printed: `ActionController::RoutingError (No route matches …):`."""


def _recognise(sample: Sample) -> float:
    return 0.9 if any(re.match(_STARTED, line, re.ASCII) for line in sample.lines) else 0.0


@log_parser(
    title="Rails",
    source="app",
    recognise=_recognise,
    emits={**messages.emitted(messages.FAILURES), "http.5xx": ["Completed 500 to 599"]},
)
def rails(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events, one a request, with client, request_method, request_uri, status, duration_ms and exception."""
    part = pl.col("groups").struct.field
    read = lines.with_columns(TEXT.str.extract_groups(ascii_only(_STARTED)).alias("groups"))
    following = pl.when(part("stamp").is_null()).then(TEXT)
    completed = following.str.extract_groups(ascii_only(_COMPLETED)).struct
    found = read.with_columns(
        completed[0].alias("status"),
        completed[1].alias("took"),
        pl.when(following.str.contains(ascii_only(_FAILED))).then(following).alias("exception"),
    )
    reached = found.with_columns(expression for name in ("status", "took", "exception") for expression in _next(name))
    cut = folded(reached, part("stamp").is_not_null(), context)
    status, took, exception = _within("status"), _within("took"), _within("exception")
    asked = pl.concat_str(part("method"), part("path"), status, separator=" ", ignore_nulls=True)
    known, wrong = part("stamp").is_not_null(), exception.is_not_null() | status.str.starts_with("5")
    return events(
        cut,
        time=stamps.datetimes(part("stamp"), "%Y-%m-%d %H:%M:%S %z").dt.convert_time_zone("UTC"),
        severity=pl.when(known & wrong).then(pl.lit("error")).when(known).then(pl.lit("info")).cast(SEVERITY),
        kind=pl.coalesce(
            messages.kind_of(exception, messages.FAILURES), pl.when(status.str.starts_with("5")).then(pl.lit("http.5xx"))
        ),
        message=pl.when(known).then(asked).otherwise(TEXT),
        parsed=known,
        count=pl.col("lines"),
        own={
            "client": part("client"),
            "request_method": part("method"),
            "request_uri": part("path"),
            "status": status.cast(pl.Int16, strict=False),
            "duration_ms": took.cast(pl.Float64, strict=False),
            "exception": exception,
            "utc_offset_s": stamps.offset_s(part("stamp").str.slice(-5)),
        },
    )


def _next(name: str) -> tuple[pl.Expr, pl.Expr]:
    """The next value from each line on, and where it is."""
    at = pl.when(pl.col(name).is_not_null()).then(pl.int_range(pl.len()))
    return pl.col(name).backward_fill(), at.backward_fill().alias(f"{name}_at")


def _within(name: str) -> pl.Expr:
    """That value, if it is among an event's own lines."""
    return pl.when(pl.col(f"{name}_at") < pl.col("row") + pl.col("lines")).then(pl.col(name))
