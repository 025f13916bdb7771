"""Requests that logs tell of, a proxy's or an application's own: what was asked, and with which status it was answered."""

from __future__ import annotations

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.events import REQUEST_LOGS

SAID = (
    r"(?:^|[\s\"'(\[])(?<method>GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (?<path>/[^\s?\"']*)[^\s\"']*(?: HTTP/[\d.]+)?"
    r"[\"'\])]{0,2}(?:\s*(?:->|=>|→|[-–:])\s*|\s+)(?:(?:with|returned|status|code)\b[\s:=]*)*(?<status>[1-5]\d\d)(?:\D|$)"
)
"""`"GET /stock/7 HTTP/1.1" 200`, `GET /stock/7 200 3.1 ms`, `GET /stock/7 -> 200`."""

FIELDS = (
    r"\b(?:method|verb)\W{1,4}(?<method>[A-Z]{3,7})\b.*?\b(?:url|uri|path|endpoint|route)\W{1,4}(?<path>/[^\s?\"',}]*)"
    r".*?\b(?:status|statusCode|status_code)\W{1,4}(?<status>[1-5]\d\d)\b"
)
"""The same in fields: `method=GET path=/stock/7 status=200`, `"method":"GET","url":"/stock/7",…"statusCode":200`."""


def requests_told(case: Case) -> pl.DataFrame:
    """All requests whose time is known, in time order: the timeline's columns, and `method`, `path` (without query), `status`."""
    return case.once(_told)


def _told(case: Case) -> pl.DataFrame:
    timed = case.logged.filter(pl.col("time").is_not_null())
    told = timed.filter(pl.col("message").str.contains(SAID)).with_columns(_parts("message", SAID)).collect(engine="streaming")
    own = [source.path for source in case.sources if source.format not in REQUEST_LOGS and source.source == "app"]
    fields = [_in_fields(case, path) for path in own if path not in set(told["file"])]
    rows = [timed.join(one, on=["file", "line"]).collect() for one in fields]
    return pl.concat([told, *rows]).sort("time", maintain_order=True)


def _in_fields(case: Case, path: str) -> pl.LazyFrame:
    lines = case.lines(path).filter(pl.col("text").str.contains(FIELDS))
    return lines.select(pl.lit(path).alias("file"), "line", *_parts("text", FIELDS))


def _parts(column: str, pattern: str) -> list[pl.Expr]:
    groups = pl.col(column).str.extract_groups(pattern).struct
    return [groups.field("method"), groups.field("path"), groups.field("status").cast(pl.Int64)]
