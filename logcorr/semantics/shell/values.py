"""Values: text whose known parts remember the line they come from, and whose unknown parts say what they are."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from logcorr.model.source import Span


class Text(Struct, frozen=True, eq=False):
    """Known characters; `span`, no part of equality, is where they begin, `probe` the probe that printed them."""

    text: str
    span: Span | None = None
    probe: int | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Text) and self.text == other.text and self.probe == other.probe

    def __hash__(self) -> int:
        return hash((self.text, self.probe))


class Unknown(Struct, frozen=True, eq=False):
    """Characters that cannot be known. `origin` names them (`argument 1`, `$HOST`); equal keys stand for equal text.

    `never` lists what they are not; `probe` is the probe that printed them; `splits`, no part of equality, says that they may be
    several words.
    """

    origin: str
    key: str = ""
    never: frozenset[str] = frozenset()
    probe: int | None = None
    splits: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, str, frozenset[str], int | None]:
        return self.origin, self.key, self.never, self.probe


Value = tuple[Text | Unknown, ...]
EMPTY: Value = ()


def text(characters: str, span: Span | None = None) -> Value:
    """Known characters as a value."""
    return (Text(characters, span),) if characters else EMPTY


def unknown(origin: str, key: str = "", *never: str) -> Value:
    """A value of which only its origin is known."""
    return (Unknown(origin, key, frozenset(never)),)


def joined(*values: Value) -> Value:
    """Values one after the other, neighbouring known parts of one origin made one."""
    parts: list[Text | Unknown] = []
    for part in (part for value in values for part in value):
        last = parts[-1] if parts else None
        if isinstance(part, Text) and isinstance(last, Text) and last.span == part.span and last.probe == part.probe:
            parts[-1] = replace(last, text=last.text + part.text)
        else:
            parts.append(part)
    return tuple(parts)


def literal(value: Value) -> str | None:
    """The text, if all of it is known."""
    if len(value) == 1:
        return value[0].text if isinstance(value[0], Text) else None
    known = [part.text for part in value if isinstance(part, Text)]
    return "".join(known) if len(known) == len(value) else None


def shown(value: Value) -> str:
    """The value for people: unknown parts as `<origin>`."""
    return "".join(part.text if isinstance(part, Text) else f"<{part.origin}>" for part in value)


def origins(value: Value) -> tuple[str, ...]:
    """What the unknown parts are."""
    return tuple(dict.fromkeys(part.origin for part in value if isinstance(part, Unknown)))


def splits(value: Value) -> bool:
    """Whether the value may be several words, or none."""
    return any(isinstance(part, Unknown) and part.splits for part in value)


def probes_in(value: Value) -> frozenset[int]:
    """The probes that printed any of it."""
    return frozenset(part.probe for part in value if part.probe is not None)


def first_span(value: Value) -> Span | None:
    """Where the longest known part stands."""
    spans = [(len(part.text), part.span) for part in value if isinstance(part, Text) and part.span]
    return max(spans, key=lambda pair: pair[0])[1] if spans else None


def like(value: Value, characters: str) -> Value:
    """New text computed from a value; it still comes from the same place and the same probe."""
    probe = next(iter(probes_in(value)), None)
    return (Text(characters, first_span(value), probe),) if characters else EMPTY


def derived(value: Value, origin: str) -> Value:
    """An unknown result computed from a value, still tied to its probe."""
    return (Unknown(origin, probe=min(probes_in(value), default=None)),)


def equals(left: Value, right: Value) -> bool | None:
    """Whether two values are the same text; None if that cannot be known."""
    one, other = literal(left), literal(right)
    if one is not None and other is not None:
        return one == other
    if left == right and all(part.key for part in left if isinstance(part, Unknown)):
        return True
    known, mixed = (one, right) if one is not None else (other, left)
    if known is None:
        return None
    if len(mixed) == 1 and isinstance(mixed[0], Unknown):
        return False if known in mixed[0].never else None
    return None if could_be(mixed, known) else False


def could_be(value: Value, known: str) -> bool:
    """Whether the unknown parts could be such that the value reads so."""
    runs = [""]
    for part in value:
        if isinstance(part, Text):
            runs[-1] += part.text
        else:
            runs.append("")
    first, *others = runs
    if not others:
        return first == known
    *middle, last = others
    at, end = len(first), len(known) - len(last)
    if end < at or not (known.startswith(first) and known.endswith(last)):
        return False
    for run in middle:
        found = known.find(run, at, end)
        if found < 0:
            return False
        at = found + len(run)
    return True


def is_empty(value: Value) -> bool | None:
    """Whether the value is the empty text; None if that cannot be known."""
    return equals(value, EMPTY)


def without_final_newlines(value: Value) -> Value:
    """The value as a command substitution gives it."""
    parts = list(value)
    while parts and isinstance(parts[-1], Text):
        last = parts[-1]
        stripped = last.text.rstrip("\n")
        if stripped or (last.probe is not None and len(parts) == 1):
            parts[-1] = replace(last, text=stripped)
            break
        parts.pop()
    return tuple(parts)


def lines(value: Value) -> list[Value]:
    """The lines of a value; an unknown part is taken to lie within one line, so the number of lines is a lower bound."""
    found: list[list[Text | Unknown]] = [[]]
    for part in value:
        if isinstance(part, Unknown):
            found[-1].append(part)
            continue
        pieces = part.text.split("\n")
        for index, piece in enumerate(pieces):
            if index:
                found.append([])
            if piece:
                found[-1].append(replace(part, text=piece))
    if not found[-1]:
        found.pop()
    return [tuple(line) for line in found]


def characters(value: Value) -> Iterator[tuple[str, Text]]:
    """The known characters, each with the part it comes from; only for values without unknown parts."""
    for part in value:
        if isinstance(part, Text):
            for character in part.text:
                yield character, part
