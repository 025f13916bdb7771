"""Folders and files become artifacts: walk, decode, recognise."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BufferedIOBase
from pathlib import Path

import polars as pl

from logcorr.collect import content as bytes_of
from logcorr.collect import envelopes, lines
from logcorr.collect.content import Content, Look
from logcorr.collect.quotes import Quote, quotes
from logcorr.collect.walk import walk
from logcorr.model.source import Artifact, Problem, Sample

__all__ = ["Collection", "Quote", "collect", "quotes"]

STDIN = Path("-")

CERTAIN = 0.2
"""A recogniser's claim below this does not count."""


@dataclass(frozen=True, slots=True)
class Collection:
    """What was read, in the order of its paths, and what was not, each with its reason."""

    artifacts: tuple[Artifact, ...]
    skipped: tuple[Problem, ...]


def collect(paths: Sequence[Path], recognisers: Mapping[str, Callable[[Sample], float]]) -> Collection:
    """Every readable file under `paths`, as what its content shows it to be.

    Paths are relative to their root; of several roots each prefixes its files with its name. `-` is standard input.
    Raises LogcorrError for a path that does not exist.
    """
    items: list[Artifact | Problem] = []
    if STDIN in paths:
        data = sys.stdin.buffer.read()
        items.append(_artifact("stdin", None, lambda: io.BytesIO(data), recognisers))
    for found in walk([path for path in paths if path != STDIN]):
        if isinstance(found, Problem):
            items.append(found)
        else:
            items.append(_artifact(found.path, found.file, partial(_opened, found.file), recognisers))
    return Collection(
        tuple(item for item in items if isinstance(item, Artifact)), tuple(item for item in items if isinstance(item, Problem))
    )


def _opened(file: Path) -> BufferedIOBase:
    return file.open("rb")


def _artifact(
    path: str, file: Path | None, open: Callable[[], BufferedIOBase], recognisers: Mapping[str, Callable[[Sample], float]]
) -> Artifact | Problem:
    try:
        content = bytes_of.of(open)
        if content.compression == "zstd" and not bytes_of.zstd_module():
            return Problem(path, "not read: zstd needs Python 3.14, or the package backports.zstd")
        look = bytes_of.look(content)
    except OSError as error:
        return Problem(path, f"not read: {error.strerror}")
    if not look.lines:
        return Problem(path, f"not read: {look.damage}" if look.damage else "skipped: empty")
    if bytes_of.is_binary(look):
        return Problem(path, "skipped: binary")
    sample, frame, worn = _peeled(path, content, look, file)
    return Artifact(
        path=path,
        sha256=look.sha256,
        size=look.size,
        sample=sample,
        lines=frame,
        line_count=look.lines,
        encoding=look.encoding,
        envelopes=worn,
        format=_recognised(sample, recognisers),
        problems=tuple(_problems(path, look)),
        read=content.pieces,
    )


def _peeled(path: str, content: Content, look: Look, file: Path | None) -> tuple[Sample, pl.LazyFrame, tuple[str, ...]]:
    """The sample and the lines without what is wrapped around them, and the names of the wrappings, outermost first."""
    first = lines.first_lines(look)
    frame = lines.scan(content, look, file)
    worn = [name for name, there in ((content.compression, content.compression), ("ansi", look.escapes)) if there and name]
    envelope = envelopes.around(first)
    if envelope:
        frame = envelope.peel(frame)
        worn.append(envelope.name)
        inner = [envelope.inner(line) or "" for line in first]
        first = tuple(lines.cleaned(line) for line in inner)
        if list(first) != inner:
            frame = lines.without_escapes(frame)
            worn.append("ansi")
    return Sample(path, first), frame, tuple(worn)


def _recognised(sample: Sample, recognisers: Mapping[str, Callable[[Sample], float]]) -> str | None:
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
