"""The proxy gives answers up after a time that they used to be given."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._diffs import brought
from logcorr.rules._requests import endpoint_of
from logcorr.rules._settings import settings
from logcorr.timeline.select import cite, instants

FEWEST, FEWEST_BEFORE = 3, 2
GIVEN_UP = 504
NEAR, LONGER = 0.03, 1.1
"""What is given up at a limit takes that long; what took so many times as long would have been given up."""

MOST_OF = 0.9
PROVED, SEEN = 0.95, 0.7
"""How sure it is: where it is seen that the upstream was waited for so long, or that the proxy was changed, with the line that
sets the limit; else what took long may have been the client, who is not what the limit is for."""
SETS = r"^\s*(?:timeout\s+server|(?:proxy|grpc|fastcgi|uwsgi)_read_timeout)\s+\d"
VALUE = regex(r"^\s*\S+(?:\s+server)?\s+(?P<number>\d+)(?P<unit>us|ms|s|m|h|d)?\b")
UNIT_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
COLUMNS = ("file", "line", "time", "endpoint", "took", "waited", "given_up", "well")


@rule(code="NGX027", title="A proxy waits less than answers took before", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Endpoints whose answers are cut off at one age, since a moment until which they were given more time."""
    if "upstream.timeout" not in case.kinds and "http.5xx" not in case.kinds:
        return
    for requests in _requests(case):
        cut = requests.filter("given_up")
        for (endpoint,), given_up in cut.group_by("endpoint", maintain_order=True):
            limit = float(str(given_up["took"].median()))
            alike = int(((given_up["took"] - limit).abs() <= NEAR * limit).sum())
            if given_up.height < FEWEST or alike < MOST_OF * given_up.height:
                continue
            well = requests.filter((pl.col("endpoint") == endpoint) & pl.col("well"))
            longer = well.filter(pl.coalesce("waited", "took") > LONGER * limit)
            before = longer.filter(pl.col("time") < given_up["time"].min())
            if before.height >= FEWEST_BEFORE and before.height == longer.height and not _hangs(well, given_up, limit):
                yield _finding(case, str(endpoint), given_up, before, limit)


def _hangs(well: pl.DataFrame, given_up: pl.DataFrame, limit: float) -> bool:
    """Whether what was answered in less time is not answered any more either: then it is the upstream that changed."""
    quick = well.filter(pl.col("took") < limit)["time"]
    began = given_up["time"].min()
    return int((quick < began).sum()) >= FEWEST and not (quick > began).any()


def _requests(case: Case) -> Iterator[pl.DataFrame]:
    """What load balancers and proxies wrote of requests and how long they took, one frame a format."""
    request = pl.col("request").str.extract(r"^\S+ (\S+)", 1)
    balanced, proxied = case.records("haproxy"), case.records("nginx_access")
    if {"times", "ended", "request", "time"} <= set(balanced.collect_schema()):
        took = pl.col("times").str.extract(r"(\d+)$", 1).cast(pl.Float64) / 1000
        waited = pl.col("times").str.extract(r"(\d+)/\+?\d+$", 1).cast(pl.Float64) / 1000
        yield _narrow(balanced, request, took, waited, pl.col("ended").str.starts_with("sH"))
    if {"request", "status", "time", "request_time"} <= set(proxied.collect_schema()):
        told = "upstream_header_time" in proxied.collect_schema()
        waited = (pl.col("upstream_header_time") if told else pl.lit(None)).cast(pl.Float64, strict=False)
        yield _narrow(proxied, request, pl.col("request_time"), waited, pl.col("status") == GIVEN_UP)


def _narrow(told: pl.LazyFrame, request: pl.Expr, took: pl.Expr, waited: pl.Expr, given_up: pl.Expr) -> pl.DataFrame:
    """Requests that took a second or more, those that were given up, and those that went well; `waited`: for the upstream."""
    slow = told.with_columns(
        endpoint=endpoint_of(request),
        took=took,
        waited=waited,
        given_up=given_up.fill_null(False),
        well=pl.col("status") < 400,
    ).filter((pl.col("took") >= 1.0) & pl.col("time").is_not_null())
    return slow.select(COLUMNS).collect(engine="streaming").sort("time", maintain_order=True).with_columns(lines=1)


def _finding(case: Case, endpoint: str, given_up: pl.DataFrame, before: pl.DataFrame, limit: float) -> Finding:
    set_by = [(span, text) for span, text in settings(case, SETS) if abs(_seconds(text) - limit) <= NEAR * limit]
    place = set_by[0] if len(set_by) == 1 else None
    told = cite(given_up, shows="timeout_closes_connection")
    longest = before.sort("took", descending=True, maintain_order=True).head(2)
    mismatch = cite(longest.sort("line"), "it took longer before", shows="configuration_mismatch")
    changed = tuple(brought(case, place[1])) if place else ()
    return Finding(
        confidence=PROVED if place and (changed or before["waited"].is_not_null().all()) else SEEN,
        claim=claim(
            "timeout_lowered.found",
            "{endpoint} is given up after {limit:g} s ({count}×), though before that it was given up to {took:g} s",
            endpoint=endpoint,
            limit=round(limit, 1),
            count=given_up.height,
            took=round(float(str(before["took"].max())), 1),
        ),
        evidence=(
            *([Evidence(place[0], f"{limit:.3g} s", shows="configuration_mismatch")] if place else told[:1]),
            *(Evidence(span, "the change", shows="deploy_changes_configuration") for span in changed),
            *mismatch,
            *told,
        ),
        would_refute=claim("timeout_lowered.refute", "an answer since then that took longer"),
        subject=endpoint,
        measured={
            "count": given_up.height,
            "limit_s": round(limit, 1),
            "took_s": round(float(str(before["took"].max())), 1),
        },
        times=instants(given_up),
        fix=claim(
            "timeout_lowered.fix",
            "give what takes long the time it needs, there alone, or let it work in the background and answer at once",
        ),
    )


def _seconds(text: str) -> float:
    """The value of such a line; HAProxy counts in milliseconds where no unit stands, nginx in seconds."""
    found = VALUE.match(text)
    unit = (found["unit"] or ("ms" if "timeout server" in " ".join(text.split()) else "s")) if found else "s"
    return float(found["number"]) * UNIT_S[unit] if found else 0.0
