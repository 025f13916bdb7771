"""morgan's `dev`, `tiny` and `short` formats: requests without a time.

`GET /api/orders 500 12.345 ms - 120`

https://github.com/expressjs/morgan; its `combined` and `common` are nginx's.
"""

from __future__ import annotations

import re

from logcorr.grammar import stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events, no

_METHODS = "GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH"
_PATTERN = (
    rf"^(?:(?P<client>\S+) (?P<user>\S+) )?(?P<request>(?:{_METHODS}) \S+(?: HTTP/[\d.]+)?) (?P<status>\d{{3}}|-) "
    r"(?:(?P<dev>[\d.]+) ms - (?P<dev_size>\d+|-)|(?P<size>\d+|-) - (?P<took>[\d.]+|-) ms)$"
)


def _recognise(sample: Sample) -> float:
    return 0.9 * stamps.share(sample.lines, re.compile(_PATTERN, re.ASCII).match)


@log_parser(
    title="morgan",
    source="app",
    recognise=_recognise,
    emits={"http.5xx": ["status 500 to 599"], "client.limited": ["status 429"]},
)
def morgan(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with client, request, status, bytes and took_ms."""
    part = pl.col("groups").struct.field
    status = part("status").cast(pl.Int16, strict=False)
    known = part("request").is_not_null()
    return events(
        lines.with_columns(pl.col("text").str.extract_groups(ascii_only(_PATTERN)).alias("groups")),
        time=no(pl.Datetime("us")),
        severity=pl.when(known).then(
            pl.when(status >= 500).then(pl.lit("error")).otherwise(pl.lit("info")).cast(severity_type())
        ),
        kind=pl.when(status.is_between(500, 599)).then(pl.lit("http.5xx")).when(status == 429).then(pl.lit("client.limited")),
        message=pl.coalesce(pl.concat_str(part("request"), part("status"), separator=" "), pl.col("text")),
        parsed=known,
        own={
            "client": part("client"),
            "request": part("request"),
            "status": status,
            "bytes": pl.coalesce(part("dev_size"), part("size")).cast(pl.Int64, strict=False),
            "took_ms": pl.coalesce(part("dev"), part("took")).cast(pl.Float64, strict=False),
        },
    )
