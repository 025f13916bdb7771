"""Envelopes: what another program wrapped around each line. Peeled, so that the inner lines are recognised as what they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Struct

from logcorr.collect import syslog
from logcorr.lazily import pl, regex

SYSLOG = "syslog"


class Envelope(Struct, frozen=True):
    """One kind of wrapping: `inner` takes it off one line (None: not wrapped), `peel` off a frame of lines.

    A frame may gain the columns `logged_at`, the wrapping's own stamp, and `writer`, who wrote the line.
    """

    name: str
    inner: Callable[[str], str | None]
    peel: Callable[[pl.LazyFrame], pl.LazyFrame]
    shown: re.Pattern[str] | None = None
    """What one of the lines must be for this: others may look alike."""


def around(lines: Sequence[str]) -> Envelope | None:
    """The envelope that nine in ten of these lines wear, if there is one; else what tells several writers' lines apart."""
    written = [line for line in lines if line and not line.startswith("Attaching to ")]
    found = (envelope for envelope in ENVELOPES if written and _share(envelope, written) >= 0.9)
    return next(found, NGINX_STREAMS if _takes_turns(written) else _syslog_around(written))


def _share(envelope: Envelope, lines: Sequence[str]) -> float:
    """How many of the lines wear it; none where hardly any has something to take off."""
    if envelope.inner(lines[0]) is None and envelope.inner(lines[-1]) is None:
        return 0.0
    if envelope.shown and not any(map(envelope.shown.match, lines)):
        return 0.0
    inner = [envelope.inner(line) for line in lines]
    taken = sum(text is not None and text != line for text, line in zip(inner, lines, strict=True))
    return sum(text is not None for text in inner) / len(lines) if taken >= 0.1 * len(lines) else 0.0


def _docker_inner(line: str) -> str | None:
    if not line.startswith('{"log":"'):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return str(record["log"]).rstrip("\n") if "time" in record else None


_JSON_STRING = r'^(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|u[dD][0-7][0-9a-fA-F]{2}))*$'
"""The inside of a JSON string without surrogate pairs; anything else is left as it is written."""


def _docker_peel(lines: pl.LazyFrame) -> pl.LazyFrame:
    """`{"log":"text\\n","stream":"stdout","time":"2026-01-31T12:00:00.123456789Z"}` (Docker's json-file driver).

    What is written otherwise stays as it is.
    """
    wrapped = pl.col("text").str.starts_with('{"log":"')
    log = pl.when(wrapped).then(pl.col("text")).str.extract(r'^\{"log":"((?:[^"\\]|\\.)*)"', 1).str.strip_suffix("\\n")
    escaped = log.str.contains("\\", literal=True)
    decodable = pl.when(escaped & log.str.contains(_JSON_STRING)).then(log)
    decoded = (pl.lit('"') + decodable + pl.lit('"')).str.json_decode(pl.String)
    stamp = pl.when(wrapped).then(pl.col("text")).str.extract(r'"time":"([^"]*)"\}$', 1)
    logged_at = stamp.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", strict=False)
    return lines.with_columns(
        pl.coalesce(decoded, log, pl.col("text")).alias("text"),
        logged_at.dt.replace_time_zone("UTC").alias("logged_at"),
    )


_CRI = r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (?:stdout|stderr) [FP] (.*)$"


def _cri_inner(line: str) -> str | None:
    match = re.match(_CRI, line)
    return match[2] if match else None


def _cri_peel(lines: pl.LazyFrame) -> pl.LazyFrame:
    """`2026-01-31T12:00:00.123456789+00:00 stdout F text` (Kubernetes' container runtime interface)."""
    groups = pl.col("text").str.extract_groups(_CRI).struct
    return _stamped(lines, groups[0], pl.coalesce(groups[1], pl.col("text")))


def _stamped(lines: pl.LazyFrame, stamp: pl.Expr, text: pl.Expr) -> pl.LazyFrame:
    logged_at = stamp.str.replace("Z$", "+00:00").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False)
    return lines.with_columns(text.alias("text"), logged_at.dt.convert_time_zone("UTC").alias("logged_at"))


_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z"
_DOCKER_TIME = rf"^({_TIME}) (.*)$"
_DOCKER_FINE = regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7,9}Z (?!(?:container|image|network|volume) [a-z_]+)")


def _docker_time_inner(line: str) -> str | None:
    """Finer than milliseconds is what no application writes itself; events of `docker events` are."""
    return line.partition(" ")[2] if _DOCKER_FINE.match(line) else None


def _docker_time_peel(lines: pl.LazyFrame) -> pl.LazyFrame:
    """`2026-01-31T12:00:00.123456789Z text` (`docker logs -t`, `kubectl logs --timestamps`)."""
    groups = pl.col("text").str.extract_groups(_DOCKER_TIME).struct
    return _stamped(lines, groups[0], pl.coalesce(groups[1], pl.col("text")))


