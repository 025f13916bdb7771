"""Files that logrotate makes anew, for a user that it is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatch

from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.rules._settings import settings

STANZAS = regex(r"(?:^|/)logrotate(?:\.d/|\.conf$|[._-])")
CREATES = regex(r"\s*create\s+(?:0?\d{3,4}\s+)?(?P<user>[a-z_][\w.-]*)")
RATES = {"hourly": 3600, "daily": 86400, "weekly": 604800}
OWN = r"^\s*User\s*=\s*(\S+)"
SOON_S = 180


def recreated(case: Case, paths: Sequence[str], since: datetime) -> Iterator[Span]:
    """The lines by which a rotation that had just run makes one of these files for a user (logrotate(8), `create mode owner`).

    Not where the one before it lay within the logs, too: it did no harm.
    """
    until = since.timestamp()
    runs = [one.ticks for one in case.schedules if "logrotate" in one.job.command]
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
    patterns: list[str] = []
    body: list[tuple[int, str]] = []
    within = False
    for line, text in case.lines(path).select("line", "text").collect().iter_rows():
        if text.strip() == "}":
            if any(fnmatch(one, pattern) for one in paths for pattern in patterns):
                words = {word for _, each in body for word in each.split()[:1]}
                rate_s = 0 if "size" in words else max((RATES[word] for word in words & RATES.keys()), default=0)
                found = ((number, CREATES.match(each)) for number, each in body)
                yield from ((Span(path, number), made["user"], rate_s) for number, made in found if made)
            patterns, body, within = [], [], False
        elif within:
            body.append((line, text))
        elif not text.lstrip().startswith("#"):
            patterns += re.findall(r"/[^\s{\"']+", text)
            within = "{" in text
