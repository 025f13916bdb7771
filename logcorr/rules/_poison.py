"""Requests at which a process ends: what breaks off, or was answered just before, at nearly each end and hardly ever else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.rules._requests import asked
from logcorr.timeline.lifecycles import Downtime

HEADER = "while reading response header"
NEAR_S = 3.0
LONGEST_RESTART_S = 15.0
"""Where only the next start is known, the request that ended the process came at most so long before it."""

LEAST_SHARE = 0.8
MOST_ANSWERED = 0.25
KEYS = (("method", "uri"), ("method", "path"), ("client", "method", "path"), ("agent", "method", "path"))
"""How a request is told from others, the most particular first: what is sent along in a body nobody logs."""


class Poison(Struct, frozen=True, kw_only=True):
    """A kind of request, at how many of the ends it broke off, and how often it was asked for and answered.

    `at_once`: it was answered before the process ended. `before` were answered before the first end, and are not among these.
    """

    name: str
    ended: int
    broken: pl.DataFrame
    asked: int
    answered: int
    seen: pl.DataFrame
    at_once: bool = False
    before: int = 0


def _with_path(rows: pl.DataFrame | pl.LazyFrame) -> pl.LazyFrame:
    return rows.lazy().with_columns(pl.col("uri").str.extract(r"^([^?]*)", 1).alias("path"))


def broken_off(case: Case) -> pl.DataFrame:
    """Requests that the upstream left without an answer."""
    events = case.happened(
        "upstream.closed_early",
        "upstream.reset",
        where=pl.col("message").str.contains(HEADER, literal=True) & pl.col("time").is_not_null(),
    )
    return _with_agent(case, _with_path(asked(case, events)).collect())


def _with_agent(case: Case, broken: pl.DataFrame) -> pl.DataFrame:
    """Who asked, by the line of the access log that tells of the same request."""
    own = ("client", "method", "uri")
    seen = _access(case).select(*own, "agent", "time").drop_nulls("time").sort("time").collect()
    near = broken.sort("time", maintain_order=True).join_asof(
        seen, on="time", by=list(own), strategy="nearest", tolerance=timedelta(seconds=NEAR_S), check_sortedness=False
    )
    return near.with_columns(pl.col("agent").fill_null(""))


def poison_of(case: Case, broken: pl.DataFrame, ends: Sequence[Downtime]) -> Poison | None:
    """The most particular request that breaks off at nearly every end, and hardly ever succeeds."""
    near = _at_ends(broken, ends)
    access = _access(case)
    for key in KEYS:
        of_end = near.select("end", *key).unique(maintain_order=True).group_by(key, maintain_order=True).len("ends")
        best = of_end.sort("ends", descending=True, maintain_order=True).head(1)
        if not best.height or best["ends"][0] < LEAST_SHARE * len(ends):
            continue
        whole = access.filter(*(pl.col(name) == best[name][0] for name in key)).collect()
        earlier = pl.col("time") < ends[0].ended - timedelta(seconds=NEAR_S)
        seen, before = whole.filter(~earlier.fill_null(False)), whole.filter(earlier & (pl.col("status") < 500)).height
        answered = seen.filter(pl.col("status") < 500).height
        if best[key[0]][0] and answered <= MOST_ANSWERED * best["ends"][0]:
            return Poison(
                name=" ".join(map(str, best.row(0)[:-1])),
                ended=best["ends"][0],
                broken=near.join(best, on=list(key), how="inner", maintain_order="left"),
                asked=seen.height,
                answered=answered,
                seen=seen,
                before=before,
            )
    return None


def answered_before(case: Case, ends: Sequence[Downtime]) -> Poison | None:
    """The request that was answered shortly before nearly every end, and hardly ever else: what it began went on after that."""
    access = _access(case)
    times = pl.LazyFrame({"ended": [stop.ended for stop in ends]}, schema={"ended": pl.Datetime("us", "UTC")}).sort("ended")
    logs = [source.path for source in case.sources if source.format == "nginx_access"]
    told = case.timeline.filter(pl.col("file").is_in(logs) & pl.col("time").is_not_null()).select("time", "file", "line")
    near = told.sort("time").join_asof(
        times.with_row_index("end"), left_on="time", right_on="ended", strategy="forward", tolerance=timedelta(seconds=NEAR_S)
    )
    found = near.drop_nulls("end").join(access.filter(pl.col("status") < 500), on=["file", "line"]).sort("time", "line").collect()
    for key in KEYS[:2]:
        of_end = found.group_by(key, maintain_order=True).agg(pl.col("end").n_unique().alias("ends"), pl.len().alias("count"))
        best = of_end.sort("ends", descending=True, maintain_order=True).head(1)
        if not best.height or best["ends"][0] < LEAST_SHARE * len(ends):
            continue
        seen = access.filter(*(pl.col(name) == best[name][0] for name in key)).collect()
        if seen.height <= (1 + MOST_ANSWERED) * best["ends"][0]:
            return Poison(
                name=" ".join(map(str, best.row(0)[:-2])),
                ended=best["ends"][0],
                broken=found.join(best, on=list(key), how="semi", maintain_order="left"),
                asked=seen.height,
                answered=seen.height,
                seen=seen,
                at_once=True,
            )
    return None


def _at_ends(broken: pl.DataFrame, ends: Sequence[Downtime]) -> pl.DataFrame:
    """What broke off close to an end, with that end's number."""
    times = broken["time"].dt.epoch("us").to_numpy() / 1e6
    parts = []
    for number, stop in enumerate(ends):
        at = stop.ended.timestamp()
        since = at - (LONGEST_RESTART_S if stop.kind == "process.started" else NEAR_S)
        hit = (times >= since) & (times <= at + NEAR_S)
        parts.append(broken.filter(pl.Series(hit)).with_columns(end=pl.lit(number)))
    return pl.concat([broken.clear().with_columns(end=pl.lit(0)), *parts])


def _access(case: Case) -> pl.LazyFrame:
    """Every request that the proxy logged, by what tells it from others."""
    told = case.records("nginx_access")
    if "request" not in told.collect_schema():
        texts = dict.fromkeys((name for key in KEYS for name in (*key, "file")), pl.String)
        others = {"status": pl.Int16, "line": pl.UInt32, "lines": pl.UInt32, "time": pl.Datetime("us", "UTC")}
        return pl.LazyFrame(schema=pl.Schema({**texts, **others}))
    request, agent = pl.col("request"), pl.col("user_agent") if "user_agent" in told.collect_schema() else pl.lit("")
    columns = told.select(
        "file",
        "line",
        "lines",
        "client",
        "time",
        pl.col("status"),
        agent.fill_null("").alias("agent"),
        request.str.extract(r"^(\S+)", 1).alias("method"),
        request.str.extract(r"^\S+ (\S+)", 1).alias("uri"),
    )
    return _with_path(columns)
