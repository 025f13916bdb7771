"""nginx's error log.

`2025/10/16 09:55:13 [error] 29#29: *1187 connect() failed (111: Connection refused) while connecting to upstream, client: …`

Written by `ngx_log_error_core` (src/core/ngx_log.c); the fields after the message by `ngx_http_log_error_handler`
(src/http/ngx_http_request.c), unescaped. Abridged lines are read too: without pid, with a time of day alone, without a time.
"""

from __future__ import annotations

import re

import polars as pl

from logcorr.grammar import stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._columns import TEXT, events, folded, severity_of

_LEVELS = "debug|info|notice|warn|error|crit|alert|emerg"

_HEAD = re.compile(
    rf"""
    (?:(?P<dated>\d{{4}}/\d\d/\d\d\ \d\d:\d\d:\d\d\ )|(?P<timed>\d\d:\d\d:\d\d\ )|nginx:\ )?
    (?:\[(?:{_LEVELS})\]\ )
    """,
    re.VERBOSE,
)

_IDS = re.compile(r"\d+#\d+: ")

_MARKS = {
    "client": ", client: ",
    "server": ", server: ",
    "request": ', request: "',
    "upstream": ', upstream: "',
    "host": ', host: "',
    "referrer": ', referrer: "',
}
"""How each field begins, in the order nginx writes them."""

_CONTEXT = (
    r', client: ([^,"]+)(?:, server: ([^,"]*))?'
    r'(?:, request: "([^"]*|.*? HTTP/\d(?:\.\d)?)")?(?:, subrequest: "[^"]*")?'
    r'(?:, upstream: "([^"]*|.*?)")?(?:, host: "([^"]*)")?(?:, referrer: "(.*)")?$'
)

_PATTERNS = (r'^([^"]*(?:"[^"]*"[^"]*)*?)' + _CONTEXT, "^(.*)" + _CONTEXT)
"""For lines with stray quotes or repeated marks, most of them hostile: a message whose own quotes are closed, then all the
fields in nginx's order; else the last place from which the fields run to the end of the line."""

_FAILURES = {
    "connect() failed (111:": "upstream.refused",
    "connect() failed (10061:": "upstream.refused",
    "upstream timed out (": "upstream.timeout",
    "upstream prematurely closed": "upstream.closed_early",
    "no live upstreams": "upstream.none_live",
    "connect() failed (113:": "upstream.unreachable",
    "connect() failed (101:": "upstream.unreachable",
    "connect() failed (110:": "upstream.timeout",
    "host not found in upstream": "upstream.unresolved",
    "could not be resolved (": "upstream.unresolved",
    "limiting requests": "client.limited",
    "limiting connections": "client.limited",
    "client prematurely closed connection": "client.aborted",
    "(28: No space left": "disk.full",
    "(24: Too many open files)": "limit.reached",
    "worker_connections are not enough": "limit.reached",
    "(98: Address": "address.in_use",
    "SSL_do_handshake() failed": "tls.failed",
    "upstream SSL certificate": "tls.failed",
    "(SIGTERM) received": "process.terminating",
    "(SIGQUIT) received": "process.terminating",
    "(SIGINT) received": "process.terminating",
    "(SIGHUP) received": "process.reloaded",
    "(SIGUSR1) received": "process.reloaded",
    "start worker processes": "process.started",
    "exited on signal 9": "process.killed",
    "exited on signal": "process.crashed",
    "exited with fatal code": "process.crashed",
}
"""What a message holds, in the order of trying. Numbers of errors, not their words: musl and Windows word them otherwise."""

_EMITS = {kind: [text for text, meant in _FAILURES.items() if meant == kind] for kind in _FAILURES.values()} | {
    "file.missing": ["failed (2: "],
    "upstream.reset": ["(104: … upstream"],
    "config.invalid": [" in /…:LINE at level emerg"],
    "process.exited": ["exit"],
}


def _recognise(sample: Sample) -> float:
    lines = [line for line in sample.lines if line]
    heads = [match for match in map(_HEAD.match, lines) if match]
    certain = any(match["dated"] or _IDS.match(match.string, match.end()) for match in heads)
    if not certain or len(heads) < 0.1 * len(lines):
        return 0.0
    others = sum(
        (stamps.at_head(line) is not None and not _HEAD.match(line)) or (" [" in line and '] "' in line) for line in lines
    )
    return 0.95 * len(heads) / (len(heads) + others)


