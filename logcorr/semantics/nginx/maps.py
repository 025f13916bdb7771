"""`map`, `geo` and `split_clients`: variables looked up in a table, once a request."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from logcorr.semantics.nginx import variables
from logcorr.semantics.nginx.patterns import search
from logcorr.semantics.nginx.request import Request
from logcorr.semantics.nginx.tree import Node
from logcorr.semantics.nginx.world import Unanswerable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NO_ADDRESS = ipaddress.IPv4Address("255.255.255.255")
"""What nginx takes text for that is no address."""
TABLES = ("map", "geo", "split_clients")


def variable_of(table: Node) -> str:
    """The name of the variable that a table defines."""
    return table.args[-1].lstrip("$").lower() if table.args else ""


def look_up(r: Request, name: str, table: Node) -> str:
    """The value of a table's variable; it is kept for the rest of the request unless the map is volatile."""
    found = {"map": _map, "geo": _geo, "split_clients": _split}[table.name](r, table)
    if not table.all("volatile"):
        r.values[name] = found
    return found


def _entries(table: Node) -> Iterator[tuple[str, str]]:
    for entry in table.children:
        if entry.args and entry.name != "include":
            yield entry.name, entry.args[0]


def _missing(r: Request, table: Node) -> None:
    for entry in table.all("include"):
        r.assume(f"{' '.join(entry.args)}, which was not collected, says nothing of this request")


def _map(r: Request, table: Node) -> str:
    source = variables.expand(r, table.args[0])
    _missing(r, table)
    if variables.has_gap(source):
        return _any_value(r, table, variables.readable(source))
    entries = [(key, text) for key, text in _entries(table) if key not in ("hostnames", "volatile")]
    text = _literal(entries, source, hosts=bool(table.all("hostnames")))
    if text is None:
        text = _by_pattern(r, table, entries, source)
    if text is None:
        text = next((text for key, text in entries if key == "default"), "")
    return variables.expand(r, text)


def _literal(entries: list[tuple[str, str]], source: str, *, hosts: bool) -> str | None:
    """Exact keys first, then with `hostnames` the longest `*.x`, then the longest `x.*`."""
    wanted = source.lower().removesuffix(".") if hosts else source.lower()
    heads: list[tuple[int, str]] = []
    tails: list[tuple[int, str]] = []
    for key, text in entries:
        name = key.removeprefix("\\").lower()
        if key == "default" or key.startswith("~"):
            continue
        if name == wanted or (hosts and name == "." + wanted):
            return text
        suffix = name.removeprefix("*")
        if hosts and suffix.startswith(".") and wanted.endswith(suffix):
            heads.append((len(suffix), text))
        if hosts and name.endswith(".*") and wanted.startswith(name[:-1]):
            tails.append((len(name), text))
    best = max(heads or tails, default=None, key=lambda item: item[0])
    return best[1] if best else None


def _by_pattern(r: Request, table: Node, entries: list[tuple[str, str]], source: str) -> str | None:
    for key, text in entries:
        if key.startswith("~"):
            match = search(key.lstrip("~").removeprefix("*"), source, table.span, ignore_case=key.startswith("~*"))
            if match:
                r.captured(match)
                return text
    return None


def _any_value(r: Request, table: Node, source: str) -> str:
    """One of the table's values, each in a world of its own."""
    texts = dict.fromkeys(text for key, text in _entries(table) if key not in ("hostnames", "volatile"))
    if table.name != "split_clients" and not any(key == "default" for key, _ in _entries(table)):
        texts[""] = None
    name = variable_of(table)
    sentences = [(text, f"{source}, which is not known, makes ${name} `{text}`") for text in texts]
    return variables.expand(r, r.world.choose(f"table {table.span}", sentences))


def _geo(r: Request, table: Node) -> str:
    source = variables.value(r, table.args[0].lstrip("$")) if len(table.args) == 2 else r.question.client
    _missing(r, table)
    if variables.has_gap(source):
        return _any_value(r, table, variables.readable(source))
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        address = NO_ADDRESS
    return _in_ranges(table, address) if table.all("ranges") else _in_networks(table, address)


def _in_networks(table: Node, address: Address) -> str:
    best, found = -1, ""
    deleted = {entry.args[0] for entry in table.all("delete") if entry.args}
    for key, text in _entries(table):
        if key in ("proxy", "delete", "proxy_recursive") or key in deleted:
            continue
        network = _network(key, table)
        if network is None:
            if best < 0:
                found = text
        elif address in network and network.prefixlen >= best:
            best, found = network.prefixlen, text
    return found


def _network(key: str, table: Node) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """A network; None for `default`."""
    if key == "default":
        return None
    try:
        return ipaddress.ip_network(key, strict=False)
    except ValueError:
        raise Unanswerable(f"geo does not understand {key}", table.span) from None


def _in_ranges(table: Node, address: Address) -> str:
    found = ""
    for key, text in _entries(table):
        first, dash, last = key.partition("-")
        if key == "default":
            found = found or text
        elif dash and address.version == 4 and ipaddress.IPv4Address(first) <= address <= ipaddress.IPv4Address(last):
            return text
    return found


def _split(r: Request, table: Node) -> str:
    return _any_value(r, table, "the client's share")
