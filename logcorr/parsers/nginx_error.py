"""nginx's error log.

`2025/10/16 09:55:13 [error] 29#29: *1187 connect() failed (111: Connection refused) while connecting to upstream, client: …`

Written by `ngx_log_error_core` (src/core/ngx_log.c); the fields after the message by `ngx_http_log_error_handler`
(src/http/ngx_http_request.c), unescaped. Abridged lines are read too: without pid, with a time of day alone, without a time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from logcorr.grammar import messages, stamps
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl, regex
from logcorr.model.events import severity_type
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import by_value, events, folded, groups_in

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

_IDS_GROUPS = r"^(\[[a-z]+\] (?:([0-9]+)#([0-9]+): (?:\*([0-9]+) )?)?)"
"""All before the message, the pid, tid and connection."""

_LONGEST_LEVEL = len("[notice] ")

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
    "upstream sent too big header": "size.exceeded",
    "client intended to send too large": "size.exceeded",
    "client sent too long": "size.exceeded",
    "client sent too large": "size.exceeded",
    "client exceeded http2_max_": "size.exceeded",
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

_PRINTED = "FastCGI sent in stderr: "
"""How nginx hands on what an application prints of itself."""

_POST_TOO_LARGE = "bytes exceeds the limit of"

_EMITS = {kind: [text for text, meant in _FAILURES.items() if meant == kind] for kind in _FAILURES.values()} | {
    "config.invalid": [" in /…:LINE at level emerg"],
    "process.exited": ["exit"],
}
for _kind, _needles in messages.emitted(messages.FAILURES).items():
    _EMITS.setdefault(_kind, []).extend(f"{_PRINTED}…{needle}" for needle in _needles)
_EMITS["size.exceeded"].append(f"…{_POST_TOO_LARGE} (what PHP writes to FastCGI's stderr)")


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
    ids, message = pl.col("ids").struct, pl.col("message")
    printed = pl.when(message.str.starts_with(_PRINTED)).then(message)
    kind = pl.coalesce(by_value(message, _kinds, pl.String), messages.kind_of(printed, messages.FAILURES))
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
            "pid": ids[1].cast(pl.Int32, strict=False),
            "tid": ids[2].cast(pl.Int32, strict=False),
            "connection": ids[3].cast(pl.Int64, strict=False),
            **{name: pl.col(name) for name in _MARKS},
            "errno": by_value(message, _errnos, pl.Int32),
        },
    )


def _placed(lines: pl.LazyFrame, dated: bool) -> pl.LazyFrame:
    """Where each line's `[level]` begins, its stamp, severity and ids: null where it begins no event."""
    if dated:
        time = stamps.datetimes(pl.col("text").str.head(19), "%Y/%m/%d %H:%M:%S")
        stamped = 20
    else:
        time = pl.col("text").str.head(8).str.to_time("%H:%M:%S", strict=False)
        stamped = 9
    at = (
        pl.when(pl.col("time").is_not_null())
        .then(stamped)
        .when(pl.col("text").str.head(1) == "[")
        .then(0)
        .when(pl.col("text").str.head(8) == "nginx: [")
        .then(7)
    )
    opened = lines.with_columns(time.alias("time")).with_columns(at.cast(pl.UInt32).alias("at"))
    head = opened.with_columns(pl.col("text").str.slice(pl.col("at"), 64).alias("head"))
    severity = by_value(pl.col("head").str.head(_LONGEST_LEVEL), _severities, severity_type())
    return head.with_columns(severity.alias("severity"), pl.col("head").str.extract_groups(_IDS_GROUPS).alias("ids"))


def _severities(heads: pl.Series) -> pl.Series:
    return pl.select(pl.lit(heads).str.extract(r"^\[([a-z]+)\] ", 1).cast(severity_type(), strict=False)).to_series()


