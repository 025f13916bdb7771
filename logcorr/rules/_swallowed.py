"""Values of environment files that compose cuts: it takes what stands behind a `$` in them for a variable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.facts import ComposeFile
from logcorr.model.source import Span
from logcorr.rules._blank import DATABASE, is_new, names_target, warned
from logcorr.rules._given import CHANGES, ENVIRONMENT, TEMPLATE, last_setting
from logcorr.rules._settings import settings

SETS = r"^\s*(?:export\s+)?(\w+)\s*=\s*(?:[^'\s#].*?[^$\\])?\$\{?([A-Za-z_]\w*)"
"""A setting whose value holds a variable, and is not in single quotes: in these a `$` is a `$`."""

REFUSED_BY = (
    (r"WRONGPASS|NOAUTH", r"redis|valkey|cache"),
    (r"\b535\b|SMTP", r"smtp|mail"),
    (r"ACCESS_REFUSED", r"amqp|rabbit|mq"),
)
"""What refuses by its words, and how settings for it are called; a database, if none of these."""

INITIAL = r"^(?:POSTGRES|MYSQL|MARIADB|MONGO_INITDB)_(?:ROOT_)?PASSWORD$"
"""What a database's image sets its first password from."""


class Holding(Struct, frozen=True):
    """A setting, the variable that its value holds, and its line."""

    key: str
    taken: str
    span: Span


def swallowed(case: Case, target: str, since: datetime, said: str, *, denied: bool) -> tuple[Evidence, ...]:
    """The line whose value is cut, and compose's first warning of it, just before the failures that began `since`.

    Where nothing was collected that compose warned of, the line alone. `said` is how the first of them is told.
    """
    told = case.once(warned)
    theirs = next((keys for words, keys in REFUSED_BY if re.search(words, said)), DATABASE)
    for place in _holding(case) if denied or target else ():
        meant = re.search(theirs, place.key.lower()) is not None if denied else names_target(place.key, target)
        new = is_new(told[place.taken], since) if place.taken in told else denied and not told
        if meant and new and _reaches(case, place) and not (denied and _is_first(case, place.key, target)):
            cut = Evidence(place.span, "compose takes what stands behind its $ for a variable", shows=CHANGES)
            return (cut, *(Evidence(span, "compose says so", shows=CHANGES) for span, _ in told.get(place.taken, ())[:1]))
    return ()


def _holding(case: Case) -> Iterator[Holding]:
    """The settings in environment files that hold a `$`, not escaped, before the name of what no such file sets."""
    files = [
        path for path in sorted(case.files) if ENVIRONMENT.search(name := path.rpartition("/")[2]) and not TEMPLATE.search(name)
    ]
    for path in files:
        rows = case.lines(path).select("line", groups=pl.col("text").str.extract_groups(SETS)).unnest("groups").drop_nulls()
        for line, key, taken in rows.collect().iter_rows():
            if all(last_setting(case, other, taken) for other in files):
                yield Holding(key, taken, Span(path, line))


def _reaches(case: Case, place: Holding) -> bool:
    """Whether a service takes a value from it, or is handed its whole file."""
    file = place.span.path.rpartition("/")[2]
    for one in (one for composed in case.of(ComposeFile) for one in composed.services):
        handed = any(name.rpartition("/")[2] == file for name in one.env_files)
        if handed or any(re.search(rf"\$\{{?{re.escape(place.key)}\b", value) for _, value in one.environment):
            return True
    return False


def _is_first(case: Case, key: str, role: str) -> bool:
    """Whether a database took its own password from it, cut alike, and nothing gave the role another one since."""
    stanzas = [one for composed in case.of(ComposeFile) for one in composed.services]
    own = any(re.search(INITIAL, name) and key in value for one in stanzas for name, value in one.environment)
    return own and not any(True for _ in settings(case, rf"(?i)\balter (?:role|user) \W?{re.escape(role)}\b"))
