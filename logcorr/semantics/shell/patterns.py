"""Shell patterns (`2??`, `@(a|b)`) and POSIX regular expressions, as Python ones."""

from __future__ import annotations

import re
from functools import lru_cache

from logcorr.semantics.shell.bounded import Bounded, bounded

_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "space": r"\s", "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~", "xdigit": "0-9A-Fa-f", "word": r"\w", "cntrl": r"\x00-\x1f", "print": r"\x20-\x7e",
    "graph": r"\x21-\x7e",
}  # fmt: skip


def escaped(characters: str) -> str:
    """Quoted characters as part of a pattern: none of them special."""
    return re.sub(r"([][*?\\+@!(|)])", r"\\\1", characters)


def unescaped(pattern: str) -> str | None:
    """The one text a pattern matches, None if there are several."""
    if re.search(r"(?<!\\)(?:\\\\)*[*?\[]|[?*+@!]\(", pattern):
        return None
    return re.sub(r"\\(.)", r"\1", pattern, flags=re.DOTALL)


@lru_cache(maxsize=512)
def glob(pattern: str, *, shortest: bool = False) -> Bounded:
    """A shell pattern as a regular expression for the whole of a text."""
    return bounded(_translated(pattern, "?" if shortest else "")[0], re.DOTALL)


def _translated(pattern: str, lazy: str, position: int = 0, *, nested: bool = False) -> tuple[str, int]:
    result = ""
    while position < len(pattern):
        character = pattern[position]
        if nested and character in "|)":
            break
        if character in "?*+@!" and pattern[position + 1 : position + 2] == "(":
            group, position = _group(pattern, lazy, position)
            result += group
            continue
        if character == "[":
            match = re.compile(r"\[([!^]?)(\]?(?:\[:\w+:\]|[^\]])*)\]").match(pattern, position)
            if match and match[2]:  # an empty class is none: `[]` is these two characters
                result += f"[{'^' if match[1] else ''}{_class(match[2])}]"
                position = match.end()
                continue
        if character == "\\" and position + 1 < len(pattern):
            position += 1
            result += re.escape(pattern[position])
        else:
            result += {"*": ".*" + lazy, "?": "."}.get(character) or re.escape(character)
        position += 1
    return result, position


def _group(pattern: str, lazy: str, position: int) -> tuple[str, int]:
    kind, position, choices = pattern[position], position + 2, list[str]()
    while True:
        choice, position = _translated(pattern, lazy, position, nested=True)
        choices.append(choice)
        position += 1
        if position > len(pattern) or pattern[position - 1] == ")":
            break
    body = "|".join(choices)
    return {"?": f"(?:{body})?", "*": f"(?:{body})*", "+": f"(?:{body})+", "@": f"(?:{body})"}.get(
        kind, f"(?:(?!(?:{body})$).*)"
    ), position


def _class(body: str) -> str:
    body = re.sub(
        r"\[:(\w+):\]",
        lambda match: _CLASSES.get(match[1], ""),
        body.replace("\\", "\\\\").replace("[", "\\[").replace("\\[:", "[:"),
    )
    return body.replace("]", "\\]", 1) if body.startswith("]") else body


@lru_cache(maxsize=512)
def regular(expression: str, *, extended: bool = True, ignore_case: bool = False) -> Bounded | None:
    """A POSIX regular expression, basic or extended; None if Python cannot read it."""
    result, position = "", 0
    while position < len(expression):
        piece, position = _regular_piece(expression, position, extended=extended)
        result += piece
    try:
        return bounded(result, re.MULTILINE | (re.IGNORECASE if ignore_case else 0))
    except re.error:
        return None


def _regular_piece(expression: str, position: int, *, extended: bool) -> tuple[str, int]:
    character = expression[position]
    if character == "[":
        match = re.compile(r"\[(\^?)(\]?(?:\[:\w+:\]|[^\]])*)\]").match(expression, position)
        if match:
            return f"[{match[1]}{_class(match[2])}]", match.end()
    if character == "\\" and position + 1 < len(expression):
        following = expression[position + 1]
        if not extended and following in "(){}|+?":
            return following, position + 2
        return {"<": r"\b", ">": r"\b"}.get(following) or "\\" + following, position + 2
    if not extended and character in "(){}|+?":
        return "\\" + character, position + 1
    if not extended and character == "*" and position == 0:
        return r"\*", position + 1
    return character, position + 1
