"""Names of rotated logs: which files are parts of one log, and in which order they were written."""

from __future__ import annotations

import re

from logcorr.lazily import regex

_COMPRESSED = regex(r"\.(?:gz|bz2|xz|zst)$")
_NUMBERED = regex(r"(?P<base>.+)\.(?P<number>\d{1,4})")
_DATE = r"[-._](?P<date>\d{4}-?\d\d-?\d\d(?:[-_T.]?\d\d){0,3}|\d{10}(?![\d-]))"
_DATED = regex(rf"(?P<base>.+?){_DATE}(?P<suffix>\.log|\.txt)?")
_CONTINUED = regex(r"(?P<base>.+?[a-zA-Z])(?P<number>\d{1,3})(?P<suffix>\.log)")


def part_of(path: str) -> tuple[str, tuple[int, ...]]:
    """The log that a file is a part of, by the path of its live file, and its rank among the parts: the oldest is the least.

    `app.log.2.gz`, `app.log.1`, `app.log` (logrotate) and `app.log-20261122`, `app-2026-11-22.log` (dated) end with the live
    file; `combined.log`, `combined1.log`, `combined2.log` (winston) begin with it.
    """
    name = _COMPRESSED.sub("", path)
    if numbered := _NUMBERED.fullmatch(name):
        base, rank = part_of(numbered["base"])
        number = int(numbered["number"])
        return (base, (*rank, number)) if _DATED.fullmatch(numbered["base"]) else (numbered["base"], (0, -number))
    if dated := _DATED.fullmatch(name):
        return dated["base"] + (dated["suffix"] or ""), (0, int(re.sub(r"\D", "", dated["date"]).ljust(14, "0")))
    if continued := _CONTINUED.fullmatch(name):
        return continued["base"] + continued["suffix"], (2, int(continued["number"]))
    return name, (1,)
