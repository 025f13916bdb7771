"""A way of saying that something happened."""

from __future__ import annotations

from msgspec import Struct


class Phrase(Struct, frozen=True):
    """Some way of saying that `kind` happened: `needles` are literals one of which it always holds, `pattern` is the whole."""

    kind: str
    needles: tuple[str, ...]
    pattern: str
