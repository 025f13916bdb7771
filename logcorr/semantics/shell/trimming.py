"""Parts of values: `#`, `%`, `/`, `:`, `^` and `,` in `${…}`."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from logcorr.grammar.shell.tree import Parameter, Word
from logcorr.semantics.shell import arithmetic
from logcorr.semantics.shell.bounded import bounded
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import Path
from logcorr.semantics.shell.patterns import glob, unescaped
from logcorr.semantics.shell.values import (
    EMPTY,
    Text,
    Value,
    derived,
    like,
    literal,
    shown,
)

Single = Callable[[Machine, Path, Word], Value]

Pattern = Callable[[Machine, Path, Word], str | None]


class Words(Struct, frozen=True):
    """How a word inside `${…}` becomes text, or a pattern."""

    single: Single
    pattern: Pattern


def number(machine: Machine, path: Path, operand: Word, words: Words) -> int | None:
    """The number that a word of `${name:first:length}` comes to, None if it cannot be known."""
    return arithmetic.calculate(machine, path, words.single(machine, path, operand), machine.span(operand)).number


def transformed(machine: Machine, path: Path, node: Parameter, value: Value, words: Words) -> Value:
    """`#`, `%`, `/`, `:`, `^`, `,` and `@` applied to one value."""
    operator = node.operator
    if operator[0] in "#%":
        return _trimmed(value, operator, words.pattern(machine, path, node.operands[0]), node.name)
    known = literal(value)
    if operator == ":":
        return _substring(machine, path, node, value, words)
    if known is None:
        return derived(value, f"part of {shown(value)}")
    if operator[0] == "/":
        return _replaced(machine, path, node, value, words)
    if operator[0] in "^,":
        change = str.upper if operator[0] == "^" else str.lower
        return like(value, change(known) if len(operator) > 1 else change(known[:1]) + known[1:])
    return value if operator in ("@Q", "@E", "@P") and known.isalnum() else derived(value, f"${{{node.name}{operator}}}")


def _trimmed(value: Value, operator: str, pattern: str | None, name: str) -> Value:
    if pattern is None:
        return derived(value, f"part of {name}")
    known = literal(value)
    if known is None:
        return _trimmed_mixed(value, operator, pattern, name)
    lengths = range(len(known) + 1) if len(operator) == 1 else range(len(known), -1, -1)
    matcher = glob(pattern)
    for length in lengths:
        piece = known[:length] if operator[0] == "#" else known[len(known) - length :]
        if matcher.fullmatch(piece):
            return cut(value, length, None) if operator[0] == "#" else cut(value, 0, len(known) - length)
    return value


def _trimmed_mixed(value: Value, operator: str, pattern: str, name: str) -> Value:
    """Trimming where only an end of the value is known, and that end decides."""
    ends = value[::-1] if operator[0] == "%" or operator == "##" else value
    edge = ends[0]
    if not isinstance(edge, Text):
        return derived(value, f"part of {name}")
    if operator == "##" and pattern.startswith("*"):
        tail = unescaped(pattern[1:])
        if tail and tail in edge.text:
            return (replace(edge, text=edge.text.rpartition(tail)[2]),)
        return derived(value, f"part of {name}")
    fixed = unescaped(pattern)
    if fixed is not None and operator[0] == "%":
        return (*value[:-1], replace(edge, text=edge.text[: -len(fixed)])) if fixed and edge.text.endswith(fixed) else (
            value if len(edge.text) >= len(fixed) else derived(value, f"part of {name}"))  # fmt: skip
    if set(pattern) == {"?"} and operator == "%" and len(edge.text) >= len(pattern):
        return (*value[:-1], replace(edge, text=edge.text[: -len(pattern)]))
    if operator == "%" and pattern.endswith("*") and (head := unescaped(pattern[:-1])) and head in edge.text:
        return (*value[:-1], replace(edge, text=edge.text.rpartition(head)[0]))
    return derived(value, f"part of {name}")


def cut(value: Value, start: int, end: int | None) -> Value:
    """Characters of a fully known value, parts keeping their lines."""
    result, offset = [], 0
    length = sum(len(part.text) for part in value if isinstance(part, Text))
    end = length if end is None else end
    for part in value:
        if isinstance(part, Text):
            piece = part.text[max(start - offset, 0) : max(end - offset, 0)]
            offset += len(part.text)
            if piece:
                result.append(replace(part, text=piece))
    return tuple(result)


def _substring(machine: Machine, path: Path, node: Parameter, value: Value, words: Words) -> Value:
    numbers = [number(machine, path, operand, words) for operand in node.operands]
    known = literal(value)
    first = numbers[0]
    if known is None:
        return _substring_at_end(value, numbers) or derived(value, f"part of {node.name}")
    if any(number is None for number in numbers) or first is None:
        return derived(value, f"part of {node.name}")
    start = first if first >= 0 else max(len(known) + first, 0)
    length = numbers[1] if len(numbers) > 1 else None
    end = None if length is None else start + length if length >= 0 else len(known) + length
    return cut(value, start, end)


def _substring_at_end(value: Value, numbers: list[int | None]) -> Value | None:
    """`${name: -3}` and `${name:0:-3}`, where the end of the value is known."""
    last, counted = value[-1], numbers[-1]
    if not isinstance(last, Text) or counted is None or not -len(last.text) <= counted < 0:
        return None
    if len(numbers) == 1:
        return (replace(last, text=last.text[counted:]),)
    return (*value[:-1], replace(last, text=last.text[:counted])) if numbers[0] == 0 else None


def _replaced(machine: Machine, path: Path, node: Parameter, value: Value, words: Words) -> Value:
    known = literal(value) or ""
    wanted = words.pattern(machine, path, node.operands[0])
    with_ = words.single(machine, path, node.operands[1]) if len(node.operands) > 1 else EMPTY
    replacement = literal(with_)
    if not wanted or replacement is None:
        return derived(value, f"part of {node.name}")
    expression = glob(wanted).compiled.pattern
    anchored = {"#": rf"\A(?:{expression})", "%": rf"(?:{expression})\Z"}.get(node.operator[-1], expression)
    count = 0 if node.operator.startswith("//") else 1
    changed, _ = bounded(anchored, re.DOTALL).subn(lambda _: replacement, known, count=count)
    return value if changed == known else like(value, changed)
