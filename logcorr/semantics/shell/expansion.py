"""Words to values: quoting, splitting, braces, tildes, substitutions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from msgspec.structs import replace

from logcorr.grammar.shell.tree import Calculation, Literal, Parameter, Piece, Substitution, Word
from logcorr.lazily import regex
from logcorr.semantics.shell import arithmetic, parameters
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import CAPTURED, TERMINAL, Array, Path
from logcorr.semantics.shell.patterns import escaped
from logcorr.semantics.shell.trimming import Words
from logcorr.semantics.shell.values import (
    EMPTY,
    Text,
    Unknown,
    Value,
    joined,
    literal,
    text,
    unknown,
    without_final_newlines,
)

_BRACES = regex(r"\{([^{}]*)\}")
_RANGE = regex(r"(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?|([A-Za-z])\.\.([A-Za-z])")
MOST_FIELDS = 400


def fields(machine: Machine, path: Path, word: Word) -> list[Value]:
    """The words that one word becomes as an argument."""
    first = word.pieces[0] if len(word.pieces) == 1 else None
    if isinstance(first, Literal) and (first.quoted or ("{" not in first.text and first.text[:1] != "~")):
        return [literal_value(machine, first)]
    return [field for braced in islice(_braced(word), MOST_FIELDS) for field in _fields(machine, path, braced)]


def single(machine: Machine, path: Path, word: Word) -> Value:
    """The text of a word where nothing splits: assignments, redirections, `case`, `[[ ]]`."""
    parts = [_tilde(path, literal_value(machine, piece), index, word) if isinstance(piece, Literal)
             else spaced(path, expand(machine, path, piece)) for index, piece in enumerate(word.pieces)]  # fmt: skip
    return joined(*parts)


def pattern(machine: Machine, path: Path, word: Word) -> str | None:
    """A word as a pattern, in which what was quoted is plain; None if not all of it is known."""
    parts: list[str] = []
    for piece in word.pieces:
        value = literal_value(machine, piece) if isinstance(piece, Literal) else spaced(path, expand(machine, path, piece))
        known = literal(value)
        if known is None:
            return None
        parts.append(escaped(known) if piece.quoted else known)
    return "".join(parts)


def literal_value(machine: Machine, piece: Literal) -> Value:
    """The characters of a literal, with the lines they stand on."""
    return machine.source.literal(piece, machine.placeholders)


def expand(machine: Machine, path: Path, piece: Piece) -> list[Value] | Value:
    """What a `$` expression becomes: a list for several words (`"$@"`)."""
    if isinstance(piece, Parameter):
        return parameters.expand(machine, path, piece, Words(single, pattern))
    if isinstance(piece, Calculation):
        return arithmetic.calculate(machine, path, single(machine, path, piece.expression), machine.span(piece)).text
    if isinstance(piece, Substitution):
        output = substituted(machine, path, piece)
        return unknown("a file of a process substitution") if piece.direction else without_final_newlines(output)
    return literal_value(machine, piece)


def substituted(machine: Machine, path: Path, piece: Substitution) -> Value:
    """All that `$(…)` prints; the status becomes that of what ran inside. bash turns `set -e` off in there."""
    before, sinks, options = path.output, path.sinks, path.options

    def ways() -> list[Path]:
        child = path.copy()
        child.output, child.flow = EMPTY, None
        child.sinks = (CAPTURED, sinks[1] if sinks[1].kind != "captured" else TERMINAL)
        if machine.interpreter == "bash" and not piece.direction:
            child.options -= {"errexit"}
        return machine.widened([left(path, way) for way in machine.run(piece.body, child) if not _goes_round(way)])

    machine.proceed(path, ways)
    value = path.output
    path.output, path.sinks, path.options = before, sinks, options
    machine.substituted = True
    return value


def left(path: Path, child: Path) -> Path:
    """The shell after a process of its own has ended: what ran and what was written stays, its state is gone."""
    parent = path.copy()
    parent.status, parent.output, parent.files, parent.known = child.status, child.output, child.files, child.known
    parent.ran, parent.broken, parent.doubts, parent.shadow = child.ran, child.broken, child.doubts, child.shadow
    parent.stdin, parent.aside = child.stdin, child.aside
    return parent


def _goes_round(path: Path) -> bool:
    return path.flow is not None and path.flow.kind == "endless"


def spaced(path: Path, value: list[Value] | Value) -> Value:
    """Several words as one text."""
    if not isinstance(value, list):
        return value
    separator = text(" ")
    return joined(*(part for index, item in enumerate(value) for part in ((separator, item) if index else (item,))))


def _fields(machine: Machine, path: Path, word: Word) -> list[Value]:
    finished: list[Value] = []
    current: list[Text | Unknown] | None = None
    for index, piece in enumerate(word.pieces):
        if isinstance(piece, Literal):
            current = [*(current or []), *_tilde(path, literal_value(machine, piece), index, word)]
            continue
        value = expand(machine, path, piece)
        groups = value if isinstance(value, list) else [value]
        if not piece.quoted:
            groups, opens, closes = _split(path, groups)
            if opens and current is not None:
                finished.append(tuple(current))
                current = None
        for position, group in enumerate(groups):
            if position:
                finished.append(tuple(current or ()))
                current = None
            current = [*(current or []), *group]
        if not piece.quoted and closes and current is not None:
            finished.append(tuple(current))
            current = None
        if piece.quoted and not isinstance(value, list):
            current = current if current is not None else []
        if len(finished) > MOST_FIELDS:
            break
    return finished if current is None else [*finished, tuple(current)]


def _split(path: Path, values: list[Value]) -> tuple[list[Value], bool, bool]:
    """Values split at separators; whether the first begins, and the last ends, with one."""
    separators = literal(_scalar(path.variable("IFS"))) if "IFS" in path.variables else " \t\n"
    if separators is None:
        separators = " \t\n"
    groups: list[Value] = []
    opens = closes = False
    for value in values:
        words, opens_here, closes = split(value, separators)
        opens = opens or (opens_here and not groups)
        groups.extend(words)
    return groups, opens, closes


def _scalar(value: Value | Array) -> Value:
    return EMPTY if isinstance(value, Array) else value


def split(value: Value, separators: str) -> tuple[list[Value], bool, bool]:
    """Field splitting: whitespace separators collapse, others each end a field. Unknown parts stay in one field, and say so."""
    words: list[Value] = []
    current: list[Text | Unknown] | None = None
    opens = closes = after_space = False
    for part in _separable(value, separators):
        if isinstance(part, Unknown) or part.text not in separators:
            current, closes = [*(current or []), part], False
            continue
        opens = opens or (current is None and not words)
        space = part.text.isspace()
        if current is not None or not (space or after_space):
            words.append(tuple(current or ()))
        after_space = space and (current is not None or after_space)
        current, closes = None, True
    return (words if current is None else [*words, tuple(current)]), opens, closes


def _separable(value: Value, separators: str) -> Iterator[Text | Unknown]:
    """The parts of a value, known ones cut at separators, each separator by itself."""
    expression = re.compile(f"[{re.escape(separators)}]|[^{re.escape(separators)}]+") if separators else re.compile(r"(?s).+")
    for part in value:
        if isinstance(part, Unknown):
            yield replace(part, splits=True)
        else:
            for piece in expression.findall(part.text):
                yield replace(part, text=piece)


def _tilde(path: Path, value: Value, index: int, word: Word) -> Value:
    piece = word.pieces[index]
    first = value[0] if value else None
    if (
        index
        or not isinstance(piece, Literal)
        or piece.quoted
        or not isinstance(first, Text)
        or not re.match(r"~(/|$)", first.text)
    ):
        return value
    home = path.variable("HOME")
    return joined(_scalar(home), (replace(first, text=first.text[1:]),), value[1:])


def _braced(word: Word) -> Iterator[Word]:
    """The words of a brace expansion, the word itself without one."""
    for index, piece in enumerate(word.pieces):
        if not isinstance(piece, Literal) or piece.quoted:
            continue
        match = next((match for match in _BRACES.finditer(piece.text) if "," in match[1] or _RANGE.fullmatch(match[1])), None)
        if match is None:
            continue
        for item in _items(match[1]):
            changed = replace(piece, text=piece.text[: match.start()] + item + piece.text[match.end() :])
            pieces = (*word.pieces[:index], changed, *word.pieces[index + 1 :])
            yield from _braced(replace(word, pieces=pieces))
        return
    yield word


def _items(body: str) -> list[str]:
    match = _RANGE.fullmatch(body)
    if not match:
        return body.split(",")
    if match[4]:
        first, last = ord(match[4]), ord(match[5])
        return [chr(code) for code in _counted(first, last, 1)]
    width = (
        max(len(match[1].lstrip("-")), len(match[2].lstrip("-"))) if match[1].startswith("0") or match[2].startswith("0") else 0
    )
    return [str(number).zfill(width) for number in _counted(int(match[1]), int(match[2]), int(match[3] or 1))]


def _counted(first: int, last: int, step: int) -> range:
    step = abs(step) or 1
    return (
        range(first, min(last, first + MOST_FIELDS * step) + 1, step)
        if first <= last
        else range(first, max(last, first - MOST_FIELDS * step) - 1, -step)
    )
