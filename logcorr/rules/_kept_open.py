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


class Idle(Struct, frozen=True):
    """How long the application keeps an idle connection: set in a line of it, or Node's default; `known` by its source."""

    seconds: float
    span: Span | None
    known: bool


def application_keeps(case: Case) -> Idle:
    """The shortest limit that a collected file sets; Node's own, if nothing is set."""
    found = list(_set(case))
    sources = any(path.endswith(SOURCES) for path in case.files)
    return min(found, key=lambda one: one.seconds, default=Idle(NODE_IDLE_S, None, sources))


def _set(case: Case) -> Iterator[Idle]:
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
