"""Requests that nobody answered, and when they came."""

from __future__ import annotations

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.rules._requests import asked, by_place, read_limit

UNANSWERED = "while reading response header"
"""How nginx words a timeout before the answer has begun; after that the connection is idle instead."""

WAITED_S = 1.0
"""A request that fails after so long has waited for something."""

IN_VAIN = ("dependency.timeout", "dependency.failed", "limit.reached")
"""By what an application tells that something it needs is kept from it."""

FEWEST, FAR_LESS = 3, 0.1


def waiting(case: Case) -> pl.DataFrame:
    """Requests that were given up before any answer, with the epoch second at which they `came`.

    By the proxy's error log; else by its answers (504); else by those who waited themselves: unless a later one tells far more.
    Where nobody collected how long the proxy waits, its error log comes last: it tells when requests were given up.
    """
    told = (_given_up(case), _unanswered(case), _in_vain(case), _timed_out(case).with_columns(came=_seconds()))
    most = max(rows.height for rows in told)
    telling = (rows for rows in told if rows.height >= max(FEWEST, FAR_LESS * most))
    return next(telling, told[0]).sort("came", maintain_order=True)


def _seconds() -> pl.Expr:
    """The time of an event in epoch seconds: when somebody gave up."""
    return pl.col("time").dt.epoch("us") / 1e6


def _given_up(case: Case) -> pl.DataFrame:
    rows = _timed_out(case)
    parts = [here.with_columns(came=_seconds() - read_limit(place).seconds) for place, here in by_place(case, rows)]
    return pl.concat([rows.clear().with_columns(came=_seconds()), *parts])


def _timed_out(case: Case) -> pl.DataFrame:
    timed = pl.col("message").str.contains(UNANSWERED, literal=True) & pl.col("time").is_not_null()
    return asked(case, case.happened("upstream.timeout", where=timed))


def _unanswered(case: Case) -> pl.DataFrame:
    """Requests that were answered with 504, or with another 5xx after a wait: the access log tells when, and how long it was."""
    rows = case.happened("http.5xx").filter(pl.col("time").is_not_null())
    access = case.records("nginx_access")
    late = pl.col("message").str.ends_with(" 504")
    if "request_time" not in access.collect_schema():
        return rows.filter(late).with_columns(came=_seconds())
    took = access.select("file", "line", "request_time").filter(pl.col("request_time").is_not_null()).collect()
    timed = rows.join(took, on=["file", "line"], how="left", maintain_order="left")
    waited = timed.filter(late | (pl.col("request_time") >= WAITED_S).fill_null(False))
    return waited.with_columns(came=_seconds() - pl.col("request_time").fill_null(0.0))


def _in_vain(case: Case) -> pl.DataFrame:
    """What applications say of those that they waited for, and of those that came to nothing."""
    return case.happened(*IN_VAIN).filter(pl.col("time").is_not_null()).with_columns(came=_seconds())
