"""A proxy that closes connections which are idle for long waits longer."""

from __future__ import annotations

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


@fix("idle_timeout")
def proxy_timeout(finding: Finding, folder: Folder) -> Iterator[Change]:
    """Sets the limit that closed the connections, where it is written; where it is not, in the location."""
    cited = {evidence.span for evidence in finding.evidence}
    for place in Nginx.of(tuple(folder.case.of(NginxFile))).proxied():
        limit = next(limit for limit in place.limits if limit.name.endswith("read_timeout"))
        own = limit.span if limit.span and _inside(limit.span, place.location, folder.case) else None
        text = folder.text(place.span.path)
        if text and place.location in cited:
            edit = _set(text, own, limit.name) if own else _inserted(text, place.span, limit.name)
            said = claim("patch.proxy_timeout", "{name} is {seconds} s in this location", name=limit.name, seconds=WAITS_S)
            if edit:
                yield Change(path=text.path, edits=(edit,), claim=said, ends=partial(_waits, place.location))
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


def _set(text: Text, span: Span, name: str) -> Edit | None:
    start, end = text.bounds(span.line)
    at = text.plain.find(name, start, end) + len(name)
    stop = text.plain.find(";", at, end)
    return Edit(start=at, end=stop, text=f" {WAITS_S}s") if at >= len(name) and stop >= 0 else None


def _inserted(text: Text, span: Span, name: str) -> Edit:
    """A line of its own after the directive at `span`, as deep as that."""
    start = text.bounds(span.line)[0]
    indent = text.plain[start : len(text.plain) - len(text.plain[start:].lstrip(" \t"))]
    return added(text.bounds(span.end_line)[1], f"\n{indent}{name} {WAITS_S}s;")


def _waits(location: Span, case: Case) -> bool:
    """Whether the location now waits that long."""
    places = [place for place in Nginx.of(tuple(case.of(NginxFile))).proxied() if place.location == location]
    return any(limit.seconds >= WAITS_S for place in places for limit in place.limits if limit.name.endswith("read_timeout"))
