"""An input's lines as a lazy frame, cleaned for reading."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from logcorr.collect import mojibake
from logcorr.collect.content import HEAD, Content, Look
from logcorr.lazily import pl, regex

ESCAPES = (
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movements
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: titles, links
    r"|\x1b[@-Z\\^_]"
)
"""Terminal escape sequences (ECMA-48)."""

_ESCAPES = regex(ESCAPES)


def scan(content: Content, look: Look) -> pl.LazyFrame:
    """The lines of an input: numbered from 1, without line ends, NULs and terminal escapes; read block by block."""
    lines = _lines(content, look)
    if look.nulls:
        lines = lines.with_columns(pl.col("text").str.replace_all("\0", "", literal=True))
    if look.mojibake:
        lines = mojibake.without(lines)
    return without_escapes(lines) if look.escapes else lines


def whole(content: Content, look: Look) -> str:
    """The same lines as one text, joined by newlines; for configuration, which is small. Not for overlong lines."""
    text = "".join(block.decode(errors="backslashreplace") for block in content.blocks(look.encoding))
    lines = text.removeprefix("\ufeff").removesuffix("\n").split("\n")
    plain = (line.removesuffix("\r").replace("\0", "") for line in lines)
    meant = map(mojibake.repaired, plain) if look.mojibake else plain
    return "\n".join(map(cleaned, meant))


def without_escapes(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The lines as a terminal shows them, colours left out."""
    text = pl.col("text")
    escaped = pl.when(text.str.contains("\x1b", literal=True)).then(text).str.replace_all(ESCAPES, "")
    return lines.with_columns(pl.coalesce(escaped, text).alias("text"))


def first_lines(look: Look, limit: int = 100, longest: int = 4096) -> tuple[str, ...]:
    """The first lines of an input as `scan` gives them, for recognising it; very long ones cut."""
    text = look.head.decode(look.encoding, errors="backslashreplace").lstrip("\ufeff")
    lines = text.split("\n")
    if len(lines) > 1 and (not lines[-1] or len(look.head) == HEAD):
        lines.pop()  # nothing after the last line end, or a line cut short
    meant = map(mojibake.repaired, lines[:limit]) if look.mojibake else lines[:limit]
    return tuple(cleaned(line.removesuffix("\r"))[:longest] for line in meant)


def cleaned(line: str) -> str:
    """One line without NULs and terminal escapes."""
    return _ESCAPES.sub("", line.replace("\0", "")) if "\x1b" in line or "\0" in line else line


def _schema() -> pl.Schema:
    return pl.Schema({"line": pl.UInt32, "text": pl.String})


def _lines(content: Content, look: Look) -> pl.LazyFrame:
    def read(columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, size: int | None) -> Iterator[pl.DataFrame]:
        for frame in _frames(content, look):
            part = frame if rows is None else frame.head(rows)
            if rows is not None:
                rows -= part.height
            kept = part if predicate is None else part.filter(predicate)
            yield kept if columns is None else kept.select(columns)
            if rows == 0:
                return

    return pl.io.plugins.register_io_source(read, schema=_schema())


def _frames(content: Content, look: Look) -> Iterator[pl.DataFrame]:
    """A frame a block; invalid bytes become backslash escapes. polars alone would read ahead as far as memory reaches."""
    clean = look.encoding == "utf-8" and not (look.bad_lines or look.overlong)
    line = 1
    for block in content.blocks(look.encoding):
        valid = block if clean else block.decode(errors="backslashreplace").encode()
        whole = valid.removeprefix(codecs.BOM_UTF8) if line == 1 else valid
        frame = pl.scan_lines(whole, name="text", row_index_name="line", row_index_offset=line).collect(engine="in-memory")
        line += frame.height
        yield frame.cast(_schema())
