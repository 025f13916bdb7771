"""Text lines that applications write: time, level and message in any of the orders and brackets that people configure.

winston's `printf` templates are the model; log4js, NestJS and most hand-made loggers write the same.
"""

from __future__ import annotations

import re
from collections import Counter

from msgspec import Struct

from logcorr.grammar import stamps
from logcorr.grammar.stamps import LEAD, Shape

_CLOSE = r'[\])>"]?[:,]?'
_BETWEEN = r"[\s|\-–]*"
_PID = r"(?:\[?(?P<pid>\d{1,7})\]?[\s|]+)?"
_LABEL = r"(?:[\[(](?P<label>[^\[\]()]+)[\])][\s|]*)?"


_NAMED = r"\[[A-Za-z][^\]]{0,30}\][\s-]*(?:\d{1,7}\s+-\s+)?"
"""A name before the stamp, and NestJS's process."""


class Layout(Struct, frozen=True):
    """How a file's heads are built: the stamp's shape, and what stands before it: nothing, a name, or the level."""

    shape: Shape | None
    before: str = ""


def layout_of(lines: tuple[str, ...], levels: str) -> Layout:
    """The layout of which the stamp is found first in most lines."""
    shape = stamps.shape_of(lines)
    if shape:
        return Layout(shape)
    for before, pattern in (("level", _first_level(levels)), ("name", _NAMED)):
        found = re.compile(pattern, re.ASCII)
        rests = [line[match.end() :] for line in lines if (match := found.match(line))]
        shape = stamps.shape_of(tuple(rests)) if len(rests) >= 0.3 * len(lines) else None
        if shape:
            return Layout(shape, before)
    return Layout(None)


def head_pattern(layout: Layout, levels: str, *, always: bool = True) -> str:
    """A pattern for all that stands before the message: `head`, with groups for `stamp`, `pid`, `label` and `level`.

    `levels` are the words for levels as alternatives in lower case. They count in one case throughout (`info`, `INFO`, `Info`),
    and where they stand in brackets or before a colon, a bar or a space; `word` is the level outside brackets, `plain` one
    that only a blank follows. It is the same
    pattern to Python and to polars. Unless there is `always` a level, the stamp alone is a head too.
    """
    shape = layout.shape
    stamp = rf"{LEAD}(?P<stamp>{shape.pattern}){_CLOSE}" if shape else "(?P<stamp>)"
    if layout.before == "level":
        return rf"^(?P<head>{_first_level(levels)}{stamp}{_BETWEEN}(?P<pid>$.)?(?P<label>$.)?)"  # two groups that never match
    named = _NAMED if layout.before == "name" else ""
    words = cased(levels)
    plain = f"{levels}|{levels.upper()}"  # `Error occurred` is no level
    level = rf"(?:[\[(<|]\s?(?P<level>{words})\s?[\])>|]:?|(?P<word>{words})\s*[:|]|(?P<plain>{plain})\s)"
    told = rf"{_PID}{_LABEL}{level}(?:\s*[:|\-–]\s|\s)*"
    return rf"^(?P<head>{named}{stamp}{_BETWEEN}{told if always or not shape else f'(?:{told})?'})"


def _first_level(levels: str) -> str:
    """A level that opens a line."""
    return rf"[\[(<]?(?P<level>{cased(levels)})(?P<word>$.)?(?P<plain>$.)?[\])>]?(?:\s*[:|\-–]\s*|\s+)"


def cased(words: str) -> str:
    """Words as alternatives, in lower and upper case and capitalised."""
    return f"{words}|{words.upper()}|{_capitalised(words)}"


def _capitalised(words: str) -> str:
    return "|".join(word.capitalize() for word in words.split("|"))


class Template(Struct, frozen=True):
    """What most lines of a file have in common: a stamp of `width` characters after `lead`, `between`, a level, `close`."""

    lead: int
    width: int
    between: str
    close: str

    @property
    def level_at(self) -> int:
        """Where the level begins."""
        return self.lead + self.width + len(self.between)


def template_of(lines: tuple[str, ...], pattern: str) -> Template | None:
    """The template of the lines that match a head pattern, if one fits half of them: then lines can be cut, not searched.

    Lines with process ids or labels have none, because these vary; nor have lines with other than ASCII before the message.
    """
    matches = [match for match in map(re.compile(pattern, re.ASCII).match, lines) if match and match["stamp"]]
    counts = Counter(_template(match) for match in matches if not match["pid"] and not match["label"] and match["head"].isascii())
    if not counts:
        return None
    template, count = counts.most_common(1)[0]
    return template if 2 * count >= len(matches) and template.close else None


def _template(match: re.Match[str]) -> Template:
    level = next(name for name in ("level", "word", "plain") if match[name])
    close = match.string[match.end(level) : match.end("head")]
    return Template(match.start("stamp"), len(match["stamp"]), match.string[match.end("stamp") : match.start(level)], close)
