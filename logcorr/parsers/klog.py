"""klog: what Kubernetes' own programs write, and others of Google's descent (glog).

`E0302 10:15:32.123456      17 leaderelection.go:330] error retrieving resource lock`

https://github.com/kubernetes/klog: `Lmmdd hh:mm:ss.uuuuuu threadid file:line] msg`, local time without a year.
"""

from __future__ import annotations

import re

from logcorr.grammar import messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.grammar.stamps import Clock, Shape
from logcorr.lazily import pl
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events, folded

_STAMP = Shape("klog", r"\d{4} \d\d:\d\d:\d\d\.\d{6}", "%m%d %H:%M:%S%.f", Clock.YEARLESS)
_PATTERN = (
    rf"^(?P<level>[IWEF])(?P<stamp>{_STAMP.pattern})\s+(?P<pid>\d{{1,20}}) "
    r"(?P<caller>[^\]\s]{1,120}:\d{1,6})\] (?P<message>.*)$"
)
_LEVELS = {"I": "info", "W": "warn", "E": "error", "F": "crit"}


def _recognise(sample: Sample) -> float:
    share = stamps.share(sample.lines, re.compile(_PATTERN, re.ASCII).match)
    return 0.95 if share >= 0.5 else 0.0


@log_parser(title="klog", source="app", recognise=_recognise, emits=messages.emitted(messages.APPLICATION))
def klog(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with pid (the thread's) and caller; other lines belong to the event before."""
    part = pl.col("groups").struct.field
    read = lines.with_columns(pl.col("text").str.extract_groups(ascii_only(_PATTERN)).alias("groups"))
    cut = folded(read, part("stamp").is_not_null(), context)
    message = pl.coalesce(part("message"), pl.col("text"))
    return events(
        cut,
        time=_STAMP.time(part("stamp")),
        severity=part("level").replace_strict(_LEVELS, default=None, return_dtype=severity_type()),
        kind=messages.kind_of(message, messages.APPLICATION),
        message=message,
        parsed=part("stamp").is_not_null(),
        count=pl.col("lines"),
        own={"pid": part("pid").cast(pl.Int64, strict=False), "caller": part("caller")},
    )