@log_parser(title="nginx error log", source="nginx", recognise=_recognise, emits=_EMITS)
def nginx_error(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with pid, tid, connection, client, server, request, upstream, host, referrer and errno.

    What follows an event without a head of its own (PHP messages, Lua tracebacks) belongs to it.
    """
    heads = [match for match in map(_HEAD.match, context.sample.lines) if match]
    dated = any(match["dated"] for match in heads) or not any(match["timed"] for match in heads)
    placed = _placed(lines, dated)
    cut = folded(placed, pl.col("severity").is_not_null(), context).with_columns(*_ids()).with_columns(*_begin())
    fast = cut.with_columns(*_marks()).with_columns(*_fast_fields()).with_columns(_careful().alias("careful"))
    split = fast.with_columns(_field("message", 0).alias("message"))
    return events(
        split,
        time=pl.col("time"),
        severity=pl.col("severity"),
        kind=_kind(pl.col("message")),
        message=pl.col("message"),
        parsed=pl.col("severity").is_not_null(),
        count=pl.col("lines"),
        own={
            "pid": pl.col("pid"),
            "tid": pl.col("tid"),
            "connection": pl.col("connection"),
            **{name: _field(name, number) for number, name in enumerate(_MARKS, 1)},
            "errno": pl.col("message").str.extract(r"\(([0-9]+): ", 1).cast(pl.Int32, strict=False),
        },
    )


def _placed(lines: pl.LazyFrame, dated: bool) -> pl.LazyFrame:
    """Where each line's `[level]` begins, its stamp, and its severity: null where the line does not begin an event."""
    if dated:
        time = TEXT.str.slice(0, 19).str.to_datetime("%Y/%m/%d %H:%M:%S", time_unit="us", strict=False)
        stamped = 20
    else:
        time = TEXT.str.slice(0, 8).str.to_time("%H:%M:%S", strict=False)
        stamped = 9
    at = (
        pl.when(TEXT.str.starts_with("["))
        .then(0)
        .when(TEXT.str.starts_with("nginx: ["))
        .then(7)
        .when(TEXT.str.slice(stamped - 1, 2) == " [")
        .then(stamped)
    )
    opened = lines.with_columns(time.alias("time"), at.cast(pl.UInt32).alias("at"))
    real = opened.with_columns(pl.when((pl.col("at") < 8) | pl.col("time").is_not_null()).then(pl.col("at")).alias("at"))
    head = real.with_columns(pl.when(pl.col("at").is_not_null()).then(TEXT.str.slice(pl.col("at"), 64)).alias("head"))
    level = pl.col("head").str.extract(rf"^\[({_LEVELS})\] ", 1)
    return head.with_columns(severity_of(level).alias("severity"))


def _ids() -> tuple[pl.Expr, ...]:
    """Places in the head, in bytes: up to here it is ASCII, which makes them places in the line as well."""
    head = pl.col("head")
    return (
        TEXT.cast(pl.Binary).alias("raw"),
        (head.str.find("] ", literal=True) + 2).alias("level_end"),
        head.str.extract(r"^\[[a-z]+\] ([0-9]+#[0-9]+: (?:\*[0-9]+ )?)", 1).alias("ids"),
    )


def _begin() -> tuple[pl.Expr, ...]:
    ids = pl.col("ids")
    begin = pl.col("at") + pl.col("level_end") + ids.str.len_bytes().fill_null(0)
    return (
        begin.fill_null(0).alias("begin"),
        ids.str.extract(r"^([0-9]+)", 1).cast(pl.Int32, strict=False).alias("pid"),
        ids.str.extract(r"#([0-9]+)", 1).cast(pl.Int32, strict=False).alias("tid"),
        ids.str.extract(r"\*([0-9]+)", 1).cast(pl.Int64, strict=False).alias("connection"),
    )


def _marks() -> list[pl.Expr]:
    """Where each field's mark first stands."""
    return [TEXT.str.find(mark, literal=True).alias(f"at_{name}") for name, mark in _MARKS.items()]


def _fast_fields() -> list[pl.Expr]:
    """The line cut at its marks, each field to the next mark there is. All cuts are at ASCII, so that they are valid UTF-8."""
    end = TEXT.str.len_bytes()
    names = list(_MARKS)
    fields = [_between(pl.col("begin"), pl.coalesce(pl.col("at_client"), end)).alias("message")]
    for number, (name, mark) in enumerate(_MARKS.items(), 1):
        here = pl.when(pl.col("at_client").is_not_null()).then(pl.col(f"at_{name}")) + len(mark)
        following = pl.coalesce(*(pl.col(f"at_{later}") for later in names[number:]), end)
        field = _between(here, following)
        fields.append((field.str.strip_suffix('"') if mark.endswith('"') else field).alias(name))
    return fields


def _between(begin: pl.Expr, end: pl.Expr) -> pl.Expr:
    return pl.col("raw").bin.slice(begin).bin.head(end - begin).cast(pl.String)


def _careful() -> pl.Expr:
    """For lines that cutting at the first marks may have split wrongly: what the patterns make of them.

    A line is safe where every quote is accounted for: an even number in the message, two for each quoted field.
    """
    quoted = pl.sum_horizontal(pl.col(f"at_{name}").is_not_null() for name, mark in _MARKS.items() if mark.endswith('"'))
    in_message = pl.col("message").str.count_matches('"', literal=True)
    safe = (
        (in_message % 2 == 0)
        & (TEXT.str.count_matches('"', literal=True) - in_message == quoted * 2)
        & ((quoted == 0) | TEXT.str.ends_with('"'))
        & (pl.col("at_server").is_null() | (pl.col("at_server") > pl.col("at_client")))
    )
    text = pl.when(pl.col("at_client").is_not_null() & ~safe).then(pl.col("raw").bin.slice(pl.col("begin")).cast(pl.String))
    strict, loose = (text.str.extract_groups(ascii_only(pattern)) for pattern in _PATTERNS)
    return pl.when(strict.struct[0].is_not_null()).then(strict).otherwise(loose)


def _kind(message: pl.Expr) -> pl.Expr:
    holds = [pl.when(message.str.contains(text, literal=True)).then(pl.lit(kind)) for text, kind in _FAILURES.items()]
    broken = (pl.col("severity") == "emerg") & message.str.contains(r" in /[^ ]+:[0-9]+$")
    return pl.coalesce(
        *holds,
        pl.when(message.str.contains("failed (2: ", literal=True)).then(pl.lit("file.missing")),
        pl.when(message.str.contains("(104: ", literal=True) & message.str.contains("upstream", literal=True)).then(
            pl.lit("upstream.reset")
        ),
        pl.when(broken).then(pl.lit("config.invalid")),
        pl.when(message == "exit").then(pl.lit("process.exited")),
    )


def _field(name: str, number: int) -> pl.Expr:
    found = pl.col("careful").struct[number]
    return pl.coalesce(found, pl.col(name))
