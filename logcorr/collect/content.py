"""The bytes of one input, and what a first look over them tells."""

from __future__ import annotations

import bz2
import codecs
import gzip
import hashlib
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BufferedIOBase
from typing import IO, cast

from isal import igzip, isal_zlib
from msgspec import Struct

from logcorr.collect import mojibake
from logcorr.lazily import pl

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE = 1 << 22
"""Bytes read at once."""

SMALL = 1 << 20
"""Fewer bytes than this are hashed at once."""

LONGEST_LINE = 64 << 20
"""A line longer than this many bytes is read as several, so that no input can ask for all the memory there is."""

HEAD = 1 << 16
"""Bytes looked at to tell text from binary, and the first lines from the rest."""

MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}

BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

BROKEN = (EOFError, OSError, zlib.error, cast(type[Exception], isal_zlib.error), lzma.LZMAError, zstd.ZstdError)
"""What the decompressors raise on damaged input."""


class Content(Struct, frozen=True):
    """One input. `open` gives its own bytes anew each time; `compression` is undone by `pieces` and `blocks`."""

    open: Callable[[], BufferedIOBase]
    compression: str | None = None

    def pieces(self, damage: list[str] | None = None) -> Iterator[bytes]:
        """Its bytes, decompressed, in pieces of `PIECE`.

        A damaged compressed stream ends where the damage begins, and what is wrong is added to `damage`.
        """
        found: list[str] = []
        with self.open() as raw:
            if self.compression is None:
                yield from iter(lambda: raw.read(PIECE), b"")
                return
            given = 0
            with _decompressed(raw, self.compression) as stream:
                while piece := _filled(stream, PIECE, found):
                    given += len(piece)
                    yield piece
            if found and self.compression == "gzip":
                found.clear()
                raw.seek(0)
                yield from _gunzipped(raw, given, found)
        if damage is not None:
            damage.extend(found[:1])

    def blocks(self, encoding: str, damage: list[str] | None = None) -> Iterator[bytes]:
        """Whole lines, UTF-8 with its invalid bytes as they are; UTF-16 is re-encoded."""
        pieces = self.pieces(damage)
        if self.compression:
            pieces = _ahead(pieces)
        if encoding.startswith("utf-16"):
            decoded = codecs.iterdecode(pieces, encoding, errors="backslashreplace")
            pieces = (text.encode(errors="backslashreplace") for text in decoded)
        return whole_lines(pieces)


class Look(Struct, frozen=True):
    """What one pass over an input found. `bad_lines` hold bytes that are not UTF-8, the first is `first_bad`.

    `errors`: nginx or Apache may tell of an error somewhere, by how they write the level, or nginx the number of a connection.
    """

    sha256: str
    size: int
    encoding: str
    head: bytes
    lines: int = 0
    bad_lines: int = 0
    first_bad: int = 0
    escapes: bool = False
    nulls: bool = False
    overlong: bool = False
    mojibake: bool = False
    errors: bool = False
    damage: str = ""


def of(open: Callable[[], BufferedIOBase]) -> Content:
    """The content behind `open`, its compression known by its first bytes, not by its name."""
    with open() as stream:
        start = stream.read(8)
    return Content(open, next((name for magic, name in MAGIC.items() if start.startswith(magic)), None))


def _ahead(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, each made while the one before is used."""
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(next, pieces, b"")
        while piece := waiting.result():
            waiting = beside.submit(next, pieces, b"")
            yield piece


def whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, cut after line ends (or after `LONGEST_LINE` without one)."""
    rest: list[bytes] = []
    size = 0
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end or size > LONGEST_LINE:
            yield b"".join([*rest, memoryview(piece)[:end]])
            rest, size = [], 0
        rest.append(piece[end:])
        size += len(piece) - end
    if size:
        yield b"".join(rest)


def look(content: Content) -> Look:
    """Read all of `content`; a large one is hashed meanwhile, a small one is done before a thread has begun."""
    with content.open() as stream:
        start = stream.read(SMALL)
    if len(start) < SMALL:
        hashed = _hashed(content)
        return _seen(content, lambda: hashed)
    with ThreadPoolExecutor(1) as beside:
        return _seen(content, beside.submit(_hashed, content).result)


def _hashed(content: Content) -> tuple[str, int]:
    with content.open() as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), stream.tell()


