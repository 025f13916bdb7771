"""A proxy that closes connections which are idle for long, or gives up requests that take long, waits longer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from logcorr.fixes import Change, Folder, fix
from logcorr.fixes.code import added
from logcorr.fixes.text import Text
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.facts import NginxFile
from logcorr.model.result import Edit, Finding
from logcorr.model.source import Span
from logcorr.semantics.nginx import Nginx

WAITS_S = 3600
"""For connections that may say nothing for long; an hour without a word is a connection that was forgotten."""

FACTOR, STEP_S = 2, 30
"""For an endpoint: twice as long as it took, in half minutes."""


@fix("idle_timeout")
def proxy_timeout(finding: Finding, folder: Folder) -> Iterator[Change]:
    """Sets the limit that closed the connections."""
    yield from _longer(finding, folder, WAITS_S)


@fix("slow_endpoint")
def endpoint_timeout(finding: Finding, folder: Folder) -> Iterator[Change]:
    """Sets the limit that gave the requests up, where it was measured how long they take."""
    took = finding.measured.get("took_s")
    if isinstance(took, float | int):
        yield from _longer(finding, folder, STEP_S * math.ceil(FACTOR * took / STEP_S))


def _longer(finding: Finding, folder: Folder, waits_s: int) -> Iterator[Change]:
    """Sets the limit of the location in the evidence, where it is written; where it is not, in the location."""
    cited = {evidence.span for evidence in finding.evidence}
    for place in Nginx.of(tuple(folder.case.of(NginxFile))).proxied():
        limit = next(limit for limit in place.limits if limit.name.endswith("read_timeout"))
        own = limit.span if limit.span and _inside(limit.span, place.location, folder.case) else None
        text = folder.text(place.span.path)
        if text and place.location in cited:
            value = f" {waits_s}s"
            edit = _set(text, own, limit.name, value) if own else _inserted(text, place.span, limit.name + value)
            said = claim("patch.proxy_timeout", "{name} is {seconds} s in this location", name=limit.name, seconds=waits_s)
            if edit:
                yield Change(path=text.path, edits=(edit,), claim=said, ends=partial(_waits, place.location, waits_s))
            return


def _inside(span: Span, location: Span, case: Case) -> bool:
    """Whether a directive stands in the location itself: one further out holds for others too."""
    blocks = [directive for file in case.of(NginxFile) for directive in file.directives]
    while blocks:
        block = blocks.pop()
        if block.span == location:
            return any(child.span == span for child in block.children or ())
        blocks += block.children or ()
    return False


def _set(text: Text, span: Span, name: str, value: str) -> Edit | None:
    start, end = text.bounds(span.line)
    at = text.plain.find(name, start, end) + len(name)
    stop = text.plain.find(";", at, end)
    return Edit(start=at, end=stop, text=value) if at >= len(name) and stop >= 0 else None


def _inserted(text: Text, span: Span, directive: str) -> Edit:
    """A line of its own after the directive at `span`, as deep as that."""
    start = text.bounds(span.line)[0]
    indent = text.plain[start : len(text.plain) - len(text.plain[start:].lstrip(" \t"))]
    return added(text.bounds(span.end_line)[1], f"\n{indent}{directive};")


def _waits(location: Span, waits_s: int, case: Case) -> bool:
    """Whether the location now waits that long."""
    places = [place for place in Nginx.of(tuple(case.of(NginxFile))).proxied() if place.location == location]
    return any(limit.seconds >= waits_s for place in places for limit in place.limits if limit.name.endswith("read_timeout"))
