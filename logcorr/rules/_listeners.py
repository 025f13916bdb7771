"""Who listens on a port, by what `ss -ltnp`, `netstat -ltnp` or `lsof -i` printed."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.source import Span

SHOWN = (
    r"^(?:tcp\s+)?LISTEN\b.*?[\d\]*]:{port}\s.*users:\(\(\"(?<ss>[^\"]+)\""
    r"|^tcp6?\s+\d+\s+\d+\s+\S*:{port}\s+\S+\s+LISTEN\s+\d+/(?<netstat>[^\s:]+)"
    r"|^(?<lsof>\S+)\s+\d+\s+\S+\s+\d+u\s.*TCP \S*:{port} \(LISTEN\)"
)
INTERPRETERS = regex(r"(?:node|nodejs|python[\d.]*|ruby|java|php[\d.]*|perl|dotnet|bun|deno)")
"""Programs that may be anybody's."""


def listeners(case: Case, port: str) -> Iterator[tuple[Span, str]]:
    """The lines of captures that show a program of a name of its own on this port, each with that name."""
    pattern, logs = SHOWN.replace("{port}", port), {source.path for source in case.sources}
    for path in sorted(case.files - logs):
        groups = pl.col("text").str.extract_groups(pattern).struct
        named = pl.coalesce(groups.field("ss"), groups.field("netstat"), groups.field("lsof"))
        for line, name in case.lines(path).select("line", name=named).drop_nulls().collect().iter_rows():
            if not INTERPRETERS.fullmatch(name):
                yield Span(path, line), name
