"""What else an nginx configuration says: upstream groups, logs, and the time limits of proxied connections."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from logcorr.model.facts import Fact
from logcorr.model.source import Span
from logcorr.semantics.nginx.locations import PASSES
from logcorr.semantics.nginx.tree import Node

COMBINED = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
"""The format nginx has built in; https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format."""

UNITS_MS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "M": 2_592_000_000,
    "y": 31_536_000_000,
}
LIMITS_S = {"connect_timeout": 60.0, "read_timeout": 60.0, "send_timeout": 60.0}
"""nginx's defaults, in seconds, after the module's prefix (`proxy_`)."""


class UpstreamServer(Fact, frozen=True, kw_only=True):
    """One server of an upstream group, with its parameters as written (`weight=2`, `max_fails=0`, `backup`, `down`)."""

    address: str
    parameters: tuple[str, ...] = ()


class Upstream(Fact, frozen=True, kw_only=True):
    """An upstream group; `settings` are its other directives (`keepalive 32`, `least_conn`)."""

    name: str
    servers: tuple[UpstreamServer, ...]
    settings: tuple[tuple[str, Span], ...] = ()


class LogFormat(Fact, frozen=True, kw_only=True):
    """A named format of the access log; its quoted parts are joined as nginx joins them."""

    name: str
    text: str
    escape: str = "default"


class Log(Fact, frozen=True, kw_only=True):
    """A log that nginx writes: `kind` is `access` or `error`, `detail` the format's name or the least level.

    `server` is the server block it is set in, None where it holds for all that set none of their own.
    """

    kind: str
    path: str
    detail: str
    server: Span | None = None


class Limit(Struct, frozen=True, kw_only=True):
    """A time limit in force, in seconds; `span` is None where it is nginx's default."""

    name: str
    seconds: float
    span: Span | None = None


class Proxied(Fact, frozen=True, kw_only=True):
    """A block that hands requests on; `span` is the pass directive's.

    `target` is as written, `location` the block's first line and `path` what it matches. `upgrades`: connections can become
    WebSockets, which then live until `read_timeout` passes without data from the upstream.
    """

    target: str
    location: Span
    path: str
    server: Span
    upgrades: bool
    limits: tuple[Limit, ...]

    def limit(self, name: str) -> Limit:
        """One limit, by its directive's name (`proxy_read_timeout`). Raises StopIteration if there is none."""
        return next(limit for limit in self.limits if limit.name == name)


def seconds(text: str) -> float | None:
    """nginx's times (`60`, `1m30s`, `500ms`) in seconds; None if it is none."""
    if text.isdigit():
        return float(text)
    if not re.fullmatch(r"(?:\d+(?:ms|[smhdwMy])\s*)+", text):
        return None
    return sum(int(number) * UNITS_MS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwMy])", text)) / 1000


def upstreams(http: Node) -> Iterator[Upstream]:
    """The upstream groups, in the order of the text."""
    for group in http.all("upstream"):
        servers = (
            UpstreamServer(span=node.span, address=node.args[0], parameters=node.args[1:])
            for node in group.all("server")
            if node.args
        )
        settings = ((node.title(), node.span) for node in group.children if node.name != "server")
        yield Upstream(span=group.span, name=" ".join(group.args), servers=tuple(servers), settings=tuple(settings))


def log_formats(http: Node) -> Iterator[LogFormat]:
    """The formats that are defined; `combined` is nginx's own and not among them."""
    for node in http.all("log_format"):
        name, *texts = node.args or ("",)
        escape = "default"
        if texts and texts[0].startswith("escape="):
            escape = texts.pop(0).partition("=")[2]
        yield LogFormat(span=node.span, name=name, text="".join(texts), escape=escape)


def logs(main: Node) -> Iterator[Log]:
    """All logs that are written, `off` left out."""
    for node in main.walk():
        if node.name not in ("access_log", "error_log") or not node.args or node.args[0] == "off":
            continue
        kind = node.name.removesuffix("_log")
        words = [word for word in node.args[1:] if "=" not in word]
        server = next((block.span for block in node.outward() if block.name == "server"), None)
        detail = words[0] if words else {"access": "combined", "error": "error"}[kind]
        yield Log(span=node.span, kind=kind, path=node.args[0], detail=detail, server=server)


def proxied(http: Node) -> Iterator[Proxied]:
    """Every block that hands requests on."""
    for node in http.walk():
        block = node.parent
        server = next((around for around in node.outward() if around.name == "server"), None)
        if node.name in PASSES and block is not None and server is not None and node.args:
            kind = node.name.removesuffix("pass")
            yield Proxied(
                span=node.span,
                target=node.args[0],
                location=block.span,
                path=" ".join(block.args),
                server=server.span,
                upgrades=kind == "grpc_" or _upgrades(block),
                limits=tuple(_limit(block, kind + name, default) for name, default in LIMITS_S.items()),
            )


def _limit(block: Node, name: str, default: float) -> Limit:
    found = next((node for node in block.inherited(name) if node.args), None)
    value = seconds(" ".join(found.args)) if found else None
    return Limit(name=name, seconds=default if value is None else value, span=found.span if found and value is not None else None)


def _upgrades(block: Node) -> bool:
    """Whether HTTP/1.1 and the client's `Upgrade` header reach the upstream."""
    headers = [node.args[0].lower() for node in block.inherited("proxy_set_header") if len(node.args) > 1 and node.args[1]]
    return block.setting("proxy_http_version", "1.0") == "1.1" and {"upgrade", "connection"} <= set(headers)
