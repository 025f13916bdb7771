"""Regular expressions taken from scripts, which are anybody's text: matching one may never take long.

Python's engine goes back over a text as often as a pattern can be laid on it: up to `n ** k` times for `k` repetitions and a text
of `n` characters, `2 ** n` where repetitions or choices stand inside a repetition. What could cost more than `MOST_STEPS` is not
matched at all; the script is then given up as too costly to follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from msgspec import Struct

from logcorr.lazily import regex

MOST_STEPS = 100_000
_TOKEN = regex(r"\\.|\[\^?\]?[^\]]*\]|[()|*+]|\{\d*,\d*\}|.", re.DOTALL)


class Overflow(Exception):
    """The script has more ways through than are worth following; nothing is proved about it."""


class Bounded(Struct, frozen=True):
    """A compiled pattern; raises Overflow rather than match a text for which it might take too long."""

    compiled: re.Pattern[str]
    repeats: int
    nested: bool

    def search(self, text: str) -> re.Match[str] | None:
        """The first match."""
        return self._affordable(text).search(text)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """The match of the whole text."""
        return self._affordable(text).fullmatch(text)

    def subn(self, replacement: str | Callable[[re.Match[str]], str], text: str, count: int = 0) -> tuple[str, int]:
        """The text with matches replaced, and how many."""
        return self._affordable(text).subn(replacement, text, count=count)

    def _affordable(self, text: str) -> re.Pattern[str]:
        length = min(len(text), MOST_STEPS) + 1
        if length > MOST_STEPS.bit_length() if self.nested else length**self.repeats > MOST_STEPS:
            raise Overflow
        return self.compiled


@lru_cache(maxsize=512)
def bounded(pattern: str, flags: int = 0) -> Bounded:
    """Compile a pattern. Raises re.error if it is none."""
    repeats, nested, groups = 0, False, [False]
    closed = False
    for token in _TOKEN.findall(pattern):
        repeating = token in "*+" or (token[0] == "{" and len(token) > 1)
        nested = nested or (repeating and closed)
        repeats += repeating
        groups[-1] = groups[-1] or repeating or token == "|"
        closed = False
        if token == "(":
            groups.append(False)
        elif token == ")" and len(groups) > 1:
            closed = groups.pop()
            groups[-1] = groups[-1] or closed
    return Bounded(re.compile(pattern, flags), repeats, nested)
