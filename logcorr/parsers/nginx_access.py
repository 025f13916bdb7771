"""nginx's access log: `combined`, and any `log_format` that the collected configuration defines.

`192.0.2.45 - - [08/Nov/2026:12:17:03 +0000] "GET /api/albums/373 HTTP/1.1" 502 552 "-" "Mozilla/5.0 (X11)"`

https://nginx.org/en/docs/http/ngx_http_log_module.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from logcorr.grammar import access_lines, json_requests, stamps
from logcorr.grammar.log_format import COMBINED, COMMON, MANAGER, MANAGER_OWN, UNKNOWN, LogFormat, of_json
from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl, regex
from logcorr.model.events import severity_type
from logcorr.model.facts import Directive, Fact, NginxFile
from logcorr.model.source import Sample
from logcorr.parsers import Context, log_parser
from logcorr.parsers._shared.columns import events, groups_of, no

_CLF = regex(r'^\S+ \S+ .{0,60}?\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "')
_MANAGER = regex(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] (?:\S+ \S+ )?\d{3} - [A-Z]+ https? \S+ ")
_REQUEST = regex(
    r"(?!\W*(?:DEBUG|INFO|WARN|ERROR)|\d{4}[-/]\d\d[-/]\d\d[ T][\d:.,]+ [A-Za-z][\w.-]*: )"
    r".*?(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[\da-fA-F]{0,4}:){3,7}[\da-fA-F]{0,4}).*"
    r'"(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|PROPFIND) \S+ HTTP/\d(?:\.\d)?"\W+\d{3}\b'
)

_NAMES = {
    "remote_addr": "client",
    "remote_user": "user",
    "body_bytes_sent": "bytes",
    "http_referer": "referrer",
    "http_user_agent": "user_agent",
}
_KNOWN = (
    LogFormat("combined", COMBINED),
    LogFormat("host and combined", f"$host {COMBINED}"),
    LogFormat("common", COMMON),
    LogFormat("Nginx Proxy Manager", MANAGER),
    LogFormat("Nginx Proxy Manager's own", MANAGER_OWN),
)
_TIMES = {"time_local": "clf", "time_iso8601": "iso_o", "msec": "epoch"}
_NUMBERS = {"status": "Int16", "body_bytes_sent": "Int64", "bytes_sent": "Int64", "request_length": "Int64"}
"""Variables that are whole numbers, each with its type in a table."""


def _recognise(sample: Sample) -> float:
    classic = stamps.share(sample.lines, lambda line: _CLF.match(line) or _MANAGER.match(line))
    if classic >= 0.5:
        return 0.95 * classic
    as_json = stamps.share(sample.lines, _is_json)
    if as_json >= 0.5:
        return 0.7 * as_json
    whole = json_requests.of_lines(sample.lines)
    if whole and {"request", "status"} <= set(whole.variables) and not _of_a_logger(sample.lines, whole):
        return 0.7 * stamps.share(sample.lines, re.compile(whole.pattern(), re.ASCII).match)
    own_names = stamps.share(sample.lines, _ANSWERED.match)
    if own_names >= 0.5:
        return 0.4 * own_names
    custom = stamps.share(sample.lines, _REQUEST.match)
    inferred = access_lines.infer(sample.lines)
    # without a client's address it is an application's own, unless it quotes requests as servers do
    whose = inferred and ("remote_addr" in inferred.variables or stamps.share(sample.lines, _QUOTED.match) >= 0.5)
    told = stamps.share(sample.lines, re.compile(inferred.pattern(), re.ASCII).match) if inferred and whose else 0.0
    return 0.65 * max(custom, told) if max(custom, told) >= 0.5 else 0.0


def _recognise_by(sample: Sample, facts: Sequence[Fact]) -> bool:
    """Whether half of the lines are in a configured format that has a time and a status."""
    told = (
        found for found in _configured(facts) if "status" in found.variables and not _TIMES.keys().isdisjoint(found.variables)
    )
    return any(stamps.share(sample.lines, re.compile(found.pattern(), re.ASCII).match) >= 0.5 for found in told)


_QUOTED = regex(r'.*"[A-Z]{3,9} \S+ HTTP/\d')

_LEVELLED = regex(r'(?=.*"level": ?["\d])(?=.*"(?:msg|message)": ?")')
"""What loggers of applications write, and no proxy: a level, and words beside."""


_LEVEL = regex(r'.*"(?:level|lvl|severity)": ?["\d]')


def _of_a_logger(lines: Sequence[str], found: LogFormat | None) -> bool:
    """Whether an application's logger writes them: a level with words beside, or one where no client's address is told."""
    told = _LEVELLED if found and "remote_addr" in found.variables else _LEVEL
    return stamps.share(lines, told.match) >= 0.5


def _is_json(line: str) -> bool:
    found = of_json(line)
    asks = found is not None and "status" in found.variables and not _REQUESTS.isdisjoint(found.variables)
    return asks and not _of_a_logger((line,), found)


_ANSWERED = regex(
    r'(?=\{"[^{]*\}$)(?=.*"(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|PROPFIND)[ "])'
    r'(?=.*: ?"?[1-5]\d\d"?[,}])(?=.*"[^"]*/)'
)
"""A flat object with a method, a number like a status and a path, whatever its members are called: a `log_format` may tell."""

_REQUESTS = frozenset(("request", "request_uri", "uri"))
_PARTS = frozenset(("request_method", "request_uri"))
"""What tells a request as well as its own line does."""


@log_parser(
    title="nginx access log",
    source="nginx",
    recognise=_recognise,
    emits={"http.5xx": ["status 500 to 599"], "client.aborted": ["status 499"], "client.limited": ["status 429"]},
    recognise_by=_recognise_by,
)
def nginx_access(lines: pl.LazyFrame, context: Context) -> pl.LazyFrame:
    """Events with a column for each variable of the format, among them client, request, status, bytes, referrer, user_agent."""
    chosen, whole = _chosen(context)
    read, value = _values(lines, chosen, whole)
    known = value[chosen.variables[0]].is_not_null()
    status = value["status"].cast(pl.Int16, strict=False) if "status" in value else no(pl.Int16)
    time, offset = _time(value, chosen.shape)
    own = {_NAMES.get(name, name): _typed(name, column) for name, column in value.items() if name not in _TIMES}
    request = own.setdefault("request", _request(value)) if value.keys() >= _PARTS else value.get("request", _request(value))
    answered = pl.when(status.is_not_null()).then(value.get("status", no(pl.String)))
    answer = pl.concat_str(request, answered, separator=" ", ignore_nulls=True)
    return events(
        read,
        time=time,
        severity=pl.when(known).then(
            pl.when(status >= 500).then(pl.lit("error", severity_type())).otherwise(pl.lit("info", severity_type()))
        ),
        kind=pl.when(status.is_between(500, 599))
        .then(pl.lit("http.5xx"))
        .when(status == 499)
        .then(pl.lit("client.aborted"))
        .when(status == 429)
        .then(pl.lit("client.limited")),
        message=pl.when(known).then(answer).otherwise(pl.col("text")),
        parsed=known,
        own=own | ({} if offset is None else {"utc_offset_s": offset}),
    )


def _request(value: dict[str, pl.Expr]) -> pl.Expr:
    """The request of a format that has its parts only."""
    parts = [value[name] for name in ("request_method", "request_uri", "uri") if name in value][:2]
    return pl.concat_str(parts, separator=" ") if parts else no(pl.String)


def _values(lines: pl.LazyFrame, chosen: LogFormat, whole: bool) -> tuple[pl.LazyFrame, dict[str, pl.Expr]]:
    """The lines, and each variable's value."""
    wholes = (True, False) if whole and chosen in _KNOWN else (whole,)  # a server may log more from some day on
    patterns = dict.fromkeys(ascii_only(chosen.pattern(each, one_word=word)) for each in wholes for word in (True, False))
    part = pl.col("groups").struct
    found = {name: part[number] for number, name in enumerate(chosen.variables)}
    return lines.with_columns(groups_of(pl.col("text"), *patterns).alias("groups")), found


