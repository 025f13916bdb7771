"""The proxy closes lasting connections on which the upstream sends nothing for the length of its read timeout."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import NginxFile
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.semantics.nginx import Nginx
from logcorr.semantics.nginx.facts import Limit, Proxied
from logcorr.timeline.select import cite, instants

IDLE = ("while proxying upgraded connection", "while reading upstream")
"""How nginx words a timeout between data, when the answer has begun; before it, the endpoint is slow instead."""

FEWEST = 3


@rule(code="NGX012", title="A proxy timeout closes idle connections", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Ties timeouts of connections that had begun to the location they went through, and to the limit in force there."""
    files = tuple(case.of(NginxFile))
    closed = _closed(case)
    if not files or closed.height < FEWEST:
        return
    places = sorted(Nginx.of(files).proxied(), key=lambda place: -len(_prefix(place)))
    left = closed
    for place in places:
        here = left.filter(pl.col("uri").str.starts_with(_prefix(place)))
        left = left.filter(~pl.col("uri").str.starts_with(_prefix(place)))
        if here.height >= FEWEST:
            yield _finding(here, place, _read_limit(place))


def _closed(case: Case) -> pl.DataFrame:
    """The timeouts of connections that had begun, with the `uri` that was asked for."""
    events = case.happened("upstream.timeout").filter(
        pl.any_horizontal(pl.col("message").str.contains(words, literal=True) for words in IDLE)
    )
    if not events.height:
        return events
    requests = case.records("nginx_error").select("file", "line", "request").collect()
    uri = pl.col("request").str.extract(r"^\S+ (\S+)", 1)
    return events.join(requests, on=["file", "line"], how="inner", maintain_order="left").with_columns(
        uri.fill_null("").alias("uri")
    )


def _prefix(place: Proxied) -> str:
    """What a location matches at the start of a path; of a regular expression nothing is known."""
    return place.path.split()[-1] if place.path and not place.path.startswith("~") else "/"


def _read_limit(place: Proxied) -> Limit:
    return next(limit for limit in place.limits if limit.name.endswith("read_timeout"))


def _finding(closed: pl.DataFrame, place: Proxied, limit: Limit) -> Finding:
    where = limit.span or place.span
    return Finding(
        confidence=0.95,
        claim=claim(
            "idle_timeout.found",
            "{name} {seconds:g} s in location {path} closed {count} connections "
            "on which the upstream had sent nothing for so long",
            name=limit.name,
            seconds=limit.seconds,
            path=_prefix(place),
            count=closed.height,
        ),
        evidence=(
            Evidence(
                where,
                f"{limit.name} {limit.seconds:g} s" if limit.span else f"{limit.name} is not set: {limit.seconds:g} s",
                shows="configuration_mismatch",
            ),
            Evidence(place.location, "the location", shows="configuration_mismatch"),
            *cite(closed, shows="timeout_closes_connection"),
        ),
        would_refute=claim(
            "idle_timeout.refute", "data from the upstream in the {seconds:g} s before these closings", seconds=limit.seconds
        ),
        subject=str(where),
        measured={"count": closed.height, "timeout_s": limit.seconds},
        times=instants(closed),
        fix=claim(
            "idle_timeout.fix",
            "let the upstream send something more often than every {seconds:g} s (a ping), or raise {name} above its interval",
            seconds=limit.seconds,
            name=limit.name,
        ),
    )
