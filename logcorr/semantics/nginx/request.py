"""One request on its way through nginx: what the modules see and change (`ngx_http_request_t`)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from logcorr.model.source import Span
from logcorr.semantics.nginx.patterns import Match
from logcorr.semantics.nginx.tree import Node
from logcorr.semantics.nginx.world import World

MOST_URI_CHANGES = 11


class Question(Struct, frozen=True, kw_only=True):
    """What the client sends, and how the connection arrives. Header names are lower case."""

    host: str
    port: int
    target: str
    tls: bool
    method: str
    headers: Mapping[str, str]
    client: str
    address: str


class Request(Struct, kw_only=True):
    """The mutable state of one interpretation.

    `scope` is the block whose settings are in force: server, location, `if` or `limit_except`. `handler` is the directive that
    makes the content, if a module other than static files does. `status` replaces what a page answers (`error_page`),
    `redirect` is the Location to be sent.
    `matches_location`: the URI still begins with the location's prefix; `untouched`: it is still as the client sent it.
    """

    question: Question
    world: World
    server: Node
    scope: Node
    variables: Mapping[str, Node]
    assigned: frozenset[str]
    upstreams: Mapping[str, Node]
    uri: str
    args: str
    method: str
    quoted: bool
    handler: Node | None = None
    internal: bool = False
    matches_location: bool = True
    untouched: bool = True
    uri_changed: bool = False
    add_uri_to_alias: bool = False
    uri_changes: int = MOST_URI_CHANGES
    in_error_page: bool = False
    status: int | None = None
    redirect: str | None = None
    refused: Status | None = None
    subrequest: bool = False
    captures: Match | None = None
    values: dict[str, str] = field(default_factory=dict)
    trace: list[tuple[str, Span]] = field(default_factory=list)
    assumes: dict[str, None] = field(default_factory=dict)

    def step(self, text: str, at: Node) -> None:
        """Note a step that a person can follow."""
        self.trace.append((text, at.span))

    def assume(self, sentence: str) -> None:
        """Note what must hold for the answer."""
        self.assumes[sentence] = None

    def captured(self, match: Match) -> None:
        """A regular expression matched: `$1` and named groups change."""
        self.captures = match
        self.values.update({name: value or "" for name, value in match.named.items()})

    def tried(self, match: Match | None) -> None:
        """The rewrite module tried a regular expression: without a match, the captures of earlier ones are gone."""
        if match:
            self.captured(match)
        else:
            self.captures = None

    @property
    def location(self) -> Node:
        """The location (or server) around the scope, past `if` and `limit_except`."""
        return next(node for node in self.scope.outward() if node.name in ("location", "server"))


class Status(Struct, frozen=True):
    """A status that `error_page` may still turn into something else."""

    code: int
    at: Node
    location: str | None = None


class Sent(Struct, frozen=True):
    """An answer whose head is sent as it is."""

    code: int
    at: Node


class Handed(Struct, frozen=True):
    """The request goes to an upstream, which answers `code`, None where that is its own affair."""

    code: int | None
    at: Node
    upstream: str
    uri: str | None = None


class Jump(Struct, frozen=True):
    """An internal redirect to another URI."""

    uri: str
    args: str
    at: Node


class Named(Struct, frozen=True):
    """An internal redirect to a named location."""

    name: str
    at: Node


Outcome = Status | Sent | Handed | Jump | Named
