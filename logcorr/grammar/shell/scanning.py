"""What readers share: the error they raise, and matching parentheses."""

from __future__ import annotations


class ShellSyntaxError(Exception):
    """Text that is no shell; `at` is the offset where that shows."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def closing_parentheses(text: str, start: int, closers: int = 2) -> int | None:
    """Where the `))` (or `)`) stands that closes what opened before `start`; None if the inner ones do not balance."""
    depth, position = 0, start
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif character == "'" and closers == 1:
            position = max(text.find("'", position + 1), position)
        elif character == "(":
            depth += 1
        elif character == ")":
            if depth == 0:
                return position if text[position : position + closers] == ")" * closers else None
            depth -= 1
        position += 1
    return None


def closing_bracket(text: str, start: int) -> int | None:
    """Where the `]` stands that ends an old calculation, `$[…]`, which is written in one line."""
    depth = 0
    for position in range(start, len(text)):
        character = text[position]
        if character == "\n":
            return None
        if character == "]" and depth == 0:
            return position
        depth += (character == "[") - (character == "]")
    return None
