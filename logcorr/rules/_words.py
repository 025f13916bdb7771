"""Events that say certain things: what all rules look for is looked for in one pass over the timeline."""

from __future__ import annotations

from collections.abc import Collection

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
    places = rows.select("message").with_row_index()
    near = (places.filter(_holds(one.words)).filter(pl.col("message").str.contains(one.pattern)) for one in _SOUGHT)
    return rows[pl.concat(near)["index"].unique().sort()]


def _holds(words: Collection[str]) -> pl.Expr:
    return pl.col("message").str.contains_any(sorted(words), ascii_case_insensitive=True).fill_null(False)
