"""Apache's error log.

`[Wed Oct 11 14:32:52.123456 2000] [core:error] [pid 35708:tid 4328636416] [client 203.0.113.8:50612] File does not exist: …`

The default `ErrorLogFormat` of 2.4, and that of 2.2 (https://httpd.apache.org/docs/2.4/logs.html#errorlog).
"""

from __future__ import annotations

import re

from logcorr.grammar import messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events, folded, severity_of

_PATTERN = (
    r"^\[(?P<stamp>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \d{4})\] "
    r"\[(?:(?P<module>\w+):)?(?P<level>emerg|alert|crit|error|warn|notice|info|debug|trace\d)\] "
    r"(?:\[pid (?P<pid>\d{1,9})(?::tid (?P<tid>\d{1,18}))?\] )?"
    r"(?:\[client (?P<client>[^\] ]+?)(?::\d{1,5})?\] )?(?P<message>.*)$"
)
_STARTED = messages.Phrase("process.started", ("resuming normal operations",), "-- resuming normal operations$")
_PHRASES = (_STARTED, *messages.APPLICATION)


def _recognise(sample: Sample) -> float:
    heads = [line for line in sample.lines if stamps.at_head(line)]
    return 0.97 * stamps.share(heads, re.compile(_PATTERN, re.ASCII).match)  # above dmesg's, whose lines may open alike


@log_parser(title="Apache error log", source="apache", recognise=_recognise, emits=messages.emitted(_PHRASES))
def apache_error(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with module, level, pid, tid, client and code (`AH00489`); a line without a date belongs to the one before."""
    part = pl.col("groups").struct.field
    read = lines.with_columns(pl.col("text").str.extract_groups(ascii_only(_PATTERN)).alias("groups"))
    cut = folded(read, part("message").is_not_null(), context)
    message = pl.coalesce(part("message"), pl.col("text"))
    late_client = message.str.extract(r"^\([0-9]+\)[^\[]*\[client ([^\] ]+?)(?::[0-9]{1,5})?\]", 1)
    return events(
        cut,
        time=stamps.datetimes(part("stamp"), "%a %b %e %H:%M:%S%.f %Y"),
        severity=severity_of(part("level").str.strip_chars("0123456789")),
        kind=messages.kind_of(message, _PHRASES),
        message=message,
        parsed=part("message").is_not_null(),
        count=pl.col("lines"),
        own={
            "module": part("module"),
            "level": part("level"),
            "pid": part("pid").cast(pl.Int32),
            "tid": part("tid").cast(pl.Int64),
            "client": pl.coalesce(part("client"), late_client),
            "code": message.str.extract(r"\b(AH[0-9]{5})\b", 1),
        },
    )
