"""What the rules on nginx share: every place that hands requests on, with the blocks around it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from logcorr.model.case import Configuration
from logcorr.model.facts import Directive, NginxFile

HEADERS = "proxy_set_header"


class Place(Struct, frozen=True):
    """A `proxy_pass` and the blocks it stands in, the outermost first."""

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


def places(case: Configuration) -> Iterator[Place]:
    """Every `proxy_pass` of the collected configuration."""
    for file in case.of(NginxFile):
        yield from _places(file.directives, (), ())


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


def _groups(case: Configuration) -> Iterator[Directive]:
    """Every upstream group."""
    for file in case.of(NginxFile):
        tops = [one for one in file.directives if one.name == "http"]
        for group in [*file.directives, *(child for top in tops for child in top.children or ())]:
            if group.name == "upstream" and group.args:
                yield group


def _places(
    block: tuple[Directive, ...], blocks: tuple[tuple[Directive, ...], ...], heads: tuple[Directive, ...]
) -> Iterator[Place]:
    blocks = (*blocks, block)
    for one in block:
        if one.name == "proxy_pass":
            yield Place(one, blocks, heads)
        elif one.children is not None and one.name != "stream":
            yield from _places(one.children, blocks, (*heads, one))