_WRITER = r"^([A-Za-z0-9][A-Za-z0-9_.-]*?)(?:[-_.][0-9]+(?:\.[a-z0-9]{20,}@[A-Za-z0-9_.-]+)?)? +\| ?"
_COMPOSE = rf"{_WRITER}(.*)$"
_EXIT = r"^([A-Za-z0-9][A-Za-z0-9_.-]*?)(?:[-_.][0-9]+)? (exited with code [0-9]+)$"
_PM2 = r"^[0-9]+\|([A-Za-z0-9_.-]+) +\| ?(.*)$"
_OF_PM2 = r"[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,6})?(?: ?[+-][0-9]{2}:?[0-9]{2})?"
_PM2_TIME = rf"^([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:{_OF_PM2})?):(?: (.*))?$"
_CONTINUED = regex(r"[\s})\]]")


def _second(*patterns: str) -> Callable[[str], str | None]:
    compiled = [re.compile(pattern) for pattern in patterns]

    def inner(line: str) -> str | None:
        match = next(filter(None, (pattern.match(line) for pattern in compiled)), None)
        return match[2] if match else None

    return inner


def _third(pattern: str) -> Callable[[str], str | None]:
    return lambda line: match[3] if (match := re.match(pattern, line)) else None


def _named(pattern: str) -> Callable[[pl.LazyFrame], pl.LazyFrame]:
    """`backend-1  | text` (`docker compose logs`), `0|api  | text` (`pm2 logs`): a line without a name has the one before."""

    def peel(lines: pl.LazyFrame) -> pl.LazyFrame:
        groups, end = pl.col("text").str.extract_groups(pattern).struct, pl.col("text").str.extract_groups(_EXIT).struct
        writer = pl.coalesce(groups[0], end[0]).forward_fill()
        return lines.with_columns(pl.coalesce(groups[1], end[1], pl.col("text")).alias("text"), writer.alias("writer"))

    return peel


_COMPOSE_TIMES = rf"{_WRITER}({_TIME}) (.*)$"
_COARSE = r"[\dT:-]{19}(?:\.\d{1,6})?Z "
_INNER = r"(?:\[?\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:|(?:\S+ ){3}\[\d\d/[A-Z][a-z]{2}/\d{4}|Traceback \(|\s+(?:File \"|at \S+ ?\())"
_STAMPED_TWICE, _NAMED_AND_STAMPED_TWICE = regex(rf"{_COARSE}{_INNER}"), regex(rf"\S+ +\| ?{_COARSE}{_INNER}")
"""What bears a second stamp, or goes on from the line before: the first stamp is Docker's, whoever made it shorter."""


def _compose_times_peel(lines: pl.LazyFrame) -> pl.LazyFrame:
    """`web-1  | 2026-01-31T12:00:00.123Z text` (`docker compose logs -t`), the stamps made shorter."""
    whole = pl.col("text").str.extract_groups(_COMPOSE_TIMES).struct
    named = _named(_COMPOSE)(lines.with_columns(whole[1].alias("stamp"), whole[2].alias("inner")))
    return _stamped(named, pl.col("stamp"), pl.coalesce("inner", "text")).drop("stamp", "inner")


_TIMED_NAME = rf"^({_TIME}) {_WRITER.removeprefix('^')}(.*)$"


def _timed_name_peel(lines: pl.LazyFrame) -> pl.LazyFrame:
    """`2026-01-31T12:00:00.123Z web-1  | text`: the same the other way round, as viewers of containers' logs save them."""
    whole = pl.col("text").str.extract_groups(_TIMED_NAME).struct
    named = lines.with_columns(whole[1].forward_fill().alias("writer"), whole[2].alias("inner"), whole[0].alias("stamp"))
    return _stamped(named, pl.col("stamp"), pl.coalesce("inner", "text")).drop("stamp", "inner")


def _pm2_time_inner(line: str) -> str | None:
    match = re.match(_PM2_TIME, line)
    if match is None:
        return line if _CONTINUED.match(line) else None
    text = match[2] or ""
    return None if text.startswith("PM2 ") else _pm2_text(match[1], text)


def _pm2_text(stamp: str, inner: str) -> str:
    """As `_pm2_time_peel` does it for one line."""
    if not inner or _CONTINUED.match(inner) or re.match(_DATED, inner):
        return inner
    return f"{stamp} {re.sub(_OF_DAY, '', inner) if ':' in stamp else inner}"


_DATED = r"^\[?[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ]|^\{"
_OF_DAY = r"^\[?[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?\]? "


