"""Which troubles with an upstream a client never saw, because nginx asked another server and got an answer."""

from __future__ import annotations

from datetime import timedelta

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.rules._requests import asking

TROUBLES = ("upstream.refused", "upstream.timeout", "upstream.closed_early", "upstream.reset", "upstream.unreachable")

WITHIN, EARLIER = timedelta(seconds=121, microseconds=-1), timedelta(seconds=2, microseconds=-1)
"""The access log tells of a request when it ends; retries are over by then (`proxy_next_upstream_timeout` aside). Its stamps are
cut to the second, so that it may seem to end a second before."""

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
    ends = _ends(case) if any(kind in case.kinds for kind in TROUBLES) else None
    if ends is None:
        return case.happened()
    troubles = case.events.filter(pl.col("kind").is_in(TROUBLES) & pl.col("time").is_not_null())
    known = asking(case, troubles.select("file", "line", "time", "kind")).filter(pl.col("client") != "")
    rows = known.select("file", "line", "time", "kind", request=_request()).collect(engine="streaming").sort("time")
    again = ends.join(rows.lazy().select("request").unique(), on="request", how="semi")
    logged = again.group_by("request", "ended").agg(pl.col("status").max()).collect(engine="streaming").sort("ended")
    spared = pl.concat([_answered_then(rows, logged), _never_failed(rows, logged, ends)]).unique()
    there = pl.col("file").is_in(spared["file"].implode()) & pl.col("line").is_in(spared["line"].implode())
    return troubles.filter(there).collect().join(spared, on=["file", "line"], how="semi", maintain_order="left")


def _ends(case: Case) -> pl.LazyFrame | None:
    """When requests `ended`, and with which `status`, by access logs that tell it in UTC."""
    told = case.records("nginx_access")
    columns = told.collect_schema()
    if not {"client", "request", "status", "time"} <= columns.keys() or columns["time"] != pl.Datetime("us", "UTC"):
        return None
    request = pl.col("request")
    asked = told.with_columns(method=request.str.extract(r"^(\S+)", 1), uri=request.str.extract(r"^\S+ (\S+)", 1))
    return asked.select(_request().alias("request"), pl.col("time").alias("ended"), "status").drop_nulls()


def _request() -> pl.Expr:
    """A number for each client, method and path: of a million requests, two share theirs in one of ten million cases."""
    return pl.concat_str(REQUEST, separator="\n").hash()


def _answered_then(rows: pl.DataFrame, logged: pl.DataFrame) -> pl.DataFrame:
    """Those troubles whose request is the next to end well; one that ended up to a second earlier was logged earlier."""
    earlier = rows.with_columns(since=pl.col("time") - EARLIER)
    first = earlier.join_asof(
        logged,
        left_on="since",
        right_on="ended",
        by="request",
        strategy="forward",
        tolerance=EARLIER + WITHIN,
        check_sortedness=False,
    )
    return first.filter(pl.col("status") < 500).select("file", "line")


def _never_failed(rows: pl.DataFrame, logged: pl.DataFrame, ends: pl.LazyFrame) -> pl.DataFrame:
    """Those troubles before an answer whose request an access log of that time tells of, and never with a 5xx."""
    early = rows.filter(pl.col("kind").is_in(NOT_BEGUN))
    times = ends.select(pl.col("ended").unique()).collect(engine="streaming").sort("ended")
    covered = early.join_asof(times, left_on="time", right_on="ended", strategy="nearest", tolerance=COVERED, coalesce=False)
    worst = logged.group_by("request").agg(pl.col("status").max())
    well = covered.filter(pl.col("ended").is_not_null()).join(worst, on="request").filter(pl.col("status") < 500)
    return well.select("file", "line")
