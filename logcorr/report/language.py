"""Languages of a report: gettext catalogues for the templates' words and for claims.

English is the source. Words are looked up by their English text, claims by their id (context `claim`); a claim that a
catalogue lacks is shown in English. A new language is one catalogue under `locale/`.
"""

from __future__ import annotations

import gettext
import re
from functools import lru_cache

from msgspec import Struct

from logcorr.errors import LogcorrError
from logcorr.report.cite import Document
from logcorr.report.locales import HOME, LOCALES

NOTE = "note\x04"
"""How gettext begins the keys of that context."""

NAMES = re.compile(r"[^\s,]+(?:, [^\s,]+)+")
"""Several names in one value, joined as in English."""

UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Language(Struct, frozen=True):
    """One language: its tag, and its catalogue."""

    tag: str
    catalogue: gettext.NullTranslations

    def word(self, english: str) -> str:
        """A fixed text of a template or renderer."""
        return self.catalogue.gettext(english)

    def say(self, claim: Document) -> str:
        """A claim of the Result document, as plain text."""
        template = self.catalogue.pgettext("claim", claim["id"])
        if template == claim["id"]:
            return str(claim["text"])
        values = {name: self._value(name, value) for name, value in claim["params"].items()}
        try:
            return template.format(**values)
        except (KeyError, IndexError, ValueError):
            return str(claim["text"])

    def text(self, english: str) -> str:
        """What the document holds as English text: a note, a problem, a zone's reason, a rule's outcome; several joined by `; `.

        The catalogue has such sentences with `{}` for each value, in the context `note`; one that it lacks stays English.
        """
        parts = english.split("; ")
        known = [self._sentence(part) for part in parts]
        if not all(known) and (whole := self._sentence(english)):  # a value that holds what joins
            return whole
        return self.word("; ").join(said or part for said, part in zip(known, parts, strict=True))

    def _sentence(self, english: str) -> str | None:
        for pattern, template in _sentences(self.tag):
            if found := pattern.fullmatch(english):
                return template.format(*(self._sentence(value) or value for value in found.groups()))
        return None

    def _value(self, name: str, value: object) -> object:
        """A parameter's value; words the catalogue knows for this parameter (`action`) are translated, lists joined."""
        if name == "assumption":
            return self.text(str(value))
        if isinstance(value, str) and NAMES.fullmatch(value):
            value = value.split(", ")
        if isinstance(value, list):
            return self.word(", ").join(value)
        return self.catalogue.pgettext(name, value) if isinstance(value, str) and value else value

    def duration(self, seconds: float) -> str:
        """Seconds as people write them, three digits of less than a minute or the two largest units: `2.5 s`, `1 h 1 min`."""
        if seconds < 60:
            return f"{seconds:.3g} {self.word('s')}"
        rest, parts = round(seconds), []
        for size, unit in UNITS:
            if rest >= size:
                parts.append(f"{rest // size} {self.word(unit)}")
            rest %= size
        return " ".join(parts[:2])


def language(tag: str) -> Language:
    """The language of a tag of `LOCALES`, upper or lower case. Raises LogcorrError for any other."""
    known = {name.lower(): name for name in LOCALES}.get(tag.lower().replace("_", "-"))
    if known is None:
        raise LogcorrError(f"no such language: {tag}", f"choose one of {', '.join(LOCALES)}")
    return Language(known, catalogue(LOCALES[known]))


@lru_cache
def catalogue(locale: str) -> gettext.NullTranslations:
    """A locale's compiled catalogue; English has none, its texts are the keys."""
    return gettext.translation("logcorr", HOME, [locale], fallback=locale == "en")


@lru_cache
def _sentences(tag: str) -> list[tuple[re.Pattern[str], str]]:
    """The sentences of the context `note`, as patterns of their English; those with the longest fixed text first."""
    known: dict[object, str] = getattr(catalogue(LOCALES[tag]), "_catalog", {})  # gettext names no way to list its messages
    notes = {key.removeprefix(NOTE): text for key, text in known.items() if isinstance(key, str) and key.startswith(NOTE)}
    longest = sorted(notes, key=lambda note: (-len(note.replace("{}", "")), note))
    return [(re.compile("(.+?)".join(map(re.escape, note.split("{}"))), re.DOTALL), notes[note]) for note in longest]
