"""The proxy, or another application, sends a request on a kept connection just as the application closes it for being idle."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from logcorr.lazily import np, npt, pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import NginxFile
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._kept_open import Idle, application_keeps
from logcorr.rules._raced import raced
from logcorr.rules._requests import asked, by_place, endpoint_of
from logcorr.semantics.nginx import Nginx
from logcorr.semantics.nginx.facts import Proxied, Upstream
from logcorr.semantics.nginx.facts import seconds as duration
from logcorr.timeline.lifecycles import stopped
from logcorr.timeline.select import cite, instants, moments, seconds

BROKEN = ("while reading response header", "while sending request")
"""How nginx words it that a connection broke before any answer."""

NGINX_IDLE_S = 60.0
NODE_SLACK_S = 2.5
"""Node lets a second pass beyond its limit, and a busy process notices late."""

FEWEST = 3
APART_S = 10.0
"""A crash or a restart breaks several connections at once; idle connections are closed one by one."""

NEAR_S = 30.0
LEAST_ALONE = 0.8
MOST_SHARE = 0.05
"""More of all requests than so many are no race, unless most of them come after a silence of just the application's limit."""

LEAST_MATCHING, CLEAR_MATCHING, MANY = 0.5, 0.8, 10
CHANCE = 0.01
"""So seldom as many of any requests would come after such a silence."""

CLEAR, MOST_MATCHED, MOST_CONFIGURED, MOST_ASSUMED = 0.92, 0.85, 0.6, 0.6
"""How sure it is: many broke off, nearly all after such a silence; most did; by the settings alone; by Node's default."""

Times: TypeAlias = "npt.NDArray[np.float64]"


