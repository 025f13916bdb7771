"""How long an application keeps a connection open on which nobody asks anything, as its settings say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.facts import NginxFile
from logcorr.model.source import Span
from logcorr.rules._settings import settings

NODE_IDLE_S = 5.0
SOURCES = (".js", ".mjs", ".cjs", ".ts")

_ANY = r"(?i)keep[-_]?alive|persistent_timeout|\bIdleTimeout:"
"""What such settings are called, among others."""

_END = r"(?:[\s;,)}\"'\]]|//|/\*|$)"
_NODE = regex(rf"\bkeepAliveTimeout\s*[=:]\s*(?P<number>[\d_]+)(?P<times>\s*\*\s*1000)?\s*{_END}")
"""In milliseconds: `server.keepAliveTimeout = 5 * 1000`."""

_PUMA = rf"^\s*persistent_timeout[\s(]+(?P<puma>\d+)\s*{_END}"
_GUNICORN = rf"--keep-alive['\",\s=]+(?P<gunicorn>\d+)\s*{_END}|^\s*keepalive\s*=\s*(?P<own>\d+)\s*(?:\#|$)"
_UVICORN = rf"\btimeout[-_]keep[-_]alive['\",\s=]+(?P<uvicorn>\d+)\s*{_END}"
_APACHE = r"^\s*KeepAliveTimeout\s+(?P<apache>\d+)(?P<apache_unit>ms|s)?\s*$"
_KESTREL = r"\bKeepAliveTimeout\s*=\s*TimeSpan\.From(?P<kestrel_unit>Seconds|Minutes)\((?P<kestrel>\d+)\)"
_GO = r"\bIdleTimeout:\s*(?:(?P<go>\d+)\s*\*\s*)?time\.(?P<go_unit>Second|Minute)\b"
_TOMCAT = rf"\b(?:keepAliveTimeout=\"|keep-alive-timeout\s*[=:]\s*\"?)(?P<tomcat>\d+)\s*(?P<tomcat_unit>ms|s|m)?\s*{_END}"
_OTHERS = (_PUMA, _GUNICORN, _UVICORN, _APACHE, _KESTREL, _GO, _TOMCAT)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "Second": 1.0, "Seconds": 1.0, "Minute": 60.0, "Minutes": 60.0}
_BARE = {"tomcat": 0.001}
"""What a number without a unit is in, where not in seconds."""


SERVERS = {
    "uvicorn": (r"\b(?:uvicorn|hypercorn)\b", 5.0),
    "gunicorn": (r"\bgunicorn\b", 2.0),
    "waitress": (r"\bwaitress(?:-serve)?\b", 120.0),
    "puma": (r"\bpuma\b", 20.0),
    "apache": (r"\b(?:httpd|apache2(?:ctl)?|mod_wsgi-express)\b", 5.0),
    "tomcat": (r"\b(?:tomcat|catalina)\b|\bjava\b.*\.jar\b", 60.0),
    "node": (r"\bnode (?:\S+ )*\S+\.[cm]?js\b|\b(?:next|nest) start\b", NODE_IDLE_S),
}
"""Programs that serve, and for how many seconds each keeps a connection on which nothing is asked, if it is not told."""

UNSURE = ("gunicorn", "tomcat", "node")
"""gunicorn keeps none with its usual workers; any server may be in a jar; Node's sources tell more than how it is run."""


class Idle(Struct, frozen=True):
    """How long the application keeps an idle connection: set in a line of it, or its server's own; `known` by its source."""

    seconds: float
    span: Span | None
    known: bool


def application_keeps(case: Case) -> Idle:
    """The shortest limit that a collected file sets; that of its server, if nothing is set; Node's own, if none is known."""
    found = list(told_to_keep(case))
    sources = any(path.endswith(SOURCES) for path in case.files)
    others = [] if found or sources else [one for one, _, told in by_themselves(case) if told not in UNSURE]
    own = others[0] if len({one.seconds for one in others}) == 1 else Idle(NODE_IDLE_S, None, sources)
    return min(found, key=lambda one: one.seconds, default=own)


def by_themselves(case: Case) -> Iterator[tuple[Idle, str, str]]:
    """What servers do that are not told how long: the limit, the line that runs one, and its name."""
    for name, (pattern, seconds) in SERVERS.items():
        yield from ((Idle(seconds, span, True), text, name) for span, text in settings(case, pattern))


def told_to_keep(case: Case) -> Iterator[Idle]:
    """The limits that collected files set."""
    proxies = {file.span.path for file in case.of(NginxFile)}
    for span, text in settings(case, _ANY):
        seconds = None if span.path in proxies else _seconds(text, script=span.path.endswith(SOURCES))
        if seconds is not None:
            yield Idle(seconds, span, True)


def _seconds(text: str, *, script: bool) -> float | None:
    if script:
        node = _NODE.search(text)
        return float(node["number"].replace("_", "")) * (1.0 if node["times"] else 0.001) if node else None
    for pattern in _OTHERS:
        match = re.search(pattern, text)
        if match:
            groups = {name: value for name, value in match.groupdict().items() if value}
            unit = next((value for name, value in groups.items() if name.endswith("_unit")), None)
            name, number = next(((name, value) for name, value in groups.items() if not name.endswith("_unit")), ("", "1"))
            return float(number) * (_SECONDS[unit] if unit else _BARE.get(name, 1.0))
    return None
