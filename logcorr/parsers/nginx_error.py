"""nginx's error log.

`2025/10/16 09:55:13 [error] 29#29: *1187 connect() failed (111: Connection refused) while connecting to upstream, client: …`

Written by `ngx_log_error_core` (src/core/ngx_log.c); the fields after the message by `ngx_http_log_error_handler`
(src/http/ngx_http_request.c), unescaped. Abridged lines are read too: without pid, with a time of day alone, without a time.
"""

from __future__ import annotations

import re

from logcorr.grammar import stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl, regex
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import by_value, events, folded, groups_of, patched

_LEVELS = "debug|info|notice|warn|error|crit|alert|emerg"

_HEAD = regex(
    rf"""
    (?:(?P<dated>\d{{4}}/\d\d/\d\d\ \d\d:\d\d:\d\d\ )|(?P<timed>\d\d:\d\d:\d\d\ )|nginx:\ )?
    (?:\[(?:{_LEVELS})\]\ )
    """,
    re.VERBOSE,
)

_IDS = regex(r"\d+#\d+: ")

_MARKS = {
    "client": ", client: ",
    "server": ", server: ",
    "request": ', request: "',
    "upstream": '", upstream: "',
    "host": '", host: "',
    "referrer": '", referrer: "',
}
"""How each field begins, in the order nginx writes them; those after the request with the quote that ends the one before."""

_CONTEXT = (
    r', client: (?P<client>[^,"]+)(?:, server: (?P<server>[^,"]*))?(?:, login: "[^"]*")?'
    r'(?:, request: "(?P<request>[^"]*|.*? HTTP/\d(?:\.\d)?)")?(?:, subrequest: "[^"]*")?'
    r'(?:, upstream: "?(?P<upstream>[\d.:]+|[^"]*|.*?)"?)?(?:, bytes from/to client:[^"]*)?'
    r'(?:, host: "(?P<host>[^"]*)")?(?:, referrer: "(?P<referrer>.*)")?$'
)

_PATTERNS = (r'(?s)^(?P<message>[^"]*(?:"[^"]*"[^"]*)*?)' + _CONTEXT, "(?s)^(?P<message>.*)" + _CONTEXT)
"""For lines with stray quotes or repeated marks, most of them hostile: a message whose own quotes are closed, then all the
fields in nginx's order; else the last place from which the fields run to the end of the line."""

_HEAD_GROUPS = r"^(\[([a-z]+)\] (?:([0-9]+)#([0-9]+): (?:\*([0-9]+) )?)?)"
"""All before the message, the level, pid, tid and connection."""

