"""Folders that fill with small files: where inodes run out, who puts them there, and a clean-up that was switched off."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules._fillers import REMOVES
from logcorr.rules._hoards import DF_NAME, captures, is_elsewhere, largest
from logcorr.rules._settings import settings
from logcorr.timeline.select import cite, instants, lines_like

COUNT_NAME = regex(r"(?i)(?:^|/|[._-])(?:df|find|inodes?|counts?|files)(?:[._-]|$)")
HEADER = r"(?:^|\s)[^\W\d]\S*%\s"
INODES = regex(r"(?i)\bi-?n(?:ode|œud)|(?:^|\s)I[^\W\d]\S*%\s|\(I\)")
"""The head of df(1), and that of `df -i`, whatever the language: the names of its columns begin with an I."""
FULL = r"\s(?:9[89]|100)%\s+/\S*$"
MOST_LINES = 1000

MOST_OF = 0.5
SHOWS = "resource_exhausted"


REFUTE = claim("disk_full.refute", "free space (and free inodes) on the device at these times")
COUNTED, UNSWEPT = 0.9, 0.85
"""How sure it is: a capture counts the files; or only the clean-up is known that would have removed them."""


class _Kept(Struct, frozen=True):
    """A folder of small files: where a capture counts them, the line that names it, and its clean-up that is commented out."""

    folder: str
    told: Span | None
    line: Span
    unswept: tuple[Span, ...]


def inodes(case: Case, failed: pl.DataFrame) -> Finding | None:
    """No inode is left: the folder that holds most of the files of the device, if one line names it, or its clean-up is off."""
    full = without_inodes(case)
    found = _counted(case, full)
    return _finding(failed, found, [span for span, _ in full]) if found else None


def unswept(case: Case, failed: pl.DataFrame, paths: Sequence[str]) -> Finding | None:
    """The folder in which most of the writes failed, if a clean-up of it is commented out."""
    folders = Counter(path.rpartition("/")[0] for path in paths)
    folder, count = folders.most_common(1)[0] if folders else ("", 0)
    there = folder and count >= MOST_OF * len(paths) and not is_elsewhere(case, (), folder)
    off = tuple(_unswept(case, folder)) if there else ()
    return _finding(failed, _Kept(folder, None, off[0], off), ()) if len(off) == 1 else None


def astray(case: Case, failed: pl.DataFrame, paths: Sequence[str]) -> Finding | None:
    """The folder in which most of the writes failed, if a clean-up sweeps one of the same name and program elsewhere."""
    folders = Counter(path.rpartition("/")[0] for path in paths)
    folder, count = folders.most_common(1)[0] if folders else ("", 0)
    most = folder.count("/") > 1 and count >= MOST_OF * len(paths) and not is_elsewhere(case, (), folder)
    swept = _elsewhere(case, folder, failed["service"].drop_nulls().unique().sort().to_list()) if most else None
    if not swept:
        return None
    named = list(_named(case, folder))
    return Finding(
        confidence=COUNTED if named else UNSWEPT,
        claim=claim(
            "disk_full.astray",
            "no space or no inode was left on a device: {count} writes failed, most of them in {folder}; the clean-up at {line} "
            "looks elsewhere",
            count=failed.height,
            folder=folder,
            line=str(swept),
        ),
        evidence=(
            Evidence(swept, "what is cleaned up", shows="configuration_mismatch"),
            *(Evidence(span, "names the folder", shows="deploy_changes_configuration") for span in named[:2]),
            *cite(failed, most=2, shows=SHOWS),
            *(Evidence(span, "the device that is full", shows=SHOWS) for span, _ in without_inodes(case)),
            *cite(failed.slice(2), shows=SHOWS),
        ),
        would_refute=REFUTE,
        subject=folder,
        measured={"count": failed.height},
        times=instants(failed),
        fix=claim(
            "disk_full.sweep_there", "let the clean-up look in {folder}, and let it tell when it finds nothing", folder=folder
        ),
    )


def _elsewhere(case: Case, folder: str, services: Sequence[str]) -> Span | None:
    """The line by which a script that removes files names a folder of the same name, while none of its lines names this one.

    Many programs have a folder called `sessions` or `logs`: it must lie below one that bears the name of a service that failed.
    """
    whose = "|".join(map(re.escape, services)) or "(?!)"
    other = re.compile(rf"(?<![\w.-])/(?:[\w.-]+/)*(?:{whose})/(?:[\w.-]+/)*{re.escape(folder.rpartition('/')[2])}(?![\w.-])")
    for script in case.of(Script):
        lines = [line for line in script.text.split("\n") if not line.lstrip().startswith("#")]
        if any(REMOVES.search(line) for line in lines) and not any(folder in line for line in lines):
            for number, line in enumerate(script.text.split("\n")):
                if other.search(line) and not line.lstrip().startswith("#"):
                    return Span(script.span.path, script.span.line + number)
    return None


def _finding(failed: pl.DataFrame, found: _Kept, full: Sequence[Span]) -> Finding:
    evidence = (
        Evidence(found.line, "names the folder", shows=SHOWS),
        *(Evidence(span, "its clean-up is commented out", shows=SHOWS) for span in found.unswept),
        *([Evidence(found.told, "how many files are there", shows=SHOWS)] if found.told else []),
        *(Evidence(span, "the device that is full", shows=SHOWS) for span in full),
        *cite(failed, shows=SHOWS),
    )
    return Finding(
        confidence=COUNTED if found.told else UNSWEPT,
        claim=_claim(failed, found),
        evidence=tuple({one.span: one for one in reversed(evidence)}.values())[::-1],
        would_refute=REFUTE,
        subject=found.folder,
        measured={"count": failed.height},
        times=instants(failed),
        fix=claim(
            "disk_full.sweep",
            "remove what is old in {folder}, by a job or the program's own clean-up, let it make fewer, and watch free inodes "
            "(df -i) as well as free space",
            folder=found.folder,
        ),
    )


def _claim(failed: pl.DataFrame, found: _Kept) -> Claim:
    if found.told:
        return claim(
            "disk_full.inodes",
            "no inode was left on a device: {count} writes failed; most of its files are in {folder}, which {line} names",
            count=failed.height,
            folder=found.folder,
            line=str(found.line),
        )
    return claim(
        "disk_full.unswept",
        "no space was left on a device: {count} writes failed, most of them in {folder}, whose clean-up at {line} is commented "
        "out",
        count=failed.height,
        folder=found.folder,
        line=str(found.line),
    )


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


def _counted(case: Case, full: Sequence[tuple[Span, str]]) -> _Kept | None:
    """The folder that holds most of the files of a device without inodes, if one line names it, or its clean-up is off."""
    counted = {path for path in case.files if COUNT_NAME.search(path.rpartition("/")[2])} if full else set()
    for path in sorted(counted.union(captures(case) if full else ())):
        most = largest(case, path, [mount for _, mount in full])
        if most:
            folder, told = most
            off, named = tuple(_unswept(case, folder)), list(_named(case, folder))
            line = named[0] if len(named) == 1 else next(iter(off), None)
            if line:
                return _Kept(folder, told, line, off)
    return None


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
