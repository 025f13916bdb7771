"""Lines of HAProxy's configuration, with the sections that they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.rules._settings import settings

SECTION = regex(r"^(?P<kind>defaults|frontend|backend|listen)\b\s*(?P<name>\S*)")
"""How a section begins: its manual, chapter 4."""


def in_sections(case: Case, pattern: str) -> Iterator[tuple[str, str, Span, str]]:
    """The lines that begin with the pattern, by path and line: kind and name of the section, the place, the text."""
    for path in dict.fromkeys(span.path for span, _ in settings(case, rf"^{pattern}")):
        kind = name = ""
        for line, text in case.lines(path).select("line", "text").collect().iter_rows():
            if section := SECTION.match(text):
                kind, name = section["kind"], section["name"]
            if re.match(pattern, text):
                yield kind, name, Span(path, line), text.strip()
