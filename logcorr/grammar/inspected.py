"""Objects as Node.js prints them (`util.inspect`), one block of lines each: winston's `prettyPrint`, `console.log(object)`."""

from __future__ import annotations

from collections.abc import Sequence

from logcorr.grammar.patterns import ascii_only
from logcorr.lazily import pl, regex

OPEN = "{"
_MEMBER = regex(r"  (?:level|message): ['\"`]")
_BLOCK = regex(r"[{}]|\s{2,}\S.*")


def is_written(lines: Sequence[str]) -> bool:
    """Whether nine in ten of these lines are such blocks, of events of a logger."""
    written = [line for line in lines if line and not line.isspace()]
    blocks = sum(_BLOCK.fullmatch(line) is not None for line in written)
    return OPEN in written and any(map(_MEMBER.match, written)) and blocks >= 0.9 * len(written)


def member(text: pl.Expr, name: str) -> pl.Expr:
    """The string that is a member of a block's object; its first part where it goes on in the next line."""
    start = rf"(?m)^  {name}: "
    quoted = (text.str.extract(ascii_only(rf"{start}{mark}((?:[^{mark}\\]|\\.)*){mark}"), 1) for mark in "'\"`")
    return pl.coalesce(*quoted).str.replace_all(r"\\(['\"`\\])", "${1}").str.strip_suffix("\\n")
