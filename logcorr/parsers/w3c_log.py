"""The W3C's extended log format: IIS, and CloudFront.

    #Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip sc-status time-taken
    2026-03-02 10:15:31 10.0.0.5 POST /api - 80 - 10.0.0.9 503 3015

https://www.w3.org/TR/WD-logfile.html: which fields there are, and in which order, the `#Fields` line says; times are UTC.
"""

from __future__ import annotations

from logcorr.lazily import pl
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events, no

_FIELDS = "#Fields:"
_COLUMNS = {"c-ip": "client", "cs-username": "user", "sc-bytes": "bytes", "s-ip": "server"}


def _fields(lines: tuple[str, ...]) -> list[str]:
    """The names of the fields, by the first line that tells them."""
    return next((line.removeprefix(_FIELDS).split() for line in lines if line.startswith(_FIELDS)), [])


def _recognise(sample: Sample) -> float:
    fields = _fields(sample.lines)
    return 0.97 if "time" in fields and any(name.startswith(("cs-", "sc-", "c-", "x-")) for name in fields) else 0.0


@log_parser(
    title="W3C extended log",
    source="iis",
    recognise=_recognise,
    emits={"http.5xx": ["sc-status 500 to 599"], "client.limited": ["status 429"]},
)
def w3c_log(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with client, user, request, status, bytes, server and took (`time-taken`: IIS's milliseconds, others' seconds)."""
    fields = _fields(context.sample.lines)
    parts = pl.col("text").str.replace_all("\t", " ", literal=True).str.split(" ")
    is_event = ~pl.col("text").str.starts_with("#") & (parts.list.len() >= len(fields))

    def field(name: str) -> pl.Expr:
        if name not in fields:
            return no(pl.String)
        value = pl.col("parts").list.get(fields.index(name), null_on_oob=True)
        return pl.when(pl.col("is_event") & (value != "-")).then(value)

    status = field("sc-status").cast(pl.Int16, strict=False)
    request = pl.concat_str(field("cs-method"), field("cs-uri-stem"), separator=" ")
    stamp = pl.concat_str(field("date"), field("time"), separator=" ")
    time = stamp.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False).dt.replace_time_zone("UTC")
    failed = status.is_between(500, 599)
    return events(
        lines.with_columns(parts.alias("parts"), is_event.alias("is_event")),
        time=time,
        severity=pl.when(status.is_not_null()).then(
            pl.when(failed).then(pl.lit("error")).otherwise(pl.lit("info")).cast(severity_type())
        ),
        kind=pl.when(failed).then(pl.lit("http.5xx")).when(status == 429).then(pl.lit("client.limited")),
        message=pl.coalesce(pl.concat_str(request, status.cast(pl.String), separator=" "), pl.col("text")),
        parsed=pl.col("is_event") | pl.col("text").str.starts_with("#"),
        own={
            **{column: field(name) for name, column in _COLUMNS.items() if column != "bytes"},
            "request": request,
            "status": status,
            "bytes": field("sc-bytes").cast(pl.Int64, strict=False),
            "took": field("time-taken").cast(pl.Float64, strict=False),
        },
    )
