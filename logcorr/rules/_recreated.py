"""Files that logrotate makes anew, for a user that it is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatch

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.source import Span

STANZAS = regex(r"(?:^|/)logrotate(?:\.d/|\.conf$|[._-])")
CREATES = regex(r"\s*create\s+(?:0?\d{3,4}\s+)?[a-z_][\w.-]*")
SOON = timedelta(minutes=3)


def recreated(case: Case, paths: Sequence[str], since: datetime) -> Iterator[Span]:
    """The lines by which a rotation that had just run makes one of these files for a user (logrotate(8), `create mode owner`)."""
    runs = (one.ticks for one in case.schedules if "logrotate" in one.job.command)
    if any(((since.timestamp() - ticks >= 0) & (since.timestamp() - ticks <= SOON.total_seconds())).any() for ticks in runs):
        for path in sorted(path for path in case.files if STANZAS.search(path)):
            yield from _creating(case, path, paths)


def _creating(case: Case, path: str, paths: Sequence[str]) -> Iterator[Span]:
    patterns: list[str] = []
    within = False
    for line, text in case.lines(path).select("line", "text").collect().iter_rows():
        if within and CREATES.match(text) and any(fnmatch(one, pattern) for one in paths for pattern in patterns):
            yield Span(path, line)
        if text.strip() == "}":
            patterns, within = [], False
        elif not within and not text.lstrip().startswith("#"):
            patterns += re.findall(r"/[^\s{\"']+", text)
            within = "{" in text
