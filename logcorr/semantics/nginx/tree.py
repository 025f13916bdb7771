"""The configuration as nginx sees it: one tree, included files in their places, every block knowing the one around it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from logcorr.model.facts import Directive
from logcorr.model.source import Span


class Node(Struct, frozen=True, eq=False):
    """A directive in its place; `children` is empty for a simple one."""

    name: str
    args: tuple[str, ...]
    span: Span
    parent: Node | None
    children: list[Node] = field(default_factory=list)

    def all(self, *names: str) -> list[Node]:
        """The direct children of these names, in order."""
        return [child for child in self.children if child.name in names]

    def first(self, *names: str) -> Node | None:
        """The first direct child of these names."""
        return next((child for child in self.children if child.name in names), None)

    def outward(self) -> Iterator[Node]:
        """This node, the block around it, and so on to the root."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def inherited(self, *names: str) -> list[Node]:
        """The directives of these names in the nearest block that has any: how nginx inherits lists."""
        return next((found for node in self.outward() if (found := node.all(*names))), [])

    def setting(self, name: str, default: str) -> str:
        """The first argument of an inherited directive."""
        found = self.inherited(name)
        return found[0].args[0] if found and found[0].args else default

    def walk(self) -> Iterator[Node]:
        """This node and everything in it, in the order of the text."""
        yield self
        for child in self.children:
            yield from child.walk()

    def title(self) -> str:
        """The directive as a person would name it: `location = /health`."""
        return " ".join((self.name, *self.args))


def grow(directives: tuple[Directive, ...], parent: Node) -> Node:
    """Hang the directives below `parent`, which is returned."""
    for directive in directives:
        node = Node(directive.name, directive.args, directive.span, parent)
        parent.children.append(grow(directive.children or (), node))
    return parent
