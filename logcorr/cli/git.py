"""Whether git holds what a file says, so that a change can be undone. git itself is never run: a repository's settings can make
it run other programs, and the folder may be anybody's.

The index: https://git-scm.com/docs/index-format.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

ENTRY, HASH_AT, FLAGS_AT = 62, 40, 60
EXTENDED, LONGEST_NAME = 0x4000, 0xFFF


def holds(file: Path) -> bool | None:
    """Whether the index has this file as it is; None where no repository is around it, False where it cannot be told."""
    for folder in file.resolve().parents:
        if (folder / ".git").exists():
            try:
                names = _index((_git_folder(folder / ".git") / "index").read_bytes())
            except (OSError, ValueError, IndexError, UnicodeDecodeError):
                return False
            data = file.read_bytes()
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).digest()  # git's own naming, not for security
            return names.get(file.resolve().relative_to(folder).as_posix().encode()) == blob
    return None


def _git_folder(place: Path) -> Path:
    """`.git` itself, or the folder it names: in a worktree it is a file."""
    if place.is_dir():
        return place
    return place.parent / place.read_text("utf-8").removeprefix("gitdir:").strip()


def _index(data: bytes) -> dict[bytes, bytes]:
    """The hash of each file in an index of version 2 or 3, by its name. Raises ValueError for any other."""
    version, count = int.from_bytes(data[4:8]), int.from_bytes(data[8:12])
    if data[:4] != b"DIRC" or version not in (2, 3):
        raise ValueError("an index of another version")
    found, at = {}, 12
    for _ in range(count):
        flags = int.from_bytes(data[at + FLAGS_AT : at + ENTRY])
        start = at + ENTRY + (2 if flags & EXTENDED else 0)
        end = data.index(b"\0", start + min(flags & LONGEST_NAME, LONGEST_NAME))
        found[data[start:end]] = data[at + HASH_AT : at + FLAGS_AT]
        at += (end - at + 8) // 8 * 8
    return found
