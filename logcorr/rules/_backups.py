"""What backups write when they stop what they copy, and whom they were told to stop: by a label, by name, or in a hook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.rules._settings import settings
from logcorr.rules._words import sought, telling

LABELLED = regex(r"(?i)\b(?:stopp|paus|scal)ing (?:down )?[1-9]\d*\b.*\blabell?ed [`'\"]?(?P<label>[\w./-]+)")
"""offen/docker-volume-backup: `Stopping 1 out of 5 running container(s) as they were labeled KEY=VALUE.`"""

NAMED = regex(
    r"(?i)\b(?:stopp|paus)ing\b.*\b(?:containers?|services?)\b|\b(?:docker|podman|systemctl)\b.*\b(?:stop|pause|down)\b"
)
HOOK = regex(r"(?i)\brunning\b.*\b(?:pre[-_ ]?backup|pre[-_ ]?commands?|before[-_ ](?:backup|actions?|everything)|before)\b.*")
"""borgmatic: `Running command for pre-backup hook`."""

SAID = sought(
    r"(?i)\b(?:stopp|paus|scal)ing\b.*(?:container|service|\blabell?ed\b)"
    r"|\b(?:docker|podman|systemctl)\b.*\b(?:stop|pause|down)\b|\brunning\b.*\bhook",
    *("stopping ", "pausing ", "scaling down ", "docker", "podman", "systemctl", " hook"),
)

WRITER = regex(r"(?i)backup|borg|restic|duplic|kopia|nautical|volumeri[sz]e|snapshot|archiv")
"""What programs that copy are called, or their logs."""

LABELS = r"(?i)\bstop[-_.](?:during|before)[-_.]backup"
ORDERS = r"(?i)\b(?:docker(?:[ -]compose)?|podman|systemctl)\b.*\b(?:stop|pause|down)\s+['\"]?[\w.-]+"
"""How the settings of a backup tell it whom to stop."""


Line: TypeAlias = tuple[datetime, Span, str | None, str | None, str | None]
"""When and where it is told, the log's service, who is stopped, and the pattern of the settings that say so."""


def stopping(case: Case) -> Iterator[Line]:
    """The lines by which a backup tells that it stops others.

    What a collected script stops is left out: then its own commands tell more.
    """
    by_script = {name for one in case.behaviours for proved in one.proved if proved.effect.ends_processes for name in proved.hits}
    columns = telling(case, SAID).select("time", "file", "line", "lines", "service", "message")
    for time, file, line, lines, service, message in columns.iter_rows():
        told = _told(case, message, bool(WRITER.search(service or file.rpartition("/")[2])), service)
        for who, what in told:
            if who not in by_script:
                yield time, Span(file, line, line + lines - 1), service, who, what


def _told(case: Case, message: str, writer: bool, own: str | None) -> list[tuple[str | None, str | None]]:
    """Whom the message says to be stopped, each with the pattern of the settings that say so."""
    labelled = LABELLED.search(message)
    if labelled:
        label = re.escape(labelled["label"].rstrip(".="))
        return [(name, label) for name in _wearing(case, label)] or [(None, None)]
    if not writer:
        return []
    if NAMED.search(message):
        named = _named(case, message, own)
        return [(name, LABELS) for name in named or _wearing(case, LABELS)]
    return [(name, ORDERS) for name in _ordered(case, own)] if HOOK.search(message) else []


def _wearing(case: Case, label: str) -> list[str]:
    """The services in whose stanza the label stands."""
    places = [span for span, _ in settings(case, label)]
    services = case.stack.services if case.stack else ()
    return [
        one.name
        for one in services
        if any(place.path == one.span.path and one.span.line <= place.line <= one.span.end_line for place in places)
    ]


def _named(case: Case, text: str, own: str | None) -> list[str]:
    """Who but the backup itself is named in a text."""
    words = set(re.findall(r"[\w.-]*\w", text))
    return sorted(one.name for one in case.entities if one.name != own and words & one.names)


def _ordered(case: Case, own: str | None) -> list[str]:
    """Whom the hooks of a backup stop, as its settings say."""
    orders = [text for span, text in settings(case, ORDERS) if WRITER.search(span.path) or text.lstrip().startswith("- ")]
    return sorted({name for text in orders for name in _named(case, text.partition(" ")[2], own)})
