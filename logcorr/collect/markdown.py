"""Logs pasted into Markdown: each fenced block is read as a file of its own would be, under the lines that it has there."""

from __future__ import annotations

import re

import polars as pl

from logcorr.collect.envelopes import Envelope
from logcorr.model.source import Sample

_FENCE = r"^\s{0,8}(?:```|~~~)"
_OURS = re.compile(r"\| .*\blogcorr \d")
"""A report of ours quotes logs; they are no evidence twice."""

_STAMPED = re.compile(r"[\[(]?\d{2,4}[-/:]\d\d[-/:]\d\d|\{\"|<\d{1,3}>|[A-Z][a-z]{2} [ \d]\d \d\d:")
"""A log that holds Markdown is no Markdown."""


def _blocks(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Lines within fences, without what the opening fence is indented by, `writer` their block's number; null for the others."""
    text = pl.col("text")
    fence = text.str.contains(_FENCE)
    passed = fence.cum_sum()
    inside = (passed % 2 == 1) & ~fence
    indent = pl.when(fence).then(text.str.len_chars() - text.str.strip_chars_start().str.len_chars()).forward_fill()
    bare = pl.when(inside & (text.str.head(indent).str.strip_chars() == "")).then(text.str.slice(indent)).otherwise(text)
    return lines.with_columns(bare.alias("text"), pl.when(inside).then((passed + 1) // 2).cast(pl.String).alias("writer"))


MARKDOWN = Envelope("markdown", lambda line: line, _blocks)


def around(sample: Sample) -> Envelope | None:
    """Markdown, where a document other than a README or a report of ours has fences, and text outside them."""
    if not sample.name.lower().endswith((".md", ".markdown", ".txt")) or sample.name.lower().startswith("readme"):
        return None
    fences = [number for number, line in enumerate(sample.lines) if re.match(_FENCE, line)]
    if not fences or any(map(_OURS.search, sample.lines)):
        return None
    outside = [line for line in sample.lines[: fences[0]] if line and not line.isspace()]
    return MARKDOWN if not any(map(_STAMPED.match, outside)) else None
