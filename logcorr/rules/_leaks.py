"""Code that takes something of which there is a limited number, and does not give it back on every way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile

from msgspec import Struct

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.source import Span

SOURCE = (".js", ".mjs", ".cjs", ".ts", ".py", ".rb", ".go", ".php", ".java")
LEAVES = regex(r"\b(?:return|throw|raise)\b")
KEPT = regex(r"\b(?P<name>\w+)\s*(?::?=)")
HANDED = (
    r"(?<![\w.])(?!(?:if|while|for|switch|print|log|fs|os|console|fstat)\b)[\w.]+\((?:[^()]*,)?\s*{name}\s*[,)]|\breturn {name}\b"
)
"""Where another function, or whoever called, is given it: they may give it back."""

BLOCK = regex(r"\bfinally\b|\bdefer\b")
REFUSED = regex(r"\bif\b.*\b(?:e|err|error|exc)\b")
"""Where taking it failed there is nothing to give back."""


class Acquired(Struct, frozen=True):
    """How code takes one, and how it gives it back; patterns of `re`."""

    taken: str
    given_back: str


def leaks(case: Case, how: Acquired) -> Iterator[Span]:
    """The lines inside functions that take one, where the code after it may leave without having given it back.

    Looked at from the line to the end of the outermost block around it: nothing there gives it back, or something leaves before
    that and nothing does it at last (`finally`).
    """
    for path in sorted(path for path in case.files if path.endswith(SOURCE)):
        texts = case.lines(path).select("text").collect()["text"].to_list()
        for number, text in enumerate(texts):
            inside = text[:1].isspace() and not re.search(how.given_back, text)
            if inside and re.search(how.taken, text) and _lost(text, texts[number + 1 :], how):
                yield Span(path, number + 1)


def _lost(line: str, after: Sequence[str], how: Acquired) -> bool:
    block = list(takewhile(lambda text: not text or text[0].isspace(), after))
    kept = KEPT.search(line)
    if kept and any(re.search(HANDED.format(name=kept["name"]), text) for text in block):
        return False
    back = next((number for number, text in enumerate(block) if re.search(how.given_back, text)), None)
    if back is None:
        return True
    leaving = (LEAVES.search(text) and not REFUSED.search(before + text) for before, text in pairwise(["", *block[:back]]))
    return not any(map(BLOCK.search, block)) and any(leaving)
