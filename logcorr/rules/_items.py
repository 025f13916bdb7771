"""What a process was at work on each time it died: the same item, while others of its kind go well."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.rules._exceptions import Thrown

PAIR = r'"[\w.]+": ?(?:"(?:[^"\\]|\\.)*"|-?[\d.]+|true|false|null)|\b[A-Za-z][\w.]*=(?:"[^"]*"|[^\s",]+)'
"""A member of a JSON object, or a field as logfmt has it."""

NEAR = timedelta(seconds=3)
MOST_SURVIVED = 0.25
"""For each end, so often at most the same may be told without one."""

DIGITS = r"[0-9a-f]{8}[0-9a-f-]*|\d+"
LEAST_SHARE = 0.8
FEWEST_OTHERS = 5


class Item(Struct, frozen=True):
    """What the log says before the exception, the events that say it, and how many others of its sort went well."""

    name: str
    rows: pl.DataFrame
    others: int


def marked(case: Case, exceptions: Sequence[Thrown]) -> Item | None:
    """The one value of a field that lines shortly before nearly all of these exceptions hold, and such lines hardly ever else.

    What is told at a level above info may tell of the exception itself. Last words without a stamp may be told long after.
    """
    every = _lines(case, exceptions[0].span.path)
    lines = every.filter("calm")
    at = pl.DataFrame({"line": [one.span.line for one in exceptions]}, schema={"line": pl.UInt32}).sort("line")
    alive = every.filter(pl.col("kind").ne_missing("process.crashed"))
    ends = at.join_asof(alive.select("line", ended="time"), on="line", strategy="backward").with_row_index("end")
    near = lines.join_asof(ends.with_columns(thrown="line"), on="line", strategy="forward")
    near = near.filter(pl.col("line").ne_missing(pl.col("thrown")) & (pl.col("ended") - pl.col("time") <= NEAR))
    pairs = near.with_columns(pl.col("text").str.extract_all(PAIR).alias("pair")).explode("pair").drop_nulls("pair")
    shared = pairs.group_by("head", "pair", maintain_order=True).agg(pl.col("end").n_unique().alias("ends"))
    for head, pair, count in shared.sort("ends", descending=True, maintain_order=True).iter_rows():
        if count < LEAST_SHARE * len(exceptions):
            return None
        like = lines.filter(pl.col("head") == head)
        same = like.filter(pl.col("text").str.contains(pair, literal=True))
        others = like.height - same.height
        rows = same.join(near, on="line", how="semi")
        if others >= FEWEST_OTHERS and same.height - rows.height <= MOST_SURVIVED * count:
            return Item(f"{head.strip()}: {_plain(pair)}", rows, others)
    return None


def _lines(case: Case, path: str) -> pl.DataFrame:
    """A log's events with their first lines; `head` is what their message says before its fields, `calm` tells of nothing bad."""
    calm = pl.col("kind").is_null() & (pl.col("severity").is_null() | (pl.col("severity") <= "info"))
    head = pl.col("message").str.extract(r"^([^\n]*?)(?: *[\w.]+=|\n|$)", 1).alias("head")
    own = case.timeline.filter((pl.col("file") == path) & pl.col("time").is_not_null()).with_columns(calm.alias("calm"), head)
    return own.join(case.lines(path).select("line", "text"), on="line").sort("line").collect()


def item(case: Case, exceptions: Sequence[Thrown]) -> Item | None:
    """The one item whose line stands before nearly all of these exceptions, if others of the sort never do.

    The lines of an exception belong to the event before it, or to the error that tells of it, or are the end itself.
    """
    path = exceptions[0].span.path
    calm = pl.col("severity").is_null() | (pl.col("severity") <= "info")
    told = (pl.col("file") == path) & pl.col("time").is_not_null() & pl.col("kind").ne_missing("process.crashed") & calm
    events = case.timeline.filter(told).collect().sort("line")
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


def _plain(pair: str) -> str:
    """A member of an object as logfmt has it."""
    return pair if pair[0] != '"' else re.sub(": ?", "=", pair.replace('"', ""), count=1)
