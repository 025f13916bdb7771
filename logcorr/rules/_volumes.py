"""What gave a database another volume, or took away the one that it had."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.rules._deeds import ran
from logcorr.rules._settings import settings
from logcorr.rules._words import sought, telling
from logcorr.timeline.notes import entries
from logcorr.timeline.scripts import code_of
from logcorr.timeline.select import cite

DATA = r"/var/lib/(?:postgresql|pgsql|mysql|mariadb|mongodb?)\b|/data/db\b|/bitnami/(?:postgresql|mysql|mariadb|mongodb)\b"
"""Where images of databases keep what they hold."""

MOUNTED = regex(rf"[-+](?!--|\+\+)\s*(?:.*(?:{DATA})|(?:-\s+)?\"?PGDATA\b)|[-+](?:name:|COMPOSE_PROJECT_NAME=)")
"""A line of a diff that mounts it, or names the project, by which compose names its volumes."""

HUNK = regex(r"@@ -|diff --git ")

TAKEN = (
    r"(?i)\bdown\b[^|;&]{0,40}\s(?:-v|--volumes)\b|\bvolume (?:rm|remove|prune)\b|\bsystem prune\b[^|;&]{0,40}--volumes"
    rf"|\brm -\w*r\w*\s[^|;&]{{0,80}}(?:{DATA})|\bvolume \S+\s+removed\b|\bpersistentvolumeclaim\W+\S+ (?:deleted|created)"
)
MADE = r"(?i)\bvolume \"?\S+?\"?\s+creat(?:ed|ing)\b"
OF_DATABASES = r"(?i)db|data|pg|postgres|sql|maria|mongo"
SAYS = sought(f"{TAKEN}|{MADE}", "volume", "down -v", "persistentvolumeclaim", "rm -r")

NEW_FILE = regex(r"new file mode ")
WEEK_S, DAY_S = 7 * 86400.0, 86400.0
"""A database is made anew when what it is told changes next; what adds a place and takes none is older where it is the first."""

FEW_LINES = 3
"""A command with its time in a shell's history, or a note; not a file under one date."""

WITHIN, LATE = timedelta(hours=1), timedelta(seconds=2)
CHANGES = "deploy_changes_configuration"


def another_volume(case: Case, since: datetime) -> list[Evidence]:
    """The lines that did so before the database began, the most telling first."""
    return list(dict.fromkeys([*_mounted(case, since), *_scripted(case, since), *_done(case, since, TAKEN)]))


def made(case: Case, since: datetime) -> list[Evidence]:
    """The lines that tell of a new volume for a database just before: why it was made they do not tell."""
    return list(_done(case, since, MADE))


def _mounted(case: Case, since: datetime) -> Iterator[Evidence]:
    """What the last diff before changed of it: where it stands now, then the diff's own lines, the added ones first."""
    found = sorted(_hunks(case, since), key=lambda one: one[1].startswith("-"))
    for added in [text[1:].strip() for _, text in found if text.startswith("+")]:
        for span, text in settings(case, rf"^\s*{re.escape(added)}\s*$"):
            if text == added:
                yield Evidence(span, "where it is kept now", shows=CHANGES)
    for span, text in found:
        yield Evidence(span, "the new place" if text.startswith("+") else "where it was kept", shows=CHANGES)


def _hunks(case: Case, since: datetime) -> list[tuple[Span, str]]:
    """The lines of the last dated diff before, or of one without a date."""
    dated = [entry for entry in case.once(entries) if any(HUNK.match(text) for text in entry.texts)]
    age = {entry: since.timestamp() - entry.times[0] for entry in dated}
    for entry in sorted(dated, key=lambda entry: age[entry]):
        lines = _signed(entry.place.path, enumerate(entry.texts, entry.place.line)) if 0 <= age[entry] <= WEEK_S else []
        if lines and (_takes(lines) or (age[entry] <= DAY_S and not any(NEW_FILE.match(text) for text in entry.texts))):
            return lines
    logs = {source.path for source in case.sources} | {entry.place.path for entry in dated}
    for path in sorted(case.files - logs):
        wanted = pl.col("text").str.contains(r"^(?:@@ -|diff --git |[-+])")
        rows = case.lines(path).filter(wanted).select("line", "text").collect().rows()
        lines = _signed(path, rows) if any(HUNK.match(text) for _, text in rows) else []
        if _takes(lines):
            return lines
    return []


def _signed(path: str, rows: Iterable[tuple[int, str]]) -> list[tuple[Span, str]]:
    """The lines of a diff that do so, without those that are only moved."""
    lines = [(Span(path, line), text) for line, text in rows if MOUNTED.match(text)]
    kept = {text[1:] for _, text in lines if text.startswith("+")} & {text[1:] for _, text in lines if text.startswith("-")}
    return [one for one in lines if one[1][1:] not in kept]


def _takes(lines: Sequence[tuple[Span, str]]) -> bool:
    return any(text.startswith("-") for _, text in lines)


def _scripted(case: Case, since: datetime) -> Iterator[Evidence]:
    """The lines by which a script that ran just before took it away."""
    for script in case.of(Script):
        places = [place for place, text in code_of(script, filled=True) if re.search(TAKEN, text.partition(" #")[0])]
        if places and ran(case, script, since) is not None:
            yield from (Evidence(place, "takes it away", shows=CHANGES) for place in places)


def _done(case: Case, since: datetime, pattern: str) -> Iterator[Evidence]:
    """What logs and records tell of it in the time before; of volumes that were made, those whose name tells of a database."""
    said = telling(case, SAYS)
    near = said.filter(pl.col("time").is_between(since - WITHIN, since + LATE) & pl.col("message").str.contains(pattern))
    if pattern == MADE:
        near = near.filter(pl.col("message").str.contains(OF_DATABASES))
    yield from cite(near, "done then", most=2, shows=CHANGES)
    told = set(near["file"])
    for entry in case.once(entries):
        lies = any((since - WITHIN).timestamp() <= time <= (since + LATE).timestamp() for time in entry.times)
        if lies and entry.place.path not in told and len(entry.texts) <= FEW_LINES:
            lines = enumerate(entry.texts, entry.place.line)
            found = (Span(entry.place.path, line) for line, text in lines if re.search(pattern, text))
            yield from (Evidence(span, "written down", shows=CHANGES) for span in found)
