"""Choosing the server: `server_name` against the request's host, as `ngx_hash` keeps the names (exact, `*.x`, `x.*`, regex)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.semantics.nginx.listen import Listen
from logcorr.semantics.nginx.patterns import Match, search
from logcorr.semantics.nginx.tree import Node

Choice = tuple[Listen, str, Match | None]
"""The listen of the chosen server, why it was chosen, and what a regular expression captured."""


def names_of(server: Node) -> list[str]:
    """The names a server answers to, lower case but for regular expressions; an empty one where it has none."""
    names = [name for node in server.all("server_name") for name in node.args]
    return [name if name.startswith("~") else name.lower() for name in names] or [""]


def primary_name(server: Node) -> str:
    """What `$server_name` holds."""
    first = names_of(server)[0]
    return first[1:] if first.startswith(".") else first


def choose(listens: Sequence[Listen], host: str) -> Choice:
    """The server for a host among those that share an address; `host` is lower case, without port and final dot."""
    found = _exact(listens, host) or _wildcard(listens, host) or _regex(listens, host)
    if len({id(listen.server) for listen in listens}) == 1:
        # The names of an only server are not looked at, but for what a regular expression captures.
        return listens[0], "the only server there", found[2] if found else None
    return found or _default(listens)


def _literal(listens: Sequence[Listen]) -> Iterator[tuple[str, Listen]]:
    """Names without those that an earlier server took, as `ngx_hash_add_key` refuses them."""
    exact: set[str] = set()
    heads: set[str] = set()
    for listen in listens:
        for name in names_of(listen.server):
            bare = name.removeprefix("*").removeprefix(".")
            if name.startswith("~"):
                continue
            if not name.startswith(("*.", ".")):
                taken = name in exact
                exact.add(name)
            elif name.startswith(".") and bare in exact:  # refused before it is kept at all: `*.x` may come yet
                taken = True
            else:
                taken = bare in heads
                heads.add(bare)
                exact |= {bare} if name.startswith(".") else set()
            if not taken:
                yield name, listen


def _exact(listens: Sequence[Listen], host: str) -> Choice | None:
    for name, listen in _literal(listens):
        if name == host:
            return listen, f"server_name {name}", None
    return None


def _wildcard(listens: Sequence[Listen], host: str) -> Choice | None:
    heads, tails = [], []
    for name, listen in _literal(listens):
        suffix = name.removeprefix("*")
        if suffix.startswith(".") and (host.endswith(suffix) or (name == suffix and host == suffix[1:])):
            heads.append((len(suffix), name, listen))
        if name.endswith(".*") and host.startswith(name[:-1]):
            tails.append((len(name), name, listen))
    for found in (heads, tails):
        if found:
            _, name, listen = max(found, key=lambda item: item[0])
            return listen, f"server_name {name}", None
    return None


def _regex(listens: Sequence[Listen], host: str) -> Choice | None:
    for listen in listens:
        for name in names_of(listen.server):
            if name.startswith("~") and (match := search(name[1:], host, listen.server.span, ignore_case=True)):
                return listen, f"server_name {name}", match
    return None


def _default(listens: Sequence[Listen]) -> Choice:
    default = default_of(listens)
    why = "the default server" if default.default else "the first server is the default"
    return default, f"no server_name matches: {why}", None


def default_of(listens: Sequence[Listen]) -> Listen:
    """The server that answers where no name matches: the one marked so, else the first."""
    return next((listen for listen in listens if listen.default), listens[0])
