"""What a job was not given, and visitors are refused since: the same things, by their names in both logs."""

from __future__ import annotations

from logcorr.lazily import pl
from logcorr.model.case import Case

FEWEST, NEARLY_ALL = 10, 0.9
NOT_REFUSED = (401, 408, 429, 499)
"""A client without a password, one that was slow, one that was told to wait, or one that went away."""

NAME = r"([\w.-]*\d[\w.-]*)"
LEAST_LETTERS = 4


def refused_since(case: Case, told: pl.DataFrame) -> pl.DataFrame:
    """The events of requests that are answered with 4xx since a job was turned away, each for a thing that it asked for in vain.

    Of a kind of request (method and path, numbers apart) and a status nearly all must be for such things, and nearly none come
    before; what is answered well since must be other things.
    """
    access = case.records("nginx_access")
    if not {"request", "status", "time"} <= set(access.collect_schema()):
        return case.happened()
    names = told.select(name=pl.col("message").str.extract_all(NAME).explode()).drop_nulls().unique()
    names = names.filter(pl.col("name").str.len_chars() >= LEAST_LETTERS).with_columns(in_vain=pl.lit(True))
    asked = access.select(
        *("file", "line", "status"),
        kind=pl.col("request").str.extract(r"^(\S+ [^? ]+)", 1).str.replace_all(r"\d+", "#"),
        name=pl.col("request").str.extract(rf"^\S+ [^? ]*/{NAME}(?:[? ]|$)", 1),
        late=pl.col("time") > told["time"].min(),
    ).drop_nulls()
    rows = asked.join(names.lazy(), on="name", how="left").with_columns(pl.col("in_vain").fill_null(False)).collect()
    kinds = _of_job(rows).filter(pl.len().over("kind") == 1)
    found = rows.filter("late", "in_vain").join(kinds, on=["kind", "status"], how="semi")
    return case.timeline.join(found.select("file", "line").lazy(), on=["file", "line"]).collect().sort("time", "file", "line")


def _of_job(rows: pl.DataFrame) -> pl.DataFrame:
    """The kinds of requests, and the status by which the job's failures come to be seen."""
    well = (
        rows.filter(pl.col("late") & (pl.col("status") < 400))
        .group_by("kind")
        .agg(well=pl.len(), spared=(~pl.col("in_vain")).sum())
    )
    refused = rows.filter(pl.col("status").is_between(400, 499) & ~pl.col("status").is_in(NOT_REFUSED))
    of_kind = refused.group_by("kind", "status").agg(
        since=pl.col("late").sum(), before=(~pl.col("late")).sum(), in_vain=(pl.col("late") & pl.col("in_vain")).sum()
    )
    known = of_kind.join(well, on="kind", how="left").with_columns(pl.col("well", "spared").fill_null(0))
    often = (pl.col("in_vain") >= FEWEST) & (pl.col("in_vain") >= NEARLY_ALL * pl.col("since"))
    apart = (pl.col("before") <= (1 - NEARLY_ALL) * pl.col("since")) & (pl.col("spared") >= NEARLY_ALL * pl.col("well"))
    return known.filter(often & apart)
