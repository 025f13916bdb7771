"""Objects and lists of literals in JavaScript and JSON, with their lines. Nothing is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from logcorr.grammar.yaml_tree import Node
from logcorr.lazily import regex

_TOKEN = regex(
    r"""
    (?P<comment> //[^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<string> '(?:\\.|[^'\\\n])*' | "(?:\\.|[^"\\\n])*" | `(?:\\.|[^`\\$])*` )
  | (?P<sign> [{}\[\]():,] )
  | (?P<word> [\w.$-]+ )
  | (?P<other> \S )
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENING = {"{": "}", "[": "]", "(": ")"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\n": ""}
_DEEPEST = 50


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def value_of(text: str, key: str, path: str) -> Node | None:
    """The value of the first such key that has an object or a list; None if there is none.

    Strings have the tag `str`, numbers and bare words `word`, what would have to be evaluated `expression`.
    """
    tokens = list(_tokens(text))
    for index in range(len(tokens) - 2):
        name, colon, opening = tokens[index : index + 3]
        if _literal(name).text == key and colon.text == ":" and opening.text in "{[":
            return _Reader(tokens, index + 2, path).value(0)
    return None


def _tokens(text: str) -> Iterator[_Token]:
    line, counted = 1, 0
    for match in _TOKEN.finditer(text):
        line, counted = line + text.count("\n", counted, match.start()), match.start()
        if match.lastgroup != "comment":
            yield _Token(match.lastgroup or "", match[0], line)


def _literal(token: _Token, path: str = "") -> Node:
    if token.kind != "string":
        return Node(path, token.line, token.line, "word" if token.kind == "word" else "expression", token.text)
    text = re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), token.text[1:-1], flags=re.DOTALL)
    return Node(path, token.line, token.line + token.text.count("\n"), "str", text)


class _Reader:
    """Reads values from a list of tokens, from a position on."""

    def __init__(self, tokens: Sequence[_Token], position: int, path: str) -> None:
        self._tokens = tokens
        self._position = position
        self._path = path

    def value(self, depth: int) -> Node:
        """The value that begins here; behind it lies a comma or a closing sign."""
        first = self._tokens[self._position]
        if first.text in ("{", "[") and depth < _DEEPEST:
            return self._collection(first, depth)
        start = self._position
        self._skip()
        parts = self._tokens[start : self._position]
        return _literal(first, self._path) if len(parts) == 1 else Node(self._path, first.line, first.line, "expression")

    def _collection(self, first: _Token, depth: int) -> Node:
        closing = _OPENING[first.text]
        items, entries = [], {}
        self._position += 1
        while self._position < len(self._tokens) and self._tokens[self._position].text != closing:
            key = self._key() if closing == "}" else None
            if key:
                entries[key] = self.value(depth + 1)
            elif closing == "]":
                items.append(self.value(depth + 1))
            self._skip()
            self._position += not self._here(closing)  # a comma, or a sign that closes nothing
        end = self._tokens[min(self._position, len(self._tokens) - 1)].line
        self._position += 1
        tag = "map" if closing == "}" else "seq"
        return Node(self._path, first.line, end, tag, items=tuple(items), entries=tuple(entries.items()))

    def _key(self) -> str | None:
        """The key that stands here, if a value follows it."""
        token = self._tokens[self._position]
        if token.kind not in ("word", "string") or not self._here(":", 1) or self._position + 2 >= len(self._tokens):
            return None
        self._position += 2
        return _literal(token).text

    def _here(self, sign: str, ahead: int = 0) -> bool:
        return self._position + ahead < len(self._tokens) and self._tokens[self._position + ahead].text == sign

    def _skip(self) -> None:
        """Goes on to the next comma or closing sign of this level."""
        waiting: list[str] = []
        while self._position < len(self._tokens):
            text = self._tokens[self._position].text
            if not waiting and text in (",", "}", "]", ")"):
                break
            if text in _OPENING:
                waiting.append(_OPENING[text])
            elif waiting and text == waiting[-1]:
                waiting.pop()
            self._position += 1
