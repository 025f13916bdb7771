"""Text that somebody decoded as Windows-1252 though it was UTF-8, and wrote down so: `æ—¥èªŒ` for `日誌`.

Repaired line by line, and only where it is certain: where all of a line that is not ASCII reads back as UTF-8, in sequences that
no language writes by itself.
"""

from __future__ import annotations

import re

from logcorr.lazily import pl, regex

_BYTES = {chr(code): code for code in range(0x80, 0x100)} | {
    bytes([code]).decode("cp1252"): code for code in range(0x80, 0xA0) if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
"""The byte that each character was, by Windows-1252, or by Latin-1 where that has none."""

_FOLLOWING = "[" + re.escape("".join(sorted(mark for mark, code in _BYTES.items() if code < 0xC0))) + "]"
_SEQUENCE = f"(?:[ÂÃ]{_FOLLOWING}|[à-ï]{_FOLLOWING}{{2}}|[ð-ô]{_FOLLOWING}{{3}})"
"""Of two bytes, only those of Latin-1's own letters: other pairs, such as `É…`, people write."""

_CERTAIN = regex(rf"(?:[\x00-\x7f]|{_SEQUENCE})*")

_TRACE_BYTES = regex(rb"\xc3[\x82\x83\xa0-\xb4](?:\xc2|\xc5|\xc6|\xcb|\xe2)")


def may_hold(block: bytes) -> bool:
    """Whether some UTF-8 holds what looks like it: a quick look that lets no line slip through."""
    return _TRACE_BYTES.search(block) is not None


def repaired(line: str) -> str:
    """A line as it was meant; as it is, where that is not certain."""
    if line.isascii() or not _CERTAIN.fullmatch(line):
        return line
    data = bytes(ord(character) if character < "\x80" else _BYTES[character] for character in line)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return line


def without(lines: pl.LazyFrame) -> pl.LazyFrame:
    """A frame of lines, each as it was meant."""
    text = pl.col("text")
    suspect = pl.when(text.str.contains("[\u00c2-\u00f4]")).then(text)
    meant = suspect.map_batches(_all_repaired, return_dtype=pl.String, is_elementwise=True)
    return lines.with_columns(pl.coalesce(meant, text).alias("text"))


def _all_repaired(texts: pl.Series) -> pl.Series:
    return pl.Series([None if text is None else repaired(text) for text in texts], dtype=pl.String)
