"""Work that was begun and never came to its end, because the process did."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.source import Span
from logcorr.timeline.select import spans

IDENTIFIER = r"(?:^|[^\d.])(\d{3,})(?:$|[^\d.])"
"""A number that may name a piece of work: an order, a scan, a request."""

LAST, AHEAD = 6, 500
"""What was at work is told in one of the last lines, and its end within so many more."""

FEWEST, NEARLY_ALL = 20, 0.95
"""Of so many pieces of work of the sort nearly all come to their end."""


class Interrupted(Struct, frozen=True):
    """A start in the midst of work: the line that tells of the start, and that of the work."""

    start: Span
    work: Span


def interrupted(case: Case, path: str, starts: Sequence[Span]) -> list[Interrupted]:
    """Those of a log's starts that came in the midst of work that else comes to its end."""
    item, sort = pl.col("message").str.extract(IDENTIFIER, 1), pl.col("message").str.replace_all(r"\d+(?:\.\d+)?", "#")
    told = case.timeline.filter(pl.col("file") == path).with_columns(item=item)
    named = told.select("file", "line", "lines", "item", sort=pl.when(pl.col("item").is_not_null()).then(sort))
    at = pl.Series([start.line for start in starts], dtype=pl.UInt32).sort()
    rows = named.collect(engine="streaming").sort("line").with_row_index("row")
    lived = rows.with_columns(
        life=pl.col("line").map_batches(lambda lines: at.search_sorted(lines, side="right"), return_dtype=pl.UInt32)
    )
    pieces = lived.drop_nulls("item").with_columns(
        ended=((pl.col("row").shift(-1) - pl.col("row")).over("life", "item") <= AHEAD).fill_null(False)
    )
    left = lived.group_by("life").agg(end=pl.col("row").max()).join(pieces, on="life")
    left = left.filter(~pl.col("ended") & (pl.col("row") + LAST > pl.col("end")) & (pl.col("life") < len(at)))
    usual = pieces.join(left.select("row"), on="row", how="anti").group_by("sort").agg(pl.col("ended").mean(), count=pl.len())
    begins = usual.filter((pl.col("ended") >= NEARLY_ALL) & (pl.col("count") >= FEWEST)).select("sort")
    found = left.join(begins, on="sort", how="semi").sort("row").unique("life", keep="last", maintain_order=True)
    by_line = {start.line: start for start in starts}
    return [Interrupted(by_line[at[life]], span) for life, span in zip(found["life"], spans(found), strict=True)]