@rule(code="NGX014", title="Kept connections are used as the application closes them", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Lonely broken requests to an upstream group whose connections the proxy keeps longer than the application does.

    And those that an application itself tells of, on connections that it keeps to another one.
    """
    files = tuple(case.of(NginxFile))
    groups = {group.name: group for group in Nginx.of(files).upstreams()} if files else {}
    idle = application_keeps(case)
    for place, rows in by_place(case, _broken(case)) if _reuses(files) else ():
        group = groups.get(re.sub(r"^\w+://", "", place.target).partition("/")[0])
        kept = _kept(group) if group else None
        rows = rows if _telling(case, rows, idle) else _passing(case, rows)
        if kept and kept[1] > idle.seconds and rows.height >= FEWEST and _lonely(case, rows):
            matching = _matching(_silences(case, seconds(rows)), idle)
            if matching >= LEAST_MATCHING or (idle.known and rows.height <= MOST_SHARE * len(_requests(case))):
                yield _finding(case, rows, place, kept, idle)
    yield from raced(case)


def _reuses(files: Sequence[NginxFile]) -> bool:
    """Whether connections to upstreams are told to stay open: HTTP/1.1, and no `Connection: close`."""
    every = [one for file in files for top in file.directives for one in top.walk()]
    version = any(one.name == "proxy_http_version" and one.args == ("1.1",) for one in every)
    return version and any(one.name == "proxy_set_header" and one.args == ("Connection", "") for one in every)


def _kept(group: Upstream) -> tuple[Span, float] | None:
    """The line that makes the proxy keep connections so long, and how long that is; None where it keeps none."""
    settings = {text.split()[0]: (text.split()[1:], span) for text, span in group.settings if len(text.split()) > 1}
    if "keepalive" not in settings:
        return None
    (value, *_), span = settings.get("keepalive_timeout", (["60s"], settings["keepalive"][1]))
    return span, duration(value) or NGINX_IDLE_S


def _broken(case: Case) -> pl.DataFrame:
    events = case.happened(
        "upstream.closed_early",
        "upstream.reset",
        where=pl.any_horizontal(pl.col("message").str.contains(words, literal=True) for words in BROKEN)
        & pl.col("time").is_not_null(),
    )
    return asked(case, events)


def _passing(case: Case, rows: pl.DataFrame) -> pl.DataFrame:
    """Those for what goes well mostly: what breaks off each second time or more is broken off by the application itself."""
    told, shaped = case.records("nginx_access"), rows.with_columns(endpoint=endpoint_of(pl.col("uri")))
    if "request" not in told.collect_schema():
        return rows
    endpoint = endpoint_of(pl.col("request").str.extract(r"^\S+ (\S+)", 1))
    every = told.group_by(endpoint=endpoint).agg(every=pl.len()).collect(engine="streaming")
    known = shaped.join(every, on="endpoint", how="left", maintain_order="left")
    count = pl.len().over("endpoint")
    return known.filter((count < FEWEST) | (2 * count < pl.col("every")) | pl.col("every").is_null())


def _lonely(case: Case, rows: pl.DataFrame) -> bool:
    """Whether they break off one by one, with no end of a process and no refusal near."""
    times = seconds(rows)
    ended = [stop.ended.timestamp() for stop in case.once(stopped)]
    troubles = np.sort([*ended, *moments(case, "upstream.refused", "upstream.timeout")])
    alone = (_near(troubles, times, NEAR_S) == 0) & (_near(times, times, APART_S) == 1)
    return float(np.mean(alone)) >= LEAST_ALONE


def _near(sorted_times: Times, times: Times, within_s: float) -> npt.NDArray[np.int64]:
    """How many of the sorted times are less than so far from each of the others."""
    return np.searchsorted(sorted_times, times + within_s) - np.searchsorted(sorted_times, times - within_s, side="right")


def _requests(case: Case) -> Times:
    """When the proxy logged requests."""
    told = case.records("nginx_access")
    if "request" not in told.collect_schema():
        return np.array([])
    return np.sort(told.select(pl.col("time").dt.epoch("us")).drop_nulls().collect()["time"].to_numpy() / 1e6)


def _silences(case: Case, times: Times) -> Times:
    """For each broken request, the seconds since the request logged before it: how long a kept connection was idle at least."""
    requests = _requests(case)
    before = np.searchsorted(requests, times, side="left") - 1
    return (times - requests[np.maximum(before, 0)])[before >= 0]


def _matching(silences: Times, idle: Idle) -> float:
    """The share of them that are about as long as the application's limit."""
    if not len(silences):
        return 0.0
    return float(((silences >= idle.seconds - 1) & (silences <= idle.seconds + NODE_SLACK_S)).mean())


def _telling(case: Case, rows: pl.DataFrame, idle: Idle) -> bool:
    """Whether so many would hardly come after such a silence by chance, as requests come there."""
    usual, count = _matching(np.diff(_requests(case)), idle), rows.height
    after = round(count * _matching(_silences(case, seconds(rows)), idle))
    chances = (math.comb(count, some) * usual**some * (1 - usual) ** (count - some) for some in range(after, count + 1))
    return sum(chances) <= CHANCE


def _sure(count: int, matching: float, telling: bool, idle: Idle) -> float:
    """Of an application whose source was not collected, only the length of the silences tells that it is this."""
    if not idle.known or not telling:
        return MOST_ASSUMED
    clear = count >= MANY and matching >= CLEAR_MATCHING
    return CLEAR if clear else MOST_MATCHED if matching >= LEAST_MATCHING else MOST_CONFIGURED


def _finding(case: Case, rows: pl.DataFrame, place: Proxied, kept: tuple[Span, float], idle: Idle) -> Finding:
    span, longest = kept
    silences = _silences(case, seconds(rows))
    matching = _matching(silences, idle)
    return Finding(
        confidence=_sure(rows.height, matching, _telling(case, rows, idle), idle),
        claim=claim(
            "keepalive_race.found",
            "the proxy keeps idle connections to {target} for {longest:g} s, the application closes them after {shortest:g} s: "
            "{count} requests broke off one by one, {matching:.0%} of them after a silence of about that length",
            target=place.target,
            longest=longest,
            shortest=idle.seconds,
            count=rows.height,
            matching=matching,
        ),
        evidence=(
            Evidence(span, f"kept for {longest:g} s", shows="configuration_mismatch"),
            *([Evidence(idle.span, f"closed after {idle.seconds:g} s", shows="configuration_mismatch")] if idle.span else []),
            Evidence(place.span, "where requests are handed on", shows="configuration_mismatch"),
            *cite(rows, shows="timeout_closes_connection"),
        ),
        would_refute=claim(
            "keepalive_race.refute",
            "an application that keeps idle connections longer than {longest:g} s, or its log of a failure at these times",
            longest=longest,
        ),
        subject=str(span),
        measured={
            "count": rows.height,
            "proxy_s": longest,
            "application_s": idle.seconds,
            "silence_s": round(float(np.median(silences)), 1) if len(silences) else 0.0,
        },
        times=instants(rows),
        fix=claim(
            "keepalive_race.fix",
            "let the application keep idle connections longer than the proxy does (in Node server.keepAliveTimeout), "
            "or set keepalive_timeout in the upstream group below the application's",
        ),
    )
