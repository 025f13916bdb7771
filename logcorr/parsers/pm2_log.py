"""pm2's own log: what it does to the processes it manages.

`2025-11-07T18:20:33: PM2 log: App [api:0] exited with code [1] via signal [SIGINT]`

https://pm2.keymetrics.io; the stamps are local time.
"""

from __future__ import annotations

import re

from logcorr.grammar import stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events, folded, severity_of

_PATTERN = r"^(?P<stamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d): PM2 (?P<level>log|error|warn|info)?\s*:?\s*\|?\s*(?P<message>.*)$"

_STREAM = r"^(?:\d\d:\d\d:\d\d )?(?:\d+\|[^\s|]+|PM2) *\| (?P<said>.*)$"
"""In the foreground it repeats its own lines, and what its processes print: that has their own logs, and is told there."""

_MEANINGS = {
    r"^App \[[^\]]+\].*exited with code \[\d+\] via signal \[SIGKILL\]": "process.killed",
    r"^App \[[^\]]+\].*exited with code \[\d+\] via signal \[SIG(?:ABRT|SEGV|BUS|ILL|FPE|TRAP)\]": "process.crashed",
    r"^App \[[^\]]+\].*exited with code": "process.exited",
    r"^App \[[^\]]+\] (?:online|starting)|^App name:\S+ id:\S+ online": "process.started",
    r"^Stopping app:": "process.terminating",
    r"has been (?:errored|crashed)|^Script .* had too many unstable restarts": "process.crashed",
}

_STOPPING = "Stopping app:"
_FAILED = r"exited with code \[[1-9]"
_BY_SIGNAL = r"exited with code \[1(?:29|30|37|43)\]"
"""128 and a signal's number: somebody else sent it. The signal at the line's end is what pm2 would have sent, mostly."""

_APP = r"^(?:App \[|App name:|Stopping app:)(?P<unit>[^\]:\s]+)"


UNMISTAKABLE = 3
"""So many lines of its own tell it: in the foreground it prints a banner and what its processes say, too."""


def _recognise(sample: Sample) -> float:
    own = re.compile(_PATTERN, re.ASCII).match
    surely = 0.96 if sum(own(line) is not None for line in sample.lines) >= UNMISTAKABLE else 0.0
    return max(0.95 * stamps.share(sample.lines, own), surely)


_EMITS = {kind: [pattern for pattern, meant in _MEANINGS.items() if meant == kind] for kind in _MEANINGS.values()}


@log_parser(title="pm2's own log", source="pm2", recognise=_recognise, emits=_EMITS)
def pm2_log(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with unit, the application's name; pm2's own traces belong to the event before."""
    groups, stream = (
        pl.col("text").str.extract_groups(ascii_only(_PATTERN)),
        pl.col("text").str.extract_groups(ascii_only(_STREAM)),
    )
    part, repeated = pl.col("groups").struct.field, pl.col("stream").struct.field
    message = pl.coalesce(part("message"), repeated("said"), pl.col("text"))
    meant = [pl.when(part("message").str.contains(ascii_only(text))).then(pl.lit(kind)) for text, kind in _MEANINGS.items()]
    begins = ~pl.col("text").str.contains(r"^[ \t]+at ")
    read = folded(lines.with_columns(groups.alias("groups"), stream.alias("stream")), begins, context)
    told = read.with_columns(pl.coalesce(*meant).alias("meant"), part("message").str.extract(ascii_only(_APP), 1).alias("unit"))
    return events(
        told,
        time=part("stamp").str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False),
        severity=severity_of(part("level")),
        kind=pl.when(_of_its_own(part("message"))).then(pl.lit("process.crashed")).otherwise("meant"),
        message=message,
        parsed=part("stamp").is_not_null() | repeated("said").is_not_null(),
        count=pl.col("lines"),
        own={"unit": pl.col("unit")},
    )


def _of_its_own(message: pl.Expr) -> pl.Expr:
    """Whether an application ended with a status that is not 0, and pm2 had not been asked to stop it since its start."""
    asked = pl.when(message.str.starts_with(_STOPPING)).then(True).when(pl.col("meant") == "process.started").then(False)
    failed = message.str.contains(_FAILED) & ~message.str.contains(_BY_SIGNAL)
    return (pl.col("meant") == "process.exited") & failed & ~asked.forward_fill().over("unit").fill_null(False)
