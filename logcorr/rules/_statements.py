"""From a statement that a database tells of to the line of a program that sends it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.rules._settings import settings

LITERALS = regex(r"'(?:[^']|'')*'")
PLACES = regex(r"\$\{[^{}]*\}|\$\w+|%\(\w+\)s|%s|:\w+|@\w+|\b\d[\w.]*")
"""Where a program puts values in, as drivers and languages write it, and numbers."""

WORD = regex(r"[^\W\d]\w*")
LONGEST_LINES, MOST_BETWEEN, FEWEST_WORDS = 8, 2, 3
"""A statement may be written over so many lines, with so many words between two of its own that are values in the log."""


def words(statement: str) -> list[str]:
    """A logged statement's words in lower case, values left out."""
    return _words(LITERALS.sub(" ", statement))


def _words(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(PLACES.sub(" ", text))]


def sender(case: Case, statement: str) -> Span | None:
    """The one line of a collected program or script at which the statement begins; None where there are several, or none."""
    wanted = words(statement)
    if len(wanted) < FEWEST_WORDS:
        return None
    begins = rf"(?i)\b{re.escape(wanted[0])}\W+{re.escape(wanted[1])}\b"
    found = [span for span, _ in settings(case, begins) if _is_at(case, span, wanted)]
    return found[0] if len(found) == 1 else None


def _is_at(case: Case, span: Span, wanted: Sequence[str]) -> bool:
    lines = case.lines(span.path).slice(span.line - 1, LONGEST_LINES).select("text").collect()["text"].fill_null("").to_list()
    written = _words("\n".join(lines))
    first = len(_words(lines[0]))
    return any(_follow(written[at:], wanted) for at in range(min(first, len(written))) if written[at] == wanted[0])


def _follow(written: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the words stand there in their order, with few others between them."""
    at = -1
    for word in wanted:
        near = written[at + 1 : at + 2 + MOST_BETWEEN]
        if word not in near:
            return False
        at += 1 + near.index(word)
    return True
