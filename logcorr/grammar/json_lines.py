"""Lines that are JSON objects, read by the column; one broken line costs no other. Objects of several lines become one each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise

from logcorr.lazily import pl

AT_ONCE = 4096
"""So many lines are decoded together: polars builds all their values before it makes columns of them, and memory costs time."""

FEW = 64
"""So many lines are read one by one where the whole of them cannot be decoded at once."""

SURROGATE = r"\\u[dD][89a-fA-F]"
PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
"""How JSON escapes a character outside of the first plane."""


def objects(lines: Sequence[str]) -> list[dict[str, object]]:
    """The objects among some lines, as Python reads them."""
    opening = opening_of(lines)
    whole = lines if opening is None else _blocks(lines, opening)
    return [value for line in whole if isinstance(value := _loaded(line) or _loaded(_shortened(line)), dict)]


def _shortened(line: str) -> str:
    """An object whose line was cut, up to its last whole member: a sample holds no more than the beginning of long lines."""
    if not line.startswith("{") or line.rstrip().endswith("}"):
        return ""
    depth = end = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*(?:"|\\?$)|[{}\[\],]', line):
        if token[0] == "," and depth == 1:
            end = token.start()
        depth += (token[0] in "{[") - (token[0] in "}]")
    return line[:end] + "}" if end else ""


def opening_of(lines: Sequence[str]) -> str | None:
    """The line that opens each object where they have several lines, alone or in one array; None where they have one each."""
    written = (line.rstrip() for line in lines if line and not line.isspace())
    first = next(written, "")
    opening = next(written, "") if first == "[" else first
    return opening if opening.strip() == "{" else None


def joined(lines: pl.LazyFrame, opening: str) -> pl.LazyFrame:
    """The objects that such lines open, each as one text; `lines` counts its lines."""
    text = pl.col("text")
    number = (text.str.strip_chars_end() == opening).cum_sum().clip(1).alias("object")
    blocks = (
        lines.with_columns(number)
        .group_by("object", maintain_order=True)
        .agg(pl.col("line").first(), pl.len().cast(pl.UInt32).alias("lines"), text.str.join("\n"), pl.col("^logged_at$").first())
    )
    return blocks.with_columns(text.str.replace(_BEFORE, "").str.replace(_AFTER, ""))


_BEFORE, _AFTER = r"^\s*\[?\s*", r",?\s*\]?\s*$"
"""What an array puts around its objects."""


def _blocks(lines: Sequence[str], opening: str) -> Iterator[str]:
    begins = [number for number, line in enumerate(lines) if line.rstrip() == opening]
    for begin, end in pairwise([*begins, len(lines)]):
        yield re.sub(_AFTER, "", "\n".join(lines[begin:end]).lstrip())


def fields(text: pl.Expr, names: Sequence[str]) -> pl.Expr:
    """A struct of these members of each line's object, as text: numbers as written, objects as JSON; null without an object."""
    schema = pl.Struct(dict.fromkeys(names, pl.String))
    whole = text.str.starts_with("{") & text.str.strip_chars_end().str.ends_with("}")
    return pl.when(whole).then(text).map_batches(partial(_read, schema), return_dtype=schema, is_elementwise=True)


def _read(schema: pl.Struct, lines: pl.Series) -> pl.Series:
    parts = [_decoded(schema, lines[at : at + AT_ONCE]) for at in range(0, max(len(lines), 1), AT_ONCE)]
    return pl.concat(parts, rechunk=True)


def _decoded(schema: pl.Struct, lines: pl.Series) -> pl.Series:
    if not _has_lone_surrogate(lines):
        with suppress(pl.exceptions.ComputeError):
            return lines.str.json_decode(schema)
    if len(lines) > FEW:
        half = len(lines) // 2
        return _decoded(schema, lines[:half]).append(_decoded(schema, lines[half:]))
    names = [field.name for field in schema.fields]
    return pl.Series([_members(line, names) for line in lines], dtype=schema)


def _has_lone_surrogate(lines: pl.Series) -> bool:
    """Whether some escape is half of a pair: polars makes another character of it."""
    escaped = lines.filter(lines.str.contains(SURROGATE))
    return escaped.str.replace_all(PAIR, "").str.contains(SURROGATE).any()


def _members(line: str | None, names: Sequence[str]) -> dict[str, str | None] | None:
    value = _loaded(line) if line is not None else None
    return {name: _text(value.get(name)) for name in names} if isinstance(value, dict) else None


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else value.encode(errors="backslashreplace").decode()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace").decode()


def _loaded(line: str) -> object:
    try:
        return json.loads(line) if line.startswith("{") else None
    except (ValueError, RecursionError):
        return None
