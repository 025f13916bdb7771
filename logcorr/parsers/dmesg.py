"""The kernel's ring buffer.

`[12345.678901] Out of memory: Killed process 4321 (node) total-vm:1234kB`

`dmesg -T` writes times of day instead of seconds since boot, which nothing here can place on the clock.
"""

from __future__ import annotations

import re

from logcorr.grammar import stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events

_DATE = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"
_PATTERN = rf"^(?:<\d+>)?\[ *(?:(?P<uptime>\d+\.\d{{6}})|(?P<stamp>{_DATE}))\](?: (?P<message>.*)|$)"

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
    known = part("uptime").is_not_null() | part("stamp").is_not_null()
    message = pl.when(known).then(part("message").fill_null("")).otherwise(pl.col("text"))
    meant = [pl.when(message.str.contains(ascii_only(text))).then(pl.lit(kind)) for text, kind in _MEANINGS.items()]
    return events(
        lines.with_columns(pl.col("text").str.extract_groups(ascii_only(_PATTERN)).alias("groups")),
        time=part("stamp").str.to_datetime("%a %b %e %H:%M:%S %Y", time_unit="us", strict=False),
        kind=pl.coalesce(*meant),
        message=message,
        parsed=known,
        own={"uptime_s": part("uptime").cast(pl.Float64, strict=False)},
    )
