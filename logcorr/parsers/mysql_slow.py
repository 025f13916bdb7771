"""MySQL's and MariaDB's log of slow queries.

`# Query_time: 12.345678  Lock_time: 0.000012 Rows_sent: 1  Rows_examined: 1000000`

https://dev.mysql.com/doc/refman/8.4/en/slow-query-log.html. `SET timestamp` tells each query's time; `# Time` stands only where
it changes.
"""

from __future__ import annotations

from logcorr.lazily import pl
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events, folded, reached, within

_TIME, _USER, _TOOK = "# Time:", "# User@Host:", "# Query_time:"

_FOUND = {
    "stamp": r"^SET timestamp=([0-9]{9,11})",
    "user": r"^# User@Host: ([^\s\[]+)",
    "client": r"^# User@Host: .*?@\s+(?:\S+ )?\[([^\]]+)\]",
    "query_time_s": r"^# Query_time: +([0-9.]+)",
    "lock_time_s": r"^# Query_time: .*?Lock_time: +([0-9.]+)",
    "rows_sent": r"^# Query_time: .*?Rows_sent: +([0-9]+)",
    "rows_examined": r"^# Query_time: .*?Rows_examined: +([0-9]+)",
    "query": r"^((?:[^#sSuU\s]|[sS][^eE]|[sS][eE][^tT]|[uU][^sS]).*)$",
}
"""What the lines of an event tell; a query is what is no comment, `SET` or `use`."""


def _recognise(sample: Sample) -> float:
    begins = {mark for mark in (_USER, _TOOK) if any(line.startswith(mark) for line in sample.lines)}
    return 0.97 if len(begins) == 2 else 0.0


@log_parser(title="MySQL's slow queries", source="app", recognise=_recognise)
def mysql_slow(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events, one a query, with user, client, query_time_s, lock_time_s, rows_sent and rows_examined."""
    found = lines.with_columns(pl.col("text").str.extract(pattern, 1).alias(name) for name, pattern in _FOUND.items())
    ahead = found.with_columns(expression for name in _FOUND for expression in reached(name))
    begins = pl.col("text").str.starts_with(_TIME) | (
        pl.col("text").str.starts_with(_USER) & ~pl.col("text").shift(1, fill_value="").str.starts_with(_TIME)
    )
    opened = pl.col("text").str.starts_with(_TIME) | pl.col("text").str.starts_with(_USER)
    known = opened & within("query_time_s").is_not_null()
    seconds = within("stamp").cast(pl.Int64, strict=False)
    return events(
        folded(ahead, begins, context),
        time=pl.from_epoch(pl.when(known).then(seconds) * 1_000_000, time_unit="us").dt.replace_time_zone("UTC"),
        severity=pl.when(known).then(pl.lit("info").cast(severity_type())),
        message=pl.coalesce(pl.when(known).then(within("query")), pl.col("text")),
        parsed=known,
        count=pl.col("lines"),
        own={name: pl.when(known).then(within(name)) for name in ("user", "client")}
        | {name: within(name).cast(pl.Float64, strict=False) for name in ("query_time_s", "lock_time_s")}
        | {name: within(name).cast(pl.Int64, strict=False) for name in ("rows_sent", "rows_examined")},
    )
