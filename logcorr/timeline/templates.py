"""Message templates: what messages have in common when what varies is left out.

Distinct messages alone are looked at. Numbers, addresses, identifiers and quoted text give way to marks; then words, where
many messages differ in nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

from logcorr.lazily import pl

VARIANTS = 5
"""So many messages that differ in one word show that it varies. The first word says what happened, and stays."""

LONGEST = 40
"""Words of a message that are compared."""

MOST = 20_000
"""So many distinct messages, marks put in, are compared word by word."""

ANY = "<*>"

_MARKS = (
    (r"https?://[^\s\"'<>]+", "<url>"),
    (r'"[^"]*"', '"<*>"'),
    (r"(?-u:\b)[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?-u:\b)", "<id>"),
    (r"(?-u:\b)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?::[0-9]{1,5})?(?-u:\b)", "<address>"),
    (r"(?-u:\b)[0-9a-fA-F]*[0-9][0-9a-fA-F]{7,}(?-u:\b)", "<id>"),
    (r"[0-9]+(?:[.,:][0-9]+)*", "<n>"),
)

_SAME = ("message", "level", "source", "service", "kind")
"""What events of one template share."""


def templates(events: pl.LazyFrame) -> pl.LazyFrame:
    """The templates of the events that `logcorr.scan` gives, the most frequent first.

    The columns are `count`, `time` and `last` (UTC; the first and the last event's), `level`, `source`, `service`, `kind`,
    `message` (the template, with marks where messages differ), and where the first event stands: `path`, `line`, `end_line`.
    """
    counted = _counted(events.with_columns(count=pl.lit(1, pl.UInt32), last=pl.col("time"), message=marked(pl.col("message"))))
    few = counted.collect()
    merged = merged_words(few["message"].drop_nulls())
    worded = few.lazy().with_columns(pl.col("message").replace(list(merged), list(merged.values())))
    return _counted(worded).sort("count", "time", "path", "line", descending=[True, False, False, False], nulls_last=True)


def _counted(events: pl.LazyFrame) -> pl.LazyFrame:
    place = pl.col("path", "line", "end_line").sort_by("time", "path", "line", nulls_last=True).first()
    of = events.group_by(_SAME).agg(pl.col("count").sum(), pl.col("time").min(), pl.col("last").max(), place)
    return of.select("count", "time", "last", *_SAME[1:], "message", "path", "line", "end_line")


def marked(message: pl.Expr) -> pl.Expr:
    """Messages with marks in the place of numbers, addresses, identifiers and quoted text."""
    for pattern, mark in _MARKS:
        message = message.str.replace_all(pattern, mark)
    return message


def merged_words(texts: Iterable[str]) -> dict[str, str]:
    """For each text that others differ from in one word, what they have in common."""
    found = {text: tuple(text.split(" ")) for text in sorted(set(texts))}
    if len(found) > MOST:
        return {}
    for place in range(1, min(LONGEST, max(map(len, found.values()), default=0))):
        seen: dict[tuple[str, ...], set[str]] = {}
        for words in found.values():
            if place < len(words):
                seen.setdefault(_without(words, place), set()).add(words[place])
        for text, words in found.items():
            if place < len(words) and len(seen[_without(words, place)]) >= VARIANTS:
                found[text] = _without(words, place)
    return {text: merged for text, words in found.items() if (merged := " ".join(words)) != text}


def _without(words: tuple[str, ...], place: int) -> tuple[str, ...]:
    return (*words[:place], ANY, *words[place + 1 :])
