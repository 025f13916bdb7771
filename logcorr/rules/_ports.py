"""Where the port is set on which a service listens."""

from __future__ import annotations

from collections.abc import Collection

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.facts import NginxFile
from logcorr.model.source import Span
from logcorr.rules._settings import settings

OVERRIDES = regex(r"\.service[.-]d[/.-]|override\.conf$|etc/default/")
"""Files that change a unit, or its environment."""


def ports_set(case: Case, ports: Collection[int]) -> list[Span]:
    """The lines other than the proxy's that set one of these ports."""
    numbers = "|".join(map(str, sorted(ports)))
    pattern = rf"(?i)(?:port\w*['\"]?\s*[:=]|--port[= ]|\|\||\?\?|:-|listen\()\s*['\"]?(?:{numbers})\b"
    proxies = {file.span.path for file in case.of(NginxFile)}
    return [span for span, _ in settings(case, pattern) if span.path not in proxies]


def is_overridden(case: Case, ports: Collection[int]) -> bool:
    """Whether a file beside a unit sets the port: it is the odd one then, and not who asks where the service was."""
    return any(OVERRIDES.search(span.path) for span in ports_set(case, ports))
