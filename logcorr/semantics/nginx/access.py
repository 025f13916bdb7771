"""The access phase: `limit_req`, `allow` and `deny`, `auth_basic`, `auth_request`, joined by `satisfy`."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from logcorr.semantics.nginx import variables
from logcorr.semantics.nginx.request import Outcome, Request, Status
from logcorr.semantics.nginx.tree import Node
from logcorr.semantics.nginx.world import Unanswerable

Ask = Callable[[Request, str], int | None]
Verdict = Status | bool
"""True: let in; False: no opinion."""


def check(r: Request, ask: Ask) -> Outcome | None:
    """None if the request may pass; `ask` gives the status of an `auth_request`'s subrequest."""
    _limits(r)
    if r.subrequest:
        return None
    some = r.scope.setting("satisfy", "all") == "any"
    for handler in (_addresses, _password, lambda request: _subrequest(request, ask)):
        verdict = handler(r)
        if verdict is True and some:
            r.refused = None
            return None
        if isinstance(verdict, Status):
            if not some or verdict.code not in (401, 403):
                return verdict
            r.refused = verdict if r.refused is None or r.refused.code != 401 else r.refused
    # A refusal that an error in between kept from being told is told at the next URI.
    refused, r.refused = r.refused, None
    return refused


def _limits(r: Request) -> None:
    """Rates depend on other requests: that they are kept is assumed."""
    for name in ("limit_req", "limit_conn"):
        status = r.scope.setting(f"{name}_status", "503")
        for node in r.scope.inherited(name):
            r.assume(f"{node.title()} is not exceeded (else {status})")


def _addresses(r: Request) -> Verdict:
    for rule in r.scope.inherited("allow", "deny"):
        if rule.args and _covers(rule, r.question.client):
            if rule.name == "allow":
                return True
            r.step(f"{rule.title()} refuses the client {r.question.client}", rule)
            return Status(403, rule)
    return False


def _covers(rule: Node, client: str) -> bool:
    text = rule.args[0]
    if text == "all":
        return True
    if text == "unix:":
        return False
    try:
        return ipaddress.ip_address(client.strip("[]")) in ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Unanswerable(f"{rule.title()} is not understood for the client {client}", rule.span) from None


def _password(r: Request) -> Verdict:
    rule = next(iter(r.scope.inherited("auth_basic")), None)
    if (
        rule is None
        or not rule.args
        or variables.expand(r, rule.args[0]) == "off"
        or not r.scope.inherited("auth_basic_user_file")
    ):
        return False
    if "authorization" in r.question.headers:
        options = [("yes", "the password is right"), ("no", "the password is wrong")]
        if r.world.choose(f"password {rule.span}", options) == "yes":
            return True
    r.step(f"{rule.title()} asks for a password", rule)
    return Status(401, rule)


def _subrequest(r: Request, ask: Ask) -> Verdict:
    rule = next(iter(r.scope.inherited("auth_request")), None)
    if rule is None or not rule.args or rule.args[0] == "off":
        return False
    status = ask(r, rule.args[0])
    if status is None:
        said = {"204": "lets the request in", "401": "answers 401", "403": "answers 403", "500": "answers something else"}
        options = [(code, f"the authorisation behind {rule.args[0]} {what}") for code, what in said.items()]
        status = int(r.world.choose(f"authorisation {rule.span}", options))
    r.step(f"{rule.title()} answers {status}", rule)
    if 200 <= status < 300:
        return True
    return Status(status if status in (401, 403) else 500, rule)
