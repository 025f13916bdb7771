"""Where the port is set on which a service listens."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.facts import NginxFile
from logcorr.model.source import Span
from logcorr.rules._settings import settings

DUMP = regex(r"(?:^|[/._-])(?:dump[._-]pm2|pm2[._-]dump)(?:[._-]|$)")
"""What pm2 saved of its processes, by which it starts them anew (`pm2 save`, `pm2 resurrect`)."""

RESTORES = r"\[PM2\] (?:Resurrecting|Restoring processes)|\bpm2 resurrect\b"
JUST_BEFORE = timedelta(minutes=5)

OVERRIDES = regex(r"\.service[.-]d[/.-]|override\.conf$|etc/default/")
"""Files that change a unit, or its environment."""


def ports_set(case: Case, ports: Collection[int]) -> list[Span]:
    """The lines other than the proxy's that set one of these ports."""
    numbers = "|".join(map(str, sorted(ports)))
    pattern = rf"(?i)(?:port\w*['\"]?\s*[:=]|--port[= ]|\|\||\?\?|:-|listen\()\s*['\"]?(?:{numbers})\b"
    proxies = {file.span.path for file in case.of(NginxFile)}
    return [span for span, _ in settings(case, pattern) if span.path not in proxies]


def restored(case: Case, began: datetime) -> pl.DataFrame:
    """The lines that tell that pm2 started what it had saved, just before this start."""
    told = pl.col("time").is_between(began - JUST_BEFORE, began) & pl.col("message").str.contains(RESTORES)
    return case.timeline.filter(told).collect()


def is_overridden(case: Case, ports: Collection[int], began: datetime) -> bool:
    """Whether a file beside a unit sets the port, or what pm2 had saved and then started does.

    It is the odd one then, and not who asks where the service was.
    """
    places = [span.path for span in ports_set(case, ports)]
    return any(map(OVERRIDES.search, places)) or (any(map(DUMP.search, places)) and restored(case, began).height > 0)
