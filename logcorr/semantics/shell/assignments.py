"""Variables get their values: `name=value`, `name+=value`, arrays, and the words of `local`, `export`, `declare`."""

from __future__ import annotations

from logcorr.grammar.shell.tree import Assignment, Word
from logcorr.semantics.shell.arithmetic import calculate
from logcorr.semantics.shell.expansion import fields, single
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import SUCCESS, Array, Path
from logcorr.semantics.shell.values import EMPTY, Text, Unknown, Value, derived, joined, literal, shown

MOST_PARTS = 400
MOST_CHARACTERS = 200_000


def assign(machine: Machine, path: Path, node: Assignment) -> None:
    """Carry out an assignment."""
    before = path.variable(node.name) if node.name in path.variables else None
    if node.elements is not None:
        old = before.items if isinstance(before, Array) and node.appends else ()
        path.set(node.name, _array(machine, path, node.elements, old))
        return
    value = single(machine, path, node.value) if node.value is not None else EMPTY
    if node.index is not None or isinstance(before, Array):
        _assign_element(machine, path, node, value, before)
        return
    if node.appends:
        value = joined(before if before is not None else path.variable(node.name), value)  # type: ignore[arg-type]  # no array here
    path.set(node.name, value if _short(value) else derived(value, f"the long text of {node.name}"))


def _short(value: Value) -> bool:
    """Whether a value is one that scripts work with: others, which grow by `x=$x$x`, are not worth their cost."""
    return len(value) <= MOST_PARTS and sum(len(part.text) for part in value if isinstance(part, Text)) <= MOST_CHARACTERS


def _array(
    machine: Machine, path: Path, elements: tuple[tuple[Word | None, Word], ...], old: tuple[tuple[str, Value], ...]
) -> Array:
    items = dict(old)
    whole = True
    position = len(items)
    for index, word in elements:
        if index is not None:
            key = literal(single(machine, path, index))
            whole = whole and key is not None
            items[key or ""] = single(machine, path, word)
            position = int(key) + 1 if key and key.isdigit() else position
            continue
        for value in fields(machine, path, word):
            whole = whole and not any(isinstance(part, Unknown) and part.splits for part in value)
            items[str(position)] = value
            position += 1
    return Array(tuple(items.items()), whole=whole)


def _assign_element(machine: Machine, path: Path, node: Assignment, value: Value, before: Value | Array | None) -> None:
    array = before if isinstance(before, Array) else Array((("0", before),) if before else ())
    items = dict(array.items)
    written = single(machine, path, node.index) if node.index is not None else ()
    key = literal(written) if node.index is not None else "0"
    if key is not None and not key.lstrip("-").isdigit() and key in path.variables and not _keyed(array):
        number = calculate(machine, path, written, machine.span(node)).number
        key = str(number) if number is not None else None
    if key is None:
        path.set(node.name, Array(tuple((name, (Unknown(f"an element of {node.name}"),)) for name in items), whole=False))
        return
    items[key] = joined(items.get(key, EMPTY), value) if node.appends else value
    path.set(node.name, Array(tuple(items.items()), whole=array.whole))


def _keyed(array: Array) -> bool:
    return any(not key.lstrip("-").isdigit() for key, _ in array.items)


def declare(machine: Machine, path: Path, node: Assignment, command: str, options: list[str]) -> None:
    """An assignment that is a word of `local`, `declare`, `export` or `readonly`."""
    if command in ("local", "declare", "typeset") and "-g" not in options:
        local(path, node.name)
    assign(machine, path, node)
    if any(option.startswith("-") and "i" in option for option in options) and node.value is not None:
        value = path.variable(node.name)
        if not isinstance(value, Array):
            path.set(node.name, calculate(machine, path, value, machine.span(node)).text)
    path.status = SUCCESS


def local(path: Path, name: str) -> None:
    """Make a variable local to the present function: what it was comes back when the function returns."""
    if not path.scopes:
        return
    *outer, scope = path.scopes
    if name not in scope:
        missing = name not in path.variables
        path.scopes = (*outer, {**scope, name: _MISSING if missing else path.variables[name]})
    path.set(name, None)


_MISSING = Array((("", (Unknown("never set"),)),), whole=False)


def leave_scope(path: Path) -> None:
    """A function returns: its local variables are gone."""
    *outer, scope = path.scopes
    path.scopes = tuple(outer)
    for name, value in scope.items():
        if value is _MISSING or value == _MISSING:
            path.unset(name)
        else:
            path.set(name, value)


def described(value: Value | Array) -> str:
    """A value for people."""
    return shown(value) if not isinstance(value, Array) else " ".join(shown(item) for _, item in value.items)
