"""Text lines with a level that other programs than Node's write: Java's, Python's and .NET's loggers, databases, Go, Rust.

What stands between time, level and message differs, but within a closed list; which of it a file has, its first lines tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, pairwise

from msgspec import Struct

from logcorr.grammar import stamps
from logcorr.grammar.stamps import LEAD, Shape
from logcorr.lazily import regex

SEVERITIES = {
    "trace": ("trac", "trace", "trc", "trce", "vrb", "finest", "finer"),
    "debug": ("debu", "debug", "dbg", "dbug", "debug1", "debug2", "debug3", "debug4", "debug5", "fine", "config", "verbose"),
    "info": ("info", "inf", "information", "note", "system", "log", "success"),
    "notice": ("notice",),
    "warn": ("warn", "wrn", "warning"),
    "error": ("erro", "error", "err", "severe", "fail"),
    "crit": ("critical", "crit", "fata", "fatal", "ftl", "dpanic"),
    "alert": ("alert",),
    "emerg": ("emerg", "emergency", "pani", "panic"),
}
"""Words for levels, by what they mean: PostgreSQL's and MySQL's, java.util.logging's, Serilog's and zerolog's short ones besides
those that all have."""

_MEANT = {word: severity for severity, words in SEVERITIES.items() for word in words}
_WORDS = "|".join(sorted(_MEANT, key=lambda word: (-len(word), word)))
LETTERS = {"v": "trace", "t": "trace", "d": "debug", "i": "info", "w": "warn", "e": "error", "f": "crit", "c": "crit"}
"""What one letter means to MongoDB before 4.4, Android, gitea and glog's kin."""

MEANT = _MEANT | LETTERS
_LETTER = rf"[{''.join(LETTERS).upper()}]"
_UPPER = _WORDS.upper()
_ANY = f"{_WORDS}|{_UPPER}|{'|'.join(word.capitalize() for word in _WORDS.split('|'))}"

_LOGRUS = "TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI"
"""The levels as logrus writes them on a terminal, before the seconds since the start."""

_CAPITALISED = "Debug|Info|Information|Warn|Warning|Error|Fatal|Critical|Trace|Verbose|Notice|Severe"
"""Words that are a level without brackets too, right behind the time."""

_ZONE = r"(?:[A-Z]{3,5} )?"
_APART = r"(?:\s+(?:[:|-]+\s+)?|[:|]\s*)"
"""What separates words; each text can be taken for it in one way only, so that no line asks for all the time there is."""

_OBJECT = rf"(?:(?:\"[^\"]{{0,80}}\"|\[[^\]]{{0,80}}\]|\{{[^}}]{{0,80}}\}}|\([^)]{{0,80}}\)|\d{{1,19}}){_APART}?)"
"""What is no word: a thread in brackets, a place in braces, a number."""

_WORD = rf"(?:(?:\[[^\]]{{0,80}}\]|\{{[^}}]{{0,80}}\}}|[\w.@/$#][\w.@/$#-]{{0,79}}){_APART})"
_TOLD = regex(rf"\b(?:{_ANY})\b|[\[( ]{_LETTER}\d?[\]) ]|(?:{_LOGRUS})\[")
"""What may be a level: where few lines have any, no layout is looked for."""

LONGEST_HEAD = 500
"""Characters of a line among which all before the message is looked for, to recognise a layout."""

_NAME = r"[\w.$:/#<>\[\]-]{1,120}"

