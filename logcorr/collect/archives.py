"""Files inside archives: read as streams, never written anywhere.

An archive is hostile until shown otherwise: names that lead out of it, links, and more than it may hold are refused.
"""

from __future__ import annotations

import errno
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedIOBase
from pathlib import PurePosixPath
from typing import cast

from msgspec import Struct

from logcorr.collect.content import BROKEN, Content
from logcorr.collect.walk import SKIPPED_FOLDERS
from logcorr.model.source import Problem

MOST_MEMBERS = 10_000
MOST_BYTES = 16 << 30
"""Uncompressed, of all members together."""

MOST_RATIO = 1_000
"""Uncompressed to compressed; logs reach some hundreds."""

KEPT = 32 << 20
"""A member up to this size is kept in memory, as far as `KEPT_TOGETHER` reaches; a larger one is read anew each time."""

KEPT_TOGETHER = 256 << 20


class Member(Struct, frozen=True):
    """A regular file in an archive, opened anew each time."""

    name: str
    open: Callable[[], BufferedIOBase]


def members(content: Content) -> list[Member | Problem] | None:
    """The files of a zip or tar archive by name, what is refused as problems; None for anything else.

    A damaged archive is read up to the damage.
    """
    kind = _kind(content)
    if kind is None:
        return None
    found: list[Member | Problem] = []
    try:
        found.extend(_zipped(content) if kind == "zip" else _tarred(content))
    except (zipfile.BadZipFile, tarfile.TarError, *BROKEN) as error:
        found.append(Problem("", f"the archive is damaged: {error}"))
    return sorted(found, key=_name)


def is_archive(content: Content) -> bool:
    """Whether this is a zip or tar archive."""
    return _kind(content) is not None


def _kind(content: Content) -> str | None:
    head = next(content.pieces(), b"")
    if content.compression is None and head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    return "tar" if head[257:262] == b"ustar" else None


def _name(item: Member | Problem) -> list[str]:
    return (item.path if isinstance(item, Problem) else item.name).split("/")


def _zipped(content: Content) -> Iterator[Member | Problem]:
    with content.open() as raw, zipfile.ZipFile(raw) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        packed = sum(info.compress_size for info in infos)
        excess = _excess(len(infos), sum(info.file_size for info in infos), packed)
        if excess:
            yield Problem("", excess)
            return
        for info in infos:
            reason = _obstacle(info.filename)
            if (info.external_attr >> 28) == 0o12:
                reason = "skipped: a link"
            elif info.flag_bits & 1:
                reason = "skipped: encrypted"
            yield Problem(info.filename, reason) if reason else Member(info.filename, partial(_unzipped, content, info))


def _unzipped(content: Content, info: zipfile.ZipInfo) -> BufferedIOBase:
    """Raises OSError for a member that is not what the archive's directory says."""
    try:
        return cast(BufferedIOBase, zipfile.ZipFile(content.open()).open(info))
    except zipfile.BadZipFile as error:
        raise OSError(errno.EINVAL, str(error)) from error


def _tarred(content: Content) -> Iterator[Member | Problem]:
    names: set[str] = set()
    kept = size = 0
    with content.open() as raw:
        packed = raw.seek(0, io.SEEK_END)
    with _tar(content) as archive:
        for count, info in enumerate(archive, 1):
            size += info.size
            excess = _excess(count, size, packed)
            if excess:
                yield Problem("", excess)
                return
            if info.isdir():
                continue
            reason = (
                _obstacle(info.name) or _unusual(info) or ("skipped: of several by this name" if info.name in names else None)
            )
            names.add(info.name)
            if reason:
                yield Problem(info.name, reason)
            elif info.size <= KEPT and kept + info.size <= KEPT_TOGETHER:
                kept += info.size
                file = archive.extractfile(info)
                yield Member(info.name, partial(io.BytesIO, file.read() if file else b""))
            else:
                yield Member(info.name, partial(_untarred, content, info.name))


def _tar(content: Content) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BufferedReader(_Pieces(content.pieces())), mode="r|")


def _untarred(content: Content, name: str) -> BufferedIOBase:
    archive = _tar(content)
    files = (archive.extractfile(info) for info in archive if info.name == name)
    return cast(BufferedIOBase, next(file for file in files if file))


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill what fits of the next piece."""
        self._rest = self._rest or next(self._pieces, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _excess(count: int, size: int, packed: int) -> str | None:
    if count > MOST_MEMBERS:
        return f"refused: more than {MOST_MEMBERS} files"
    if size > MOST_BYTES:
        return f"refused: more than {MOST_BYTES >> 30} GiB"
    if size > MOST_RATIO * max(packed, 1 << 20):
        return f"refused: expands more than {MOST_RATIO} times"
    return None


def _obstacle(name: str) -> str | None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        return "refused: the name leads out of the archive"
    reason = next((SKIPPED_FOLDERS[part] for part in path.parts[:-1] if part in SKIPPED_FOLDERS), None)
    return f"skipped: {reason}" if reason else None


def _unusual(info: tarfile.TarInfo) -> str | None:
    if info.islnk() or info.issym():
        return "skipped: a link"
    return None if info.isreg() else "skipped: not a regular file"
