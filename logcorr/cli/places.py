"""Paths as they are seen from the working directory: what code hosts and editors need."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from pathlib import Path, PurePath

from logcorr.collect.walk import prefixes
from logcorr.report.cite import Document


def relocated(document: Document, paths: Sequence[str]) -> Document:
    """The document with each path taken from the working directory instead of the roots that were analysed."""
    folders = _folders(paths)
    return {name: _moved(value, folders) for name, value in document.items()}


def located(path: str, paths: Sequence[str]) -> str:
    """One path of the document, likewise."""
    return _path(path, _folders(paths))


def _folders(paths: Sequence[str]) -> list[tuple[str, str]]:
    """What paths of the document begin with, and the folder that it stands for; the longest first."""
    roots = [Path(path) for path in paths if path != "-"]
    folders = [(prefix, _folder(root)) for root, prefix in zip(roots, prefixes(roots), strict=True)]
    return sorted(folders, key=lambda pair: -len(pair[0]))


def _folder(root: Path) -> str:
    seen = os.path.relpath(root if root.is_dir() else root.parent)
    return "" if seen == "." else PurePath(seen).as_posix() + "/"


def _moved(part: object, folders: Sequence[tuple[str, str]]) -> object:
    if isinstance(part, list):
        return [_moved(one, folders) for one in part]
    if isinstance(part, dict):
        return {
            name: _path(value, folders) if name == "path" and isinstance(value, str) else _moved(value, folders)
            for name, value in part.items()
        }
    return part


def _path(path: str, folders: Sequence[tuple[str, str]]) -> str:
    if path.startswith(("./", "../")):  # the caller's own file, no collected one
        return path.removeprefix("./")
    for prefix, folder in folders:
        if path.startswith(prefix):
            return folder + path[len(prefix) :]
    return path