def _pm2_time_peel(lines: pl.LazyFrame) -> pl.LazyFrame:
    """`2026-01-31T12:00:00: text` (`pm2 --time`), on some lines or all; with a zone and a blank by the usual `log_date_format`.

    The stamp goes where the line has a date of its own or goes on from the line before; it takes the place of a time of day,
    unless it is a date alone.
    """
    groups = pl.col("text").str.extract_groups(_PM2_TIME).struct
    inner = pl.when(groups[0].is_not_null()).then(groups[1].fill_null(""))
    undated = pl.when(groups[0].str.contains(":", literal=True)).then(inner.str.replace(_OF_DAY, "")).otherwise(inner)
    bare = inner.str.contains(_DATED) | inner.str.contains(r"^[ \t})\]]") | (inner == "")
    text = pl.when(bare).then(inner).otherwise(groups[0] + pl.lit(" ") + undated)
    return lines.with_columns(pl.coalesce(text, pl.col("text")).alias("text"))


def _syslog_around(lines: Sequence[str]) -> Envelope | None:
    """syslog around programs whose lines have times of their own, most of them; other programs' lines stay syslog's."""
    own, stamped = syslog.programs(lines), syslog.tells_offset(lines)
    peel = partial(syslog.peel, programs=own, stamped=stamped)
    return Envelope(SYSLOG, lambda line: syslog.inner(line, own), peel) if own else None


_ACCESS = r'^(?:[^ ]+ [^ ]+ [^\[]*\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8} [+-][0-9]{4}\] "|\{ ?")'
ERROR = (
    r"^(?:[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9:]{8} \[[a-z]+\] [0-9]+#[0-9]+: "
    r"|\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:.]{8,15} [0-9]{4}\] \[[a-z_0-9:]+\] \[pid )"
)


REQUESTS = r'^[^ ]+ [^ ]+ [^\[]*\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}[: ][0-9:]{8}(?: [+-][0-9]{4})?\] "'
OWN = (
    r"^(?:\[?(?:ERROR|CRITICAL|FATAL)\]?[: ]|Traceback \(most recent"
    r"|\[[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} [+-][0-9]{4}\] \[[0-9]+\] \[(?:ERROR|CRITICAL)\] )"
)
"""What an application says beside the requests that its server (gunicorn, uWSGI, Werkzeug) logs on the same stream."""

SERVER = r"^\[[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} [+-][0-9]{4}\] \[[0-9]+\] \[[A-Z]+\] "
"""What gunicorn says of itself, on the same stream as its application."""

_WHEN = r"\[?[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}"
_LEVEL = r"\[?(?:DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\]?"
OWN_STAMPED = rf"^(?:{_LEVEL}:? +{_WHEN}|{_WHEN}\S*(?: [+-][0-9]{{4}}\])?,? (?:\[[0-9]+\] |[\w.]+ - |- )?{_LEVEL}[: ])"
"""The same where each such line bears its own time."""


def _takes_turns(lines: Sequence[str]) -> bool:
    return any(re.match(_ACCESS, line) for line in lines) and any(re.match(ERROR, line) for line in lines)


def are_requests(lines: Sequence[str], pattern: str = _ACCESS, least: float = 0.5) -> bool:
    """Whether these lines are of an access log, most of them, or at `least` such a part."""
    return sum(bool(re.match(pattern, line)) for line in lines) > len(lines) * least


def _streams_peel(lines: pl.LazyFrame) -> pl.LazyFrame:
    """nginx's (or Apache's) access and error lines in one stream, as `docker logs` shows its container's."""
    stream = pl.when(pl.col("text").str.contains(_ACCESS)).then(pl.lit("access")).otherwise(pl.lit("error"))
    return lines.with_columns(stream.alias("writer"))


def _application_peel(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The requests of a server, what it says of itself, and what its application says; what has no head is of the line before."""
    text = pl.col("text").str
    head = (
        pl.when(text.contains(SERVER))
        .then(pl.lit("server"))
        .when(text.contains(OWN) | text.contains(OWN_STAMPED))
        .then(pl.lit("error"))
    )
    asked = text.contains(REQUESTS)
    stream = (
        pl.when(asked).then(pl.lit("access")).otherwise(pl.coalesce(pl.when(~asked).then(head).forward_fill(), pl.lit("error")))
    )
    return lines.with_columns(stream.alias("writer"))


NGINX_STREAMS = Envelope("nginx-streams", lambda line: line, _streams_peel)

APPLICATION_STREAMS = Envelope("application-streams", lambda line: line, _application_peel)

ENVELOPES = (
    Envelope("docker-json", _docker_inner, _docker_peel),
    Envelope("cri", _cri_inner, _cri_peel),
    Envelope("compose-times", _second(rf"{_WRITER}{_TIME} (.*)$", _EXIT), _compose_times_peel, _NAMED_AND_STAMPED_TWICE),
    Envelope("compose-times", _third(_TIMED_NAME), _timed_name_peel),
    Envelope("compose", _second(_COMPOSE, _EXIT), _named(_COMPOSE)),
    Envelope("pm2", _second(_PM2), _named(_PM2)),
    Envelope("docker-times", _docker_time_inner, _docker_time_peel),
    Envelope("docker-times", _second(rf"^({_TIME}) (.*)$"), _docker_time_peel, _STAMPED_TWICE),
    Envelope("pm2-times", _pm2_time_inner, _pm2_time_peel),
)
