"""Events that say certain things: what all rules look for is looked for in one pass over the timeline."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.events import PROXIES, REQUEST_LOGS


class Sought(Struct, frozen=True):
    """What messages may say: a pattern, and words of which each that fits it holds one, in capitals or not."""

    words: tuple[str, ...]
    pattern: str


_SOUGHT: list[Sought] = []


def sought(pattern: str, *words: str) -> Sought:
    """Declare what a rule will look for: then one pass finds it with what all other rules look for."""
    _SOUGHT.append(Sought(words, pattern))
    return _SOUGHT[-1]


def telling(case: Case, one: Sought) -> pl.DataFrame:
    """The events with a time whose message says so, in time order; logs of requests and what is known of proxies say nothing."""
    told = case.once(_telling)
    return told if told.is_empty() else told.filter(pl.col("message").str.contains(one.pattern))


def _telling(case: Case) -> pl.DataFrame:
    requests = [source.path for source in case.sources if source.format in REQUEST_LOGS]
    known = pl.col("source").is_in(PROXIES) & pl.col("kind").is_not_null()
    near = _holds({word for one in _SOUGHT for word in one.words})
    rows = case.logged.filter(pl.col("time").is_not_null() & ~pl.col("file").is_in(requests) & ~known & near)
    # the words alone may be common: only rows that say all of it are kept
    parts = [_saying(part) for part in rows.collect_batches(maintain_order=True, engine="streaming")]
    return pl.concat([case.timeline.clear().collect(), *parts]).sort("time", "file", "line")


def _saying(rows: pl.DataFrame) -> pl.DataFrame:
    """Those that say anything that is sought: patterns are tried on those alone that hold their words."""
    every = sorted({word for one in _SOUGHT for word in one.words})
    found = pl.col("message").str.extract_many(every, ascii_case_insensitive=True, overlapping=True)
    holding = rows.select(word=found).with_row_index().explode("word").with_columns(pl.col("word").str.to_lowercase())
    holds = {str(word): held["index"] for (word,), held in holding.unique().partition_by("word", as_dict=True).items()}
    return rows[sorted({index for one in _SOUGHT for index in _said(rows, one, holds)})]


def _said(rows: pl.DataFrame, one: Sought, holds: Mapping[str, pl.Series]) -> pl.Series:
    """Which of the rows say this, of those that hold one of its words."""
    near = [holds[word.lower()] for word in one.words if word.lower() in holds]
    if not near:
        return pl.Series(dtype=pl.UInt32)
    places = pl.concat(near).unique()
    return places.filter(rows["message"].gather(places).str.contains(one.pattern))


def _holds(words: Collection[str]) -> pl.Expr:
    return pl.col("message").str.contains_any(sorted(words), ascii_case_insensitive=True).fill_null(False)
