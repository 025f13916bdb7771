"""What a server remembers: which folders it may read, the analyses it made, and one numbering of pseudonyms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from logcorr.analysis import analyze
from logcorr.errors import LogcorrError
from logcorr.outcome import Analysis
from logcorr.report.redaction import Redactor

KEPT = 4
"""So many analyses are remembered; the oldest is forgotten first."""


class Asked(Struct, frozen=True):
    """An analysis, and the path, the zone and the window it was asked for."""

    path: Path
    tz: str | None
    window: tuple[datetime | None, datetime | None]
    analysis: Analysis


class Session:
    """One client's work."""

    def __init__(self, roots: Sequence[Path], *, redact: bool) -> None:
        self._roots = [root.resolve() for root in roots]
        self._redactor = Redactor() if redact else None
        self._asked: dict[str, Asked] = {}
        self._made = 0

    def analyze(self, path: str, tz: str | None, since: str | None, until: str | None) -> str:
        """Analyse a path, and give the name by which the analysis is asked for later."""
        place = self._allowed(path)
        window = instant(since), instant(until)
        analysis = analyze(place, tz=tz, since=window[0], until=window[1])
        self._made += 1
        name = f"A{self._made}"
        self._asked[name] = Asked(place, tz, window, analysis)
        for old in list(self._asked)[:-KEPT]:
            del self._asked[old]
        return name

    def asked(self, name: str) -> Asked:
        """The analysis of that name. Raises LogcorrError for any other."""
        if name not in self._asked:
            raise LogcorrError(f"no such analysis: {name}", "call analyze first; the last four are remembered")
        return self._asked[name]

    def told(self, part: Any) -> Any:  # noqa: ANN401  # what JSON can hold
        """A part of an answer as it may leave."""
        return self._redactor.tree(part) if self._redactor else part

    def meant(self, text: str) -> str:
        """What a client means that names things by their pseudonyms."""
        tags = self._redactor.names.tags if self._redactor else {}
        for literal, tag in sorted(tags.items(), key=lambda pair: -len(pair[1])):
            text = text.replace(tag, literal)
        return text

    def _allowed(self, path: str) -> Path:
        """The path, resolved, if it is in one of the roots; a relative one is looked for in each."""
        for root in self._roots:
            place = (root / path).resolve()
            if place.is_relative_to(root) and place.exists():
                return place
        raise LogcorrError(f"{path} is not there, or outside of the roots", "name a path inside the folder that is served")


def instant(time: str | None) -> datetime | None:
    """A time in ISO 8601, UTC where it names no offset. Raises LogcorrError for anything else."""
    if time is None:
        return None
    try:
        told = datetime.fromisoformat(time)
    except ValueError as error:
        raise LogcorrError(f"{time!r} is no time", "write it as 2025-10-16T09:55:00Z") from error
    return told if told.tzinfo else told.replace(tzinfo=UTC)
