"""Text of files that can be changed: edits by offset that keep every other byte, and their unified diff."""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise

from msgspec import Struct

from logcorr.model.result import Edit

NO_NEWLINE = "\\ No newline at end of file\n"


class Text(Struct, frozen=True, dict=True):
    """A file's text. `raw` is as it stands on disk; `plain` has `\\n` for every end of line, and offsets count in it."""

    path: str
    raw: str

    @cached_property
    def plain(self) -> str:
        """The text as edits see it."""
        return self.raw.replace("\r\n", "\n")

    @cached_property
    def _wide(self) -> list[int]:
        """The offsets in `plain` of the line ends that take two characters on disk."""
        found, gone, at = [], 0, self.raw.find("\r\n")
        while at >= 0:
            found.append(at - gone)
            gone += 1
            at = self.raw.find("\r\n", at + 2)
        return found

    def line(self, offset: int) -> int:
        """The number of the line that holds a character, from 1."""
        return self.plain.count("\n", 0, offset) + 1

    def bounds(self, line: int) -> tuple[int, int]:
        """Where a line's text begins and ends, its line end left out."""
        start = 0
        for _ in range(line - 1):
            start = self.plain.index("\n", start) + 1
        end = self.plain.find("\n", start)
        return start, len(self.plain) if end < 0 else end

    def edited(self, edits: Iterable[Edit]) -> str:
        """The text on disk after edits, which do not overlap; what is added takes the line ends of its surroundings."""
        raw = self.raw
        for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
            start, end = self._on_disk(edit.start), self._on_disk(edit.end)
            raw = raw[:start] + edit.text.replace("\n", self._line_end(edit.start)) + raw[end:]
        return raw

    def _on_disk(self, offset: int) -> int:
        return offset + bisect_left(self._wide, offset)

    def _line_end(self, offset: int) -> str:
        """What ends the line at an offset, or the line before where that is the last."""
        end = self.plain.find("\n", offset)
        end = end if end >= 0 else self.plain.rfind("\n", 0, offset)
        wide = self._wide[bisect_left(self._wide, end) :][:1] == [end]
        return "\r\n" if wide else "\n"

    def diff(self, after: str) -> str:
        """The unified diff from `raw` to `after`, as `patch -p1` and `git apply` read it."""
        before_lines, after_lines = _lines(self.raw), _lines(after)
        names = f"a/{self.path}", f"b/{self.path}"
        return "".join(_complete(difflib.unified_diff(before_lines, after_lines, *names)))


def overlap(edits: Sequence[Edit]) -> bool:
    """Whether two edits touch the same characters, or add at the same place."""
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    return any(one.end > other.start or one.start == other.start for one, other in pairwise(ordered))


def _lines(text: str) -> list[str]:
    """Lines with their ends; only a newline ends one."""
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _complete(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if not line.endswith("\n"):
            yield "\n" + NO_NEWLINE
