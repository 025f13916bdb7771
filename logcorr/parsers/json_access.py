"""Requests as JSON, as Caddy, Traefik, Envoy, Cloudflare, lograge and hand-made middleware write them.

`{"level":"info","ts":1769860800.5,"msg":"handled request","request":{"method":"GET","uri":"/"},"status":200,"duration":0.01}`

Each names the same few things in its own way; nginx's own JSON is read by its `log_format`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from logcorr.grammar import json_lines, messages, stamps
from logcorr.lazily import pl
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events, no
from logcorr.parsers._shared.records import members

_PATHS = {
    "time": ("time", "ts", "timestamp", "@timestamp", "start_time", "StartUTC", "EdgeStartTimestamp", "date", "datetime"),
    "status": (
        "status",
        "status_code",
        "statusCode",
        "response_code",
        "DownstreamStatus",
        "EdgeResponseStatus",
        "res.statusCode",
    ),
    "request_method": ("method", "request.method", "RequestMethod", "ClientRequestMethod", "http_method", "req.method"),
    "request_uri": (
        *("path", "uri", "url", "request.uri", "RequestPath", "ClientRequestURI", "x-envoy-origin-path"),
        *("request_uri", "request_path", "req.url", "http_path"),
    ),
    "client": (
        *("client_ip", "remote_ip", "request.client_ip", "request.remote_ip", "ClientHost", "ClientIP", "remote_addr"),
        *("x-forwarded-for", "downstream_remote_address", "ip"),
    ),
    "host": ("host", "request.host", "RequestHost", ":authority", "ClientRequestHost"),
    "bytes": ("bytes_sent", "size", "DownstreamContentSize", "EdgeResponseBytes", "body_bytes_sent", "bytes"),
    "duration": ("duration", "Duration", "responseTime", "response_time", "duration_ms", "duration_s"),
    "user_agent": ("user_agent", "user-agent", "ua", "ClientRequestUserAgent", "userAgent"),
    "upstream": ("upstream_host", "ServiceAddr", "ServiceURL", "upstream_addr"),
    "message": ("msg", "message"),
    "error": ("error", "err", "error_message"),
}
"""Where each thing may stand: members, and members of members."""


def _recognise(sample: Sample) -> float:
    found = members(sample.lines)
    told = sum(all(_first(record, name) for name in ("time", "status", "request_method", "request_uri")) for record in found)
    return 0.69 if found and told >= 0.5 * len(found) else 0.0


def _first(record: Mapping[str, object], name: str) -> str:
    """The first path of this name that the object has; empty where it has none."""
    return next((path for path in _PATHS[name] if _at(record, path) is not None), "")


def _at(record: Mapping[str, object], path: str) -> object:
    outer, _, inner = path.partition(".")
    value = record.get(outer)
    if not inner:
        return value if not isinstance(value, dict | list) else None
    return value.get(inner) if isinstance(value, dict) else None


@log_parser(
    title="requests in JSON",
    source="app",
    recognise=_recognise,
    emits={
        **messages.emitted(messages.APPLICATION),
        "http.5xx": ["status 500 to 599"],
        "client.aborted": ["status 499"],
        "client.limited": ["status 429"],
    },
)
def json_access(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with client, host, request_method, request_uri, status, bytes, duration (as written), user_agent, upstream."""
    sample = json_lines.objects(context.sample.lines)
    paths = dict(_used(sample))
    wanted = sorted({path.partition(".")[0] for path in paths.values()})
    read = lines.with_columns(json_lines.fields(pl.col("text"), wanted or ["status"]).alias("record"))
    value = {name: _value(path) for name, path in paths.items()} | {name: no(pl.String) for name in _PATHS if name not in paths}
    shape = stamps.shape_of(tuple(str(_at(record, paths["time"])) for record in sample)) if "time" in paths else None
    status = value["status"].cast(pl.Int16, strict=False)
    asked = pl.concat_str(value["request_method"], value["request_uri"], value["status"], separator=" ")
    said = messages.kind_of(value["message"], messages.APPLICATION)
    told = pl.when(value["message"] != "").then(value["message"])
    message = pl.coalesce(pl.when(said.is_not_null()).then(told), asked, told, pl.col("text"))
    known = pl.col("record").is_not_null()
    offset = shape.utc_offset_s(value["time"]) if shape else None
    return events(
        read,
        time=shape.time(value["time"]) if shape else no(pl.Datetime("us")),
        severity=pl.when(known).then(
            pl.when(status >= 500).then(pl.lit("error")).otherwise(pl.lit("info")).cast(severity_type())
        ),
        kind=pl.coalesce(
            said,
            pl.when(status.is_between(500, 599))
            .then(pl.lit("http.5xx"))
            .when(status == 499)
            .then(pl.lit("client.aborted"))
            .when(status == 429)
            .then(pl.lit("client.limited")),
        ),
        message=message,
        parsed=known,
        own={name: value[name] for name in ("client", "host", "request_method", "request_uri", "user_agent", "upstream", "error")}
        | {
            "status": status,
            "bytes": value["bytes"].cast(pl.Int64, strict=False),
            "duration": value["duration"].cast(pl.Float64, strict=False),
        }
        | ({} if offset is None else {"utc_offset_s": offset}),
    )


def _used(sample: Sequence[Mapping[str, object]]) -> Iterator[tuple[str, str]]:
    """For each name the path that most objects have, where any has one."""
    for name, paths in _PATHS.items():
        counts = [sum(_at(record, path) is not None for record in sample) for path in paths]
        if any(counts):
            yield name, paths[counts.index(max(counts))]


def _value(path: str) -> pl.Expr:
    outer, _, inner = path.partition(".")
    member = pl.col("record").struct.field(outer)
    return member.str.json_path_match(f"$.{inner}") if inner else member
