"""Text lines that applications write: time, level and message in any of the orders and brackets that people configure.

winston's `printf` templates are the model; log4js, NestJS and most hand-made loggers write the same.
"""

from __future__ import annotations

import re

from logcorr.grammar.stamps import LEAD, Shape

_CLOSE = r"[\])>]?[:,]?"
_BETWEEN = r"[\s|\-–]*"
_PID = r"(?:\[?(?P<pid>\d{1,7})\]?[\s|]+)?"
_LABEL = r"(?:[\[(](?P<label>[^\[\]()]{1,40})[\])][\s|]*)?"


def head_pattern(shape: Shape | None, levels: str) -> str:
    """A pattern for all that stands before the message: `head`, with groups for `stamp`, `pid`, `label` and `level`.

    `levels` are the words for levels as alternatives in lower case. They count in one case throughout (`info`, `INFO`, `Info`),
    and where they stand in brackets or before a colon, a bar or a space. It is the same pattern to Python and to polars.
    """
    stamp = rf"{LEAD}(?P<stamp>{shape.pattern}){_CLOSE}" if shape else "(?P<stamp>)"
    words = f"(?P<level>{levels}|{levels.upper()}|{_capitalised(levels)})"
    level = rf"(?:[\[(<|]\s?{words}\s?[\])>|]:?|{words.replace('level', 'word')}(?:\s*[:|]|\s))"
    return rf"^(?P<head>{stamp}{_BETWEEN}{_PID}{_LABEL}{level}(?:\s*[:|\-–]\s|\s)*)"


def _capitalised(words: str) -> str:
    return "|".join(word.capitalize() for word in words.split("|"))


CONTINUATION = re.compile(r"^(?:\s|[})\]]|at |\.\.\. |Caused by: |---)")
"""How a line goes on that belongs to the one before: indented, a closing bracket, a frame of a stack."""
