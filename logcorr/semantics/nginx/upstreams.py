"""Handing a request on: which address gets it, and which URI it is asked for (`ngx_http_proxy_create_request`)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from logcorr.lazily import regex
from logcorr.semantics.nginx import uri, variables
from logcorr.semantics.nginx.locations import prefix_of
from logcorr.semantics.nginx.request import Handed, Outcome, Request, Status
from logcorr.semantics.nginx.tree import Node

TARGET = regex(r"(?P<scheme>https?)://(?P<host>unix:[^:]+:?|[^/?]+)(?P<uri>[/?].*)?", re.IGNORECASE | re.DOTALL)
REFUSED = 0
PORTS = {"http": "80", "https": "443"}


def hand_on(r: Request, handler: Node) -> Outcome:
    """The upstream's answer, or what nginx says when there is none."""
    text = handler.args[0] if handler.args else ""
    if handler.name != "proxy_pass":
        host = variables.expand(r, text).partition("://")[2] or variables.expand(r, text)
        return _answer(r, handler, addresses(r.upstreams, host, "0"), None)
    match = TARGET.fullmatch(variables.expand(r, text))
    if not match:
        if variables.has_gap(variables.expand(r, text)):
            return _answer(r, handler, variables.readable(variables.expand(r, text)), None)
        r.step(f"{handler.title()}: the URL is not valid", handler)
        return Status(500, handler)
    if "$" in text:
        _assume_resolved(r, match["host"])
    target = addresses(r.upstreams, match["host"], PORTS[match["scheme"].lower()])
    return _answer(r, handler, variables.readable(target), variables.readable(_uri(r, handler, match["uri"], "$" in text)))


def addresses(upstreams: Mapping[str, Node], host: str, port: str) -> str:
    """The address behind a host, or those of the group it names, in order and without the ones marked `down`."""
    group = upstreams.get(host.lower())
    if group is None:
        return host if host.startswith("unix:") or re.search(r":\d+$", host) else f"{host}:{port}"
    servers = [node for node in group.all("server") if node.args and "down" not in node.args]
    servers.sort(key=lambda node: "backup" in node.args)
    return ", ".join(addresses({}, node.args[0], "80") for node in servers)


def _assume_resolved(r: Request, host: str) -> None:
    bare = re.sub(r":\d+$", "", host)
    if bare.lower() not in r.upstreams and re.search(r"[A-Za-z]", bare) and not bare.startswith("["):
        r.assume(f"nginx's resolver finds {variables.readable(bare)}")


def _uri(r: Request, handler: Node, given: str | None, varies: bool) -> str:
    """The URI asked for: the client's own, or `given` in place of the location's prefix, or `given` alone if it has variables."""
    if given is not None and varies:
        return given if given.startswith("/") else "/" + given
    if given is None and r.untouched:
        return r.question.target
    path = r.uri
    if given is not None and r.matches_location:
        path = path[len(prefix_of(r.location) or "/" * (r.location.name == "server")) :]
    path = uri.escape(path) if r.quoted or r.internal else path
    head = (given or "") if r.matches_location else ""
    return head + path + ("?" + r.args if r.args else "")


def _answer(r: Request, handler: Node, target: str, asked: str | None) -> Outcome:
    r.step(f"{handler.name} to {target}" + (f", which is asked for {asked}" if asked else ""), handler)
    code = _status(r, target)
    if code is None:
        r.assume(f"{target} answers in time (else 502 or 504)")
    if code == REFUSED:
        r.step("the upstream refuses the connection", handler)
        return Status(502, handler)
    if code is None or code >= 300:
        replaced = _intercepts(r, handler, code)
        if replaced:
            return replaced
    return Handed(code, handler, target, asked)


def _status(r: Request, target: str) -> int | None:
    """What the upstream answers: what its reachable servers agree on, 0 if none can be reached."""
    codes = {r.world.upstream(address) for address in target.split(", ")}
    reachable = codes - {REFUSED}
    return REFUSED if not reachable else reachable.pop() if len(reachable) == 1 else None


def _intercepts(r: Request, handler: Node, code: int | None) -> Status | None:
    """`proxy_intercept_errors`: statuses that an `error_page` names become nginx's own."""
    kind = handler.name.removesuffix("_pass")
    if r.scope.setting(f"{kind}_intercept_errors", "off") != "on":
        return None
    pages = {word for page in r.scope.inherited("error_page") for word in page.args if word.isdigit()}
    if code is None and pages:
        r.assume(f"the upstream answers none of {', '.join(sorted(pages))}, which {kind}_intercept_errors replaces")
    return Status(code, handler) if str(code) in pages and code is not None else None
