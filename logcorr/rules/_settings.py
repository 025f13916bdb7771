"""Where a collected file sets a value: lines of configuration and code, comments left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from logcorr.model.case import Case
from logcorr.model.source import Span

COMMENT = r"^\s*(?:#|//|;|\*|--|<!--)"
PROSE = (".md", ".txt", ".rst", ".html", ".log", ".out", ".pem")
"""Notes, captures and logs say what was, and set nothing; a crontab may be called `crontab.txt`, and is read as a fact."""


def notes(case: Case, *words: str) -> Iterator[Span]:
    """The lines of notes (change logs, text files; no logs of programs) that hold all of these words."""
    logs = {source.path for source in case.sources}
    wanted = pl.all_horizontal(pl.col("text").str.contains(rf"(?:^|[^\w]){re.escape(word)}(?:[^\w]|$)") for word in words)
    for path in sorted(path for path in case.files - logs if path.endswith(PROSE[:4])):
        yield from (Span(path, line) for line in case.lines(path).filter(wanted).collect()["line"])


def settings(case: Case, pattern: str) -> Iterator[tuple[Span, str]]:
    """The lines of files other than logs that hold the pattern (of the `regex` crate), by path and line."""
    logs = {source.path for source in case.sources}
    known = {fact.span.path for fact in case.facts}
    wanted = pl.col("text").str.contains(pattern) & ~pl.col("text").str.contains(COMMENT)
    for path in sorted(case.files - logs):
        if path in known or not path.endswith(PROSE):
            for line, text in case.lines(path).filter(wanted).select("line", "text").collect().iter_rows():
                yield Span(path, line), text.strip()
