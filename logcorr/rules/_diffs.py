"""What diffs among the collected files took away, and brought."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.source import Span

HUNK = regex(r"@@ |\d+(?:,\d+)?[acd]\d+(?:,\d+)?$")
"""How the parts of a diff begin, with context or without (`3d2`): the items of a list bear the same sign."""


def taken_away(case: Case, pattern: str) -> Iterator[Span]:
    """The lines of diffs that take away what begins with the pattern and is not added again by the same diff."""
    logs = {source.path for source in case.sources}
    signed = rf"^(?:@@ |\d+(?:,\d+)?[acd]\d+(?:,\d+)?$|[-+<>]\s*{pattern})"
    for path in sorted(case.files - logs):
        lines = case.lines(path).filter(pl.col("text").str.contains(signed)).select("line", "text").collect().rows()
        signs = {text[0] for _, text in lines}
        if any(HUNK.match(text) for _, text in lines) and signs & {"-", "<"} and not signs & {"+", ">"}:
            yield from (Span(path, line) for line, text in lines if text.startswith(("-", "<")))


def brought(case: Case, text: str) -> Iterator[Span]:
    """The line of a collected difference that brings this line, one a file."""
    logs = {source.path for source in case.sources}
    added = rf"^\+\s*{re.escape(text.strip())}\s*$"
    for path in sorted(case.files - logs):
        lines = case.lines(path).filter(pl.col("text").str.contains(added)).head(1).collect()
        yield from (Span(path, line) for line in lines["line"])


def sets(case: Case, name: str) -> Iterator[Span]:
    """The lines of collected differences that bring another value of this name."""
    logs = {source.path for source in case.sources}
    added = rf"^\+\s*(?:export\s+|const\s+|let\s+|-\s+)?[\"']?{re.escape(name)}[\"']?\s*[:=]"
    for path in sorted(case.files - logs):
        yield from (Span(path, line) for line in case.lines(path).filter(pl.col("text").str.contains(added)).collect()["line"])
