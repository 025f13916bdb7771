"""Where a collected file sets a value: lines of configuration and code, comments left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.source import Span

COMMENT = r"^\s*(?:#|//|;|\*|--|<!--)"
PROSE = (".md", ".txt", ".rst", ".html", ".log", ".out", ".pem")
"""Notes, captures and logs say what was, and set nothing; a crontab may be called `crontab.txt`, and is read as a fact."""

SHORT = 20_000
"""A file of so many lines is no configuration, and its lines are not kept."""


def notes(case: Case, *words: str) -> Iterator[Span]:
    """The lines of notes (change logs, text files; no logs of programs) that hold all of these words."""
    logs = {source.path for source in case.sources}
    wanted = pl.all_horizontal(pl.col("text").str.contains(rf"(?:^|[^\w]){re.escape(word)}(?:[^\w]|$)") for word in words)
    for path in sorted(path for path in case.files - logs if path.endswith(PROSE[:4])):
        yield from (Span(path, line) for line in case.lines(path).filter(wanted).collect()["line"])


def settings(case: Case, pattern: str) -> Iterator[tuple[Span, str]]:
    """The lines of files other than logs that hold the pattern (of the `regex` crate), by path and line."""
    told = pl.concat(case.once(_set)).filter(pl.col("text").str.contains(pattern)).sort("path", "line").collect()
    yield from ((Span(path, line), text.strip()) for path, line, text in told.iter_rows())


def _set(case: Case) -> list[pl.LazyFrame]:
    """The lines of all that sets anything: every rule that asks looks at all of them, so those of short files are kept."""
    logs = {source.path for source in case.sources}
    known = {fact.span.path for fact in case.facts}
    setting = sorted(path for path in case.files - logs if path in known or not path.endswith(PROSE))
    lines = [
        case.lines(path).select(pl.lit(path).alias("path"), "line", "text").filter(~pl.col("text").str.contains(COMMENT))
        for path in setting
    ]
    begun = [(whole, whole.head(SHORT).collect()) for whole in lines]
    short = [begin for _, begin in begun if begin.height < SHORT]
    return [
        pl.concat([pl.DataFrame(schema={"path": pl.String, "line": pl.UInt32, "text": pl.String}), *short]).lazy(),
        *(whole for whole, begin in begun if begin.height == SHORT),
    ]