_SPRING = rf"\s+\d+ --- (?:\[[^\]]{{0,80}}\] ?)+(?P<logger>{_NAME})\s+: "
_PACKAGE = r"(?P<logger>[\w$]{1,60}(?:\.[\w$]{1,80}){1,12})"
_LOGGERS = (
    _SPRING,
    rf"\s+\[{_PACKAGE}\] \([^)]{{0,80}}\) ",
    rf"\s+(?:\[[^\]]{{0,80}}\] |\w{{1,40}} )?{_PACKAGE}(?:: | --? | )",
    r"\s+\[(?P<logger>[^\]]{1,120})\] - ",
    rf"[\s|:-]+(?P<logger>{_NAME}(?:\([^)]{{0,40}}\))?) --? ",
    r":(?P<logger>[\w.]{1,120}):",
    r"\[(?P<logger>[\w.$-]{1,120})\s*\]\s*",
    r" \[MY-\d{6}\] \[(?P<logger>\w{1,40})\] ",
    r"\t(?P<logger>[\w./:-]{1,120})\t",
    r":? \(?(?P<logger>[\w.-]{1,60}/\d{1,10}) on [\w.-]{1,80}\)?: ",
    r"\s+(?P<logger><\d{1,10}\.\d{1,10}\.\d{1,10}>) ",
    r"\s*\|\s*(?P<logger>[\w./:-]{1,60})\s*\|\s*",
    r"\s+in (?P<logger>[\w.]{1,80}): ",
    r"\s+(?P<logger>[\w./-]{1,100}\.\w{1,5}:\d{1,6}):?\s",
    r"\s+(?P<logger>[\w.]{1,60}) \d{1,10} \d{1,20} ",
)
"""How a logger is named after the level: Spring Boot, JBoss, Hadoop, Odoo and Tomcat, ZooKeeper, log4j and loguru, `logging`,
Elasticsearch, MySQL, zap, bunyan and pino-pretty, Erlang, between bars, Flask, by its place, Django's documentation."""

_NAME_ALONE = r"\s+(?P<logger>[a-z@][\w@/.-]{0,60}(?:::[\w-]{1,60}){0,8}): "
"""A word before a colon, as Rust's tracing has it, is a logger's name only if nearly all lines have one."""

_FIRST = rf"[\[<]?(?:{_UPPER})[\]>]?(?:\s*[:|-]\s*|\s+)"
_BEFORE = rf"^(?:[A-Z], |{_FIRST})"
"""What some write before the time: Ruby the level's first letter, many of Python's the level."""

_END = r"(?:\s*[:|]{1,2}\s*|\s*[\-–]+\s+|\s+|$)"


class Levelled(Struct, frozen=True):
    """How a file's lines are built: the shape of their stamps, and a pattern with `head`, `level` and perhaps `logger`.

    `stamped` is the pattern of what opens a line whose level, if it has one, stands elsewhere; None where no line has a time.
    `follows`: the level opens the line after the head (`FOLLOWING`).
    """

    shape: Shape | None
    pattern: str
    stamped: str | None
    share: float
    follows: bool = False


FOLLOWING = r"^(SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): "
"""How java.util.logging begins the second line of an event; the first has the time, the class and the method."""


@lru_cache(maxsize=256)
def layout_of(lines: tuple[str, ...]) -> Levelled | None:
    """The layout under which most lines that begin an event have a level; None where less than six in ten would."""
    shape, heads = _stamped(lines)
    two = _two_lines(shape, lines) if shape and any(re.match(FOLLOWING, line) for line in lines) else None
    if two:
        return two
    if not heads or sum(_TOLD.search(line[:LONGEST_HEAD]) is not None for line in heads) < 0.6 * len(heads):
        return None
    opening, count = _best(shape, heads)
    if count < 0.6 * len(heads):
        return None
    rests = _rests(opening, heads) if _after(opening) else []
    named = ((_LOGGERS, 0.6), ((_NAME_ALONE,), 0.95))
    loggers = (one for ones, least in named for one in ones if rests and _count(one, rests) >= least * count)
    after = _after(opening, *islice(loggers, 1))
    stamped = rf"^(?P<head>{LEAD}(?P<stamp>{shape.pattern})[\])>\"]?[:,]?[\s|-]*{_ZONE}(?:\[\d{{1,10}}\] )?)" if shape else None
    return Levelled(shape, rf"^(?P<head>{opening}{after})", stamped, count / len(heads))


def _best(shape: Shape | None, heads: list[str]) -> tuple[str, int]:
    """The opening that fits most of the lines, the first of equals, and how many it fits."""
    best = ("", 0)
    for opening in _openings(shape):
        count = _count(opening + _after(opening, *_LOGGERS), heads)
        best = (opening, count) if count > best[1] else best
        if count == len(heads):
            break
    return best