def _fields(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The lines with the message and the fields after it, cut at the places where the marks first stand.

    Where that may be wrong, the places are those that a pattern finds. All are at ASCII, so that the cuts are valid UTF-8.
    """
    head = pl.when(pl.col("severity").is_not_null()).then(pl.col("at") + pl.col("ids").struct[0].str.len_bytes()).otherwise(0)
    placed = lines.with_columns(
        pl.col("text").cast(pl.Binary).alias("raw"), head.alias("begin"), pl.col("text").str.ends_with('"').alias("closed")
    )
    begun = placed.with_columns(pl.col("text").str.find(mark, literal=True).alias(f"at_{name}") for name, mark in _MARKS.items())
    fast = _ended(begun).with_columns(_cut(_begin(name), pl.col(f"to_{name}")).alias(name) for name in _MARKS)
    parts: list[pl.Expr | str] = [pl.when(_unsure()).then(pl.col("text")), "at_client", *_MARKS]
    mended = fast.with_columns(pl.map_batches(parts, _mended, return_dtype=_mended_type(), is_elementwise=True).alias("mended"))
    fields = {name: pl.col("mended").struct.field(name) for name in _mended_type().to_schema()}
    return mended.with_columns(_cut(pl.col("begin"), fields.pop("ends")).alias("message"), **fields)


@cache
def _mended_type() -> pl.Struct:
    return pl.Struct({"ends": pl.UInt32, **dict.fromkeys(_MARKS, pl.String)})


def _mended(parts: Sequence[pl.Series]) -> pl.Series:
    """Where the message ends (null: with the line) and the fields; of lines that are `unsure`, as a pattern finds them."""
    unsure, *fast = parts
    rows = unsure.is_not_null().arg_true()
    if len(rows):
        careful = groups_in(unsure.gather(rows), *map(ascii_only, _PATTERNS)).struct
        slow = [careful["message"].str.len_bytes(), *(careful[name] for name in _MARKS)]
        fast = [one.scatter(rows, other) for one, other in zip(fast, slow, strict=True)]
    return pl.DataFrame(dict(zip(_mended_type().to_schema(), fast, strict=True))).to_struct()


def _ended(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Where each field ends: where the next mark stands, or before the quote that closes the line."""
    names = list(_MARKS)
    last = (pl.col("text").str.len_bytes() - pl.col("closed").cast(pl.UInt32)).alias(f"to_{names[-1]}")
    lines = lines.with_columns(last)
    for name, later in zip(names[-2::-1], names[:0:-1], strict=True):
        lines = lines.with_columns(pl.coalesce(f"at_{later}", f"to_{later}").alias(f"to_{name}"))
    return lines


def _begin(name: str) -> pl.Expr:
    return pl.col(f"at_{name}") + len(_MARKS[name])


def _cut(begin: pl.Expr, end: pl.Expr) -> pl.Expr:
    """What stands from one place to another; null to the end."""
    return pl.col("raw").bin.slice(begin, end - begin).cast(pl.String)


def _unsure() -> pl.Expr:
    """Whether cutting at the first marks may have split a line wrongly: all of it must be accounted for.

    Safe are marks in order after the first, addresses without a comma, requests, upstreams and hosts without a quote, a quote at
    the end of what has quoted fields and of nothing else, and an even number of them before the first.
    """
    names = list(_MARKS)
    at = {name: pl.col(f"at_{name}") for name in names}
    there, quoted = (pl.any_horizontal(at[name].is_not_null() for name in names[first:]) for first in (1, 2))
    disordered = [at[name] >= pl.col(f"to_{name}") for name in names[:-1]]
    strays = {"client": ",", "server": ",", "request": '"', "upstream": '"', "host": '"'}
    stray = [pl.col(name).str.contains(mark, literal=True) for name, mark in strays.items()]
    before = pl.when(pl.col("text").str.find('"', literal=True) < at["client"]).then(pl.col("raw")).bin.head(at["client"])
    odd = before.cast(pl.String).str.count_matches('"', literal=True) % 2 == 1
    doubts = pl.any_horizontal(one.fill_null(False) for one in (*disordered, *stray, odd, pl.col("closed") != quoted))
    return pl.when(at["client"].is_null()).then(there).otherwise(doubts)


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
        .when(message.str.contains(_POST_TOO_LARGE, literal=True))
        .then(pl.lit("size.exceeded"))
    )
    meanings = found.replace_strict(list(_FAILURES), list(_FAILURES.values()), default=None, return_dtype=pl.String)
    return frame.with_columns(meanings.alias("meant")).select(kind).to_series()
