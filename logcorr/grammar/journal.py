"""What `journalctl -o` writes besides text: `json`, `json-pretty`, `json-sse`, `json-seq`, `export` and `verbose`.

Each form gives an entry's fields (systemd.journal-fields(7)), on one line or on one each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from logcorr.grammar import json_lines
from logcorr.grammar.patterns import ascii_only

FIELDS = {
    "microseconds": "__REALTIME_TIMESTAMP",
    "priority": "PRIORITY",
    "host": "_HOSTNAME",
    "identifier": "SYSLOG_IDENTIFIER",
    "executable": "_COMM",
    "pid": "_PID",
    "subject": "UNIT",
    "own_unit": "_SYSTEMD_UNIT",
    "message": "MESSAGE",
}

_CURSOR = r"^[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d.* \[s=[^\]]*;t=([0-9a-f]{1,16})[;\]]"
"""How an entry of `verbose` begins; the cursor holds its time in microseconds, in hexadecimal figures."""

_OPENS = {
    "json": r"^\{.*\}\s*$",
    "marked": r"^(?:data: |\x1e)\{.*\}\s*$",
    "pretty": r"^\{\s*$",
    "export": "^__CURSOR=",
    "verbose": _CURSOR,
}
"""How the first line of an entry looks, by form."""


def form_of(lines: Sequence[str]) -> str | None:
    """Which form the journal's entries among these lines have, if they are any."""
    if not any(FIELDS["microseconds"] in line for line in lines) and not any(re.match(_CURSOR, line) for line in lines):
        return None
    first = next((line for line in lines if line and not line.isspace() and not line.startswith("-- ")), "")
    return next((form for form, opens in _OPENS.items() if re.match(opens, first)), None)


def entries(lines: pl.LazyFrame, form: str) -> pl.LazyFrame:
    """The entries: `line`, `lines`, `text` (all of it) and a column for each of `FIELDS`, as text."""
    text = pl.col("text")
    if form == "json":
        return _decoded(lines.with_columns(pl.lit(1, pl.UInt32).alias("lines")), text)
    opens = text.str.contains(ascii_only(_OPENS[form]))
    blocks = lines.with_columns(opens.cum_sum().alias("entry")).group_by("entry", maintain_order=True)
    whole = blocks.agg(
        pl.col("line").first(), pl.len().cast(pl.UInt32).alias("lines"), text.str.join("\n"), pl.col("^logged_at$").first()
    )
    if form in ("marked", "pretty"):
        return _decoded(whole, text.str.strip_chars_start("\x1e").str.strip_prefix("data: ").str.strip_chars_end())
    found = {name: text.str.extract(rf"(?m)^\s*{field}=(.*)$", 1) for name, field in FIELDS.items()}
    if form == "verbose":
        found["microseconds"] = text.str.extract(ascii_only(_CURSOR), 1).str.to_integer(base=16, strict=False).cast(pl.String)
    return whole.with_columns(**found)


def _decoded(entries: pl.LazyFrame, text: pl.Expr) -> pl.LazyFrame:
    read = entries.with_columns(json_lines.fields(text, sorted(FIELDS.values())).alias("record"))
    return read.with_columns(pl.col("record").struct.field(field).alias(name) for name, field in FIELDS.items())
