"""Requests that take long to arrive are answered with 408 at one age: a limit on how long a request may take ends them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import NginxFile
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._settings import settings
from logcorr.timeline.select import cite, instants

ENDED = 408
FEWEST, SHORTEST_S = 5, 5.0

CHECKED_S = 31.0
"""Who ends them looks only now and then: Node each 30 s (`connectionsCheckingInterval`)."""

SCATTER = 0.02
"""And stamps, and the time to answer, add so much."""

NODE_S = 300.0
"""Node's `requestTimeout` since version 18: https://nodejs.org/api/http.html#serverrequesttimeout."""

SERVES = r"\bcreateServer\(|\b(?:app|server)\.listen\("
OTHER_SERVERS = r"\bfastify\b|\bDeno\.serve\b|\bBun\.serve\b"
"""Fastify sets no limit unless told; the others are not Node's server."""
NODE = (".js", ".mjs", ".cjs", ".ts", ".mts")
CODE = (*NODE, ".py", ".rb", ".go", ".php", ".java", ".kt")

NGINX_S, EXACT_S = 60.0, 1.0
"""nginx' client_body_timeout unless set, by which it answers for itself and at once:
https://nginx.org/en/docs/http/ngx_http_core_module.html#client_body_timeout."""

NAMES = r"\b(?:client_)?(?:request|headers?|body|read|receive)[_-]?timeout\b"
NUMBER = r"\d[\d_]*(?:\.\d+)?"
SET = regex(
    rf"(?P<name>{NAMES})['\"]?\s*[:=]?\s*(?P<product>{NUMBER}(?:\s*\*\s*{NUMBER})*)"
    r"\s*(?:\*\s*time\.)?(?P<unit>ms|millisecond|seconds?|s|minutes?|min|m|h)?\b(?!\.\d)",
    re.IGNORECASE,
)
UNITS = {"ms": 1e-3, "millisecond": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "second": 1.0, "minute": 60.0}

UNBUFFERED = r"\bproxy_request_buffering\s+off"
SHOWS = "limit_rejects_requests"
SURE, DEFAULT, LIKELY = 0.92, 0.9, 0.75
"""How sure it is: of the proxy's setting or of one in code that makes a server, of Node's default, and of one in some other
file, which may be that of a client of the program's."""


class _Ended(Struct, frozen=True):
    """Requests of one method that were ended between two ages, and the longest of the others; `by_nginx`: as nginx ends them."""

    rows: pl.DataFrame
    method: str
    low_s: float
    high_s: float
    longest_s: float
    by_nginx: bool


class _Limit(Struct, frozen=True):
    """What ends them: where it is set, or the line of the server for which nothing is set, and its name."""

    span: Span
    name: str
    seconds: float
    confidence: float


