"""What logrotate does to files: those that it makes anew, for a user that it is told, and those that it takes away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatch

from msgspec import Struct

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.facts import ScheduledJob
from logcorr.model.rotation import part_of
from logcorr.model.source import Span
from logcorr.rules._settings import settings
from logcorr.semantics.hooks import ROTATION
from logcorr.timeline.orders import rotations
from logcorr.timeline.select import seconds

STANZAS = regex(r"(?:^|/)logrotate(?:\.d/|\.conf$|[._-])")
CREATES = regex(r"\s*create\s+(?:0?\d{3,4}\s+)?(?P<user>[a-z_][\w.-]*)")
RATES = {"hourly": 3600, "daily": 86400, "weekly": 604800}
OWN = r"^\s*User\s*=\s*(\S+)"
SOON_S = 180
COPIES = frozenset(("copytruncate", "copy"))
SCRIPTS = frozenset(("postrotate", "prerotate", "firstaction", "lastaction"))
"""By which a rotation leaves the log where it is, or may have it opened anew."""


class Stanza(Struct, frozen=True):
    """Which logs are rotated together, and how: where it opens, the patterns, and its numbered lines."""

    opens: Span
    patterns: tuple[str, ...]
    body: tuple[tuple[int, str], ...]

    @property
    def words(self) -> set[str]:
        """The first word of each of its lines: its directives, and what its scripts run."""
        return {word for _, each in self.body for word in each.split()[:1]}


def recreated(case: Case, paths: Sequence[str], since: datetime) -> Iterator[Span]:
    """The lines by which a rotation that had just run makes one of these files for a user (logrotate(8), `create mode owner`).

    Not where the one before it lay within the logs, too: it did no harm.
    """
    until = since.timestamp()
    runs = [seconds(case.once(rotations)), *(one.ticks for one in case.schedules if "logrotate" in one.job.command)]
    last = max((tick for ticks in runs for tick in ticks[(ticks <= until) & (ticks >= until - SOON_S)]), default=None)
    if last is not None and case.window is not None:
        calm_s = float(last) - case.window[0].timestamp()
        users = {found[1] for _, text in settings(case, OWN) if (found := re.match(OWN, text))}
        for path in sorted(path for path in case.files if STANZAS.search(path)):
            for span, user, rate_s in _creating(case, path, paths):
                if users != {user} and not (rate_s and rate_s <= calm_s):
                    yield span


def _creating(case: Case, path: str, paths: Sequence[str]) -> Iterator[tuple[Span, str, int]]:
    """Each such line with the user, and how often the file is rotated (0: by its size, or as nothing there says)."""
    for stanza in stanzas(case, path):
        if any(fnmatch(one, pattern) for one in paths for pattern in stanza.patterns):
            words = stanza.words
            rate_s = 0 if "size" in words else max((RATES[word] for word in words & RATES.keys()), default=0)
            found = ((number, CREATES.match(each)) for number, each in stanza.body)
            yield from ((Span(path, number), made["user"], rate_s) for number, made in found if made)


def stanzas(case: Case, path: str) -> Iterator[Stanza]:
    """The stanzas of one of logrotate's files, each with the lines between its braces."""
    patterns: list[str] = []
    body: list[tuple[int, str]] = []
    opened = 0
    for line, text in case.lines(path).select("line", "text").collect().iter_rows():
        if text.strip() == "}":
            yield Stanza(Span(path, opened), tuple(patterns), tuple(body))
            patterns, body, opened = [], [], 0
        elif opened:
            body.append((line, text))
        elif not text.lstrip().startswith("#"):
            patterns += re.findall(r"/[^\s{\"']+", text)
            opened = line if "{" in text else 0


def rotated_away(case: Case, path: str) -> Span | None:
    """Where the one stanza opens whose rotation renamed and removed this part of a log, and tells nobody of it.

    Not where it copies the log instead, or runs any script: that may have it opened anew, under whatever name.
    """
    base, _ = part_of(path)
    named = {one for one in case.files if STANZAS.search(one)}
    files = sorted(named.union(job.span.path for job in case.of(ScheduledJob) if job.scheduler == ROTATION))
    found = [one for file in files for one in stanzas(case, file) if any(fnmatch(base, pattern) for pattern in one.patterns)]
    spared = {word for file in files for word in _stated(case, file)} & COPIES
    told = [one for one in found if one.words & (COPIES | SCRIPTS) or spared - {word[2:] for word in one.words}]
    return found[0].opens if base != path and len(found) == 1 and not told else None


def _stated(case: Case, path: str) -> Iterator[str]:
    """The first words of the lines outside of all stanzas: what holds for each that says nothing else."""
    depth = 0
    for text in case.lines(path).select("text").collect()["text"]:
        if not depth:
            yield from text.split()[:1]
        depth += text.rstrip().endswith("{") - (text.strip() == "}")
