"""Files that were removed while a program holds them open: the name is gone, the space is not given back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules._deeds import JUST_BEFORE, due, told
from logcorr.rules._hoards import MOST_OF, captures, devices
from logcorr.rules._recreated import rotated_away
from logcorr.timeline.scripts import code_of
from logcorr.timeline.select import cite, instants

LSOF_NAME = regex(r"(?:^|/|[._-])(?:lsof|open-?files|deleted)(?:[._-]|$)")
HELD = (
    r"^(?P<program>\S+)\s+(?P<pid>\d+)\s.*?\sREG\s+\d+,\d+\s+(?P<size>\d+)\s+(?:0\s+)?(?P<node>\d+)\s+"
    r"(?P<path>/.*?)\s+\(deleted\)$"
)
"""A row of lsof(8), with the column NLINK of `+L1` or without."""

REMOVES = regex(r"(?:^|[\s;&|(])(?:rm|unlink|shred)\s+(?P<what>[^;&|]+)|(?=.*(?:-delete\b|\brm\b))\bfind\s+(?P<found>[^;&|]+)")
LOOP = regex(r"\bfor\s+(?P<name>\w+)\s+in\s+(?P<words>[^;]+)")
NAMED = regex(r"-i?name[ =]+[\"']?(?P<glob>[^\s\"']+)")

SHOWN, SHOWN_WHO = 0.85, 0.95
"""How sure it is that this took the space: lsof and df say so; and one line of a script that runs removes the file."""

SHOWS = "resource_exhausted"


class Held(Struct, frozen=True):
    """A removed file that is open: who holds it, how large it is, and where the capture tells."""

    program: str
    path: str
    size: int
    told: Span


def still_open(case: Case, failed: pl.DataFrame, mounts: Sequence[tuple[Span, str]]) -> Finding | None:
    """The largest of such files on a full device, if they take more than half of what is used there."""
    taken = case.once(devices)
    for span, mount in mounts:
        there = [one for one in _held(case) if _mount(one.path, taken) == mount]
        if there and sum(one.size for one in there) > MOST_OF * taken[mount]:
            largest = max(there, key=lambda one: one.size)
            removers = [(script, line) for script in case.of(Script) for line in _removers(script, largest.path)]
            if not removers and (rotation := rotated_away(case, largest.path)):
                return _rotated(_finding(failed, largest, span, None), largest, rotation)
            alone = len(removers) == 1 and _runs(case, removers[0][0], failed)
            return _finding(failed, largest, span, removers[0][1] if alone else None)
    return None


def _mount(path: str, taken: Mapping[str, float]) -> str:
    """Where the device is mounted on which a file lies."""
    return max((mount for mount in taken if path.startswith(f"{mount.rstrip('/')}/")), key=len, default="")


def _held(case: Case) -> list[Held]:
    """Each such file once, whoever else has it open."""
    called = {path for path in case.files if LSOF_NAME.search(path.rpartition("/")[2])}
    found: dict[tuple[str, str], Held] = {}
    for path in sorted(called.union(captures(case))):
        rows = case.lines(path).select("line", pl.col("text").str.extract_groups(HELD).alias("told")).unnest("told").collect()
        for line, program, _, size, node, name in rows.drop_nulls().iter_rows():
            found.setdefault((node, name), Held(program, name, int(size), Span(path, line)))
    return list(found.values())


def _runs(case: Case, script: Script, failed: pl.DataFrame) -> bool:
    """Whether a schedule leads to the script, or a log tells that it ran just before."""
    since = failed["time"].min()
    if not isinstance(since, datetime):
        return False
    return due(case, script, since, JUST_BEFORE) is not None or told(case, script, since, JUST_BEFORE).height > 0


def _removers(script: Script, path: str) -> Iterator[Span]:
    """The lines of a script that remove a file called so: by its name, a pattern, a loop's variable, or with find(1)."""
    looped: dict[str, str] = {}
    for span, text in code_of(script, filled=True):
        if loop := LOOP.search(text):
            looped[loop["name"]] = loop["words"]
        if any(_means(found, looped, path) for found in REMOVES.finditer(text)):
            yield span


def _means(found: re.Match[str], looped: Mapping[str, str], path: str) -> bool:
    if found["found"]:
        named = NAMED.search(found["found"])
        folder = found["found"].split()[0].strip("\"'").rstrip("/")
        return path.startswith(f"{folder}/") and (not named or fnmatchcase(path.rpartition("/")[2], named["glob"]))
    words = re.sub(r"\$\{?(\w+)\}?", lambda name: looped.get(name[1], name[0]), found["what"]).split()
    return any(fnmatchcase(path, word.strip("\"'")) for word in words if word.strip("\"'").startswith("/"))


def _finding(failed: pl.DataFrame, held: Held, full: Span, remover: Span | None) -> Finding:
    return Finding(
        confidence=SHOWN_WHO if remover else SHOWN,
        claim=_claim(failed, held, remover),
        evidence=(
            *([Evidence(remover, "removes a file that is still open", shows=SHOWS)] if remover else []),
            Evidence(held.told, "removed, still open, and so large", shows=SHOWS),
            Evidence(full, "the device that is full", shows=SHOWS),
            *cite(failed, shows=SHOWS),
        ),
        would_refute=claim("disk_full.open_refute", "free space on the device at these times, or the file closed before them"),
        subject=held.path,
        measured={"count": failed.height, "size": held.size},
        times=instants(failed),
        fix=claim(
            "disk_full.reopen",
            "restart {program} to free the space; do not remove a log that is open: rotate it and have it opened anew, or "
            "copytruncate; watch df, which counts such files, not du",
            program=held.program,
        ),
    )


def _rotated(found: Finding, held: Held, rotation: Span) -> Finding:
    """The same, where a rotation's stanza is what removed it."""
    return replace(
        found,
        confidence=SHOWN_WHO,
        claim=claim(
            "disk_full.rotated",
            "no space was left on a device: {count} writes failed; most of it is {file}, which the rotation at {line} removed, "
            "though nothing there has {program} open its log anew, and it writes on",
            count=found.measured["count"],
            file=held.path,
            line=str(rotation),
            program=held.program,
        ),
        evidence=(Evidence(rotation, "rotates a log that stays open", shows=SHOWS), *found.evidence),
    )


def _claim(failed: pl.DataFrame, held: Held, remover: Span | None) -> Claim:
    if remover:
        return claim(
            "disk_full.removed",
            "no space was left on a device: {count} writes failed; most of it is {file}, which {line} removes while {program} "
            "holds it open and writes on",
            count=failed.height,
            file=held.path,
            line=str(remover),
            program=held.program,
        )
    return claim(
        "disk_full.open",
        "no space was left on a device: {count} writes failed; most of it is {file}, which was removed and which {program} "
        "still holds open",
        count=failed.height,
        file=held.path,
        program=held.program,
    )
