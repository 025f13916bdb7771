"""HAProxy's log of requests and connections, and what it says of its servers.

`10.0.1.2:33318 [02/Mar/2026:10:15:32.001] http-in app/<NOSRV> 0/-1/-1/-1/0 503 217 - - SC-- 1/1/0/0/0 0/0 "GET /api HTTP/1.1"`

https://docs.haproxy.org/2.8/configuration.html#8.2.3; the two letters say who ended the session, and in which state.
"""

from __future__ import annotations

import re

from logcorr.grammar import stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events

_PATTERN = (
    r"^(?P<client>\S+):\d{1,5} \[(?P<stamp>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3})\] (?P<frontend>\S+) "
    r"(?P<backend>[^/\s]+)/(?P<server>\S+) (?P<times>[-+\d/]+) (?:(?P<status>\d{3}|-1) )?\+?(?P<bytes>\d+) "
    r"(?:\S+ \S+ )?(?P<ended>[A-Za-z-]{2}[A-Za-z-]{0,2}) [\d/+]+ [\d/]+(?: \{[^}]*\}){0,2}(?: \"(?P<request>.*?)\"?)?$"
)
_OTHER = r"^\S+:\d{1,5} \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3})\] \S+: (.*)$"
_SERVER = r"^(?:\[[A-Z]+\] +\(\d+\) : )?(?:Backup )?Server (?P<of>[^/\s]+)/(?P<name>\S+) is (?P<state>UP|DOWN)\b.*$"

_OWN = r"^(?:Proxy \S+ (?:started|stopped)|Stopping (?:frontend|backend|proxy) )"
"""What it says of itself when it starts and is reloaded."""

_ENDS = {"SC": "upstream.refused", "SH": "upstream.closed_early", "SD": "upstream.closed_early", "sH": "upstream.timeout"} | {
    "sC": "upstream.timeout",
    "CD": "client.aborted",
    "CH": "client.aborted",
    "CC": "client.aborted",
}
"""How sessions end that do not end well."""


def _recognise(sample: Sample) -> float:
    known = [re.compile(pattern, re.ASCII) for pattern in (_PATTERN, _OTHER, _SERVER, _OWN)]
    share = stamps.share(sample.lines, lambda line: any(pattern.match(line) for pattern in known))
    return 0.96 * share if share >= 0.5 else 0.0


@log_parser(
    title="HAProxy",
    source="haproxy",
    recognise=_recognise,
    emits={
        "http.5xx": ["status 500 to 599"],
        "client.limited": ["status 429"],
        **{kind: [f"termination {ended}" for ended, meant in _ENDS.items() if meant == kind] for kind in _ENDS.values()},
        "upstream.none_live": ["<NOSRV> SC"],
        "probe.failed": ["is DOWN"],
        "probe.passed": ["is UP"],
    },
)
def haproxy(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with client, frontend, backend, server, times, status, bytes, ended (who ended it, and when) and request."""
    part, health = pl.col("groups").struct.field, pl.col("health").struct.field
    other = pl.col("text").str.extract_groups(ascii_only(_OTHER)).struct
    status = part("status").cast(pl.Int16, strict=False)
    failed = status.is_between(500, 599)
    state = health("state")
    message = pl.coalesce(pl.concat_str(part("request"), part("status"), separator=" "), other[1], pl.col("text"))
    read = lines.with_columns(
        pl.col("text").str.extract_groups(ascii_only(_PATTERN)).alias("groups"),
        pl.col("text").str.extract_groups(ascii_only(_SERVER)).alias("health"),
    )
    error = failed | (state == "DOWN")
    known = (
        part("stamp").is_not_null() | other[0].is_not_null() | state.is_not_null() | pl.col("text").str.contains(ascii_only(_OWN))
    )
    return events(
        read,
        time=stamps.datetimes(pl.coalesce(part("stamp"), other[0]), "%d/%b/%Y:%H:%M:%S%.f"),
        severity=pl.when(error).then(pl.lit("error")).when(known).then(pl.lit("info")).cast(severity_type()),
        kind=_kind(part("server"), part("ended").str.slice(0, 2), status, state),
        message=message,
        parsed=known,
        own={
            **{name: part(name) for name in ("client", "frontend", "times", "ended", "request")},
            "backend": pl.coalesce(part("backend"), health("of")),
            "server": pl.coalesce(part("server"), health("name")),
            "status": status,
            "bytes": part("bytes").cast(pl.Int64, strict=False),
        },
    )


def _kind(server: pl.Expr, ended: pl.Expr, status: pl.Expr, state: pl.Expr) -> pl.Expr:
    """What ended a session says more than its status."""
    return (
        pl.when((server == "<NOSRV>") & (ended == "SC"))
        .then(pl.lit("upstream.none_live"))
        .when(ended.is_in(list(_ENDS)))
        .then(ended.replace_strict(_ENDS, default=None, return_dtype=pl.String))
        .when(status.is_between(500, 599))
        .then(pl.lit("http.5xx"))
        .when(status == 429)
        .then(pl.lit("client.limited"))
        .when(state == "DOWN")
        .then(pl.lit("probe.failed"))
        .when(state == "UP")
        .then(pl.lit("probe.passed"))
    )
