"""An upstream group keeps connections open, and those who use it close them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Directive
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._proxying import Place, group_of, places
from logcorr.rules._served_by import keeps_by_itself

HEALTH = regex(r"(?i)/(?:\w+[-_])?(?:health(?:z|check)?|ready|readyz|livez?|ping|metrics|stub_status|nginx[-_]status)(?![\w-])")


@rule(code="NGX017", title="Kept connections are closed after every request", role="defect", severity="info")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for proxies to a group with `keepalive` that do not speak HTTP/1.1 or do not clear the header Connection."""
    closed: dict[tuple[Span, str], tuple[Directive, list[Place]]] = {}
    for place in places(case):
        line = _keeps(case, place)
        lacks = _lacks(case, place) if line and place.known() else None
        if line and lacks and not _seldom(place):
            closed.setdefault((line.span, lacks), (line, []))[1].append(place)
    for (_, lacks), (line, found) in closed.items():
        yield _finding(found, line, lacks)


def _keeps(case: Configuration, place: Place) -> Directive | None:
    """The line with which the group that a place hands on to keeps connections."""
    group = group_of(case, place)
    return next((one for one in group.children or () if one.name == "keepalive"), None) if group else None


def _seldom(place: Place) -> bool:
    """Whether only a monitor asks there, now and then."""
    location = place.location
    return location is not None and any(HEALTH.search(word) for word in (*location.args, *place.passes.args))


def _lacks(case: Configuration, place: Place) -> str | None:
    """What is missing; for a proxy that hands on Upgrade nothing is, its connections are not shared anyway."""
    headers = place.headers()
    if "upgrade" in headers:
        return None
    new = keeps_by_itself(case, place.passes.span.path)
    if (place.setting("proxy_http_version") or ("1.1" if new else "1.0")) not in ("1.1", "2"):
        return "proxy_http_version 1.1"
    return 'proxy_set_header Connection ""' if headers.get("connection", "" if new else "close") != "" else None


def _finding(found: Sequence[Place], line: Directive, lacks: str) -> Finding:
    place = found[0]
    return Finding(
        confidence=0.9,
        claim=claim(
            "keepalive_not_used.found",
            "{group} keeps connections open, but here each is closed after its request: {lacks} is missing",
            group=place.host(),
            lacks=lacks,
        ),
        evidence=(
            Evidence(place.passes.span, f"without {lacks}"),
            Evidence(line.span, "keeps connections"),
            *(Evidence(other.passes.span, f"without {lacks}") for other in found[1:]),
        ),
        would_refute=claim("keepalive_not_used.refute", "nginx 1.29.7 or later, which does both by itself"),
        subject=place.host(),
        measured={"lacks": lacks},
        fix=claim(
            "keepalive_not_used.fix",
            'set both where requests are handed on: proxy_http_version 1.1; proxy_set_header Connection "";',
        ),
    )
