"""The proxy's cache keeps an error that its upstream gave for a moment, and goes on giving it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import NginxFile
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import by_service, rule
from logcorr.rules._requests import OF_UPSTREAM
from logcorr.semantics.nginx.facts import seconds
from logcorr.timeline.select import cite, instants

VALID = ("proxy_cache_valid", "fastcgi_cache_valid", "uwsgi_cache_valid", "scgi_cache_valid")
"""https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_cache_valid: without a code it is of 200, 301 and 302."""

SERVED = ("HIT", "STALE", "UPDATING", "REVALIDATED")
"""https://nginx.org/en/docs/http/ngx_http_upstream_module.html#var_upstream_cache_status"""

FAILED = 500
FEWEST, LEAST_S = 5, 60.0
"""A shorter time takes load off an upstream that is in trouble."""

JUST_BEFORE = timedelta(minutes=2)
KEPT = 0.95


class _Valid(Struct, frozen=True):
    """A line that says how long answers of some statuses are kept; of no status: of any.

    `path` is what its location matches at the start of a path, and `others` are longer ones that another location takes.
    """

    span: Span
    seconds: float
    statuses: frozenset[int]
    path: str
    others: tuple[str, ...]


@rule(code="NGX028", title="A cache keeps errors and goes on giving them", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Errors that the access log shows to come from the cache, and the line that lets it keep them."""
    lines = [one for one in _valid(case) if one.seconds >= LEAST_S]
    access = case.records("nginx_access") if lines else pl.LazyFrame()
    there = access.collect_schema()
    from_cache = _from_cache(access)
    if from_cache is None or not {"status", "request"} <= set(there):
        return
    says = "upstream_cache_status" in there
    uri, cached = (
        pl.col("request").str.extract(r"^\S+ (\S+)", 1),
        pl.col("upstream_cache_status").is_not_null() if says else pl.lit(True),
    )
    told_of = access.filter(pl.col("status") >= FAILED).select("file", "line", "status", uri=uri, kept=from_cache, cached=cached)
    failed = told_of.collect(engine="streaming")
    told = case.happened("http.5xx").drop_nulls("time").join(failed, on=["file", "line"], maintain_order="left")
    for service, rows in by_service(told):
        of_line = [(one, _served(rows, one, says=says)) for one in lines]
        holding = [(one, here) for one, here in of_line if here["kept"].sum() >= FEWEST]
        if holding:
            line, here = max(holding, key=lambda pair: pair[0].seconds)
            yield _finding(case, service, here, line)


def _valid(case: Case) -> Iterator[_Valid]:
    """The lines that let errors be kept."""
    every = [one for file in case.of(NginxFile) for top in file.directives for one in top.walk()]
    blocks = [node for node in every if node.name == "location" and node.args]
    paths = {node.span: "" if node.args[0].startswith("~") else node.args[-1] for node in blocks}
    inside = {one.span: paths[node.span] for node in blocks for one in node.walk() if one.name in VALID}
    for one in (each for each in every if each.name in VALID and len(each.args) > 1):
        time, path = seconds(one.args[-1]), inside.get(one.span, "")
        codes = frozenset(int(arg) for arg in one.args[:-1] if arg.isdigit())
        if time is not None and ("any" in one.args or max(codes, default=0) >= FAILED):
            within = {other for other in paths.values() if path and other != path and other.startswith(path)}
            yield _Valid(one.span, time, frozenset() if "any" in one.args else codes, path, tuple(sorted(within)))


def _served(rows: pl.DataFrame, valid: _Valid, *, says: bool) -> pl.DataFrame:
    """The errors that the line's block gave; unless the log `says` so, out of the cache comes what the upstream gave just before.

    Empty is an upstream's column also where the proxy refuses by itself, by a limit or a `return`.
    """
    elsewhere = pl.any_horizontal(pl.lit(False), *(pl.col("uri").str.starts_with(other) for other in valid.others))
    statuses = pl.lit(True) if not valid.statuses else pl.col("status").is_in(sorted(valid.statuses))
    here = rows.filter(pl.col("uri").str.starts_with(valid.path) & ~elsewhere & statuses).sort("time", maintain_order=True)
    if says:
        return here
    own = here.filter(~pl.col("kept")).select("uri", "status", "time", own=True)
    limit = timedelta(seconds=valid.seconds)
    shown = here.join_asof(own, on="time", by=["uri", "status"], tolerance=limit, check_sortedness=False)
    return shown.filter(~pl.col("kept") | pl.col("own").fill_null(False)).drop("own")


def _from_cache(access: pl.LazyFrame) -> pl.Expr | None:
    """Whether the cache alone answered, where the log tells."""
    there = access.collect_schema()
    if "upstream_cache_status" in there:
        return pl.col("upstream_cache_status").is_in(SERVED).fill_null(False)
    asked = [name for name in OF_UPSTREAM if name in there]
    return pl.all_horizontal(pl.col(name).is_null() for name in asked) if asked else None


def _finding(case: Case, service: str, rows: pl.DataFrame, valid: _Valid) -> Finding:
    kept = rows.filter("kept")
    rows = rows.filter(pl.col("time") >= kept["time"][0] - timedelta(seconds=valid.seconds), pl.col("cached"))
    since = rows["time"][0]
    begun = case.happened("process.terminating", "process.started", "deploy.started")
    before = begun.filter(pl.col("time").is_between(since - JUST_BEFORE, since))
    return Finding(
        confidence=KEPT,
        claim=claim(
            "errors_cached.found",
            "{service} answers {count} requests with errors out of its cache: {line} lets it keep them for {seconds} s",
            service=service,
            count=kept.height,
            line=str(valid.span),
            seconds=int(valid.seconds),
        ),
        evidence=(
            Evidence(valid.span, "lets errors be kept", shows="configuration_mismatch"),
            *cite(before, "who answers was begun anew", most=3, shows="effect_hits_service"),
            *cite(rows.filter(~pl.col("kept")), "the upstream's own error", most=2, shows="configuration_mismatch"),
            *cite(kept, "from the cache", shows="failure_reaches_clients"),
        ),
        would_refute=claim("errors_cached.refute", "the upstream's own log, with these requests and these errors in it"),
        subject=service,
        measured={"count": kept.height, "of": rows.height, "valid_s": int(valid.seconds)},
        times=instants(rows),
        fix=claim(
            "errors_cached.fix",
            "name the statuses that are kept (200, 301, 302, a short time for 404); proxy_cache_use_stale bridges a restart",
        ),
    )
