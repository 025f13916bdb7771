"""Commands that only say something, and functions of such commands: a proof need not run them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from logcorr.grammar.shell.tree import (
    Assignment,
    Function,
    Group,
    Literal,
    Node,
    Parameter,
    Piece,
    Redirect,
    Simple,
    Substitution,
    Word,
)
from logcorr.grammar.shell.tree import Sequence as Commands
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import Path

_SAYING = frozenset({"echo", "printf"})
_PRINTING = frozenset({"date", "hostname", "whoami", "uname", "basename", "dirname", "tput", "nproc"})
_CHANGING = ("?", "=", "!")
_KEPT = ("captured", "file")


class Said(Struct, frozen=True):
    """What a command looks at to say something: variables by name (arguments by number); whether it says it as an error."""

    names: tuple[str, ...] = ()
    error: bool = False


def only_says(machine: Machine, path: Path, node: Simple) -> bool:
    """Whether the command prints where nothing looks, and neither ends the shell nor changes anything."""
    if machine.surveys or path.sinks[0].kind in _KEPT or not path.functions.keys().isdisjoint(_SAYING | _PRINTING):
        return False
    name = _name(node)
    saying = _noted(machine, node, _of_command) if name in _SAYING or name in path.functions else None
    if saying is None or (saying.error and path.sinks[1].kind in _KEPT) or not _set(path, saying.names, ()):
        return False
    if name in _SAYING:
        return True
    body = path.functions[name or ""]
    with machine.reading(body.source):
        called = _noted(machine, body.node, _of_function)
    return called is not None and not (called.error and path.sinks[1].kind in _KEPT) and _set(path, called.names, node.words[1:])


def _noted(machine: Machine, node: Node, find: Callable[[Node], Said | None]) -> Said | None:
    known = machine.source.said
    if node.start not in known:
        known[node.start] = find(node)
    return known[node.start]


def _set(path: Path, names: Sequence[str], arguments: Sequence[object]) -> bool:
    """Whether all of these have a value, where that they have none would end the shell."""
    if "nounset" not in path.options:
        return True
    return all(int(name) <= len(arguments) if name.isdigit() else path.variables.get(name) is not None for name in names)


def _name(node: Simple) -> str | None:
    return _text(node.words[0]) if node.words and isinstance(node.words[0], Word) else None


def _text(word: Word) -> str | None:
    first = word.pieces[0] if len(word.pieces) == 1 else None
    return first.text if isinstance(first, Literal) else None


def _of_function(node: Node) -> Said | None:
    """A function's body of commands that only say something, and of its own variables for that."""
    if not isinstance(node, Function):
        return None
    body = node.body.body if isinstance(node.body, Group) and not node.body.subshell else node.body
    found, own = list[Said](), {"@", "*", "#", "0"}
    for command in body.commands if isinstance(body, Commands) else (body,):
        if not isinstance(command, Simple) or _name(command) not in _SAYING | {"local"}:
            return None
        said = _of_command(command)
        if said is None:
            return None
        found.append(Said(tuple(name for name in said.names if name not in own), said.error))
        own |= {word.name for word in command.words if isinstance(word, Assignment)}
    return Said(tuple(name for said in found for name in said.names), any(said.error for said in found))


def _of_command(node: Node) -> Said | None:
    """The words of a command that may as well not be expanded."""
    if not isinstance(node, Simple) or node.assignments or not all(map(_to_error, node.redirects)):
        return None
    if any(isinstance(word, Assignment) and (word.value is None or word.index or word.elements) for word in node.words):
        return None
    words = [word.value if isinstance(word, Assignment) else word for word in node.words]
    if _name(node) == "printf" and len(words) > 1 and words[1] and _text(words[1]) == "-v":
        return None
    names = [name for word in words if word for piece in word.pieces for name in _looked_at(piece)]
    return None if None in names else Said(tuple(name for name in names if name), bool(node.redirects))


def _looked_at(piece: Piece) -> Iterator[str | None]:
    """The variables that a piece of a word prints; None if it may do more than print."""
    if isinstance(piece, Parameter):
        plain = piece.index is None and not any(mark in piece.operator for mark in _CHANGING)
        yield piece.name if plain else None
        for word in piece.operands:
            for inner in word.pieces:
                yield from _looked_at(inner)
    elif isinstance(piece, Substitution):
        only = piece.body.commands[0] if len(piece.body.commands) == 1 and not piece.direction else None
        said = _of_command(only) if isinstance(only, Simple) and _name(only) in _PRINTING else None
        yield from said.names if said and not said.error else (None,)
    elif not isinstance(piece, Literal):
        yield None


def _to_error(redirect: Redirect) -> bool:
    return redirect.operator == ">&" and _text(redirect.target) == "2"
