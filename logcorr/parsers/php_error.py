"""PHP's error log.

`[02-Mar-2026 10:15:31 UTC] PHP Fatal error:  Uncaught Error: Call to undefined function x() in /var/www/a.php:9`

https://www.php.net/manual/en/errorfunc.configuration.php#ini.error-log: local time, with its zone's name since PHP 5.3.
"""

from __future__ import annotations

import re

from logcorr.grammar import messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl, regex
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events, failure, folded, with_failures

_PATTERN = (
    r"^\[(?P<stamp>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d)(?: (?P<zone>[A-Za-z][\w/+-]{1,40}))?\] "
    r"(?P<message>(?:PHP (?P<level>[A-Z][a-z]+(?: [a-z]+)?): +)?.*)$"
)
_OWN = regex(r"\[\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?: [A-Za-z][\w/+-]{1,40})?\] PHP [A-Z][a-z]+(?: [a-z]+)?: ")
_LEVELS = {
    **dict.fromkeys(("Fatal error", "Parse error", "Catchable fatal", "Recoverable fatal"), "crit"),
    "Warning": "warn",
    "Notice": "notice",
    "Deprecated": "notice",
    "Strict standards": "notice",
}


def _recognise(sample: Sample) -> float:
    heads = [line for line in sample.lines if re.match(_PATTERN, line)]
    own = stamps.share(heads, _OWN.match)
    return 0.94 if own >= 0.3 else 0.0


@log_parser(title="PHP's error log", source="app", recognise=_recognise, emits=messages.emitted(messages.APPLICATION))
def php_error(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with level (as written) and zone; a stack trace belongs to the event before."""
    part = pl.col("groups").struct.field
    read = lines.with_columns(pl.col("text").str.extract_groups(ascii_only(_PATTERN)).alias("groups"))
    failing = with_failures(read, pl.when(part("stamp").is_null()).then(pl.col("text")))
    message = pl.coalesce(part("message"), pl.col("text"))
    said = message.str.replace(r"^PHP [A-Z][a-z]+(?: [a-z]+)?: +", "")
    return events(
        folded(failing, part("stamp").is_not_null(), context),
        time=stamps.datetimes(part("stamp"), "%d-%b-%Y %H:%M:%S"),
        severity=part("level").replace_strict(_LEVELS, default=None, return_dtype=severity_type()),
        kind=pl.coalesce(messages.kind_of(said, messages.APPLICATION), failure()),
        message=message,
        parsed=part("stamp").is_not_null(),
        count=pl.col("lines"),
        own={"level": part("level"), "zone": part("zone")},
    )
