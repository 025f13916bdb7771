"""Folders that fill with small files: where inodes run out, who puts them there, and a clean-up that was switched off."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.rules._fillers import REMOVES
from logcorr.rules._hoards import biggest
from logcorr.rules._settings import settings
from logcorr.timeline.select import lines_like

DF_NAME = regex(r"(?:^|/|[._-])df(?:[._-]|$)")
COUNT_NAME = regex(r"(?i)(?:^|/|[._-])(?:du|df|find|inodes?|counts?|files)(?:[._-]|$)")
HEADER = r"(?:^|\s)[^\W\d]\S*%\s"
INODES = regex(r"(?i)\bi-?n(?:ode|œud)|(?:^|\s)I[^\W\d]\S*%\s|\(I\)")
"""The head of df(1), and that of `df -i`, whatever the language: the names of its columns begin with an I."""
FULL = r"\s(?:9[89]|100)%\s+/\S*$"
MOST_LINES = 1000

MOST_OF = 0.5


class Kept(Struct, frozen=True):
    """A folder of small files: where a capture counts them, the line that names it, and its clean-up that is commented out."""

    folder: str
    told: Span | None
    line: Span
    unswept: tuple[Span, ...]


def without_inodes(case: Case) -> list[tuple[Span, str]]:
    """The lines of a collected `df -i` that show a device without free inodes, and where it is mounted."""
    found = []
    for path in sorted(path for path in case.files if DF_NAME.search(path)):
        counts = False
        for span, text in lines_like(case, Span(path, 1, MOST_LINES), f"{FULL}|{HEADER}"):
            if re.search(FULL, text):
                found += [(span, text.split()[-1])] if counts else []
            else:
                counts = bool(INODES.search(text))
    return found


def kept(case: Case, full: Sequence[tuple[Span, str]]) -> Kept | None:
    """The folder that holds most of the files of a device without inodes, if one line names it, or its clean-up is off."""
    for path in sorted(path for path in case.files if COUNT_NAME.search(path.rpartition("/")[2])) if full else ():
        most = biggest(case, path, [mount for _, mount in full])
        if most:
            folder, told = most
            off, named = tuple(_unswept(case, folder)), list(_named(case, folder))
            line = named[0] if len(named) == 1 else next(iter(off), None)
            if line:
                return Kept(folder, told, line, off)
    return None


def left(case: Case, paths: Sequence[str]) -> Kept | None:
    """The folder in which most of the writes failed, if a clean-up of it is commented out."""
    folders = Counter(path.rpartition("/")[0] for path in paths)
    folder, count = folders.most_common(1)[0] if folders else ("", 0)
    off = tuple(_unswept(case, folder)) if folder and count >= MOST_OF * len(paths) else ()
    return Kept(folder, None, off[0], off) if len(off) == 1 else None


def _named(case: Case, folder: str) -> Iterator[Span]:
    """The lines of programs and configuration that name the folder, those left out that remove from it."""
    pattern = rf"""(?:^|['"`=\s:]){re.escape(folder)}/?(?:['"`;,\s)]|$)"""
    yield from (span for span, text in settings(case, pattern) if not REMOVES.search(text))


def _unswept(case: Case, folder: str) -> Iterator[Span]:
    """The lines of crontabs and scripts that would remove from the folder, were they not commented out."""
    paths = {one.job.span.path for one in case.schedules} | {script.span.path for script in case.of(Script)}
    commented = pl.col("text").str.contains(r"^\s*#") & pl.col("text").str.contains(folder, literal=True)
    for path in sorted(paths):
        for line, text in case.lines(path).filter(commented).select("line", "text").collect().iter_rows():
            if REMOVES.search(text):
                yield Span(path, line)
