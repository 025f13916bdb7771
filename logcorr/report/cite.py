"""The small pieces of the Result document: claims, times, numbers, citations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from logcorr.model.claim import Claim, Evidence, Value
from logcorr.model.source import Span

Document = dict[str, Any]
"""A part of the Result document, or all of it: what JSON can hold."""

QUOTED_LINES = 12
QUOTED_CHARACTERS = 400
"""A quote shows at most so much of what it cites; its hash is of all of it."""


class Quote(Protocol):
    """The text of a span's lines, joined by newlines, and the SHA-256 of their raw bytes."""

    @property
    def text(self) -> str:
        """The lines as decoded."""

    @property
    def sha256(self) -> str:
        """In hexadecimal."""


Quotes = Mapping[Span, Quote]


def state(claim: Claim) -> Document:
    """A claim as the document holds it."""
    return {"id": claim.id, "params": {name: plain(value) for name, value in claim.params.items()}, "text": clean(claim.text)}


def state_all(claims: Iterable[Claim]) -> list[Document]:
    """Several claims, in order."""
    return [state(claim) for claim in claims]


def cite(evidence: Evidence, quotes: Quotes) -> Document:
    """Evidence with its quote and the hash of the lines it stands on."""
    quote = quotes[evidence.span]
    return {**locate(evidence.span), "quote": shorten(quote.text), "sha256": quote.sha256, "note": clean(evidence.note)}


def cite_all(evidence: Iterable[Evidence], quotes: Quotes) -> list[Document]:
    """Several pieces of evidence, in order, each span once with all that is noted of it."""
    notes: dict[Span, dict[str, None]] = {}
    for piece in evidence:
        notes.setdefault(piece.span, {})[piece.note] = None
    return [cite(Evidence(span, "; ".join(filter(None, noted))), quotes) for span, noted in notes.items()]


def locate(span: Span) -> Document:
    """Where a span is."""
    return {"path": clean(span.path), "line": span.line, "end_line": span.end_line}


def instant(time: datetime | None) -> str | None:
    """ISO 8601 in UTC, with a `Z`; fractions of a second only where there are any."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None


def number(value: float | None) -> float | None:
    """Rounded to a ten-thousandth, so that the last bits of a platform's arithmetic never show; None if not finite."""
    return round(value, 4) if value is not None and math.isfinite(value) else None


def plain(value: Value) -> object:
    """A parameter or measured value as JSON holds it."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return number(value)
    return clean(value) if isinstance(value, str) else [clean(part) for part in value]


def clean(text: str) -> str:
    """Text that can be written as UTF-8: lone surrogates, which stand for undecodable bytes, become U+FFFD."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if not text.isascii() else text


def shorten(text: str) -> str:
    """At most `QUOTED_LINES` lines and `QUOTED_CHARACTERS` characters of a text; a cut shows as an ellipsis."""
    lines = text.split("\n")
    kept = "\n".join([*lines[:QUOTED_LINES], "…"] if len(lines) > QUOTED_LINES else lines)
    return clean(kept if len(kept) <= QUOTED_CHARACTERS else kept[:QUOTED_CHARACTERS] + "…")
