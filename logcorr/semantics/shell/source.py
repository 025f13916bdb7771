"""Code and where it stands: offsets into a script, or into text put together at run time, to lines of collected files."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from logcorr.grammar.shell import Node, parse
from logcorr.grammar.shell.tree import Function, Literal, Simple, Test, Word, children
from logcorr.lazily import regex
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.semantics.shell.values import Text, Unknown, Value, joined

if TYPE_CHECKING:
    from logcorr.semantics.shell.speech import Said

_WORD = regex(r"[A-Za-z_][\w-]*")
_INDIRECT = frozenset({"eval", "source", "trap", "nameref"})
_EXPORTS = regex(r"\b(?:export|declare|typeset)\b([^\n;&|]*)")
_EXPORTS_ALL = regex(r"\bset\s+-\w*a|\ballexport\b")
_LEAVES = regex(r"\b(?:exit|return|break|continue|exec)\b")
FIRST_PLACEHOLDER = 0xE000
_PLACEHOLDERS = regex("([\ue000-\uf8ff])")


class Source:
    """Some shell code, parsed, that knows the line of each of its characters."""

    def __init__(self, text: str, parts: tuple[tuple[int, Span], ...], *, main: bool = False) -> None:
        self.text = text
        self.main = main
        self._parts = parts
        self._spans: dict[tuple[int, int], Span] = {}
        self._literals: dict[tuple[int, int, str], Value] = {}
        self._last: dict[str, int] = {}
        self.said: dict[int, Said | None] = {}
        self._starts = [start for start, _ in parts]

    @classmethod
    def of_script(cls, script: Script, *, main: bool = False) -> Source:
        """The text of a collected script."""
        last = script.span.line + script.text.count("\n")
        return cls(script.text, ((0, Span(script.span.path, script.span.line, last)),), main=main)

    @classmethod
    def of_value(cls, value: Value, span: Span, placeholders: list[Unknown]) -> Source:
        """Text put together at run time (`eval`, `bash -c`, `ssh host '…'`); what has no line of its own stands at `span`.

        An unknown part becomes one private-use character, its place in `placeholders`, which a word's expansion turns back.
        """
        parts, offset, pieces = [], 0, []
        for part in value:
            piece = part.text if isinstance(part, Text) else _placeholder(part, placeholders)
            parts.append((offset, (part.span if isinstance(part, Text) else None) or span))
            pieces.append(piece)
            offset += len(piece)
        return cls("".join(pieces), tuple(parts) or ((0, span),))

    @cached_property
    def tree(self) -> Node:
        """The code's syntax tree."""
        return parse(self.text)

    @cached_property
    def _newlines(self) -> list[int]:
        return [match.start() for match in re.finditer("\n", self.text)]

    def _line(self, offset: int) -> tuple[str, int]:
        index = max(bisect_right(self._starts, offset) - 1, 0)
        start, span = self._parts[index]
        down = bisect_right(self._newlines, offset - 1) - (bisect_right(self._newlines, start - 1) if start else 0)
        return span.path, min(span.line + down, span.end_line)

    @cached_property
    def _bodies(self) -> list[tuple[str, int, int]]:
        return [(node.name, node.start, node.end) for node in _functions(self.tree)]

    def bodies(self) -> list[tuple[str, str]]:
        """The functions that are defined, each with its text."""
        return [(name, self.text[start:end]) for name, start, end in self._bodies]

    @cached_property
    def _uses(self) -> dict[str, list[int]]:
        uses: dict[str, list[int]] = {}
        for match in _WORD.finditer(self.text):
            uses.setdefault(match[0], []).append(match.start())
        return uses

    def last_use(self, name: str) -> int:
        """The last offset at which a name may matter; one in a function matters as long as the function may be called."""
        if self._indirect or name in self._exported:
            return len(self.text)
        if name not in self._last:
            self._last[name] = self._last_use(name, frozenset())
        return self._last[name]

    @cached_property
    def _indirect(self) -> bool:
        return any(word in self._uses for word in _INDIRECT) or "${!" in self.text or bool(_EXPORTS_ALL.search(self.text))

    @cached_property
    def _exported(self) -> frozenset[str]:
        """Names that programs, which are scripts too, get to see."""
        return frozenset(word for words in _EXPORTS.findall(self.text) for word in _WORD.findall(words))

    def _last_use(self, name: str, seen: frozenset[str]) -> int:
        last = -1
        for offset in self._uses.get(name, ()):
            around = [body for body, start, end in self._bodies if start <= offset < end and body != name]
            calls = [self._last_use(body, seen | {body}) for body in around if body not in seen]
            last = max(last, offset, *calls)
        return last

    def leaves(self, start: int, end: int) -> bool:
        """Whether anything from `start` to before `end` may leave the commands around it."""
        first = bisect_right(self._exits, start - 1)
        return first < len(self._exits) and self._exits[first] < end

    @cached_property
    def _exits(self) -> list[int]:
        return [match.start() for match in _LEAVES.finditer(self.text)]

    def span(self, start: int, end: int) -> Span:
        """The lines of the characters from `start` to before `end`."""
        span = self._spans.get((start, end))
        if span is None:
            span = self._spans[start, end] = self._spanned(start, end)
        return span

    def literal(self, piece: Literal, placeholders: list[Unknown]) -> Value:
        """The characters of a literal, with the lines they stand on; placeholders turned back into what they stand for."""
        key = piece.start, piece.end, piece.text
        value = self._literals.get(key)
        if value is None:
            value = self._literals[key] = _with_unknowns(piece.text, self.span(piece.start, piece.end), placeholders)
        return value

    def _spanned(self, start: int, end: int) -> Span:
        path, line = self._line(start)
        if len(self._parts) == 1 and self.text.find("\n", start, end - 1) < 0:
            return Span(path, line)
        last_path, last = self._line(max(start, end - 1))
        return Span(path, line, max(line, last) if path == last_path else line)


def _functions(node: Node) -> Iterator[Function]:
    """All function definitions but those inside words."""
    if isinstance(node, Function):
        yield node
    if not isinstance(node, Simple | Word | Test):
        for child in children(node):
            yield from _functions(child)


def _placeholder(part: Unknown, placeholders: list[Unknown]) -> str:
    if part not in placeholders:
        placeholders.append(part)
    return chr(FIRST_PLACEHOLDER + placeholders.index(part))


def _with_unknowns(characters: str, span: Span, placeholders: list[Unknown]) -> Value:
    if not placeholders:
        return (Text(characters, span),)
    parts: list[Value] = []
    for piece in _PLACEHOLDERS.split(characters):
        index = ord(piece) - FIRST_PLACEHOLDER if len(piece) == 1 else -1
        parts.append((placeholders[index],) if 0 <= index < len(placeholders) else (Text(piece, span),) if piece else ())
    return joined(*parts)
