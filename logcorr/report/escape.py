"""How text from logs enters Markdown: every function here gives text that Markdown shows as it is and never obeys."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from logcorr.lazily import regex

BACKTICKS = regex(r"`+")

WORD = regex(r"[!-~]+(?: +[!-~]+)*")
"""A run of ASCII words: Chinese and typographic signs stay outside, so that punctuation need not be told from names."""

CRON = regex(r"""(?<!\S)[\d*,/-]+(?: [\d*,/A-Za-z-]+){4}[.,;:!?)"']*(?!\S)""")
"""What may be the five fields of a crontab line; it is, if there is a star in it."""

OPENING, CLOSING = "(\"'", ".,;:!?)\"'"
"""Punctuation that is not part of the word it stands at."""

TECHNICAL = regex(
    r"""[*_`\[\]<>&|\\$\#@{}~^=]  # what Markdown, HTML or a forge could read as its own
      | ://                       # a URL
      | ^\.{0,2}/                 # a path
      | \w/[\w./-]*\.\w           # a path to a file
      | \w\.[A-Za-z]{2,}(?:$|[:/]) # a file, a host
      | ^[A-Za-z][\w.-]*:\d+      # host:port, file:line
    """,
    re.VERBOSE,
)
"""What marks a word as a name, path, address or code."""


def visible(text: str) -> str:
    """Control and format characters as signs that can be seen; newlines and tabs stay."""
    return text if text.isascii() and text.isprintable() else "".join(map(_sign, text))


def line(text: str) -> str:
    """Text on one line."""
    return " ".join(visible(text).split())


def code(text: str) -> str:
    """An inline code span, whatever the text holds; ends of lines show as ⏎; nothing for nothing."""
    text = line(text.strip("\n").replace("\n", " ⏎ "))
    fence = "`" * _free_run(text, least=1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else ""


def prose(text: str) -> str:
    """A sentence: plain words as they are, names and everything Markdown could misread as code spans."""
    return "".join(code(piece) if technical else piece for technical, piece in pieces(text))


def pieces(text: str) -> Iterator[tuple[bool, str]]:
    """A sentence on one line, cut into plain text and technical names (True), in order."""
    text = line(text)
    start = 0
    for run in WORD.finditer(text):
        yield False, text[start : run.start()]
        yield from _pieces(run[0])
        start = run.end()
    yield False, text[start:]


def cell(text: str) -> str:
    """A sentence inside a table."""
    return prose(text).replace("|", "\\|")


def code_cell(text: str) -> str:
    """A code span inside a table."""
    return code(text).replace("|", "\\|")


def fence(text: str, language: str = "text") -> str:
    """A fenced block whose fence is longer than any run of backticks inside."""
    ticks = "`" * _free_run(text, least=3)
    return f"{ticks}{language}\n{visible(text)}\n{ticks}"


def label(text: str, most: int = 120) -> str:
    """Text inside a quoted Mermaid label: what is neither letter, digit nor harmless sign as a character code."""
    text = line(text)
    text = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(sign if sign.isalnum() or sign in " .,:/-_…()'+%·→×、，。；：（）「」" else f"#{ord(sign)};" for sign in text)


def _free_run(text: str, least: int) -> int:
    """The shortest length of a run of backticks, not below `least`, that is longer than all runs in the text."""
    return max([least, *(len(run) + 1 for run in BACKTICKS.findall(text))])


def _pieces(run: str) -> Iterator[tuple[bool, str]]:
    """A run of words with the technical ones apart; neighbours stay together, but for schedules and across punctuation."""
    spans: list[tuple[bool, str, str, str]] = []
    for word in _words(run):
        before, name, after = _parts(word)
        technical = bool(TECHNICAL.search(name))
        if technical and spans and _joins(spans[-1]) and not before and " " not in name:
            _, before, names, _ = spans.pop()
            name = f"{names} {name}"
        spans.append((technical, before, name, after))
    for number, (technical, before, name, after) in enumerate(spans):
        yield False, f"{' ' if number else ''}{before}"
        yield technical, name
        yield False, after


def _joins(span: tuple[bool, str, str, str]) -> bool:
    technical, _, name, after = span
    return technical and not after and not CRON.fullmatch(name)


def _words(run: str) -> Iterator[str]:
    """The words of a run; the fields of a schedule stay together."""
    start = 0
    for schedule in (found for found in CRON.finditer(run) if "*" in found[0]):
        yield from run[start : schedule.start()].split()
        yield schedule[0]
        start = schedule.end()
    yield from run[start:].split()


def _parts(word: str) -> tuple[str, str, str]:
    """A word without the punctuation before and after it, and those."""
    start = len(word) - len(word.lstrip(OPENING))
    end = max(start, len(word.rstrip(CLOSING)))
    return word[:start], word[start:end], word[end:]


def _sign(character: str) -> str:
    """C0 controls as their pictures (␛), other controls and invisible format characters as their code point."""
    if character in "\n\t" or not unicodedata.category(character).startswith("C"):
        return character
    point = ord(character)
    return chr(0x2400 + point) if point < 0x20 else f"<U+{point:04X}>"
