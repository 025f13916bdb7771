"""Languages of a report: gettext catalogues for the templates' words and for claims.

English is the source. Words are looked up by their English text, claims by their id (context `claim`); a claim that a
catalogue lacks is shown in English. A new language is one catalogue under `locale/`.
"""

from __future__ import annotations

import gettext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from logcorr.errors import LogcorrError
from logcorr.report.cite import Document

LOCALES = {"en": "en", "zh-TW": "zh_TW"}
"""The catalogue of each language that `--lang` takes."""

UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Language:
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

    def note(self, note: str) -> str:
        """What evidence shows; notes with values of their own stay English."""
        return "; ".join(self.catalogue.pgettext("note", part) for part in note.split("; ") if part)

    def _value(self, name: str, value: object) -> object:
        """A parameter's value; words the catalogue knows for this parameter (`action`) are translated, lists joined."""
        if isinstance(value, list):
            return "、".join(value)
        return self.catalogue.pgettext(name, value) if isinstance(value, str) and value else value

    def outcome(self, outcome: str) -> str:
        """What became of a rule: `found nothing`, `found N`, or anything else as it is."""
        verb, _, count = outcome.partition(" ")
        if verb == "found" and count.isdigit():
            return self.catalogue.ngettext("found %(num)s", "found %(num)s", int(count)) % {"num": count}
        return self.word(outcome)

    def duration(self, seconds: float) -> str:
        """Seconds as people write them, in the two largest units that are not zero: `5 min`, `1 h 1 min`, `2.5 s`."""
        if seconds < 60:
            return f"{seconds:g} {self.word('s')}"
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
    return gettext.translation("logcorr", Path(__file__).parent / "locale", [locale], fallback=locale == "en")
