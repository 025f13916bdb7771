"""Sentences that can be checked and translated."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct, field

from logcorr.model.source import Span

Value = str | int | float | bool | tuple[str, ...]


class Claim(Struct, frozen=True):
    """A sentence: `id` names it in every language's catalogue, `params` fill its placeholders, `text` is the English."""

    id: str
    text: str
    params: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))

    def __hash__(self) -> int:
        return hash((self.id, self.text))

    def __str__(self) -> str:
        return self.text


def claim(id: str, template: str, **params: Value) -> Claim:
    """Make a claim from its English template, a `str.format` text with named placeholders.

    Call it with both strings literal: the translation test finds every claim by reading the source.
    """
    return Claim(id, template.format(**params), MappingProxyType(params))


class Evidence(Struct, frozen=True):
    """Lines that carry a claim, and what they show; the quote is read from the file when the result is written.

    `shows` names the mechanism (docs/causes.md) of which they are the sign, where a finding may become a cause.
    """

    span: Span
    note: str = ""
    shows: str = ""
