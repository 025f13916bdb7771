"""The kernel's ring buffer.

`[12345.678901] Out of memory: Killed process 4321 (node) total-vm:1234kB`

`dmesg -T` writes dates instead of seconds since boot, which nothing here can place on the clock; `--time-format iso` too, and
`-x` the facility and level before them.
"""

from __future__ import annotations

import re

import polars as pl

from logcorr.grammar import stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.model.events import SEVERITY
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import TEXT, events, severity_of

_DATE = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"
_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{6}[+-]\d\d:\d\d"
"""With a comma and microseconds: nothing else writes it so."""

_PATTERN = (
    r"^(?:<(?P<priority>\d{1,3})>|[a-z0-9]{2,8} *:(?P<level>emerg|alert|crit|err|warn|notice|info|debug) *: )?"
    rf"(?:\[ *(?:(?P<uptime>\d+\.\d{{6}})|(?P<stamp>{_DATE}))\]|(?P<iso>{_ISO}))(?: (?P<message>.*)|$)"
)
_SEVERITIES = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"]

_MEANINGS = {
    r"^(?:Out of memory: Kill|Memory cgroup out of memory: Kill|oom-kill:)": "process.out_of_memory",
    r"^\S+\[\d+\]: segfault at ": "process.crashed",
    r"^Linux version \d": "host.booted",
}


def _recognise(sample: Sample) -> float:
    return 0.95 * stamps.share(sample.lines, re.compile(_PATTERN, re.ASCII).match)


@log_parser(
    title="kernel ring buffer",
    source="kernel",
    recognise=_recognise,
    emits={
        "process.out_of_memory": ["Out of memory: Kill", "oom-kill:"],
        "process.crashed": ["segfault at"],
        "host.booted": ["Linux version"],
    },
)
def dmesg(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with uptime_s, seconds since boot."""
    part = pl.col("groups").struct.field
    known = part("uptime").is_not_null() | part("stamp").is_not_null() | part("iso").is_not_null()
    exact = any(re.search(_ISO, line) for line in context.sample.lines)
    iso = part("iso").str.replace(",", ".", literal=True)
    time = (
        stamps.datetimes(iso, "%Y-%m-%dT%H:%M:%S%.f%z").dt.convert_time_zone("UTC")
        if exact
        else stamps.datetimes(part("stamp"), "%a %b %e %H:%M:%S %Y")
    )
    priority = (part("priority").cast(pl.Int32, strict=False) % 8).replace_strict(
        list(range(8)), _SEVERITIES, default=None, return_dtype=SEVERITY
    )
    message = pl.when(known).then(part("message").fill_null("")).otherwise(TEXT)
    meant = [pl.when(message.str.contains(ascii_only(text))).then(pl.lit(kind)) for text, kind in _MEANINGS.items()]
    return events(
        lines.with_columns(TEXT.str.extract_groups(ascii_only(_PATTERN)).alias("groups")),
        time=time,
        severity=pl.coalesce(priority, severity_of(part("level"))),
        kind=pl.coalesce(*meant),
        message=message,
        parsed=known,
        own={"uptime_s": part("uptime").cast(pl.Float64, strict=False)}
        | ({"utc_offset_s": stamps.offset_s(part("iso").str.slice(-6))} if exact else {}),
    )
