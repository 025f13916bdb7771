"""Cited lines, read again from the raw bytes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from logcorr.collect.content import whole_lines
from logcorr.model.source import Artifact, Span


class Quote(Struct, frozen=True):
    """The text of some lines (joined by newlines, terminal escapes kept), and the hash of their raw bytes, line ends included."""

    text: str
    sha256: str


def quotes(artifacts: Iterable[Artifact], spans: Iterable[Span]) -> Mapping[Span, Quote]:
    """A quote for each span whose file was collected and has these lines. Each file is read once, and only as far as needed."""
    of_path: dict[str, list[Span]] = {}
    for span in sorted(set(spans)):
        of_path.setdefault(span.path, []).append(span)
    found: dict[Span, Quote] = {}
    for path, artifact in {artifact.path: artifact for artifact in artifacts}.items():
        if path in of_path:
            found |= _of_file(artifact, of_path[path])
    return found


def _of_file(artifact: Artifact, spans: Sequence[Span]) -> dict[Span, Quote]:
    wanted = {line for span in spans for line in range(span.line, span.end_line + 1)}
    raw = dict(_raw_lines(artifact, wanted))
    return {span: _quote(raw, span, artifact.encoding) for span in spans if span.end_line in raw}


def _raw_lines(artifact: Artifact, wanted: set[int]) -> Iterator[tuple[int, bytes]]:
    """The raw bytes of the wanted lines, line ends included, by line number."""
    line, last = 1, max(wanted)
    blocks = _utf16_blocks(artifact) if artifact.encoding.startswith("utf-16") else whole_lines(artifact.read())
    for block in blocks:
        count = len(block) if isinstance(block, list) else block.count(b"\n") + (not block.endswith(b"\n"))
        if not wanted.isdisjoint(range(line, line + count)):
            parts = block if isinstance(block, list) else io.BytesIO(block).readlines()
            yield from ((number, part) for number, part in enumerate(parts, line) if number in wanted)
        line += count
        if line > last:
            return


def _utf16_blocks(artifact: Artifact) -> Iterator[list[bytes]]:
    """All lines at once: a line end is two bytes wide, and such files are small."""
    text = b"".join(artifact.read()).decode(artifact.encoding, errors="surrogatepass")
    yield [line.encode(artifact.encoding, errors="surrogatepass") for line in io.StringIO(text, newline="\n").readlines()]


def _quote(raw: Mapping[int, bytes], span: Span, encoding: str) -> Quote:
    data = [raw[line] for line in range(span.line, span.end_line + 1)]
    text = b"".join(data).decode(encoding, errors="backslashreplace").removeprefix("\ufeff")
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    return Quote("\n".join(lines), hashlib.sha256(b"".join(data)).hexdigest())