_FAILURES = {
    "failed (2: ": "file.missing",
    "failed (13: ": "permission.denied",
    "is forbidden (13: ": "permission.denied",
    "(104: ": "upstream.reset",
    "connect() failed (111:": "upstream.refused",
    "connect() to unix:": "upstream.refused",
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
    head, message = pl.col("head").struct, pl.col("message")
    kind = by_value(message, _kinds, pl.String)
    known = pl.col("severity").is_not_null()
    return events(
        _fields(cut),
        time=pl.col("time"),
        severity=pl.col("severity"),
        kind=pl.when((kind != "config.invalid") | (pl.col("severity") == "emerg")).then(kind),
        message=pl.coalesce(pl.when(pl.col("lines") > 1).then(message).str.extract("^([^\n]*)", 1), message),
        parsed=known,
        count=pl.col("lines"),
        own={
            "pid": head[2].cast(pl.Int32, strict=False),
            "tid": head[3].cast(pl.Int32, strict=False),
            "connection": head[4].cast(pl.Int64, strict=False),
            **{name: pl.col(name) for name in _MARKS},
            "errno": by_value(message, _errnos, pl.Int32),
        },
    )


def _placed(lines: pl.LazyFrame, dated: bool) -> pl.LazyFrame:
    """Where each line's `[level]` begins, its stamp, its head's groups and its severity: null where it begins no event."""
    if dated:
        time = stamps.datetimes(pl.col("text").str.head(19), "%Y/%m/%d %H:%M:%S")
        stamped = 20
    else:
        time = pl.col("text").str.head(8).str.to_time("%H:%M:%S", strict=False)
        stamped = 9
    at = (
        pl.when(pl.col("time").is_not_null())
        .then(stamped)
        .when(pl.col("text").str.starts_with("["))
        .then(0)
        .when(pl.col("text").str.starts_with("nginx: ["))
        .then(7)
    )
    opened = lines.with_columns(time.alias("time")).with_columns(at.cast(pl.UInt32).alias("at"))
    begun = pl.when(pl.col("at").is_not_null()).then(pl.col("text").str.slice(pl.col("at"), 64))
    head = opened.with_columns(begun.str.extract_groups(_HEAD_GROUPS).alias("head"))
    return head.with_columns(pl.col("head").struct[1].cast(severity_type(), strict=False).alias("severity"))


def _fields(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The lines with the message and the fields after it, cut at the places where the marks first stand.

    Where that may be wrong, the places are those that a pattern finds. All are at ASCII, so that the cuts are valid UTF-8.
    """
    placed = lines.with_columns(
        pl.col("text").cast(pl.Binary).alias("raw"),
        pl.col("text").str.len_bytes().alias("end"),
        pl.col("text").str.ends_with('"').alias("closed"),
        *(pl.col("text").str.find(mark, literal=True).alias(f"at_{name}") for name, mark in _MARKS.items()),
    )
    message = pl.when(pl.col("severity").is_not_null()).then(pl.col("at") + pl.col("head").struct[0].str.len_bytes()).otherwise(0)
    fast = placed.with_columns(message.alias("begin")).with_columns(_cut(*_place(name)).alias(name) for name in _FIELDS)
    checked = fast.with_columns(pl.when(_unsure()).then(_cut(pl.col("begin"), pl.col("end"))).alias("unsure"))
    searched = checked.with_columns(groups_of(pl.col("unsure"), *map(ascii_only, _PATTERNS)).alias("careful"))
    careful = {name: pl.col("careful").struct.field(name) for name in _FIELDS}
    careful["message"] = pl.coalesce(careful["message"], "unsure")
    unsure = pl.col("unsure").is_not_null()
    return searched.with_columns(patched(pl.col(name), careful[name], unsure).alias(name) for name in _FIELDS)


_FIELDS = ("message", *_MARKS)


def _place(name: str) -> tuple[pl.Expr, pl.Expr]:
    """Where a field begins and ends, by the marks: the last in quotes ends before the line's last quote."""
    if name == "message":
        return pl.col("begin"), pl.coalesce("at_client", "end")
    mark = _MARKS[name]
    begin = pl.when(pl.col("at_client").is_not_null()).then(pl.col(f"at_{name}") + len(mark))
    last = pl.col("end") - pl.col("closed").cast(pl.UInt32) if mark.endswith('"') else pl.col("end")
    return begin, pl.coalesce(*_following(name), last)


def _following(name: str) -> list[pl.Expr]:
    """Where the marks after a field's own stand."""
    names = list(_MARKS)
    return [pl.col(f"at_{later}") for later in names[names.index(name) + 1 :]]


def _cut(begin: pl.Expr, end: pl.Expr) -> pl.Expr:
    return pl.col("raw").bin.slice(begin, end - begin).cast(pl.String)


def _unsure() -> pl.Expr:
    """Whether cutting at the first marks may have split a line wrongly: all of it must be accounted for.

    Safe are marks in order, addresses without a comma, requests, upstreams and hosts without a quote, a quote at the end of what
    has quoted fields, and an even number of them in the message.
    """
    names = list(_MARKS)
    ordered = [(pl.col(f"at_{name}") < pl.coalesce(*_following(name))).fill_null(True) for name in names[:-1]]
    strays = {"client": ",", "server": ",", "request": '"', "upstream": '"', "host": '"'}
    plain = [~pl.col(name).str.contains(stray, literal=True).fill_null(False) for name, stray in strays.items()]
    message = pl.col("message")
    spoken = pl.when(message.str.contains('"', literal=True)).then(message).str.count_matches('"', literal=True)
    closed = pl.all_horizontal(pl.col(f"at_{name}").is_null() for name in names[2:]) | pl.col("closed")
    return pl.col("at_client").is_not_null() & ~pl.all_horizontal(*ordered, *plain, closed, spoken.fill_null(0) % 2 == 0)


def _unquoted(message: pl.Expr) -> pl.Expr:
    """Without what stands in quotes: the names of files are whatever a client asks for."""
    return message.str.replace_all('"[^"]*"', '""')


def _errnos(messages: pl.Series) -> pl.Series:
    """The first error number in each message."""
    plain = _unquoted(pl.lit(messages))
    return pl.select(plain.str.extract(r"\(([0-9]+): ", 1).cast(pl.Int32, strict=False)).to_series()


def _kinds(messages: pl.Series) -> pl.Series:
    """The kind by the first literal in each message; some need a second look."""
    frame = messages.alias("message").to_frame().with_columns(_unquoted(pl.col("message")).alias("plain"))
    message, plain, meant = pl.col("message"), pl.col("plain"), pl.col("meant")
    found = plain.str.extract_many(list(_FAILURES), leftmost=True).list.first()
    elsewhere = plain.str.contains(" while ", literal=True) | (meant == "upstream.reset")
    not_upstream = meant.str.starts_with("upstream.") & elsewhere & ~plain.str.contains("upstream", literal=True)
    kind = (
        pl.when(not_upstream)
        .then(None)
        .when(meant.is_not_null())
        .then(meant)
        .when(message.str.contains(r" in /[^ ]+:[0-9]+$"))
        .then(pl.lit("config.invalid"))
        .when(message == "exit")
        .then(pl.lit("process.exited"))
    )
    meanings = found.replace_strict(list(_FAILURES), list(_FAILURES.values()), default=None, return_dtype=pl.String)
    return frame.with_columns(meanings.alias("meant")).select(kind).to_series()
