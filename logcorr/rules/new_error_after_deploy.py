"""After a deployment an error is logged that was never logged before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.events import severity_type
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.timeline.select import cite
from logcorr.timeline.templates import marked

SOON = timedelta(hours=1)
BEFORE = timedelta(minutes=10)
"""The log must go back so far before the deployment: else nothing tells that the error is new."""

FEWEST = 3
LONGEST = 120


@rule(code="NODE004", title="An error is new since a deployment", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Looks for error messages, numbers and quoted text left out, of which the first follows a deployment within the hour."""
    deployed = case.happened("deploy.started").drop_nulls("time")
    if deployed.is_empty():
        return
    wrong = (pl.col("source") == "app") & (pl.col("severity") >= pl.lit("error", severity_type())) & pl.col("time").is_not_null()
    errors = case.timeline.filter(wrong).with_columns(marked(pl.col("message")).alias("template")).collect()
    began = {source.path: source.first for source in case.sources if source.first}
    for number in range(deployed.height):
        row = deployed[number]
        yield from _since(row, row["time"][0], errors.filter(pl.col("file").is_in(_long(began, row["time"][0]))))


def _long(began: dict[str, datetime], time: datetime) -> list[str]:
    return [path for path, first in began.items() if first <= time - BEFORE]


def _since(deployed: pl.DataFrame, time: datetime, errors: pl.DataFrame) -> Iterator[Finding]:
    """The most frequent of the new errors, if it was logged several times."""
    told = errors.group_by("file", "template").agg(pl.col("time").min().alias("first"), pl.len().alias("count"))
    new = told.filter(pl.col("first").is_between(time, time + SOON) & (pl.col("count") >= FEWEST))
    if new.is_empty():
        return
    path, template, _, count = new.sort("count", "first", "file", "template", descending=[True, False, False, False]).row(0)
    rows = errors.filter((pl.col("file") == path) & (pl.col("template") == template))
    yield Finding(
        confidence=0.75,
        claim=claim(
            "new_error_after_deploy.found",
            "since the deployment {path} says {count}× what it never said before: {message}",
            path=path,
            count=count,
            message=template[:LONGEST],
        ),
        evidence=(*cite(deployed, "the deployment"), *cite(rows, "the error", most=3)),
        would_refute=claim("new_error_after_deploy.refute", "the same error in an older part of this log"),
        subject=path,
        measured={"count": count, "kinds": new.height},
        times=tuple(rows["time"]),
    )
