"""Which troubles with an upstream a client never saw, because nginx asked another server and got an answer."""

from __future__ import annotations

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.rules._requests import asked

TROUBLES = ("upstream.refused", "upstream.timeout", "upstream.closed_early", "upstream.reset", "upstream.unreachable")

WITHIN_S = 120
"""The access log tells of a request when it ends; retries are over by then (`proxy_next_upstream_timeout` aside)."""

REQUEST = ["client", "method", "uri"]

NOT_BEGUN = ("upstream.refused", "upstream.unreachable")
"""Troubles before any of an answer was sent: without another server, the access log must hold a 5xx for the request."""

COVERED = "60s"
"""An access log with a request so near to the event is of that time, even where its clock differs a little."""


def felt(case: Case, *kinds: str) -> pl.DataFrame:
    """The events of these kinds but for those whose client got its answer all the same."""
    events = case.happened(*kinds)
    return events.join(case.once(answered), on=["file", "line"], how="anti", maintain_order="left")


def answered(case: Case) -> pl.DataFrame:
    """Those of the `TROUBLES` whose request stands in an access log with a status below 500.

    That request is the first of the same client, method and path to end after the event: the same client may ask again. Where
    nothing of an answer had been sent, it is enough that no such request failed at all: then no clock matters.
    """
    events = case.happened(*TROUBLES)
    told = case.records("nginx_access") if events.height else pl.LazyFrame()
    columns = told.collect_schema()
    if not {"client", "request", "status", "time"} <= columns.keys() or columns["time"] != pl.Datetime("us", "UTC"):
        return events.clear()
    ends = told.select(
        "client",
        pl.col("request").str.extract(r"^(\S+)", 1).alias("method"),
        pl.col("request").str.extract(r"^\S+ (\S+)", 1).alias("uri"),
        pl.col("time").alias("ended"),
        "status",
    )
    rows = asked(case, events).filter(pl.col("client") != "")
    later = (pl.col("ended") - pl.col("time")).dt.total_seconds().is_between(-1, WITHIN_S)
    first = (
        rows.lazy()
        .join(ends, on=REQUEST)
        .filter(later)
        .sort("ended", "status", descending=[False, True])
        .group_by("file", "line")
        .first()
    )
    spared = (
        pl.concat([first.filter(pl.col("status") < 500).select("file", "line"), _never_failed(rows, ends)]).unique().collect()
    )
    return events.join(spared, on=["file", "line"], how="semi", maintain_order="left")


def _never_failed(rows: pl.DataFrame, ends: pl.LazyFrame) -> pl.LazyFrame:
    """Those troubles before an answer whose request an access log of that time tells of, and never with a 5xx."""
    early = rows.lazy().filter(pl.col("kind").is_in(NOT_BEGUN)).sort("time")
    logged = ends.select("ended").drop_nulls().sort("ended")
    covered = early.join_asof(logged, left_on="time", right_on="ended", strategy="nearest", tolerance=COVERED)
    worst = ends.group_by(REQUEST).agg(pl.col("status").max())
    well = covered.filter(pl.col("ended").is_not_null()).join(worst, on=REQUEST).filter(pl.col("status") < 500)
    return well.select("file", "line")