def _time(value: dict[str, pl.Expr], own: stamps.Shape | None) -> tuple[pl.Expr, pl.Expr | None]:
    """The time, and its offset from UTC, from whichever variable holds it; `own` is its shape in a format that is not nginx's."""
    shapes = {shape.name: shape for shape in stamps.SHAPES}
    for variable, name in _TIMES.items():
        if variable in value:
            shape = own or shapes[name]
            return shape.time(value[variable]), shape.utc_offset_s(value[variable])
    return no(pl.Datetime("us")), None


def _typed(name: str, column: pl.Expr) -> pl.Expr:
    if name in _NUMBERS:
        return column.cast(getattr(pl, _NUMBERS[name]), strict=False)
    if name == "request_time":
        return column.cast(pl.Float64, strict=False)
    return pl.when(column != "-").then(column)


def _chosen(context: Context) -> tuple[LogFormat, bool]:
    """The format of most of the first lines, and whether it is all of a line; a configured one before the known ones."""
    seen = json_requests.of_lines(context.sample.lines)
    return _best((*_configured(context.facts), *([seen] if seen else []), *_KNOWN), context.sample.lines)


@lru_cache
def _best(formats: tuple[LogFormat, ...], lines: tuple[str, ...]) -> tuple[LogFormat, bool]:
    """Of the formats that about as many lines are in as any, the one with the most variables, the first among equals.

    Where those that are given are not all of most lines, their layout is inferred; else more may follow a known one.
    """
    given = _most(((found, True) for found in formats if found.variables), lines)
    if given[1] < 0.7:
        inferred = access_lines.infer(lines)
        given = _most([(inferred, True)] if inferred else [], lines)
    chosen, share = given if given[1] >= 0.7 else _most(((found, False) for found in _KNOWN), lines)
    return chosen if share else (UNKNOWN, False)


def _most(candidates: Iterable[tuple[LogFormat, bool]], lines: tuple[str, ...]) -> tuple[tuple[LogFormat, bool], float]:
    """The format with the most variables among those that nearly as many lines are in as the best has, and the best's share."""
    shares = [(stamps.share(lines, re.compile(one.pattern(whole), re.ASCII).match), (one, whole)) for one, whole in candidates]
    best = max((share for share, _ in shares), default=0.0)
    good = [one for share, one in shares if share >= 0.7 * best]
    return max(good, key=lambda one: len(one[0].variables), default=(UNKNOWN, False)), best


def _configured(facts: Iterable[Fact]) -> Iterator[LogFormat]:
    for file in facts:
        if isinstance(file, NginxFile):
            for directive in _all(file.directives):
                if directive.name == "log_format" and len(directive.args) > 1:
                    text = [part for part in directive.args[1:] if not part.startswith("escape=")]
                    yield LogFormat(directive.args[0], "".join(text))


def _all(directives: Iterable[Directive]) -> Iterator[Directive]:
    for directive in directives:
        yield directive
        yield from _all(directive.children or ())
