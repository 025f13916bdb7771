"""What `read` and `mapfile` take from standard input."""

from __future__ import annotations

import re

from msgspec.structs import replace

from logcorr.semantics.shell.command import Command, Handler, separate
from logcorr.semantics.shell.expansion import split
from logcorr.semantics.shell.path import FAILURE, SUCCESS, Array
from logcorr.semantics.shell.values import EMPTY, Text, Unknown, Value, lines, literal, text, unknown


def _read(command: Command) -> None:
    options, names = separate(command.arguments, "adinNptu")
    path = command.path
    targets = [literal(name) or "" for name in names] or ["REPLY"]
    source = path.stdin
    line = _next_line(command) if "u" not in options and "d" not in options else None
    if line is None:
        for name in targets:
            path.set(name, unknown(f"a line that `read` gets ({command.span})"))
        command.unsure(asked=True)
        if source is not None and not source:
            command.end(1)
            for name in targets:
                path.set(name, EMPTY)
        return
    if "r" not in options:
        line = tuple(replace(part, text=part.text.replace("\\", "")) if isinstance(part, Text) else part for part in line)
    separators = path.variable("IFS") if "IFS" in path.variables else text(" \t\n")
    known = literal(separators) if not isinstance(separators, Array) else None
    if "a" in options:
        words, _, _ = split(line, known or " \t\n")
        path.set(literal(options["a"][0]) or "", Array(tuple((str(index), word) for index, word in enumerate(words))))
        return
    for name, value in zip(targets, _divided(line, len(targets), " \t\n" if known is None else known), strict=True):
        path.set(name, value)


def _next_line(command: Command) -> Value | None:
    """Take the first line of standard input if that is known; the status says whether a newline ended it."""
    path = command.path
    if path.stdin is None or not path.stdin:
        return None
    taken: list[Text | Unknown] = []
    for index, part in enumerate(path.stdin):
        if isinstance(part, Text) and "\n" in part.text:
            head, _, tail = part.text.partition("\n")
            rest = path.stdin[index + 1 :]
            path.stdin = ((replace(part, text=tail), *rest) if tail else rest) or EMPTY
            path.status = SUCCESS
            return (*taken, replace(part, text=head)) if head else tuple(taken)
        if isinstance(part, Unknown):
            return None
        taken.append(part)
    path.stdin, path.status = EMPTY, FAILURE
    return tuple(taken)


def _divided(line: Value, count: int, separators: str) -> list[Value]:
    """A line given out to variables; the last one takes all that is left."""
    spaces = "".join(character for character in separators if character.isspace())
    values: list[Value] = []
    rest = _stripped(line, spaces)
    while len(values) < count - 1:
        words, _, _ = split(rest, separators)
        if not words:
            values.append(EMPTY)
            continue
        first = words[0]
        values.append(first)
        rest = _stripped(_after(rest, first, separators), spaces)
    return [*values, rest]


def _stripped(value: Value, spaces: str) -> Value:
    parts = list(value)
    while parts and isinstance(parts[0], Text):
        piece = parts[0].text.lstrip(spaces) if spaces else parts[0].text
        if piece:
            parts[0] = replace(parts[0], text=piece)
            break
        parts.pop(0)
    while parts and isinstance(parts[-1], Text):
        piece = parts[-1].text.rstrip(spaces) if spaces else parts[-1].text
        if piece:
            parts[-1] = replace(parts[-1], text=piece)
            break
        parts.pop()
    return tuple(parts)


def _after(value: Value, first: Value, separators: str) -> Value:
    """What follows the first field and the separator behind it."""
    length = sum(len(part.text) if isinstance(part, Text) else 0 for part in first)
    seen = sum(isinstance(part, Unknown) for part in first)
    parts = list(value)
    while parts:
        part = parts[0]
        if isinstance(part, Unknown):
            if not seen:
                break
            seen -= 1
            parts.pop(0)
            continue
        if len(part.text) > length:
            rest = part.text[length:]
            kept = rest[1:] if rest[0] in separators and not rest[0].isspace() else re.sub(
                f"^[ \t\n]*[{re.escape(separators)}]?", "", rest, count=1)  # fmt: skip
            return (replace(part, text=kept), *parts[1:]) if kept else tuple(parts[1:])
        length -= len(part.text)
        parts.pop(0)
    return tuple(parts)


def _mapfile(command: Command) -> None:
    _, names = separate(command.arguments, "dnOsuCc")
    name = (literal(names[0]) if names else None) or "MAPFILE"
    known = literal(command.path.stdin) if command.path.stdin is not None else None
    if known is None:
        command.path.set(name, Array(((("0"), unknown(f"lines of {name}")),), whole=False))
    else:
        found = lines(command.path.stdin or EMPTY)
        command.path.set(name, Array(tuple((str(index), line) for index, line in enumerate(found))))
    command.path.status = SUCCESS


HANDLERS: dict[str, Handler] = {"read": _read, "mapfile": _mapfile, "readarray": _mapfile}
