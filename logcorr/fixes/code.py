"""Places in shell code that a fix may change."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from msgspec import Struct

from logcorr.fixes.text import Text
from logcorr.grammar.shell import Node, parse
from logcorr.grammar.shell.tree import Assignment, Literal, Parameter, Sequence, Simple, Substitution, Test, Word, children, walk
from logcorr.model.result import Edit
from logcorr.model.source import Span


class Code(Struct, frozen=True, dict=True):
    """A script that is a whole file, parsed; the offsets of its nodes are those of the file's text."""

    text: Text

    @cached_property
    def nodes(self) -> list[Node]:
        """All nodes, those around before those inside."""
        return list(walk(parse(self.text.plain)))

    @cached_property
    def _parents(self) -> dict[int, Node]:
        return {id(child): node for node in self.nodes for child in children(node)}

    def around(self, node: Node) -> Iterator[Node]:
        """What a node stands in, from the inside out."""
        while parent := self._parents.get(id(node)):
            yield parent
            node = parent

    def source(self, node: Node) -> str:
        """A node's text."""
        return self.text.plain[node.start : node.end]

    def command(self, span: Span, *programs: str) -> Simple | None:
        """The one command on these lines that names one of the programs; None if there are several."""
        found = [
            node
            for node in self.nodes
            if isinstance(node, Simple)
            and span.line <= self.text.line(node.start) <= span.end_line
            and any(word in programs or word.rpartition("/")[2] in programs for word in map(plain, node.words))
        ]
        inner = [node for node in found if not any(other is not node and _holds(node, other) for other in found)]
        return inner[0] if len(inner) == 1 else None

    def assigned(self, command: Node) -> str | None:
        """The variable that takes what a command prints; None if that goes elsewhere as well."""
        above = self.around(command)
        if not any(isinstance(node, Substitution) for node in above):
            return None
        word, assignment = next(above, None), next(above, None)
        alone = isinstance(word, Word) and len(word.pieces) == 1
        return assignment.name if alone and isinstance(assignment, Assignment) else None

    def is_condition(self, node: Node) -> bool:
        """Whether a command is all there is of a condition, so that another may be joined to it."""
        parent = next(self.around(node), None)
        return isinstance(parent, Sequence) and len(parent.commands) == 1

    def uses(self, name: str) -> int:
        """How often a variable's value is taken."""
        return sum(isinstance(node, Parameter) and node.name == name for node in self.nodes)


def _holds(node: Node, other: Node) -> bool:
    return node.start <= other.start and other.end <= node.end


def plain(word: Node) -> str:
    """A word's text if nothing in it is expanded; else nothing."""
    pieces = word.pieces if isinstance(word, Word) else ()
    return (
        "".join(piece.text for piece in pieces if isinstance(piece, Literal))
        if all(isinstance(piece, Literal) for piece in pieces)
        else ""
    )


def variable(word: Node) -> str | None:
    """The variable that a word is, `$name` or `"$name"`."""
    pieces = word.pieces if isinstance(word, Word) else ()
    alone = len(pieces) == 1 and isinstance(pieces[0], Parameter) and not pieces[0].operator
    return pieces[0].name if alone and isinstance(pieces[0], Parameter) else None


def compared(node: Node) -> tuple[Node, str, Node] | None:
    """The two sides and the operator of `[ a = b ]`, `test a = b` or `[[ a = b ]]`."""
    if isinstance(node, Test) and len(node.operands) == 2:
        return node.operands[0], node.operator, node.operands[1]
    if isinstance(node, Simple) and node.words and plain(node.words[0]) in ("[", "test"):
        words = node.words[1:-1] if plain(node.words[0]) == "[" else node.words[1:]
        return (words[0], plain(words[1]), words[2]) if len(words) == 3 else None
    return None


def replaced(node: Node, text: str) -> Edit:
    """A node's text becomes another."""
    return Edit(start=node.start, end=node.end, text=text)


def added(at: int, text: str) -> Edit:
    """Text goes in at an offset."""
    return Edit(start=at, end=at, text=text)
