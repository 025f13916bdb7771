"""What redacted text looks like, and whether it may stand for a given text."""

from __future__ import annotations

import re

TAG = re.compile(r"<(?:IP|EMAIL|HOST|USER)-\d+>|<SECRET-[a-z-]+>")


def agrees(written: str, text: str) -> bool:
    """Whether a text reads as written, where each tag stands for something unknown; in time linear in the text."""
    first, *others = TAG.split(written)
    if not others:
        return written == text
    *between, last = others
    if not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in between:
        found = text.find(part, at + 1, end)
        if found < 0:
            return False
        at = found + len(part)
    return at < end