def _seen(content: Content, hashed: Callable[[], tuple[str, int]]) -> Look:
    damage: list[str] = []
    head = next(content.pieces(), b"")[:HEAD]
    encoding = _encoding(head)
    lines = bad = first_bad = 0
    escapes = nulls = overlong = garbled = errors = False
    block = b"\n"
    for block in content.blocks(encoding, damage):
        invalid, at = _invalid_lines(block)
        first_bad = first_bad or (lines + at if invalid else 0)
        bad += invalid
        lines += block.count(b"\n")
        escapes = escapes or b"\x1b" in block
        nulls = nulls or b"\0" in block
        overlong = overlong or len(block) > LONGEST_LINE
        garbled = garbled or (not block.isascii() and mojibake.may_hold(block))
        errors = errors or b"error] " in block or b": *" in block
    lines += not block.endswith(b"\n")
    return Look(*hashed(), encoding, head, lines, bad, first_bad, escapes, nulls, overlong, garbled, errors, "".join(damage))


def is_binary(look: Look) -> bool:
    """Whether the head holds what no text does: control characters, or mostly bytes that do not decode."""
    text = look.head.replace(b"\0", b"") if look.encoding.startswith("utf-8") else b""
    if not text:
        return bool(look.head) and not look.encoding.startswith("utf-16")
    controls = sum(text.count(bytes([code])) for code in range(1, 32) if code not in (7, 8, 9, 10, 12, 13, 27))
    undecodable = len(text) - len(text.decode(errors="ignore").encode())
    return controls > 0.02 * len(text) or undecodable > max(64, 0.3 * len(text))


def _encoding(head: bytes) -> str:
    bom = next((name for mark, name in BOMS.items() if head.startswith(mark)), None)
    if bom:
        return bom
    sample = head[:2048]
    if len(sample) >= 4 and sample[1::2].count(0) > 0.4 * len(sample) and not sample[::2].count(0):
        return "utf-16-le"
    if len(sample) >= 4 and sample[::2].count(0) > 0.4 * len(sample) and not sample[1::2].count(0):
        return "utf-16-be"
    return "utf-8"


def _invalid_lines(block: bytes) -> tuple[int, int]:
    """How many lines are not UTF-8, and the number of the first within the block, from 1."""
    if block.isascii() or _is_text(block):
        return 0, 0
    bad = [number for number, line in enumerate(block.split(b"\n"), 1) if not _decodes(line)]
    return len(bad), bad[0]


def _is_text(block: bytes) -> bool:
    """Whether all of it is UTF-8; of much text polars tells faster than Python."""
    if len(block) < SMALL:
        return _decodes(block)
    try:
        pl.Series([block], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        return False
    return True


def _decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _filled(stream: BufferedIOBase, size: int, damage: list[str]) -> bytes:
    """The next `size` bytes, or as many as come before the end or the damage."""
    parts: list[bytes] = []
    missing = size
    try:
        while missing and (part := stream.read1(missing)):
            parts.append(part)
            missing -= len(part)
    except BROKEN as error:
        damage.append(str(error))
    return b"".join(parts)


def _gunzipped(raw: BufferedIOBase, given: int, damage: list[str]) -> Iterator[bytes]:
    """What follows so many bytes, as zlib reads it: up to the damage, where ISA-L gives nothing of a whole buffer."""
    with gzip.GzipFile(fileobj=raw) as stream:
        while given:
            given -= len(stream.read(min(given, PIECE)))
        while piece := _filled(stream, PIECE, damage):
            yield piece


def _decompressed(stream: BufferedIOBase, compression: str | None) -> BufferedIOBase:
    match compression:
        case "gzip":
            return cast(BufferedIOBase, igzip.IGzipFile(fileobj=stream, mode="rb"))  # type: ignore[no-untyped-call]
        case "bzip2":
            return cast(BufferedIOBase, bz2.BZ2File(stream))
        case "xz":
            return cast(BufferedIOBase, lzma.LZMAFile(cast(IO[bytes], stream)))
        case "zstd":
            return cast(BufferedIOBase, zstd.ZstdFile(stream))
    return stream
