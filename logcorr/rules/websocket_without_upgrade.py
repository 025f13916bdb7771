"""A location for WebSockets is proxied without the headers that make a connection one."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Directive
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._proxying import HEADERS, Place, places

SOCKETS = regex(r"(^|/|\^|\()(socket\.io|socket\\\.io|ws|wss|websocket|websockets|cable|sockjs-node)(/|$|\)|\b(?=\W*$))")


@rule(code="NGX018", title="A WebSocket's location does not hand on Upgrade", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for proxied locations named for WebSockets in which the header Upgrade is not set, or no longer."""
    for place in places(case):
        location = place.location
        if (
            location
            and location.args
            and SOCKETS.search(location.args[-1])
            and place.known()
            and "upgrade" not in place.headers()
        ):
            yield _finding(place, location)


def _finding(place: Place, location: Directive) -> Finding:
    own = next((one for one in location.children or () if one.name == HEADERS), None)
    outer = next(
        (one for block in place.blocks[:-1] for one in block if one.name == HEADERS and one.args[0].lower() == "upgrade"), None
    )
    return Finding(
        confidence=0.9,
        claim=claim(
            "websocket_without_upgrade.found",
            "requests to {location} are handed on without the header Upgrade: no WebSocket can open there",
            location=location.args[-1],
        ),
        evidence=(
            Evidence(place.passes.span, "hands on without Upgrade"),
            Evidence(location.span, "the location"),
            *([Evidence(own.span, "one header here, and none of those above is inherited")] if own and outer else []),
            *([Evidence(outer.span, "is not inherited")] if own and outer else []),
        ),
        would_refute=claim("websocket_without_upgrade.refute", "an answer 101 in the access log for this location"),
        subject=location.args[-1],
        fix=claim(
            "websocket_without_upgrade.fix",
            "set in the location: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
            'proxy_set_header Connection "upgrade";',
        ),
    )
