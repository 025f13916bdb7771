"""A way of saying that something happened."""

from __future__ import annotations

from msgspec import Struct

_LABELS = r"^(?:[\w-]*\[[^\]]+\]:? +|\((?:[\w./@-]+[:/])?\d+(?::\d+)?\):? +|[✅❌⚠️🔄🚀🛑⏳📡🟢🔴ℹ️ ]+)*"
"""What may stand before the words: labels in brackets (`[worker-1]`, `app[web.1]:`), a place (`(app.js:12):`), signs."""


class Phrase(Struct, frozen=True):
    """Some way of saying that `kind` happened: `needles` are literals one of which it always holds, `pattern` is the whole."""

    kind: str
    needles: tuple[str, ...]
    pattern: str


def at_start(words: str) -> str:
    """A pattern for words that open a message, whatever labels stand before them and in whatever case."""
    return f"(?i){_LABELS}(?:{words})"
