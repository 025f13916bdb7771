"""What was answered well is refused to clients from one moment on: another credential, another route, another server."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule

FEWEST = 10
"""So many of one kind of request must have gone well before, and go wrong since."""

MOST_BEFORE = 0.1
"""And at most this share of those before may have gone wrong."""

NOT_REFUSED = (408, 429, 499)
"""A client that was slow, that was told to wait, or that went away: other rules tell of these."""


OWN = r"^(?:127\.|::1$)"


@rule(code="NGX023", title="Requests are refused that were answered well before", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Kinds of requests (method and path, numbers apart) that were answered well, and ever since a moment with 4xx."""
    access = case.records("nginx_access")
    if not {"request", "status", "time"} <= set(access.collect_schema()):
        return
    for service, rows in by_service(_refused(case, _of_clients(access))):
        for (status,), same in rows.group_by("status", maintain_order=True):
            yield _finding(service, str(same["asked"][0]), str(status), same)


def _of_clients(access: pl.LazyFrame) -> pl.LazyFrame:
    """Without what the host asks itself, unless all come from there: a check that is refused is no client."""
    if "client" not in access.collect_schema():
        return access
    own = pl.col("client").str.contains(OWN).fill_null(False)
    others = access.select((~own).any()).collect(engine="streaming").item()
    return access.filter(~own) if others else access


def _refused(case: Case, access: pl.LazyFrame) -> pl.DataFrame:
    """The lines of the timeline that tell of such requests."""
    refused = pl.col("status").is_between(400, 499) & ~pl.col("status").is_in(NOT_REFUSED)
    asked = pl.col("request").str.extract(r"^(\S+ [^? ]+)", 1).str.replace_all(r"\d+", "#")
    of_kind = (
        access.select("time", "status", asked=asked, refused=refused)
        .drop_nulls()
        .group_by("asked")
        .agg(
            last=pl.col("time").filter(~pl.col("refused")).max(),
            well=(~pl.col("refused")).sum(),
            refused=pl.col("refused").sum(),
        )
    )
    often = of_kind.filter((pl.col("well") >= FEWEST) & (pl.col("refused") >= FEWEST)).drop("refused")
    rows = access.filter(refused).select("file", "line", "time", "status", asked=asked).drop_nulls()
    told = rows.join(often.collect(engine="streaming").lazy(), on="asked")
    late = pl.col("time") >= pl.col("last")
    changed = told.group_by("asked", "well").agg(before=(~late).sum(), since=late.sum())
    enough = (pl.col("since") >= FEWEST) & (pl.col("before") <= MOST_BEFORE * pl.col("well"))
    kinds = changed.filter(enough).select("asked").collect(engine="streaming")["asked"]
    if not len(kinds):
        return case.happened().with_columns(asked=pl.lit(""), status=pl.lit(0))
    lines = told.filter(late & pl.col("asked").is_in(kinds.implode())).select("file", "line", "asked", "status")
    return case.timeline.join(lines, on=["file", "line"]).collect(engine="streaming").sort("time", "file", "line")


def _finding(service: str, asked: str, status: str, rows: pl.DataFrame) -> Finding:
    said = claim(
        "requests_refused.since",
        "{service} answers requests like {asked} with {status} ({count}×), all since a moment until which they went well",
        service=service,
        asked=asked,
        status=status,
        count=rows.height,
    )
    refute = claim("requests_refused.refute", "a request of the kind that was answered well after the first of these")
    return counted(rows, service, said, refute, asked=asked, status=status)
