"""The nodes of a shell script. `start` and `end` are offsets into the text that was parsed."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct


class Node(Struct, frozen=True, kw_only=True):
    """Anything that stands somewhere in the text."""

    start: int
    end: int


class Literal(Node, frozen=True, kw_only=True):
    """Characters as they are, escapes undone; `quoted` ones are not patterns and do not split."""

    text: str
    quoted: bool = False


class Parameter(Node, frozen=True, kw_only=True):
    """`$name` or `${name[index]operator operand}`; `operands` holds the words after the operator (two for `/` and `:`).

    `operator` is `#name` for a length, `!name` for an indirection, `!` for the keys of an array.
    """

    name: str
    quoted: bool
    index: Word | None = None
    operator: str = ""
    operands: tuple[Word, ...] = ()


class Substitution(Node, frozen=True, kw_only=True):
    """`$(body)` or backquotes; with `direction` `<` or `>`, a process substitution."""

    body: Sequence
    quoted: bool
    direction: str = ""


class Calculation(Node, frozen=True, kw_only=True):
    """`$((expression))`."""

    expression: Word
    quoted: bool


Piece = Literal | Parameter | Substitution | Calculation


class Word(Node, frozen=True, kw_only=True):
    """One word before expansion."""

    pieces: tuple[Piece, ...]


class Assignment(Node, frozen=True, kw_only=True):
    """`name=value`, `name+=value`, `name[index]=value`, or an array `name=(elements)`, each with its own index or None."""

    name: str
    value: Word | None
    index: Word | None = None
    elements: tuple[tuple[Word | None, Word], ...] | None = None
    appends: bool = False


class Redirect(Node, frozen=True, kw_only=True):
    """`fd operator target`; for a here-document the target is its body, for `{name}>` the descriptor is the name."""

    descriptor: str
    operator: str
    target: Word


class Simple(Node, frozen=True, kw_only=True):
    """A simple command: what it assigns, its words, its redirections."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word | Assignment, ...]
    redirects: tuple[Redirect, ...]


class Pipeline(Node, frozen=True, kw_only=True):
    """Commands joined by `|`."""

    commands: tuple[Node, ...]
    negated: bool = False


class AndOr(Node, frozen=True, kw_only=True):
    """`left && right` or `left || right`."""

    left: Node
    operator: str
    right: Node


class Background(Node, frozen=True, kw_only=True):
    """`command &`."""

    command: Node


class Sequence(Node, frozen=True, kw_only=True):
    """Commands one after the other."""

    commands: tuple[Node, ...]


class If(Node, frozen=True, kw_only=True):
    """Conditions with their bodies, in order, and the else body."""

    arms: tuple[tuple[Sequence, Sequence], ...]
    otherwise: Sequence | None


class Loop(Node, frozen=True, kw_only=True):
    """`while` or `until`."""

    condition: Sequence
    body: Sequence
    until: bool


class For(Node, frozen=True, kw_only=True):
    """`for name in words`; no words means the positional parameters. `select` when the user chooses."""

    name: str
    words: tuple[Word, ...] | None
    body: Sequence
    select: bool = False


class ArithmeticFor(Node, frozen=True, kw_only=True):
    """`for ((first; condition; step))`."""

    first: Word
    condition: Word
    step: Word
    body: Sequence


class CaseItem(Node, frozen=True, kw_only=True):
    """`pattern|pattern) body`, ended by `;;`, `;&` or `;;&`."""

    patterns: tuple[Word, ...]
    body: Sequence
    terminator: str


class Case(Node, frozen=True, kw_only=True, eq=False):
    """`case word in items esac`."""

    word: Word
    items: tuple[CaseItem, ...]


class Function(Node, frozen=True, kw_only=True):
    """A function's definition."""

    name: str
    body: Node


class Group(Node, frozen=True, kw_only=True):
    """`{ body; }`, or `( body )` in a process of its own."""

    body: Sequence
    subshell: bool


class Redirected(Node, frozen=True, kw_only=True):
    """A compound command with redirections."""

    command: Node
    redirects: tuple[Redirect, ...]


class Arithmetic(Node, frozen=True, kw_only=True):
    """`((expression))`."""

    expression: Word


class Test(Node, frozen=True, kw_only=True):
    """`[[ … ]]`, or a part of it: `operator` is `-f`, `=~`, `!`, `&&` …, over words or other tests."""

    operator: str
    operands: tuple[Word | Test, ...]


class Broken(Node, frozen=True, kw_only=True):
    """Text that is no shell."""

    message: str


def children(node: Node) -> Iterator[Node]:
    """What stands directly in a node, in the order of the text."""
    for name in node.__struct_fields__:
        yield from _within(getattr(node, name))


def walk(node: Node) -> Iterator[Node]:
    """A node and everything in it, in the order of the text."""
    yield node
    for child in children(node):
        yield from walk(child)


def _within(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _within(part)
