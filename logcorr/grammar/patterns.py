"""Patterns that mean the same to Python and to polars."""

from __future__ import annotations

from functools import cache

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r" \t\r\n\x0b\x0c"}
_OUTSIDE = {"D": r"[^0-9]", "W": r"[^0-9A-Za-z_]", "S": r"[^ \t\r\n\x0b\x0c]", "b": r"(?-u:\b)"}


@cache
def ascii_only(pattern: str) -> str:
    r"""A pattern with `\d`, `\w`, `\s`, `\S` and `\b` meaning ASCII, for polars.

    To polars they mean all of Unicode, which takes milliseconds to compile each, and 1,400 kinds of digits are no time stamp.
    Python has `re.ASCII` for the same.
    """
    parts: list[str] = []
    in_class = False
    position = 0
    while position < len(pattern):
        character = pattern[position]
        escaped = pattern[position + 1] if character == "\\" and position + 1 < len(pattern) else ""
        if escaped:
            parts.append(_escape(escaped, in_class))
        else:
            parts.append(character)
            in_class = character == "[" or (in_class and character != "]")
        position += 2 if escaped else 1
    return "".join(parts)


def _escape(letter: str, in_class: bool) -> str:
    if letter in _CLASSES:
        return _CLASSES[letter] if in_class else f"[{_CLASSES[letter]}]"
    return f"\\{letter}" if in_class else _OUTSIDE.get(letter, f"\\{letter}")