@rule(code="NGX026", title="Requests that take long to arrive are ended", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Answers of 408 that all come at one age, longer than which no request of the kind succeeds, with the limit of that age."""
    for ended in _ended(case):
        yield _finding(case, ended, _limit(case, ended))


def _ended(case: Case) -> Iterator[_Ended]:
    access = case.records("nginx_access")
    if not {"request", "request_time", "status"} <= set(access.collect_schema()):
        return
    method, took = pl.col("request").str.extract(r"^([A-Z]+) ", 1).alias("method"), pl.col("request_time").alias("took")
    late = (pl.col("status") == ENDED) & (took >= SHORTEST_S)
    rows = access.filter(late).select("file", "line", method, took).drop_nulls().collect()
    for (name,), same in rows.group_by("method", maintain_order=True):
        low, high = (float(same["took"].quantile(share, "nearest") or 0.0) for share in (0.05, 0.95))
        if same.height >= FEWEST and high - low <= CHECKED_S + SCATTER * low:
            others = access.filter((method == name) & (pl.col("status") < 400)).select(took.max()).collect().item()
            if float(others or 0.0) <= high:
                told = case.timeline.join(same.lazy(), on=["file", "line"]).collect().sort("time", "file", "line")
                exact = low >= (1 - SCATTER) * NGINX_S and high <= NGINX_S + EXACT_S
                by_nginx = exact and not _upstreams(access.join(same.lazy(), on=["file", "line"], how="semi"))
                yield _Ended(told, str(name), low, high, float(others or 0.0), by_nginx)


def _upstreams(ended: pl.LazyFrame) -> bool:
    """Whether it was the upstream that answered so."""
    if "upstream_status" not in ended.collect_schema():
        return False
    return bool(ended.select((pl.col("upstream_status").cast(pl.String) == str(ENDED)).any()).collect().item())


def _limit(case: Case, ended: _Ended) -> _Limit | None:
    """The one setting of about that length; else Node's own, if one line makes a server of Node's and none sets its limit."""
    found = [one for span, text in settings(case, f"(?i){NAMES}") for one in _set(span, text, _sure(case, span))]
    fitting = [one for one in found if one.confidence and _fits(ended, one.seconds)]
    if ended.by_nginx:
        proxies = {file.span.path for file in case.of(NginxFile)}
        return next((one for one in fitting if one.span.path in proxies), None)
    if len({one.span for one in fitting}) == 1:
        return fitting[0]
    in_force = any(one.name.lower() == "requesttimeout" for one in found)
    return None if fitting or in_force or not _fits(ended, NODE_S) else _node(case)


def _sure(case: Case, span: Span) -> float:
    """How sure a limit in such a file holds for requests that come in: the proxy's does, and one beside what makes a server."""
    if span.path in {file.span.path for file in case.of(NginxFile)}:
        return SURE
    if span.path.endswith(CODE):
        return SURE if span.path in {place.path for place, _ in settings(case, f"{SERVES}|{OTHER_SERVERS}")} else 0.0
    return LIKELY


def _set(span: Span, text: str, sure: float) -> Iterator[_Limit]:
    for match in SET.finditer(text):
        number = prod(float(one.replace("_", "")) for one in re.split(r"\s*\*\s*", match["product"]))
        unit = (match["unit"] or "").lower().removesuffix("s") or (match["unit"] or "").lower()
        for scale in [UNITS[unit]] if unit else [1.0, 1e-3]:
            yield _Limit(span, match["name"], number * scale, sure)


def _fits(ended: _Ended, seconds: float) -> bool:
    return (
        seconds >= SHORTEST_S and (1 - SCATTER) * seconds <= ended.low_s and ended.high_s <= (1 + SCATTER) * seconds + CHECKED_S
    )


def _node(case: Case) -> _Limit | None:
    lines = [(span, text) for span, text in settings(case, SERVES) if span.path.endswith(NODE)]
    made = [span for span, text in lines if "createServer" in text] or [span for span, _ in lines]
    others = any(span.path.endswith(NODE) for span, _ in settings(case, OTHER_SERVERS))
    return _Limit(made[0], "requestTimeout", NODE_S, DEFAULT) if len(made) == 1 and not others else None


def _finding(case: Case, ended: _Ended, limit: _Limit | None) -> Finding:
    rows = ended.rows
    passed = [span for span, _ in settings(case, UNBUFFERED)] if limit else []
    return Finding(
        role="defect" if limit else "symptom",
        confidence=limit.confidence if limit else 1.0,
        claim=_claim(ended, limit),
        evidence=(
            *([Evidence(limit.span, "the limit", shows=SHOWS)] if limit else []),
            *(Evidence(span, "what is sent reaches the application at the client's speed", shows=SHOWS) for span in passed),
            *cite(rows, shows="failure_reaches_clients"),
        ),
        would_refute=claim(
            "slow_request_ended.refute", "a request that took longer than {low:.0f} s and was answered well", low=ended.low_s
        ),
        subject=str(rows["service"][0] or rows["source"][0]),
        measured={"count": rows.height, "low_s": ended.low_s, "high_s": ended.high_s}
        | ({"limit_s": limit.seconds} if limit else {}),
        times=instants(rows),
        fix=claim(
            "slow_request_ended.fix",
            "set {name} to what the slowest honest client needs, or let the proxy take the request first "
            "(proxy_request_buffering on)",
            name=limit.name,
        )
        if limit
        else None,
    )


def _claim(ended: _Ended, limit: _Limit | None) -> Claim:
    numbers: dict[str, str | int | float] = {
        "method": ended.method,
        "count": ended.rows.height,
        "low": ended.low_s,
        "high": ended.high_s,
        "longest": ended.longest_s,
    }
    if limit is None:
        return claim(
            "slow_request_ended.found",
            "{count} {method} requests were ended with 408, all {low:.0f} to {high:.0f} s after they began; "
            "of those that succeeded none took longer than {longest:.0f} s",
            **numbers,
        )
    if limit.confidence != DEFAULT:
        return claim(
            "slow_request_ended.set",
            "{name} of {limit:g} s at {place} ends requests that have not wholly arrived by then: {count} {method} requests were "
            "answered with 408, {low:.0f} to {high:.0f} s after they began",
            name=limit.name,
            limit=limit.seconds,
            place=str(limit.span),
            **numbers,
        )
    return claim(
        "slow_request_ended.default",
        "{name} is not set for the server at {place}, so Node's default of {limit:g} s ends requests that have not wholly "
        "arrived by then: {count} {method} requests were answered with 408, {low:.0f} to {high:.0f} s after they began",
        name=limit.name,
        limit=limit.seconds,
        place=str(limit.span),
        **numbers,
    )
