"""Where a service is given a file system that it may not write to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.model.case import Case
from logcorr.model.facts import ComposeFile, Unit
from logcorr.model.source import Span
from logcorr.semantics.paths import below
from logcorr.timeline.select import lines_like

EROFS = r"\bEROFS\b|[rR]ead-only file ?system"

OF_SYSTEMD = (
    r"^\s*(?:ProtectSystem\s*=\s*(?:strict|full|true|yes|1)\b|ReadOnlyPaths\s*=|ProtectHome\s*=\s*(?:true|yes|1|read-only)\b)"
)
"""systemd.exec(5): of `strict` all is read-only but for ReadWritePaths=, /dev, /proc and /sys."""


def read_only(case: Case, service: str, paths: Sequence[str]) -> Iterator[Span]:
    """The lines that make it so for a service: of its mounts below which a path lies, of its whole root, of its unit."""
    for one in (one for file in case.of(ComposeFile) for one in file.services if service in (one.name, one.container_name)):
        for mount in one.mounts:
            if any(below(path, mount.target) for path in paths):
                pattern = rf"{re.escape(mount.target)}\S*:\S*\bro\b"
                yield from (span for span, _ in lines_like(case, one.span, pattern))
        yield from (span for span, _ in lines_like(case, one.span, r"^\s*read_only\s*:\s*['\"]?true"))
    for unit in case.of(Unit):
        if unit.name.removesuffix(".service") == service:
            yield from (span for span, _ in lines_like(case, unit.span, OF_SYSTEMD))
