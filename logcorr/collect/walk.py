"""Which files there are to read, in an order that is the same on every machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from logcorr.errors import LogcorrError
from logcorr.model.source import Problem

SKIPPED_FOLDERS = {
    **dict.fromkeys((".git", ".hg", ".svn", ".bzr", "CVS"), "version control"),
    **dict.fromkeys(("node_modules", "bower_components", ".venv", "venv", "site-packages", ".tox", ".yarn"), "dependencies"),
    **dict.fromkeys(("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"), "a tool's cache"),
}


class Found(Struct, frozen=True):
    """A file to read: where it is, and the path it goes by in the report."""

    file: Path
    path: str


def walk(roots: Sequence[Path]) -> Iterator[Found | Problem]:
    """The files under `roots`, sorted by path; what is passed over is a problem that says why.

    Raises LogcorrError for a root that does not exist.
    """
    for root, prefix in zip(roots, prefixes(roots), strict=True):
        if not root.exists():
            raise LogcorrError(f"no such file or folder: {root}", "check the path")
        found = _folder(root, root.resolve(), prefix) if root.is_dir() else iter([Found(root, prefix + _shown(root.name))])
        yield from sorted(found, key=lambda item: item.path.split("/"))


def prefixes(roots: Sequence[Path]) -> list[str]:
    """What the paths below each root begin with.

    Nothing for a single root; else each root's name, numbered where names repeat. A file that is a root has no folder."""
    if len(roots) == 1:
        return [""]
    names = [_shown(root.resolve().name) if root.is_dir() else "" for root in roots]
    seen: dict[str, int] = {}
    prefixes = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        prefixes.append((name if seen[name] == 1 else f"{name}~{seen[name]}") + "/" if name else "")
    return prefixes


def _folder(folder: Path, root: Path, prefix: str) -> Iterator[Found | Problem]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Problem(prefix, f"folder not read: {error.strerror}")
        return
    for entry in entries:
        path = prefix + _shown(entry.name)
        if entry.is_dir(follow_symlinks=False):
            reason = SKIPPED_FOLDERS.get(entry.name)
            if reason:
                yield Problem(f"{path}/", f"skipped: {reason}")
            else:
                yield from _folder(Path(entry.path), root, f"{path}/")
        else:
            reason = _obstacle(entry, root)
            yield Problem(path, reason) if reason else Found(Path(entry.path), path)


def _obstacle(entry: os.DirEntry[str], root: Path) -> str | None:
    """Why a directory entry is not read, if it is not. Nothing is opened: a pipe would block."""
    if entry.is_symlink():
        target = Path(entry.path).resolve()
        if not target.is_relative_to(root):
            return "skipped: a link that leads out of the folder"
        if target.is_dir():
            return "skipped: a link to a folder"
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        return f"not read: {error.strerror}"
    return None if stat.S_ISREG(mode) else "skipped: not a regular file"


def _shown(name: str) -> str:
    """A file name as text; bytes that are not UTF-8 as escapes."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
