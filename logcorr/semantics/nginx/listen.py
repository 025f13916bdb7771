"""Which addresses and ports nginx listens on, and which servers share a connection's address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.facts import Fact
from logcorr.semantics.nginx.tree import Node

ADDRESS = regex(
    r"""
    (?: (?P<v6> \[ [0-9a-fA-F:.]* \] ) | (?P<host> [^\[\]:]*? ) )
    (?: (?: (?<=\]) : | (?<=[^:]) : | ^ ) (?P<first> \d+ ) (?: - (?P<last> \d+ ) )? )? """,
    re.VERBOSE,
)
ANY_V4, ANY_V6 = "*", "[::]"


class Listen(Fact, frozen=True, kw_only=True):
    """One address and port that a server listens on; IPv6 addresses in brackets, all of IPv4's as `*`, all of IPv6's as `[::]`.

    `port` is 0 for a unix socket. `default`: the server answers when no name matches.
    """

    address: str
    port: int
    server: Node
    options: tuple[str, ...] = ()

    @property
    def default(self) -> bool:
        """Whether it is marked as the address's default server."""
        return "default_server" in self.options or "default" in self.options

    @property
    def tcp(self) -> bool:
        """Whether an HTTP/1 or HTTP/2 client can connect here; QUIC listens on UDP."""
        return self.port > 0 and "quic" not in self.options

    def accepts(self, address: str) -> int:
        """How specifically it stands for a connection to this local address: 2 exactly, 1 as a wildcard, 0 not at all."""
        if self.address == address:
            return 2
        any_v6 = self.address == ANY_V6 and (address.startswith("[") or "ipv6only=off" in self.options)
        return int(any_v6 or (self.address == ANY_V4 and not address.startswith("[")))


def listens_of(server: Node) -> Iterator[Listen]:
    """What a server listens on; port 80 of every IPv4 address where it does not say."""
    for node in server.all("listen"):
        if node.args:
            yield from _parse(node, server)
    if not server.all("listen"):
        yield Listen(span=server.span, address=ANY_V4, port=80, server=server)


def _parse(node: Node, server: Node) -> Iterator[Listen]:
    text, *options = node.args
    if text.startswith("unix:"):
        yield Listen(span=node.span, address=text, port=0, server=server, options=tuple(options))
        return
    match = ADDRESS.fullmatch(text)
    if not match:
        return
    first = int(match["first"] or 80)
    for address in _addresses(match["v6"], match["host"]):
        for port in range(first, min(int(match["last"] or first), 65535) + 1):
            yield Listen(span=node.span, address=address, port=port, server=server, options=tuple(options))


def _addresses(v6: str | None, host: str | None) -> tuple[str, ...]:
    if v6:
        return (ANY_V6 if v6 in ("[::]", "[::0]", "[0::0]") else v6.lower(),)
    if host == "localhost":  # nginx takes ::1, too, only where the host has IPv6 addresses besides it
        return ("127.0.0.1",)
    return (ANY_V4,) if host in (None, "", "*", "0.0.0.0") else (host.lower(),) if host else ()


def sharing(listens: Sequence[Listen], port: int, address: str) -> list[Listen]:
    """The listens that a connection to this address and port belongs to: the most specific address wins over all servers."""
    here = [listen for listen in listens if listen.tcp and listen.port == port]
    # Both wildcards can take an IPv4 connection when [::] is not IPv6 only; the IPv4 one comes first then.
    best = max(here, default=None, key=lambda listen: (listen.accepts(address), listen.address == ANY_V4))
    if best is None or not best.accepts(address):
        return []
    return [listen for listen in here if listen.address == best.address]


def local_addresses(listens: Sequence[Listen], port: int, host: str) -> list[str]:
    """Which local addresses a connection to `host` can arrive at, as far as servers differ by them; likeliest first."""
    bare = host.strip("[]")
    if re.fullmatch(r"[\d.]+", bare):
        return [bare]
    if ":" in bare:
        return [f"[{bare.lower()}]"]
    here = [listen for listen in listens if listen.tcp and listen.port == port]
    named = [listen.address for listen in here]
    if host.lower() == "localhost":
        return [address for address in ("127.0.0.1", "[::1]") if any(listen.accepts(address) for listen in here)]
    if host.lower() in named:
        return [host.lower()]
    return sorted(set(named), key=lambda address: (address != ANY_V4, address != ANY_V6, named.index(address)))
