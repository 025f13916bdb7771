"""What the rules on nginx share: every place that hands requests on, with the blocks around it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.model.case import Configuration
from logcorr.model.facts import ComposeFile, Directive, NginxFile
from logcorr.model.source import Span
from logcorr.semantics.nginx.locations import PASSES
from logcorr.semantics.paths import below, folder_of, normal
from logcorr.semantics.topology import is_nginx

HEADERS = "proxy_set_header"


class Place(Struct, frozen=True):
    """A `proxy_pass`, or another that hands requests on, and the blocks it stands in, the outermost first."""

    passes: Directive
    blocks: tuple[tuple[Directive, ...], ...]
    heads: tuple[Directive, ...]

    @property
    def location(self) -> Directive | None:
        """The location it stands in."""
        return next((head for head in reversed(self.heads) if head.name == "location"), None)

    def known(self) -> bool:
        """Whether nothing is included below the level of `http` that may set what is missing."""
        levels = [head.name for head in self.heads]
        inner = [block for block, level in zip(self.blocks[1:], levels, strict=True) if level != "http"]
        return not any(one.name == "include" for block in inner for one in block)

    def headers(self) -> dict[str, str]:
        """The headers in force, by lower-case name: those of the innermost block that sets any, as nginx inherits them."""
        for block in reversed(self.blocks):
            found = {one.args[0].lower(): one.args[1] for one in block if one.name == HEADERS and len(one.args) > 1}
            if found:
                return found
        return {}

    def setting(self, name: str) -> str | None:
        """A directive's value, from the innermost block that sets it."""
        for block in reversed(self.blocks):
            found = [one.args[0] for one in block if one.name == name and one.args]
            if found:
                return found[0]
        return None

    def host(self) -> str:
        """The host or group that requests are handed to, without port and path."""
        return host_in(re.sub(r"^\w+://", "", self.passes.args[0])) if self.passes.args else ""


def places(case: Configuration, passes: Sequence[str] = PASSES[:1]) -> Iterator[Place]:
    """Every `proxy_pass` of the collected configuration, or every directive of these names."""
    for file in case.of(NginxFile):
        yield from _places(file.directives, (), (), passes)


def host_in(address: str) -> str:
    """The host or group of an address, without port and path."""
    return re.split(r"[:/]", address)[0]


def group_of(case: Configuration, place: Place) -> Directive | None:
    """The upstream group that a place hands on to.

    Of several of one name, that in the same file is meant; where none is, nobody knows which belongs to this place.
    """
    named = [group for group in _groups(case) if group.args[0] == place.host()]
    here = [group for group in named if group.span.path == place.passes.span.path] or named
    return here[0] if len(here) == 1 else None


def asked_once(case: Configuration) -> dict[str, Place]:
    """The hosts whose address nginx asks for at its start, each with the first place that hands on to it."""
    found = list(places(case, PASSES))
    mounted = [place for place in found if _mounted(case, place.passes.span.path)]
    hosts = ((host, place) for place in mounted or found for host in _hosts(case, place))
    asked: dict[str, Place] = {}
    for host, place in hosts:
        asked.setdefault(host, place)
    return asked


def _mounted(case: Configuration, path: str) -> bool:
    """Whether a container of nginx sees this file."""
    composed = [(folder_of(file.span.path), service) for file in case.of(ComposeFile) for service in file.services]
    folders = [normal(mount.source, base) for base, service in composed if is_nginx(service) for mount in service.mounts]
    return any(below(path, folder) for folder in folders)


def _hosts(case: Configuration, place: Place) -> list[str]:
    """The hosts behind a place: those of its group, without the ones that nginx is told to ask for again, or the one it names."""
    group = group_of(case, place)
    if group:
        servers = [one.args for one in group.children or () if one.name == "server" and one.args]
        return [host_in(args[0]) for args in servers if "resolve" not in args]
    return [place.host()] if place.host() and "$" not in place.passes.args[0] else []


def server_of(case: Configuration, place: Place, host: str) -> tuple[Span, int]:
    """The line by which a place leads to a host, and the port: a server of its group, or the place itself."""
    group = group_of(case, place)
    servers = [one for one in (group.children or ()) if one.name == "server" and one.args] if group else []
    found = next((one for one in servers if host_in(one.args[0]) == host), place.passes)
    port = re.search(r":(\d+)(?:/|$)", found.args[0])
    return found.span, int(port[1]) if port else 80


def _groups(case: Configuration) -> Iterator[Directive]:
    """Every upstream group."""
    for file in case.of(NginxFile):
        tops = [one for one in file.directives if one.name == "http"]
        for group in [*file.directives, *(child for top in tops for child in top.children or ())]:
            if group.name == "upstream" and group.args:
                yield group


def _places(
    block: tuple[Directive, ...], blocks: tuple[tuple[Directive, ...], ...], heads: tuple[Directive, ...], passes: Sequence[str]
) -> Iterator[Place]:
    blocks = (*blocks, block)
    for one in block:
        if one.name in passes:
            yield Place(one, blocks, heads)
        elif one.children is not None and one.name != "stream":
            yield from _places(one.children, blocks, (*heads, one), passes)
