"""Uncaught exceptions in logs: the line that names them, and the line of a collected file that threw."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

import polars as pl
from msgspec import Struct

from logcorr.model.case import Case
from logcorr.model.source import Span

NAMED = re.compile(r"(?:^|[\]:|] )(?P<message>(?:[A-Za-z_][\w.]*)?(?:Error|Exception)(?: \[\w+\])?: .+)$")
"""`TypeError: x is not iterable`, alone or after what stands before messages in a log."""

FRAME = re.compile(r"\bat (?:.*\()?(?:file://)?(?P<path>[^\s():]+):(?P<line>\d+):\d+\)?$")
STACKED = re.compile(r".*\bat \S")
"""A line of a JavaScript stack; the engine's own functions have no place."""

PYTHON_FRAME = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+)')
ECHOED = re.compile(r"^(?:file://)?(?P<path>/\S+):(?P<line>\d+)$")
"""Node names the place before the exception, and the line as it stood when it ran after it."""

MOST_FRAMES = 40
LIBRARIES = ("/node_modules/", "/site-packages/", "/dist-packages/")


class Thrown(Struct, frozen=True):
    """One exception: its words, the line that has them, and the line of the application's own code, if it was collected.

    `echo` is that line's text as the engine printed it, empty where it did not.
    """

    message: str
    span: Span
    frames: tuple[tuple[str, int], ...]
    echo: str = ""


def thrown(case: Case, path: str) -> Iterator[Thrown]:
    """The exceptions with a stack that a log tells of, in file order."""
    lines = case.lines(path)
    told = lines.filter(pl.col("text").str.contains(r"(?:Error|Exception)(?: \[\w+\])?: ")).select("line").collect()["line"]
    if not len(told):
        return
    rows = lines.select("line", "text").collect()
    texts = rows["text"].to_list()
    for number in (rows["line"].search_sorted(told)).to_list():
        named = NAMED.search(texts[number])
        frames = _frames(texts, number) if named else ()
        if named and frames:
            yield Thrown(named["message"], Span(path, int(rows["line"][number])), frames, _echo(texts, number))


def _frames(texts: Sequence[str], number: int) -> tuple[tuple[str, int], ...]:
    """Where it was thrown, innermost first: below the exception (JavaScript), or above it (Python)."""
    below = map(FRAME.search, takewhile(STACKED.match, texts[number + 1 : number + MOST_FRAMES]))
    above = filter(None, map(PYTHON_FRAME.search, reversed(texts[max(0, number - MOST_FRAMES) : number])))
    found = [*filter(None, below)] or [*above]
    return tuple((frame["path"], int(frame["line"])) for frame in found if frame)


def _echo(texts: Sequence[str], number: int) -> str:
    """The line of code that the engine printed above the exception."""
    for place in range(number - 1, max(-1, number - 6), -1):
        if ECHOED.match(texts[place]):
            return texts[place + 1].strip()
    return ""


def own_line(case: Case, exception: Thrown) -> Span | None:
    """The innermost frame in a collected file of the application itself, if that file still has the line that threw."""
    for rank, (path, line) in enumerate(exception.frames):
        collected = _collected(case, path) if not any(library in path for library in LIBRARIES) else None
        if collected:
            text = case.lines(collected).filter(pl.col("line") == line).collect()["text"]
            changed = rank == 0 and exception.echo and len(text) and text[0].strip() != exception.echo
            return Span(collected, line) if len(text) and not changed else None
    return None


def _collected(case: Case, path: str) -> str | None:
    """The one collected file that shares the longest end with this path."""
    parts = path.split("/")
    shared = {file: _same_end(parts, file.split("/")) for file in case.files if file.rpartition("/")[2] == parts[-1]}
    best = [file for file, length in shared.items() if length == max(shared.values())]
    return best[0] if len(best) == 1 else None


def _same_end(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(reversed(one), reversed(other), strict=False)))
