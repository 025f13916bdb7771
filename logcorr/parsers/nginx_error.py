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
from logcorr.model.events import SEVERITY
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import TEXT, events, folded

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
    r', client: ([^,"]+)(?:, server: ([^,"]*))?(?:, login: "[^"]*")?'
    r'(?:, request: "([^"]*|.*? HTTP/\d(?:\.\d)?)")?(?:, subrequest: "[^"]*")?'
    r'(?:, upstream: "?([\d.:]+|[^"]*|.*?)"?)?(?:, bytes from/to client:[^"]*)?(?:, host: "([^"]*)")?(?:, referrer: "(.*)")?$'
)

_PATTERNS = (r'(?s)^([^"]*(?:"[^"]*"[^"]*)*?)' + _CONTEXT, "(?s)^(.*)" + _CONTEXT)
"""For lines with stray quotes or repeated marks, most of them hostile: a message whose own quotes are closed, then all the
fields in nginx's order; else the last place from which the fields run to the end of the line."""

_FAILURES = {
    "failed (2: ": "file.missing",
    "(104: ": "upstream.reset",
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
"""What a message holds; of two at one place the first. Errors by number: musl and Windows word them otherwise."""

_EMITS = {kind: [text for text, meant in _FAILURES.items() if meant == kind] for kind in _FAILURES.values()} | {
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
    cut = folded(_placed(lines, dated), pl.col("severity").is_not_null(), context, _MARKS["client"])
    split = cut.with_columns(_numbers()).with_columns(_begin()).with_columns(_marks()).with_columns(_fast_fields())
    checked = split.with_columns(_unsure().alias("unsure")).with_columns(_careful().alias("careful"))
    whole = checked.with_columns(_chosen("message", 0).alias("message")).with_columns(_unquoted(pl.col("message")).alias("plain"))
    first_line = pl.when(pl.col("message").str.contains("\n", literal=True)).then(pl.col("message").str.extract("^([^\n]*)", 1))
    return events(
        whole.with_columns(_meant(pl.col("plain")).alias("meant"), pl.coalesce(first_line, "message").alias("message")),
        time=pl.col("time"),
        severity=pl.col("severity"),
        kind=_kind(),
        message=pl.col("message"),
        parsed=pl.col("severity").is_not_null(),
        count=pl.col("lines"),
        own={
            "pid": pl.col("pid"),
            "tid": pl.when(pl.col("pid").is_not_null()).then(
                _number(pl.col("after"), pl.col("hash") + 1, pl.col("colon"), pl.Int32)
            ),
            "connection": pl.col("connection"),
            **{name: _chosen(name, number) for number, name in enumerate(_MARKS, 1)},
            "errno": pl.col("plain").str.extract(r"\(([0-9]+): ", 1).cast(pl.Int32, strict=False),
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
        pl.when(pl.col("time").is_not_null())
        .then(stamped)
        .when(TEXT.str.starts_with("["))
        .then(0)
        .when(TEXT.str.starts_with("nginx: ["))
        .then(7)
    )
    opened = lines.with_columns(time.alias("time")).with_columns(at.cast(pl.UInt32).alias("at"))
    head = opened.with_columns(pl.when(pl.col("at").is_not_null()).then(TEXT.str.slice(pl.col("at"), 64)).alias("head"))
    close = pl.when(pl.col("head").str.starts_with("[")).then(pl.col("head")).str.find("] ", literal=True)
    placed = head.with_columns(close.alias("close"))
    return placed.with_columns(pl.col("head").str.slice(1, pl.col("close") - 1).cast(SEVERITY, strict=False).alias("severity"))


def _numbers() -> list[pl.Expr]:
    """What follows the level, and where `pid#tid: ` divides. The head is ASCII as far as it is what it should be."""
    after = pl.when(pl.col("severity").is_not_null()).then(pl.col("head")).str.slice(pl.col("close") + 2)
    return [
        TEXT.cast(pl.Binary).alias("raw"),
        after.alias("after"),
        after.str.find("#", literal=True).alias("hash"),
        after.str.find(": ", literal=True).alias("colon"),
    ]


def _begin() -> list[pl.Expr]:
    """Process and connection, and where the message begins."""
    pid = pl.when(pl.col("hash") < pl.col("colon")).then(_number(pl.col("after"), pl.lit(0), pl.col("hash"), pl.Int32))
    after = pl.when(pid.is_not_null()).then(pl.col("after").str.slice(pl.col("colon") + 2))
    space = pl.when(after.str.starts_with("*")).then(after).str.find(" ", literal=True)
    connection = _number(after, pl.lit(1), space, pl.Int64)
    ids = pl.when(pid.is_not_null()).then(pl.col("colon") + 2).otherwise(0)
    begin = pl.col("at") + pl.col("close") + 2 + ids + pl.when(connection.is_not_null()).then(space + 1).otherwise(0)
    known = pl.col("severity").is_not_null()
    return [pid.alias("pid"), connection.alias("connection"), pl.when(known).then(begin).otherwise(0).alias("begin")]


def _thread() -> pl.Expr:
    after = pl.when(pl.col("pid").is_not_null()).then(pl.col("after"))
    return _number(after, pl.col("hash") + 1, pl.col("colon"), pl.Int32)


def _number(text: pl.Expr, begin: pl.Expr, end: pl.Expr, dtype: type[pl.DataType]) -> pl.Expr:
    return text.str.slice(begin, end - begin).cast(dtype, strict=False)


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


def _unsure() -> pl.Expr:
    """Whether cutting at the first marks may have split a line wrongly: where a quote is not accounted for.

    Safe is an even number of quotes in the message, two for each quoted field, one at the end, and the first fields in order.
    """
    quoted = [pl.col(f"at_{name}").is_not_null() for name, mark in _MARKS.items() if mark.endswith('"')]
    in_message = pl.col("message").str.count_matches('"', literal=True)
    line = pl.when(pl.col("at_client").is_not_null()).then(TEXT)
    missing = line.str.count_matches('"', literal=True) != in_message + 2 * pl.sum_horizontal(quoted)
    open_end = pl.any_horizontal(quoted) & ~line.str.ends_with('"')
    swapped = pl.col("at_server") < pl.col("at_client")
    return pl.any_horizontal(in_message % 2 == 1, missing, open_end, swapped).fill_null(False) & line.is_not_null()


def _careful() -> pl.Expr:
    """What the patterns make of the lines that cutting may have split wrongly."""
    text = pl.when("unsure").then(pl.col("raw").bin.slice(pl.col("begin")).cast(pl.String))
    strict, loose = (text.str.extract_groups(ascii_only(pattern)) for pattern in _PATTERNS)
    return pl.when(strict.struct[0].is_not_null()).then(strict).otherwise(loose)


def _chosen(name: str, number: int) -> pl.Expr:
    """A field as the cut gives it where that is safe; else as a pattern does, and where none fits all of the line is message."""
    careful = pl.col("careful").struct[number]
    if name == "message":
        careful = pl.coalesce(careful, pl.col("raw").bin.slice(pl.col("begin")).cast(pl.String))
    return pl.when("unsure").then(careful).otherwise(pl.col(name))


def _unquoted(message: pl.Expr) -> pl.Expr:
    """Without what stands in quotes: the names of files are whatever a client asks for."""
    named = pl.when(message.str.contains('"', literal=True)).then(message)
    return pl.coalesce(named.str.replace_all('"[^"]*"', '""'), message)


def _meant(plain: pl.Expr) -> pl.Expr:
    """The kind of the first literal in a message."""
    found = plain.str.extract_many(list(_FAILURES), leftmost=True).list.first()
    return found.replace_strict(list(_FAILURES), list(_FAILURES.values()), default=None, return_dtype=pl.String)


def _kind() -> pl.Expr:
    """The kind from the columns `message`, `plain` and `meant`; some need a second look."""
    message, plain, meant = pl.col("message"), pl.col("plain"), pl.col("meant")
    elsewhere = plain.str.contains(" while ", literal=True) | (meant == "upstream.reset")
    not_upstream = meant.str.starts_with("upstream.") & elsewhere & ~plain.str.contains("upstream", literal=True)
    invalid = pl.when(pl.col("severity") == "emerg").then(message).str.contains(r" in /[^ ]+:[0-9]+$")
    return (
        pl.when(not_upstream)
        .then(None)
        .when(meant.is_not_null())
        .then(meant)
        .when(invalid)
        .then(pl.lit("config.invalid"))
        .when(message == "exit")
        .then(pl.lit("process.exited"))
    )
