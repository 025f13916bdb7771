"""Settings that still name where something was: it has moved, and others were given its new address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.source import Span
from logcorr.rules._settings import settings
from logcorr.timeline.notes import Entry, entries

CHANGES = "deploy_changes_configuration"

OF_ANOTHER = regex(
    r"(?:^|[._-])(?:dev\w*|tests?|stag\w*|local|prod\w*|ci|qa|uat|defaults?|examples?|samples?|te?mpla?te?|dist)(?:[._-]|$)",
    re.IGNORECASE,
)
"""How a file is called that was never in force here: one that shows what may be set, or another environment's."""

KEY = r"^\W*(?:export |const |let |var )?[\"']?(\w+)[\"']?\s*[:=]"
JUST_AFTER, LONG_BEFORE = timedelta(minutes=5), timedelta(days=1)
"""Within which what was done is noted: it may be done bit by bit, and written down when it is seen to work."""


def set_elsewhere(case: Case, target: str, place: Span, holds: str = "") -> Iterator[Span]:
    """Where another file sets what this line sets, to something else than the target; `holds` is what the value holds."""
    text = next(iter(case.lines(place.path).filter(line=place.line).collect()["text"]), "")
    key = re.match(KEY, text)
    others = settings(case, rf"^\W*(?:export |const |let |var )?[\"']?{key[1]}[\"']?\s*[:=]\s*[\"']?\S.*{holds}") if key else ()
    others = ((other, said) for other, said in others if not OF_ANOTHER.search(other.path.rpartition("/")[2]))
    yield from (other for other, said in others if target in text and target not in said)


def left_behind(case: Case, target: str, since: datetime, named: Sequence[Evidence]) -> Iterator[Evidence]:
    """What tells that the target has moved: a note of that time names its host, and the same is set to another one elsewhere."""
    host = target.rpartition(":")[0] or target
    told = sorted((one for one in entries(case) if _of(one, host, since)), key=lambda one: _apart(one, since))[:1]
    others = [other for one in named for other in set_elsewhere(case, host, one.span)] if told else []
    if others:
        yield from (Evidence(note.place, "tells of the change", shows=CHANGES) for note in told)
        yield from (Evidence(other, "set to another one here", shows=CHANGES) for other in dict.fromkeys(others[:2]))


def _of(entry: Entry, host: str, since: datetime) -> bool:
    """Whether a note of about that time names the host."""
    first, last = (since - LONG_BEFORE).timestamp(), (since + JUST_AFTER).timestamp()
    near = any(time <= last and time + entry.within_s >= first for time in entry.times)
    return near and bool(re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w-]|\.\w)", "\n".join(entry.texts)))


def _apart(entry: Entry, since: datetime) -> float:
    return min(abs(time - since.timestamp()) for time in entry.times)
