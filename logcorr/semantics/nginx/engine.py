"""The phases of a request in nginx's order, and its redirects among them (`ngx_http_core_module.c`)."""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from logcorr.semantics.nginx import access, content, rewrite, uri, variables
from logcorr.semantics.nginx.locations import find
from logcorr.semantics.nginx.names import primary_name
from logcorr.semantics.nginx.request import MOST_URI_CHANGES, Handed, Jump, Named, Outcome, Request, Sent, Status
from logcorr.semantics.nginx.scopes import enter
from logcorr.semantics.nginx.tree import Node

TLS_ERRORS = {494: 400, 495: 400, 496: 400, 497: 400}
CLOSING = (408, 444, 499)
"""Statuses upon which nginx closes the connection and sends nothing."""


class End(Struct, frozen=True):
    """How the request ended: the status the client sees, and what decided it."""

    outcome: Sent | Handed | Status
    status: int | None
    location: str | None = None
    closed: bool = False


def answer(r: Request, arrival: Status | None = None) -> End:
    """The request from its arrival to its answer; `arrival` is what nginx objects to before any phase."""
    outcome: Outcome = arrival or _phases(r)
    while True:
        if isinstance(outcome, Status):
            if outcome.code in CLOSING:
                return End(outcome, 444, closed=True)
            outcome = _special(r, outcome)
        if isinstance(outcome, Jump):
            outcome = _jump(r, outcome)
        elif isinstance(outcome, Named):
            outcome = _named(r, outcome)
        elif isinstance(outcome, Sent | Handed):
            return End(outcome, r.status or outcome.code, _absolute(r, r.redirect))


def _phases(r: Request) -> Outcome:
    """From the server's rewrite phase on."""
    enter(r, r.server)
    return rewrite.run(r, r.server) or _find_and_serve(r)


def _find_and_serve(r: Request) -> Outcome:
    """Find the location, again whenever its rewrite phase changes the URI; then serve."""
    while True:
        early = _enter_location(r) or _location_rewrite(r)
        if early:
            return early
        if not r.uri_changed:
            return access.check(r, _authorise(r)) or content.serve(r)
        r.uri_changes -= 1
        if r.uri_changes == 0:
            r.step("the URI is rewritten in a cycle", r.scope)
            return Status(500, r.scope)


def _enter_location(r: Request) -> Outcome | None:
    r.handler, r.uri_changed = None, False
    found = find(r.uri, r.server)
    enter(r, found.location if found else r.server)
    if found is None:
        r.step("no location matches: the server's own settings", r.server)
        return None
    if found.match:
        r.captured(found.match)
    r.step(found.location.title(), found.location)
    if not r.internal and found.location.inherited("internal"):
        r.step("internal: not for clients", found.location)
        return Status(404, found.location)
    if found.redirect:
        r.step(f"{r.uri} lacks the final slash: redirect", found.location)
        return Status(301, found.location, uri.escape(r.uri + "/") + ("?" + r.args if r.args else ""))
    return None


def _location_rewrite(r: Request) -> Outcome | None:
    """Directives of the rewrite module run in locations alone: not in the server again, and not under `limit_except`."""
    return rewrite.run(r, r.scope) if r.scope.name == "location" else None


def _authorise(r: Request) -> access.Ask:
    """Asks the server itself, as `auth_request` does, in a request of its own that shares the variables."""

    def ask(_: Request, target: str) -> int | None:
        path, args = uri.split(target)
        sub = replace(
            r, uri=path, args=args, method="GET", internal=True, untouched=False, matches_location=True, handler=None,
            subrequest=True, in_error_page=False, status=None, uri_changes=MOST_URI_CHANGES,
        )  # fmt: skip
        end = answer(sub)
        return end.status

    return ask


def _jump(r: Request, jump: Jump) -> Outcome:
    """An internal redirect: everything from the server's rewrite phase on, unless there were too many."""
    r.uri_changes -= 1
    if r.uri_changes == 0:
        r.step("internal redirects go in a cycle", jump.at)
        return Status(500, jump.at)
    r.uri, r.args = jump.uri, jump.args
    r.internal, r.untouched, r.matches_location, r.add_uri_to_alias = True, False, True, False
    r.step(f"internal redirect to {jump.uri}", jump.at)
    return _phases(r)


def _named(r: Request, named: Named) -> Outcome:
    r.uri_changes -= 1
    block = next((node for node in r.server.all("location") if node.args[:1] == (named.name,)), None)
    if r.uri_changes == 0 or block is None or not r.uri:
        why = "there is no location" if block is None else "too many internal redirects, or no URI, for"
        r.step(f"{why} {named.name}", named.at)
        return Status(500, named.at)
    r.internal, r.handler, r.uri_changed = True, None, False
    enter(r, block)
    r.step(block.title(), block)
    early = _location_rewrite(r)
    if early:
        return early
    if r.uri_changed:
        r.uri_changes -= 1
        return _find_and_serve(r) if r.uri_changes else Status(500, block)
    return access.check(r, _authorise(r)) or content.serve(r)


def _special(r: Request, status: Status) -> Outcome:
    """`ngx_http_special_response_handler`: an `error_page`, or nginx's own page."""
    r.status = status.code
    r.redirect = status.location if status.location is not None else r.redirect
    if not r.in_error_page and r.uri_changes:
        pages = r.scope.inherited("error_page")
        if pages and r.scope.setting("recursive_error_pages", "off") != "on":
            r.in_error_page = True
        page = next((page for page in pages if str(status.code) in page.args[:-1]), None)
        if page:
            return _error_page(r, status, page)
    r.status = TLS_ERRORS.get(status.code, status.code)
    return Sent(r.status, status.at)


def _error_page(r: Request, status: Status, page: Node) -> Outcome:
    overwrite = next((word[1:] for word in page.args[:-1] if word.startswith("=")), None)
    if overwrite is None:
        r.status = TLS_ERRORS.get(status.code, status.code)
    else:
        r.status = int(overwrite) if overwrite.isdigit() else None
    target = variables.expand(r, page.args[-1])
    r.step(f"error_page {status.code}: {variables.readable(target)}", page)
    if target.startswith("@"):
        return Named(target, page)
    if target.startswith("/"):
        r.method = "HEAD" if r.method == "HEAD" else "GET"
        return Jump(*uri.split(variables.known(r, page.args[-1], page.span)), page)
    r.status = int(overwrite) if overwrite and overwrite.isdigit() and int(overwrite) in rewrite.REDIRECTS else 302
    r.redirect = target
    return Sent(r.status, page)


def _absolute(r: Request, location: str | None) -> str | None:
    """A redirect's target as the client sees it (`ngx_http_header_filter`)."""
    if not location or not location.startswith("/") or r.scope.setting("absolute_redirect", "on") == "off":
        return location and variables.readable(location)
    scheme, port = ("https", 443) if r.question.tls else ("http", 80)
    own = r.scope.setting("server_name_in_redirect", "off") == "on"
    host = primary_name(r.server) if own else uri.host_name(r.question.host) or r.question.address.strip("[]")
    shown = r.question.port != port and r.scope.setting("port_in_redirect", "on") == "on"
    return variables.readable(f"{scheme}://{host}" + (f":{r.question.port}" if shown else "") + location)


def valid_host(header: str) -> bool:
    """Whether nginx takes a Host header (`ngx_http_validate_host`); it answers 400 to others."""
    return bool(re.fullmatch(r"[^\x00-\x20/\x7f]+", header)) and ".." not in header
