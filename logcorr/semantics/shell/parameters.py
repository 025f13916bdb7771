"""`$name` and `${name…}`: values, defaults, parts, replacements, arrays."""

from __future__ import annotations

import re

from msgspec.structs import replace

from logcorr.grammar.shell.tree import Parameter
from logcorr.semantics.shell import arithmetic
from logcorr.semantics.shell.machine import Abandoned, Machine, unset
from logcorr.semantics.shell.path import Array, Flow, Path, Status
from logcorr.semantics.shell.trimming import Words, number, transformed
from logcorr.semantics.shell.values import EMPTY, Unknown, Value, derived, is_empty, joined, literal, shown, splits, text, unknown

_RUNTIME = frozenset(
    {"$", "!", "RANDOM", "SECONDS", "LINENO", "PPID", "BASHPID", "EPOCHSECONDS", "HOSTNAME", "UID", "EUID", "_", "-"}
)


def expand(machine: Machine, path: Path, node: Parameter, words: Words) -> list[Value] | Value:
    """What a parameter expansion becomes: a list of words for `"$@"` and `"${array[@]}"`."""
    whole = _whole(machine, path, node, words)
    if node.operator == "!":
        return _indirect(machine, path, node, whole, words)
    if node.operator.startswith("!"):
        inner = replace(node, operator="")
        name = literal(_joined(expand(machine, path, inner, words)))
        return expand(machine, path, replace(node, name=name, index=None, operator=node.operator[1:]), words) if (
            name and re.fullmatch(r"\w+", name)) else unknown(f"${{!{node.name}}}")  # fmt: skip
    if whole is not None:
        if node.operator == f"#{node.name}" and "nounset" in path.options and path.variables.get(node.name, EMPTY) is None:
            _die(path, f"{node.name}: unbound variable")
        return _of_list(machine, path, node, whole, words)
    value = _value(machine, path, node, words)
    if node.operator.startswith("#") and node.operator[1:] == node.name:
        known = literal(value or EMPTY)
        return (
            text(str(len(known)), machine.span(node)) if known is not None else derived(value or EMPTY, f"length of {node.name}")
        )
    if node.operator[-1:] in ("-", "=", "?", "+") and node.operator:
        return _conditional(machine, path, node, value, words)
    if value is None:
        if "nounset" in path.options:
            _die(path, f"{node.name}: unbound variable")
        value = EMPTY
    elif _may_be_unbound(path, node, value) and not _is_set(machine, path, node.name):
        _die(path, f"{node.name}: unbound variable")
    return transformed(machine, path, node, value, words) if node.operator else value


def _joined(value: list[Value] | Value) -> Value:
    return joined(*value) if isinstance(value, list) else value


def _from_environment(value: Value) -> bool:
    return len(value) == 1 and isinstance(value[0], Unknown) and value[0].key.startswith("$") and not value[0].key[1:].isdigit()


def _may_be_unbound(path: Path, node: Parameter, value: Value) -> bool:
    return "nounset" in path.options and node.name not in path.variables and _from_environment(value)


def _die(path: Path, _: str) -> None:
    path.status = Status(None, "an unset variable", failed=True)
    path.flow = Flow("exit")
    raise Abandoned


def _indirect(machine: Machine, path: Path, node: Parameter, whole: list[Value] | None, words: Words) -> list[Value] | Value:
    if node.index is not None and whole is not None:
        array = path.variable(node.name)
        if not whole:
            return []
        return (
            [text(key, machine.span(node)) for key, _ in array.items] if isinstance(array, Array) else unknown("keys of an array")
        )
    name = literal(_joined(expand(machine, path, replace(node, operator="", index=None), words)))
    if not name or not re.fullmatch(r"\w+", name):
        return unknown(f"${{!{node.name}}}")
    return expand(machine, path, replace(node, name=name, index=None, operator=""), words)


def _whole(machine: Machine, path: Path, node: Parameter, words: Words) -> list[Value] | None:
    """All words of `$@` or `${array[@]}`, None for anything else."""
    if node.name in ("@", "*"):
        if path.arguments is None:
            return [(Unknown("the arguments", splits=True),)]
        return _separated(path, node.name == "*" and node.quoted, list(path.arguments))
    index = literal(words.single(machine, path, node.index)) if node.index is not None else None
    if index not in ("@", "*"):
        return None
    value = path.variable(node.name)
    if not isinstance(value, Array):
        return [] if value == EMPTY else [value]
    items = [item for _, item in value.items]
    return _separated(
        path, index == "*" and node.quoted, items if value.whole else [*items, (Unknown(f"more of {node.name}", splits=True),)]
    )


def _separated(path: Path, as_one: bool, values: list[Value]) -> list[Value]:
    if not as_one:
        return values
    separator = path.variable("IFS") if "IFS" in path.variables else text(" ")
    first = (literal(separator) or "")[:1] if not isinstance(separator, Array) else " "
    return [joined(*(part for index, item in enumerate(values) for part in ((text(first), item) if index else (item,))))]


def _of_list(machine: Machine, path: Path, node: Parameter, values: list[Value], words: Words) -> list[Value] | Value:
    unsure = any(map(splits, values))
    if node.operator.startswith("#") and node.operator[1:] == node.name:
        return unknown(f"number of {node.name}") if unsure else text(str(len(values)), machine.span(node))
    if node.operator == ":":
        return values if unsure else _slice(machine, path, node, values, words)
    if node.operator[-1:] in ("-", "=", "?", "+") and node.operator:
        if unsure:
            return values if node.operator[-1] != "+" else [(Unknown(f"${{{node.name}{node.operator}}}", splits=True),)]
        present = bool(values) and (":" not in node.operator or len(values) > 1 or is_empty(values[0]) is False)
        if node.operator[-1] == "+":
            return words.single(machine, path, node.operands[0]) if present and not values else (values if present else [])
        return values if present else [words.single(machine, path, node.operands[0])]
    if node.operator:
        return [transformed(machine, path, node, value, words) for value in values]
    return values


