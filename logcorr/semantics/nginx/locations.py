"""Choosing the location, as `ngx_http_core_find_location` does: exact, longest prefix, nested ones, then regular expressions."""

from __future__ import annotations

import re

from msgspec import Struct

from logcorr.semantics.nginx.patterns import Match, search
from logcorr.semantics.nginx.tree import Node

PASSES = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass")


class Found(Struct, frozen=True):
    """A location; `redirect`: only its name with a final slash fits, to which nginx redirects.

    `final`: no regular expression is tried any more. `match` is what the location's regular expression captured.
    """

    location: Node
    final: bool = False
    redirect: bool = False
    match: Match | None = None


def matching(location: Node) -> tuple[str, str]:
    """How a location matches (``, `=`, `^~`, `~`, `~*`, `@`) and what."""
    if len(location.args) >= 2:
        return location.args[0], location.args[1]
    match = re.match(r"=|\^~|~\*?|@", location.args[0] if location.args else "")
    return (match[0], location.args[0][match.end() :]) if match else ("", "".join(location.args))


def prefix_of(block: Node) -> str | None:
    """The prefix that a location stands for; None for a regular expression, a named location, or a server."""
    if block.name != "location":
        return None
    how, text = matching(block)
    return text if how in ("", "=", "^~") else None


def find(uri: str, block: Node) -> Found | None:
    """The location in `block` (a server or a location) for a URI."""
    found = _prefix(uri, block)
    no_regex = False
    if found and not found.final:
        no_regex = matching(found.location)[0] == "^~"
        found = find(uri, found.location) or found
    if found and found.final:
        return found
    return (None if no_regex else _regex(uri, block)) or found


def _prefix(uri: str, block: Node) -> Found | None:
    """The exact location, or the longest prefix; one that lacks only the final slash comes before shorter ones."""
    literal = [(how, text, one) for one in block.all("location") for how, text in [matching(one)] if how in ("", "=", "^~")]
    exact = next((one for how, text, one in literal if how == "=" and text == uri), None)
    if exact:
        return Found(exact, final=True)
    prefixes = [(len(text), one) for how, text, one in literal if how != "=" and uri.startswith(text)]
    longest = max(prefixes, default=None, key=lambda item: item[0])
    slash = [one for _, text, one in sorted(literal, key=lambda item: item[0] != "=") if text == uri + "/"]
    if any(one.first(*PASSES) for one in slash) and (longest is None or longest[0] < len(uri)):
        return Found(slash[0], final=True, redirect=True)
    return Found(longest[1]) if longest else None


def _regex(uri: str, block: Node) -> Found | None:
    for location in block.all("location"):
        how, text = matching(location)
        if how not in ("~", "~*"):
            continue
        match = search(text, uri, location.span, ignore_case=how == "~*")
        if match:
            inner = find(uri, location)
            # A redirect found inside a regular expression's location is not made: nginx forgets it on the way out.
            return Found(inner.location if inner else location, final=True, match=(inner and inner.match) or match)
    return None
