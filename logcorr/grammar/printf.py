"""Templates of log lines in JavaScript source, as winston's `printf` takes them, and the lines that they write.

`printf(({ level, message, timestamp }) => `${timestamp} [${level}]: ${message}`)` becomes `{timestamp} [{level}]: {message}`.
Nothing is evaluated: a value that is no property of the event is `{}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from string import Formatter

from msgspec import Struct

from logcorr.grammar import stamps
from logcorr.grammar.stamps import Shape
from logcorr.lazily import regex

_CALL = regex(
    r"""
    //[^\n]* | /\*.*?(?:\*/|\Z) | '(?:\\.|[^'\\\n])*' | "(?:\\.|[^"\\\n])*"
  | \bprintf\s*\(\s*(?:async\s+)?(?:function\s*\w*\s*)?
    (?: \(\s*(?P<parameter>\w+|\{(?:[^{}]|\{[^{}]{0,80}\}){0,800}\})\s*(?::\s*[\w.]+\s*)?\) | (?P<alone>\w+) )
    \s*(?::\s*string\s*)?(?:=>\s*)?(?P<body>[`{])
    """,
    re.VERBOSE | re.DOTALL,
)
_RETURN = regex(r"\b(?:return|printf)\b\s*\(?\s*(`?)")
_LONGEST = 4_000
"""Characters of a function that are looked at."""
_MOST = 100
"""Calls in a file, and literals in a function: no source may ask for all the time there is."""

_PIECE = regex(r"(?P<escape>\\(?:x1[bB]|u001[bB]|.))|(?P<value>\$\{)|(?P<end>`)|(?:[^\\$`]|\$(?!\{))+", re.DOTALL)
_TOKEN = regex(r"""'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|(?P<sign>[{}`])|[^'"{}`]+|.""", re.DOTALL)
_COLOUR = regex(r"\x1b\[[\d;]*m")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\n", "x1b": "\x1b", "u001b": "\x1b"}
_DEEPEST = 5
"""Templates within templates."""

_VALUE = regex(r"(?:(\w+)\??\.)?(\w+)(?:\??\.\w+\([^()]*\))*(?:\s*(?:\|\||\?\?).*)?", re.DOTALL)
_PROPERTY = regex(r"(?:^|,)\s*(\w+)(?:\s*:\s*(\w+))?")
_SAME = {"time": "timestamp", "ts": "timestamp", "date": "timestamp", "msg": "message", "severity": "level"}
_CLOCK = regex(r"\b(?:new Date|Date\.now|moment|dayjs|DateTime)\b")


def templates(source: str) -> Iterator[tuple[int, int, str]]:
    """Each template that holds a message, with the places where its `printf` and its literal begin."""
    for call in islice((found for found in _CALL.finditer(source) if found["body"]), _MOST):
        names = _names(call["parameter"] or call["alone"])
        for begin in islice(_literals(source, call), _MOST):
            text = _template(source[begin : begin + _LONGEST], names)
            if text and "{message}" in text:
                yield call.start(), begin, text


def _literals(source: str, call: re.Match[str]) -> Iterator[int]:
    """Where the template literals stand that a function returns, after their backquotes."""
    if call["body"] == "`":
        yield call.end()
        return
    for found in _RETURN.finditer(source, call.end(), call.end() + _LONGEST):
        if found[0].startswith("printf"):
            return
        if found[1]:
            yield found.end()


def _names(parameter: str) -> dict[str, str]:
    """What the properties are called in a function: `level`, or `info.level` (as `info.`, any property) by their own names."""
    if not parameter.startswith("{"):
        return {f"{parameter}.": ""}
    return {local or name: name for name, local in _PROPERTY.findall(parameter[1:-1])}


def _template(text: str, names: Mapping[str, str]) -> str | None:
    """The literal that begins here, as far as its first line goes; None where it does not end."""
    parts: list[str] = []
    position = 0
    while piece := _PIECE.match(text, position):
        position = piece.end()
        if piece["end"]:
            joined = text[position : position + 20].lstrip().startswith("+")
            return _first_line("".join(parts) + ("{}" if joined else ""))
        if piece["value"]:
            end = _end_of_value(text, position, 0)
            parts.append("{" + _name(text[position : end - 1].strip(), names) + "}")
            position = end
        else:
            written = _ESCAPES.get(piece["escape"][1:].lower(), piece["escape"][1:]) if piece["escape"] else piece[0]
            parts.append(written.replace("{", "{{").replace("}", "}}"))
    return None


def _first_line(text: str) -> str:
    return _COLOUR.sub("", text).split("\n")[0]


def _end_of_value(text: str, position: int, depth: int) -> int:
    """After the brace that closes the value which begins here; the text's end where none does."""
    inside = 1
    while inside and (token := _TOKEN.match(text, position)):
        position = token.end()
        if token["sign"] == "`":
            position = _end_of_literal(text, position, depth + 1) if depth < _DEEPEST else len(text)
        else:
            inside += {"{": 1, "}": -1}.get(token[0], 0)
    return position


def _end_of_literal(text: str, position: int, depth: int) -> int:
    while piece := _PIECE.match(text, position):
        position = _end_of_value(text, piece.end(), depth) if piece["value"] else piece.end()
        if piece["end"]:
            break
    return position


def _name(expression: str, names: Mapping[str, str]) -> str:
    """The property that a value shows, whatever is done to it; empty for one that shows none."""
    value = _VALUE.fullmatch(expression)
    if value:
        of, name = value.groups()
        own = name if of and f"{of}." in names else names.get(name) if of is None else None
        if own and not (own == "stack" and "message" in expression):
            return _SAME.get(own, own)
    shown = {_SAME.get(names.get(word, word), names.get(word, word)) for word in re.findall(r"\w+", expression)}
    computed = (name for name in ("message", "timestamp", "level") if name in shown)
    return next(computed, "timestamp" if _CLOCK.search(expression) else "")


class Agreed(Struct, frozen=True):
    """A template that lines are written by: a pattern with groups `stamp`, `level`, `message`, `meta` and one for each name."""

    pattern: str
    shape: Shape | None
    names: tuple[str, ...]
    count: int


def agreed(lines: Sequence[str], texts: Iterable[str], levels: str) -> Agreed | None:
    """The template that most of these lines are written by, if any is; `levels` are alternatives of a pattern."""
    found = [one for text in texts if (one := _agreed(lines, text, levels))]
    return max(found, key=lambda one: (one.count, len(one.names)), default=None)


def _agreed(lines: Sequence[str], text: str, levels: str) -> Agreed | None:
    """What a template makes of the lines; a value that is no property (`${stamp()}`) may be the time."""
    dated = text.replace("{}", "{timestamp}", 1)
    if "{timestamp}" not in text and dated != text and (found := _agreed(lines, dated, levels)):
        return found
    shape = None
    if "{timestamp}" in text:
        rough = re.compile(_pattern(text, r".{4,40}?", levels), re.ASCII)
        shape = stamps.shape_of(tuple(match["stamp"] for line in lines if (match := rough.match(line))))
        if shape is None:
            return None
    pattern = _pattern(text, shape.pattern if shape else "", levels)
    compiled = re.compile(pattern, re.ASCII)
    count = sum(compiled.match(line) is not None for line in lines)
    names = tuple(name for name in compiled.groupindex if name not in ("stamp", "level", "message"))
    return Agreed(pattern, shape, names, count) if count else None


def _pattern(text: str, stamp: str, levels: str) -> str:
    """What stands before the message is held to the template; behind it all may be missing, and an object is `meta`."""
    groups = {
        "timestamp": f"(?P<stamp>{stamp})",
        "level": rf"(?P<level>{levels})\s*",
        "message": "(?P<message>.*?)(?:",
        "meta": r"(?P<meta>\{.*\})?",
    }
    parts: list[str] = []
    seen = {"stamp"}
    pieces = [(literal, name) for literal, name, _, _ in Formatter().parse(text)]
    for (literal, name), (following, _) in zip(pieces, [*pieces[1:], ("", None)], strict=True):
        named = "meta" if name == "" and "message" in seen else name or ""
        group = groups.get(named) or _field(named, following[:1])
        parts += [re.escape(literal), "" if name is None else ".*?" if not named or named in seen else group]
        seen.add(named)
    return "^" + "".join(parts) + ")?$"


def _field(name: str, following: str) -> str:
    return rf"(?P<{name}>" + (f"[^{re.escape(following)}]*)" if following else r"\S*)")