def _two_lines(shape: Shape, lines: tuple[str, ...]) -> Levelled | None:
    pattern = rf"^(?P<head>{LEAD}(?P<stamp>{shape.pattern}) (?P<logger>[\w.$<>/-]{{1,200}} [\w.$<>-]{{1,100}})$)"
    head = re.compile(pattern, re.ASCII)
    told = [re.match(FOLLOWING, following) is not None for line, following in pairwise(lines) if head.match(line)]
    return Levelled(shape, pattern, None, 1.0, follows=True) if told and sum(told) >= 0.6 * len(told) else None


def _stamped(lines: tuple[str, ...]) -> tuple[Shape | None, list[str]]:
    """The stamps' shape, and the lines that begin an event by it: where none has a time, those that are not indented."""
    shape = stamps.shape_of(lines) or stamps.shape_of(tuple(re.sub(_BEFORE, "", line, flags=re.ASCII) for line in lines))
    if shape is None:
        return None, [line for line in lines if line and not line[0].isspace()]
    begins = re.compile(rf"(?:{_BEFORE})?{LEAD}{shape.pattern}", re.ASCII)
    return shape, [line for line in lines if begins.match(line)]


def _after(opening: str, *loggers: str) -> str:
    """What must follow a level: one of these loggers, or what ends a word; nothing where the opening ends by itself."""
    if "(?P<logger>" in opening:
        return ""
    named = loggers if len(loggers) == 1 else [logger.replace("?P<logger>", "") for logger in loggers]
    return f"(?:{'|'.join([*named, _END])})"


def _rests(opening: str, lines: list[str]) -> list[str]:
    """What stands behind the opening: a pattern for loggers alone is compiled once, and not once for each shape of stamps."""
    found = map(re.compile(opening, re.ASCII).match, lines)
    return [line[match.end() :] for line, match in zip(lines, found, strict=True) if match]


def _count(pattern: str, lines: list[str]) -> int:
    compiled = re.compile(pattern, re.ASCII)
    return sum(compiled.match(line[:LONGEST_HEAD]) is not None for line in lines)


def _openings(shape: Shape | None) -> Iterator[str]:
    """All that may stand up to the level, the least daring first: of two that fit as many lines the first is taken."""
    if shape is None:
        yield rf"(?P<level>{_LOGRUS})\[\d{{4,10}}\]"
        yield rf"(?P<level>{_WORDS}): (?P<logger>[\w.`+]{{1,200}})\[\d{{1,9}}\]$"
        return
    stamp = rf"(?P<stamp>{shape.pattern})"
    open = rf"{LEAD}{stamp}[\])>\"]?[:,]{{0,2}}[\s|-]*{_ZONE}"
    bracketed = rf"[\[(<]\s?(?P<level>{_ANY})\s*[\])>]"
    upper = rf"[\[(<|]?\s?(?P<level>{_UPPER})(?:\s*[\])>])?"
    yield rf"\[{stamp}:?\s+(?P<level>{_UPPER})(?:[ /]\s*(?P<logger>[^\]]{{0,120}}))?\] ?"
    yield rf"[A-Z], \[{stamp} #\d{{1,10}}\]\s+(?P<level>{_UPPER}) -- (?P<logger>[^:]{{0,80}}): ?"
    yield rf"{_FIRST.replace('(?:', '(?P<level>', 1)}{LEAD}{stamp}[\])>\"]?[:,]?{_ZONE}"
    yield rf"{open}(?P<logger>[\w-]{{1,60}})\.(?P<level>{_UPPER}): "
    yield rf"{open}(?P<level>{_LETTER})\d? +(?P<logger>[A-Z]{{1,16}}) +\[[^\]]{{1,80}}\] "
    yield rf"{open}{_OBJECT}{{0,3}}?(?P<level>{_LETTER}) (?P<logger>[\w./:@-]{{1,60}})\s*: "
    yield rf"{open}(?:[\w.]{{1,40}}=[^\s=]{{0,80}} +){{1,12}}{bracketed}"
    yield rf"{open}{_OBJECT}{{0,3}}?{bracketed}"
    yield rf"{open}{_OBJECT}{{0,3}}?{upper}"
    yield rf"{open}{_WORD}{{0,4}}?{upper}"
    yield rf"{open}{_WORD}{{0,4}}?{bracketed}"
    yield rf"{open}(?:[^\s\[\]]{{1,120}} )?\[(?P<level>{_LETTER})\]"
    yield rf"{open}(?P<level>{_CAPITALISED})"
