"""What redacted text looks like, and whether it may stand for a given text."""

from __future__ import annotations

from logcorr.lazily import regex

TAG = regex(r"<(?:IP|EMAIL|HOST|USER)-\d+>|<SECRET-[a-z-]+>")


CUT_TAG = regex(r"<[A-Z]*(?:-[\w-]*)?$")
"""A tag that was cut in the middle."""


def begins(written: str, text: str) -> bool:
    """Whether a text begins as written; a tag at the end may be cut."""
    first, *others = TAG.split(CUT_TAG.sub("", written))
    if not text.startswith(first):
        return False
    at = len(first)
    for part in others:
        found = text.find(part, at + 1)
        if found < 0:
            return False
        at = found + len(part)
    return True


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
