"""Much of a log could not be read as what the rest of it is."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import pl
from logcorr.model.case import Case, Source
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule

FEWEST, SHARE = 20, 0.2
"""So many lines, and so many of all, are worth a word."""


@rule(code="LOG004", title="Many lines of a log were not understood", role="signal", severity="info")
def check(case: Case) -> Iterator[Finding]:
    """Looks for logs of which a fifth of the lines are not in the log's own format."""
    for source in case.sources:
        if source.unparsed >= FEWEST and source.unparsed >= SHARE * source.lines:
            yield from _finding(case, source)


def _finding(case: Case, source: Source) -> Iterator[Finding]:
    odd = case.records(source.format).filter((pl.col("file") == source.path) & ~pl.col("parsed"))
    first = odd.select("line").head(1).collect()["line"]
    if len(first):
        yield Finding(
            confidence=1.0,
            claim=claim(
                "lines_not_understood.found",
                "{unparsed} of {lines} lines of {path} are not {format}: what they tell is not counted anywhere",
                unparsed=source.unparsed,
                lines=source.lines,
                path=source.path,
                format=source.format,
            ),
            evidence=(Evidence(Span(source.path, first[0]), "the first of them"),),
            would_refute=claim("lines_not_understood.refute", "lines that belong to no event, such as banners"),
            subject=source.path,
            measured={"lines": source.lines, "unparsed": source.unparsed},
        )
