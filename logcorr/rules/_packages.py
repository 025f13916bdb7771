"""Where a program's version was changed: what a package manager wrote down, or the image that a container is made from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.facts import ComposeFile
from logcorr.model.source import Span
from logcorr.rules._settings import settings

LOG = regex(r"(?:^|[/._-])(?:apt|dpkg|history|term|dnf|yum|zypp|pacman|apk|brew|packages?)(?:[/._-]|$)")
CHANGED = r"(?i)\b(?:upgraded?|updated?|downgraded?|install(?:ed)?|reinstalled|removed?|purged?)\b"
VERSIONS = r"[:\w]*\)?[ (]+(?:\d+:)?(\d+)(?:\.(\d+))?[^\s,)]*(?:, | -> | )(?:\d+:)?(\d+)(?:\.(\d+))?"
"""The version before and after, as apt, dpkg and pacman write them, epochs left out."""


class Change(Struct, frozen=True):
    """The line that changed it, and the version that it is since, as far as the line says."""

    span: Span
    version: str = ""


def change_of(case: Case, package: str, image: str, runs: str) -> Change | None:
    """The last change of a package to another version, or the one image of this name; `runs`: the version, if told."""
    logged = [one for path in sorted(case.files) if LOG.search(path) for one in _changes(case, path, package)]
    if logged:
        return logged[-1]
    used = [one for one in _images(case, image) if not runs or not one.version or one.version == runs.partition(".")[0]]
    return used[0] if len(used) == 1 else None


def _changes(case: Case, path: str, package: str) -> Iterator[Change]:
    """Lines in which the package, and not only its patch level, becomes another."""
    named = rf"(?:^|[\s,])(?:{package})"
    lines = case.lines(path).filter(pl.col("text").str.contains(CHANGED) & pl.col("text").str.contains(rf"{named}(?:[:\s(-]|$)"))
    for line, text in lines.select("line", "text").collect().iter_rows():
        versions = re.search(named + VERSIONS, text)
        if versions and versions.group(1, 2) != versions.group(3, 4):
            yield Change(Span(path, line), versions[3])


def _images(case: Case, image: str) -> Iterator[Change]:
    """The lines of collected configuration that name such an image."""
    if not image:
        return
    composed = {file.span.path for file in case.of(ComposeFile)}
    pattern = rf"^\s*(?:image:\s*|FROM\s+)['\"]?(?:[\w.:-]+/)*(?:{image}):"
    for span, text in settings(case, pattern):
        if span.path in composed or "ockerfile" in span.path:
            tag = re.search(rf"(?:{image}):(\d*)", text)
            yield Change(span, tag[1] if tag else "")
