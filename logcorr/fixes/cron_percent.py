"""A crontab line that a bare `%` cuts short gets a backslash before each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.fixes import Change, Folder, fix
from logcorr.fixes.code import added
from logcorr.model.claim import claim
from logcorr.model.result import Finding


@fix("unescaped_percent")
def cron_percent(finding: Finding, folder: Folder) -> Iterator[Change]:
    """Only `\\%` reaches the shell, as `%` (crontab(5)); no field of the schedule holds one."""
    place = finding.evidence[0].span
    text = folder.text(place.path)
    if text:
        start, end = text.bounds(place.line)
        edits = tuple(added(start + one.start(), "\\") for one in re.finditer(r"(?<!\\)%", text.plain[start:end]))
        yield Change(path=place.path, edits=edits, claim=claim("patch.cron_percent", "cron passes each % on"), safe=True)
