"""Lines that are JSON objects, read by the column; one broken line costs no other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

from logcorr.lazily import pl

FEW = 64
"""So many lines are read one by one where the whole of them cannot be decoded at once."""


def objects(lines: Sequence[str]) -> list[dict[str, object]]:
    """The objects among some lines, as Python reads them."""
    return [value for value in map(_loaded, lines) if isinstance(value, dict)]


def fields(text: pl.Expr, names: Sequence[str]) -> pl.Expr:
    """A struct of these members of each line's object, as text: numbers as written, objects as JSON; null without an object."""
    schema = pl.Struct(dict.fromkeys(names, pl.String))
    whole = text.str.starts_with("{") & text.str.strip_chars_end().str.ends_with("}")
    return pl.when(whole).then(text).map_batches(partial(_decoded, schema), return_dtype=schema, is_elementwise=True)


def _decoded(schema: pl.Struct, lines: pl.Series) -> pl.Series:
    try:
        return lines.str.json_decode(schema)
    except pl.exceptions.ComputeError:
        if len(lines) > FEW:
            half = len(lines) // 2
            return _decoded(schema, lines[:half]).append(_decoded(schema, lines[half:]))
    names = [field.name for field in schema.fields]
    return pl.Series([_members(line, names) for line in lines], dtype=schema)


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
