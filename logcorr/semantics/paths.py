"""Paths on the host, inside containers and in the collected folder: which of them are one file."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable

COPY = re.compile(
    r"(?P<original>.+?)(?:~|[._-](?:bak|backup|old|orig|save|saved|disabled|copy|dpkg-\w+|rpm(?:save|new|orig))\d*(?:[._-][\d._-]+)?)",
    re.IGNORECASE,
)
"""How programs and people name the copy of a file that they are about to change."""


def normal(path: str, directory: str | None = None) -> str:
    """The path without `.` and `..`, taken from `directory` if it is relative."""
    made = posixpath.normpath(posixpath.join(directory or "", path))
    return made.replace("!/", "!", 1) if directory and directory.endswith("!") else made


def folder_of(path: str) -> str:
    """The folder of a collected file; `bundle.zip!` for what lies at the top of an archive."""
    return path[: path.rfind("!") + 1] if path.rfind("!") > path.rfind("/") else posixpath.dirname(path)


def collected(path: str, files: Iterable[str], directory: str | None = None, *, asker: str = "") -> str | None:
    """The collected file that a host path means: the one that shares most of its last components.

    Where none has its name, one does whose name is the path's last components put together (`cron.d-shop`, `etc_cron.d_shop`).

    Of two that share equally much, the one that is wholly part of the host path (the folder was collected from there), then
    the one collected nearer to the `asker`, the file that names it: a folder may hold several hosts. Of a path whose folder is
    not known, the nearer one comes first.
    None if no file shares the name, or if it is still a tie: a guess would be worse than not knowing.
    """
    wanted, home = _parts(normal(path, directory)), _parts(asker)[:-1]
    called_so = [file for file in files if file.endswith(wanted[-1])] if wanted else []
    shared = [(_common_tail(wanted, parts), parts, file) for file in called_so for parts in [_parts(file)]]
    known = directory is not None or path.startswith("/")
    near = [(count, count == len(parts), _common_head(home, parts), file) for count, parts, file in shared if count]
    ranked = [((count, whole, head) if known else (count, head, whole), file) for count, whole, head, file in near]
    best = max((rank for rank, _ in ranked), default=None)
    matches = [file for rank, file in ranked if rank == best] or _flattened(wanted, files)
    return matches[0] if len(matches) == 1 else None


def _flattened(wanted: list[str], files: Iterable[str]) -> list[str]:
    """The files whose name is made of the most of the last components of a path, two at least."""
    named = [(_joined(_parts(file.removesuffix(".txt"))[-1:]), file) for file in files]
    for first in range(len(wanted) - 1):
        tail = _joined(wanted[first:])
        if found := [file for name, file in named if name == tail]:
            return found
    return []


def _joined(parts: list[str]) -> str:
    return re.sub(r"[_-]+", "-", "-".join(parts))


def copied_from(path: str, files: Collection[str]) -> str | None:
    """The file beside it that a collected one is an old copy of, by its name (`nginx.conf.bak`): nothing reads such a copy."""
    named = COPY.fullmatch(path)
    return named["original"] if named and named["original"] in files else None


def below(path: str, folder: str) -> bool:
    """Whether a collected path lies in a folder (`.` is the root)."""
    return folder in (".", path) or path.startswith(folder if folder.endswith("!") else folder.rstrip("/") + "/")


def _parts(path: str) -> list[str]:
    return [part for part in re.split("[/!]", path) if part not in ("", ".")]


def _common_tail(one: list[str], other: list[str]) -> int:
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count


def _common_head(one: list[str], other: list[str]) -> int:
    return _common_tail(one[::-1], other[::-1])
