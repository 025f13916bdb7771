"""Folders and files become artifacts: walk, decode, recognise."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from io import BufferedIOBase
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from logcorr.collect import archives, lines
from logcorr.collect import content as bytes_of
from logcorr.collect.archives import Member
from logcorr.collect.content import Content, Look
from logcorr.collect.peel import peeled
from logcorr.collect.quotes import Quote, quotes
from logcorr.collect.walk import walk
from logcorr.model.source import Artifact, Problem, Sample

__all__ = ["Collection", "Quote", "collect", "quotes", "recognised"]

STDIN = Path("-")

CERTAIN = 0.1
"""A recogniser's claim below this does not count."""


class Collection(Struct, frozen=True):
    """What was read, in the order of its paths, and what was not, each with its reason."""

    artifacts: tuple[Artifact, ...]
    skipped: tuple[Problem, ...]


def collect(
    paths: Sequence[Path],
    recognisers: Mapping[str, Callable[[Sample], float]],
    *,
    passed_over: Callable[[str], str | None] = lambda path: None,
) -> Collection:
    """Every readable file under `paths`, as what its content shows it to be.

    Paths are relative to their root; of several roots each prefixes its files with its name. `-` is standard input. A file
    (or an archive as a whole) is not opened where `passed_over` has a reason for its path, which is told unless it is empty.
    Raises LogcorrError for a path that does not exist.
    """
    items: list[Artifact | Problem] = []
    if STDIN in paths:
        data = sys.stdin.buffer.read()
        items += _artifacts("stdin", lambda: io.BytesIO(data), recognisers)
    for found in walk([path for path in paths if path != STDIN]):
        reason = None if isinstance(found, Problem) else passed_over(found.path)
        if isinstance(found, Problem):
            items.append(found)
        elif reason is None:
            items += _artifacts(found.path, partial(_opened, found.file), recognisers)
        elif reason:
            items.append(Problem(found.path, reason))
    return Collection(
        tuple(item for item in items if isinstance(item, Artifact)), tuple(item for item in items if isinstance(item, Problem))
    )


def _opened(file: Path) -> BufferedIOBase:
    return file.open("rb")


def _artifacts(
    path: str, open: Callable[[], BufferedIOBase], recognisers: Mapping[str, Callable[[Sample], float]]
) -> list[Artifact | Problem]:
    """What one input holds: an artifact, one for each of its writers, or the reason why there is none."""
    try:
        content = bytes_of.of(open)
        if "!" in path and archives.is_archive(content):
            return [Problem(path, "skipped: an archive inside an archive")]
        members = archives.members(content)
        if members is not None:
            return [item for member in members for item in _member(path, member, recognisers)]
        look = _looked(content)
    except OSError as error:
        return [Problem(path, f"not read: {error.strerror}")]
    if isinstance(look, str):
        return [Problem(path, look)]
    whole = Artifact(
        path=path,
        sha256=look.sha256,
        size=look.size,
        sample=Sample(path, lines.first_lines(look)),
        scan=partial(lines.scan, content, look),
        whole=None if look.overlong else partial(lines.whole, content, look),
        line_count=look.lines,
        encoding=look.encoding,
        envelopes=tuple(
            name
            for name in (content.compression, "mojibake" if look.mojibake else None, "ansi" if look.escapes else None)
            if name
        ),
        problems=tuple(_problems(path, look)),
        read=content.pieces,
    )
    return [replace(part, format=recognised(part.sample, recognisers)) for part in peeled(whole, errors=look.errors)]


def _looked(content: Content) -> Look | str:
    """What a pass over the input found, or why it is not read."""
    look = bytes_of.look(content)
    if not look.lines:
        return f"not read: {look.damage}" if look.damage else "skipped: empty"
    return "skipped: binary" if bytes_of.is_binary(look) else look


def _member(
    path: str, member: Member | Problem, recognisers: Mapping[str, Callable[[Sample], float]]
) -> list[Artifact | Problem]:
    if isinstance(member, Problem):
        return [replace(member, path=f"{path}!{member.path}")]
    return _artifacts(f"{path}!{member.name}", member.open, recognisers)


def recognised(sample: Sample, recognisers: Mapping[str, Callable[[Sample], float]]) -> str | None:
    """The format whose recogniser claims most; None where none is certain enough."""
    claims = [(-recognise(sample), name) for name, recognise in recognisers.items()]
    best, name = min(claims, default=(0.0, ""))
    return name if -best >= CERTAIN else None


def _problems(path: str, look: Look) -> Iterator[Problem]:
    if look.bad_lines:
        text = f"{look.bad_lines} lines hold bytes that are not UTF-8; they are shown as \\x escapes"
        yield Problem(path, text, look.first_bad)
    if look.damage:
        yield Problem(path, f"the compressed data is damaged ({look.damage}); read up to there")
    if look.overlong:
        yield Problem(path, f"a line longer than {bytes_of.LONGEST_LINE >> 20} MiB is read as several")
