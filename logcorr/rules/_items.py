"""What a process was at work on each time it died: the same item, while others of its kind go well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import polars as pl
from msgspec import Struct

from logcorr.model.case import Case
from logcorr.rules._exceptions import Thrown

DIGITS = r"[0-9a-f]{8}[0-9a-f-]*|\d+"
LEAST_SHARE = 0.8
FEWEST_OTHERS = 5


class Item(Struct, frozen=True):
    """What the log says before the exception, the events that say it, and how many others of its sort went well."""

    name: str
    rows: pl.DataFrame
    others: int


def item(case: Case, exceptions: Sequence[Thrown]) -> Item | None:
    """The one item whose line stands before nearly all of these exceptions, if others of the sort never do.

    The lines of an exception belong to the event before it.
    """
    path = exceptions[0].span.path
    events = case.timeline.filter((pl.col("file") == path) & pl.col("time").is_not_null()).collect().sort("line")
    thrown = pl.DataFrame({"thrown": [one.span.line for one in exceptions]}, schema={"thrown": pl.UInt32})
    before = thrown.sort("thrown").join_asof(events, left_on="thrown", right_on="line", strategy="backward", coalesce=False)
    message, count = Counter(before["message"].drop_nulls()).most_common(1)[0] if before["message"].count() else ("", 0)
    sort = pl.col("message").str.replace_all(DIGITS, "#")
    like = events.filter(sort == pl.lit(message).str.replace_all(DIGITS, "#"))
    others = like.filter(pl.col("message") != message)["message"].n_unique()
    failed = before.filter(pl.col("message") != message).join(like, on="line", how="semi").height
    if count < LEAST_SHARE * len(exceptions) or others < FEWEST_OTHERS or failed:
        return None
    return Item(message.partition("\n")[0].strip(), before.filter(pl.col("message") == message).drop("thrown"), others)
