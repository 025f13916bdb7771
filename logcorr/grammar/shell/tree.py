"""The nodes of a shell script. `start` and `end` are offsets into the text that was parsed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Anything that stands somewhere in the text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal(Node):
    """Characters as they are, escapes undone; `quoted` ones are not patterns and do not split."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Node):
    """`$name` or `${name[index]operator operand}`; `operands` holds the words after the operator (two for `/` and `:`).

    `operator` is `#name` for a length, `!name` for an indirection, `!` for the keys of an array.
    """

    name: str
    quoted: bool
    index: Word | None = None
    operator: str = ""
    operands: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitution(Node):
    """`$(body)` or backquotes; with `direction` `<` or `>`, a process substitution."""

    body: Sequence
    quoted: bool
    direction: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculation(Node):
    """`$((expression))`."""

    expression: Word
    quoted: bool


Piece = Literal | Parameter | Substitution | Calculation


@dataclass(frozen=True, slots=True, kw_only=True)
class Word(Node):
    """One word before expansion."""

    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment(Node):
    """`name=value`, `name+=value`, `name[index]=value`, or an array `name=(elements)`, each with its own index or None."""

    name: str
    value: Word | None
    index: Word | None = None
    elements: tuple[tuple[Word | None, Word], ...] | None = None
    appends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect(Node):
    """`fd operator target`; for a here-document the target is its body, for `{name}>` the descriptor is the name."""

    descriptor: str
    operator: str
    target: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Simple(Node):
    """A simple command: what it assigns, its words, its redirections."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word | Assignment, ...]
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline(Node):
    """Commands joined by `|`."""

    commands: tuple[Node, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AndOr(Node):
    """`left && right` or `left || right`."""

    left: Node
    operator: str
    right: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Background(Node):
    """`command &`."""

    command: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence(Node):
    """Commands one after the other."""

    commands: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class If(Node):
    """Conditions with their bodies, in order, and the else body."""

    arms: tuple[tuple[Sequence, Sequence], ...]
    otherwise: Sequence | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop(Node):
    """`while` or `until`."""

    condition: Sequence
    body: Sequence
    until: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class For(Node):
    """`for name in words`; no words means the positional parameters. `select` when the user chooses."""

    name: str
    words: tuple[Word, ...] | None
    body: Sequence
    select: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ArithmeticFor(Node):
    """`for ((first; condition; step))`."""

    first: Word
    condition: Word
    step: Word
    body: Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseItem(Node):
    """`pattern|pattern) body`, ended by `;;`, `;&` or `;;&`."""

    patterns: tuple[Word, ...]
    body: Sequence
    terminator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Node):
    """`case word in items esac`."""

    word: Word
    items: tuple[CaseItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function(Node):
    """A function's definition."""

    name: str
    body: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Node):
    """`{ body; }`, or `( body )` in a process of its own."""

    body: Sequence
    subshell: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirected(Node):
    """A compound command with redirections."""

    command: Node
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic(Node):
    """`((expression))`."""

    expression: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Test(Node):
    """`[[ … ]]`, or a part of it: `operator` is `-f`, `=~`, `!`, `&&` …, over words or other tests."""

    operator: str
    operands: tuple[Word | Test, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken(Node):
    """Text that is no shell."""

    message: str


def children(node: Node) -> Iterator[Node]:
    """What stands directly in a node, in the order of the text."""
    for name in _parts(type(node)):
        yield from _within(getattr(node, name))


def walk(node: Node) -> Iterator[Node]:
    """A node and everything in it, in the order of the text."""
    yield node
    for child in children(node):
        yield from walk(child)


def _parts(kind: type[Node]) -> tuple[str, ...]:
    """The fields that may hold nodes."""
    if kind not in _PARTS:
        _PARTS[kind] = tuple(field.name for field in fields(kind) if field.type not in ("int", "str", "bool"))
    return _PARTS[kind]


_PARTS: dict[type[Node], tuple[str, ...]] = {}


def _within(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _within(part)
