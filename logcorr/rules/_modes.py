"""Which command took the right to read a file from others, and what a collected listing shows of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.source import Span

MASK = regex(r"\bumask\s+(?:-S\s+)?0?(?P<mask>[0-7]{3})\b")
GIVEN = regex(r"\b(?:chmod|install)\b[^;&|]*?[\s=](?:-m\s*|--mode=)?0?(?P<mode>[0-7]{3})\b")
SYMBOLIC = regex(r"\bchmod\b[^;&|]*?\s(?P<who>[ugoa]*)(?P<sign>[-+=])(?P<bits>[rwxXst]*)")
OTHERS_READ = 0o004
ROW = r"^\s*([-d][-rwxsStT]{9})[.+@]?\s+\d+\s+\S+\s+\S+\s.*\s(\S+)$"
"""A row of `ls -l`: mode, links, owner, group, size, date, name."""


def grants(text: str) -> bool:
    """Whether all that a line does to modes lets others read, as far as it says."""
    given = [not _takes(int(found["mode"], 8)) for found in GIVEN.finditer(text)]
    masks = [not int(found["mask"], 8) & OTHERS_READ for found in MASK.finditer(text)]
    signs = [not _withdraws(found) for found in SYMBOLIC.finditer(text)]
    said = [*given, *masks, *signs]
    return bool(said) and all(said) and not re.search(r"\b(?:chown|chgrp|setfacl|mktemp)\b", text)


def _takes(mode: int) -> bool:
    return not mode & OTHERS_READ


def _withdraws(found: re.Match[str]) -> bool:
    of_others = not found["who"] or bool(set("oa") & set(found["who"]))
    return of_others and ("r" in found["bits"] if found["sign"] == "-" else found["sign"] == "=" and "r" not in found["bits"])


def gives(text: str, mode: int) -> bool:
    """Whether a line gives a file or a folder just this mode."""
    masks = [int(found["mask"], 8) for found in MASK.finditer(text)]
    made = {start & ~mask for mask in masks for start in (0o666, 0o777)}
    return mode in made | {int(found["mode"], 8) for found in GIVEN.finditer(text)}


def listed(case: Case, names: Collection[str]) -> Iterator[tuple[Span, int]]:
    """The rows of collected listings that show files of these names which others may not read, with their modes."""
    logs = {source.path for source in case.sources}
    for path in sorted(case.files - logs):
        rows = case.lines(path).select("line", pl.col("text").str.extract_groups(ROW).alias("row")).unnest("row").drop_nulls()
        for line, mode, name in rows.collect().iter_rows():
            if name in names and _takes(_bits(mode)):
                yield Span(path, line), _bits(mode)


def _bits(mode: str) -> int:
    """`-rw-r-----` as a number."""
    return sum(1 << place for place, letter in enumerate(reversed(mode[1:])) if letter not in "-ST")
