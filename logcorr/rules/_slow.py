"""Requests that were answered, but late: far later than the same is answered at other times."""

from __future__ import annotations

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.rules._requests import endpoint_of

SLOW_S, TIMES_SLOWER = 2.0, 8.0
"""A request is slow that takes so long and so many times as long as its endpoint's usual ones."""

FEWEST = 20
"""Of an endpoint so many answers tell what is usual there."""

MOST_OF, AT_ONCE = 0.2, 0.8
"""Where more of all requests are slow, that is how it is there, unless so large a part of a minute's are, and hardly any else."""

FEWEST_A_MINUTE = 3

NEEDED = {"request", "request_time", "status", "time"}
HELD_OPEN = [101, 499]
"""Answers that last as long as the client stays."""


def slow(case: Case) -> pl.DataFrame:
    """The timeline's rows of such requests, in time order, with the epoch second at which each `came` and how long it `took`."""
    nothing = case.happened().with_columns(came=pl.lit(0.0), took=pl.lit(0.0))
    access = case.records("nginx_access")
    if not access.collect_schema().keys() >= NEEDED:
        return nothing
    told = access.filter(pl.col("request_time").is_not_null() & pl.col("time").is_not_null() & ~pl.col("status").is_in(HELD_OPEN))
    minute = pl.col("time").dt.truncate("1m").alias("minute")
    timed = told.select("file", "line", _endpoint(), minute, took="request_time").collect(engine="streaming")
    usual = timed.group_by("endpoint").agg(usual=pl.col("took").median(), of=pl.len()).filter(pl.col("of") >= FEWEST)
    limit = pl.max_horizontal(pl.lit(SLOW_S), TIMES_SLOWER * pl.col("usual"))
    late = timed.join(usual, on="endpoint").filter(pl.col("took") >= limit).select("file", "line", "minute", "took")
    if late.is_empty() or (late.height > MOST_OF * timed.height and not _at_once(late, timed)):
        return nothing
    rows = case.timeline.filter(pl.col("line").is_in(late["line"].implode())).collect()
    found = rows.join(late.drop("minute"), on=["file", "line"], maintain_order="left")
    return found.with_columns(came=pl.col("time").dt.epoch("us") / 1e6 - pl.col("took")).sort("came", maintain_order=True)


def _at_once(late: pl.DataFrame, timed: pl.DataFrame) -> bool:
    """Whether nearly all of the late ones ended in minutes in which nearly all were late."""
    counts = timed.group_by("minute").agg(of=pl.len()).join(late.group_by("minute").agg(late=pl.len()), on="minute")
    together = counts.filter((pl.col("late") >= AT_ONCE * pl.col("of")) & (pl.col("of") >= FEWEST_A_MINUTE))["late"].sum()
    return bool(together >= AT_ONCE * late.height)


def _endpoint() -> pl.Expr:
    return endpoint_of(pl.col("request").str.extract(r"^\S+ (\S+)", 1)).alias("endpoint")
