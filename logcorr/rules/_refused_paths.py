"""Which files a refusal or a miss names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.rules._settings import settings

PATH = regex(r"[\"'(: ](?P<path>/[^\"' :,)]+)")
QUOTED = regex(r"[\"'](?P<path>/[^\"']+)[\"']")
AFTER = r" while |, client: | in /\S+ on line \d| at /\S+[:(]\d"
"""What comes after the file: what the proxy was doing, and which line of a program asked for it."""

RELATIVE = regex(r"[\"'](?P<path>(?:\./)?[\w-][\w.-]*/[^\"']+)[\"']")
WORKS = regex(r"(?:WorkingDirectory=|working_dir:|\bcwd[\"']?\s*[:=]|^WORKDIR)\s*[\"']?(?P<folder>/[^\s\"',;]+)")
"""Where a program works, as its unit, its container or pm2 is told."""

DENIED = r"ermission denied|EACCES|EPERM|AccessDenied|UnauthorizedAccess"
"""How the end of a trace tells of it."""


def paths_of(case: Case, rows: pl.DataFrame) -> list[str]:
    """The files that messages name: in quotes, or else the longest path; what the proxy adds of the request is none."""
    told = [re.split(AFTER, message)[0] for message in (*_traced(case, rows), *rows["message"])]
    quoted = [QUOTED.search(text) for text in told]
    found = [one["path"] if one else max(PATH.findall(text), key=len, default="") for one, text in zip(quoted, told, strict=True)]
    return [path for path in found if path] or list(_relative(case, told))


def _traced(case: Case, rows: pl.DataFrame) -> Iterator[str]:
    """What stands below the first line of such an event and tells which file it was: the end of a trace."""
    below = rows.filter(~pl.col("message").str.contains(DENIED) & (pl.col("lines") > 1))
    for (path,), events in below.group_by("file", maintain_order=True):
        told = case.lines(str(path)).filter(pl.col("text").str.contains(DENIED)).select("line", "text").collect()
        starts = events.select("line", first="line", many="lines").sort("line")
        within = told.sort("line").join_asof(starts, on="line").filter(pl.col("line") < pl.col("first") + pl.col("many"))
        yield from within["text"]


def _relative(case: Case, told: Sequence[str]) -> Iterator[str]:
    """The files that are named as seen from where their program works, if but one such folder is set."""
    found = [one["path"] for text in told if (one := RELATIVE.search(text))]
    set_to = (WORKS.search(text) for _, text in settings(case, WORKS.pattern)) if found else iter(())
    folders = {one["folder"].rstrip("/") for one in set_to if one}
    if len(folders) == 1:
        yield from (f"{next(iter(folders))}/{path.removeprefix('./')}" for path in found)
