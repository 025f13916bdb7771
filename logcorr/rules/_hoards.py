"""What takes most of a full device, by a collected `du`, and the line that makes new names there, or writes on and on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.rules._settings import COMMENT, PROSE

DF_NAME = regex(r"(?:^|/|[._-])df(?:[._-]|$)")
DU_NAME = regex(r"(?:^|/|[._-])du(?:[._-]|$)")
NOTES = (".txt", ".out", ".md")
SIZE = r"^\s*(\d+(?:[.,]\d+)?)([KMGT]?)i?B?\s+(?:\./)?(\S.*)$"
"""A line of du(1): blocks of 1 KB, or a size for people."""

DF_ROW = r"\s\d[\d.,]*[KMGT]?i?\s+(\d+(?:[.,]\d+)?)([KMGT]?)i?\s+\d[\d.,]*[KMGT]?i?\s+\d+%\s+(/\S*)$"
"""A row of df(1): what is used, and where it is mounted."""

POWERS = {"": 10, "K": 10, "M": 20, "G": 30, "T": 40}
CODE = (".js", ".mjs", ".cjs", ".ts", ".mts", ".py", ".rb", ".go", ".php")
ANEW = regex(r"Date\.now|new Date|\buuid|random|mkdtemp|time\(\)|now\(\)|strftime|\$\{|%[sd]|\{\w+\}")
"""By which a line makes a name that is another one each time."""

HISTORY = regex(r"(?i)(?:^|[/._-])hist")
EMPTIES = regex(
    r"(?:^\s*(?:\d+\s+(?:[\d-]+[ T][\d:]+\s+)?)?|[;&|({'\"`]\s*|\b(?:then|do|else|sudo)\s+)(?::|true|cat /dev/null)?\s*>(?!>)"
)
"""A command that prints nothing into a file, in a script or a shell's history: it empties it."""

MOST_OF = 0.5


class Hoard(Struct, frozen=True):
    """The folder or the file, where the capture tells its size, and the line that puts something new into it."""

    folder: str
    told: Span
    line: Span


def hoard(case: Case, mounts: Sequence[str]) -> Hoard | None:
    """The one that takes most of a full device, if just one line of the collected programs makes new names there."""
    return _of_one_line(case, mounts, _lines)


def captured(case: Case, mounts: Sequence[str]) -> Hoard | None:
    """The file that takes most of a full device, if just one collected line lets a command write into it."""
    return _of_one_line(case, mounts, _writes)


def _of_one_line(case: Case, mounts: Sequence[str], into: Callable[[Case, str], Iterator[Span]]) -> Hoard | None:
    for path in captures(case):
        biggest = largest(case, path, mounts, used(case, mounts))
        lines = list(into(case, biggest[0])) if biggest else []
        if biggest and len(lines) == 1:
            return Hoard(biggest[0], biggest[1], lines[0])
    return None


def _writes(case: Case, file: str) -> Iterator[Span]:
    """The lines, of scripts or of a shell's history, that send what a command prints into a file, comments left out."""
    sends = re.compile(rf"(?:>|\b(?:tee|of=|-[wo]|--out(?:put|file)?)\b)[ =]*(?:-a )?[\"']?{re.escape(file)}(?![\w./-])")
    logs, known = {source.path for source in case.sources}, {fact.span.path for fact in case.facts}
    wanted = pl.col("text").str.contains(file, literal=True) & ~pl.col("text").str.contains(COMMENT)
    for path in sorted(one for one in case.files - logs if one in known or HISTORY.search(one) or not one.endswith(PROSE)):
        rows = case.lines(path).filter(wanted).select("line", "text").collect()
        yield from (Span(path, line) for line, text in rows.iter_rows() if sends.search(text) and not EMPTIES.search(text))


def captures(case: Case) -> list[str]:
    """The files that may hold what `du` or `df` printed: those that are called so, and notes that nothing else reads."""
    logs = {source.path for source in case.sources}
    named = (
        path for path in case.files if DU_NAME.search(path.rpartition("/")[2]) or (path.endswith(NOTES) and path not in logs)
    )
    return sorted(named)


def largest(case: Case, path: str, mounts: Sequence[str], taken: float = 0.0) -> tuple[str, Span] | None:
    """The folder below one of the mounts that is larger than half of all that the capture shows there, and of what is `taken`."""
    rows = case.lines(path).select("line", pl.col("text").str.extract_groups(SIZE).alias("told")).unnest("told").collect()
    sizes = [
        (float(number.replace(",", ".")) * 2 ** POWERS[unit], folder.rstrip("/"), Span(path, line))
        for line, number, unit, folder in rows.drop_nulls().iter_rows()
        if any(folder.startswith(f"{mount.rstrip('/')}/") for mount in mounts)
    ]
    leaves = [one for one in sizes if not any(other[1].startswith(f"{one[1]}/") for other in sizes)]
    size, folder, span = max(leaves, default=(0.0, "", None))
    return (folder, span) if span and size > MOST_OF * max(taken, sum(one[0] for one in leaves)) else None


def most_of(case: Case, mounts: Sequence[str]) -> list[str]:
    """The folders that captures show to be the largest of what they show on these devices; of any where none is known."""
    found = (largest(case, path, mounts or ["/"]) for path in captures(case))
    return [one[0] for one in found if one]


def is_elsewhere(case: Case, mounts: Sequence[str], folder: str) -> bool:
    """Whether captures show others to be the largest, and not this folder, one in it or one that it lies in."""
    shown = most_of(case, mounts)
    return bool(shown) and not any(f"{one}/".startswith(f"{folder}/") or f"{folder}/".startswith(f"{one}/") for one in shown)


def devices(case: Case) -> dict[str, float]:
    """How many bytes are used of each device that a collected `df` shows, by where it is mounted."""
    taken: dict[str, float] = {}
    for path in sorted({path for path in case.files if DF_NAME.search(path)}.union(captures(case))):
        rows = case.lines(path).select(pl.col("text").str.extract_groups(DF_ROW).alias("told")).unnest("told").collect()
        for number, unit, mount in rows.drop_nulls().iter_rows():
            taken[mount] = max(taken.get(mount, 0.0), float(number.replace(",", ".")) * 2 ** POWERS[unit])
    return taken


def used(case: Case, mounts: Sequence[str]) -> float:
    """How many bytes are used on the fullest of these devices; 0 where no `df` tells."""
    return max((taken for mount, taken in case.once(devices).items() if mount in mounts), default=0.0)


def _lines(case: Case, folder: str) -> Iterator[Span]:
    """The lines of programs that name the folder and something new in it."""
    named = re.compile(rf"""['"`/]{re.escape(folder.rpartition("/")[2])}['"`/]""")
    for path in sorted(path for path in case.files if path.endswith(CODE)):
        for line, text in case.lines(path).select("line", "text").collect().iter_rows():
            if named.search(text or "") and ANEW.search(text):
                yield Span(path, line)