def _slice(machine: Machine, path: Path, node: Parameter, values: list[Value], words: Words) -> list[Value] | Value:
    numbers = [number(machine, path, operand, words) for operand in node.operands]
    if any(number is None for number in numbers):
        return unknown(f"some of {node.name}")
    first = numbers[0] or 0
    if node.name in ("@", "*"):
        values = [text(path.script), *values]
    last = first + (numbers[1] or 0) if len(numbers) > 1 else None
    return values[first:last]


def _value(machine: Machine, path: Path, node: Parameter, words: Words) -> Value | None:
    """The present value of a plain parameter, None if it is unset."""
    name = node.name
    if name.isdigit() or name == "#":
        return _positional(path, name)
    if name == "?":
        return _status(machine, path)
    if name in _RUNTIME and name not in path.variables:
        return (Unknown(f"${name}", f"${name}" if name in ("UID", "EUID", "HOSTNAME", "$", "!") else "", frozenset({""})),)
    if name == "PWD":
        return path.place.directory
    if name == "BASH_SOURCE":
        return text(path.script)
    value = path.variable(name)
    if isinstance(value, Array):
        return _element(machine, path, node, value, words)
    if node.index is not None and literal(words.single(machine, path, node.index)) != "0" and name in path.variables:
        return None
    return None if name in path.variables and path.variables[name] is None else value


def _positional(path: Path, name: str) -> Value | None:
    if name == "0":
        return text(path.script) if path.script else unknown("$0", "$0")
    if path.arguments is None:
        return unknown("the number of arguments", "$#") if name == "#" else unknown(f"argument {name}", f"${name}")
    certain = next((index for index, value in enumerate(path.arguments) if splits(value)), None)
    if certain is not None and (name == "#" or int(name) > certain + 1):
        return unknown("the number of arguments" if name == "#" else f"argument {name}")
    if name == "#":
        return text(str(len(path.arguments)))
    return path.arguments[int(name) - 1] if int(name) <= len(path.arguments) else None


def _status(machine: Machine, path: Path) -> Value:
    if path.status.code is None and path.status.failed is None:
        machine.succeeded(path)
    if path.status.code is not None:
        return text(str(path.status.code))
    return unknown(f"exit status of {path.status.origin}", "", "0", "")


def _element(machine: Machine, path: Path, node: Parameter, array: Array, words: Words) -> Value | None:
    items = dict(array.items)
    if node.index is None:
        return items.get("0")
    value = words.single(machine, path, node.index)
    key = literal(value)
    if key is not None and key not in items and not _associative(array):
        number = arithmetic.calculate(machine, path, value, machine.span(node)).number
        key = str(number + (len(items) if number < 0 else 0)) if number is not None else None
    if key is None:
        return unknown(f"an element of {node.name}")
    return items.get(key) if key in items or array.whole else unknown(f"{node.name}[{key}]")


def _associative(array: Array) -> bool:
    return any(not key.lstrip("-").isdigit() for key, _ in array.items)


def _conditional(machine: Machine, path: Path, node: Parameter, value: Value | None, words: Words) -> Value:
    """`-`, `=`, `?` and `+`: what to use when the parameter is unset (or, with a colon, empty)."""
    present = _present(machine, path, node, value)
    kind = node.operator[-1]
    if kind == "+":
        return words.single(machine, path, node.operands[0]) if present else EMPTY
    if present:
        return value or EMPTY
    if kind == "?":
        _die(path, f"{node.name} is not set")
    default = words.single(machine, path, node.operands[0])
    if kind == "=" and not node.name.isdigit():
        path.set(node.name, default)
    return default


def _present(machine: Machine, path: Path, node: Parameter, value: Value | None) -> bool:
    if value is None:
        return False
    if not _from_environment(value) and not _maybe_argument(path, value):
        empty = is_empty(value) if ":" in node.operator else False
        return not empty if empty is not None else machine.decide(path, f"{shown(value)} is not empty", key=("present", value))
    key = ("set", node.name)
    if node.operator[-1] == "?":
        return _is_set(machine, path, node.name)
    if node.operator[-1] == "+":
        path.depend(frozenset({unset(f"${node.name}")}))
    if key not in path.known and path.shadow:
        return machine.decide(path, f"${node.name} is set", key=key)
    if key not in path.known:
        path.learn(key, not machine.decide(path, f"${node.name} is not set", assume=unset(f"${node.name}")))
    return path.known[key]


def _is_set(machine: Machine, path: Path, name: str) -> bool:
    """Where it decides more than which value is used it is not taken for granted, though a default was before."""
    key = ("set", name)
    path.depend(frozenset({unset(f"${name}")}))
    if machine.surveys and key in path.known:
        path.known = path.known.without(key)
    return machine.decide(path, f"${name} is set", key=key)


def _maybe_argument(path: Path, value: Value) -> bool:
    return (
        path.arguments is None
        and len(value) == 1
        and isinstance(value[0], Unknown)
        and value[0].key[:1] == "$"
        and value[0].key[1:].isdigit()
    )
