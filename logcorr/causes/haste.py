"""A check that runs into its own time limit while others are served: it is too hasty, and nothing is down."""

from __future__ import annotations

import re

from logcorr.causes.exits import WhyFails, exits
from logcorr.causes.follow import Times, of_stops
from logcorr.causes.suspects import Suspect
from logcorr.lazily import np, pl
from logcorr.model.behaviour import Probe
from logcorr.model.case import Case, ProvedEffect
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import NginxFile
from logcorr.model.source import Span
from logcorr.timeline.requests import requests_told
from logcorr.timeline.select import cite, lines_like, seconds

FEWEST, NEARLY_ALL, MOST = 4, 0.9, 0.8
"""So many runs, nearly all of which waited the whole limit, and so great a share of the others' requests served meanwhile."""

MOST_HASTY = 0.95
"""That it took long to answer this check, while it answered others, is what times and requests tell."""

EARLY_S, UNIT_S = 0.5, 1.0
"""A run may seem to begin so much late; stamps of requests are cut to the second."""

LACKED, GIVEN_UP = (502, 504), 499
"""By what a proxy answers it shows which requests it hands to the service that is down."""

IN_TIME = (28, 4, 124)
"""How curl, wget and timeout end when the time is up."""

UNTOLD = 2.0

IDLE = {"backup", "down"}
"""Servers of a group that are not asked as long as others answer."""


def hasty(case: Case, suspect: Suspect, matched: pl.DataFrame) -> WhyFails | None:
    """Whether the suspect's check waited its whole time before it acted, while those who asked the same service were served."""
    effect = suspect.effect
    probe = next((one.probe for one in effect.probes if one.probe.timeout_s and one.probe.url), None) if effect else None
    if not effect or not probe or not len(suspect.ticks) or has_peers(case):
        return None
    stops = seconds(matched)
    began = suspect.ticks[np.maximum(np.searchsorted(suspect.ticks, stops, side="right") - 1, 0)]
    waited = stops - began >= (probe.timeout_s or 0.0) - EARLY_S
    in_time = _ended_by_time(case, suspect)
    untold = in_time == UNTOLD
    if len(stops) < FEWEST or waited.mean() < NEARLY_ALL or in_time < NEARLY_ALL or (untold and _waits_for_else(case, effect)):
        return None
    requests = requests_told(case).with_columns(sort=pl.col("path").str.replace_all(r"\d+", "0"))
    others = _meanwhile(requests.filter(~is_of(probe)), matched, began, stops)
    served = others.filter(pl.col("status").is_between(200, 399))
    fewest = max(FEWEST, len(stops) / 2) if untold else FEWEST
    if served.height < max(fewest, MOST * others.height):
        return None
    return _told(probe, int(waited.sum()), served, requests.filter(is_of(probe) & (pl.col("status") == GIVEN_UP)))


def has_peers(case: Case) -> bool:
    """Whether the proxy shares the requests out: then another server than the one that is checked may have served the others."""
    every = (one for file in case.of(NginxFile) for top in file.directives for one in top.walk())
    groups = ([member for member in one.children or () if member.name == "server"] for one in every if one.name == "upstream")
    return any(sum(IDLE.isdisjoint(member.args) for member in group) > 1 for group in groups)


def _waits_for_else(case: Case, effect: ProvedEffect) -> bool:
    """Whether the script pauses before it acts: then the time tells nothing."""
    place = effect.effect.span
    return any(lines_like(case, Span(place.path, 1, place.line), r"\bsleep\b|--retry"))


def _ended_by_time(case: Case, suspect: Suspect) -> float:
    """On what share of the times at which the script tells how its check ended its time was up; `UNTOLD` where it never does."""
    codes = exits(case, suspect)["exit"].to_list()
    return sum(code in IN_TIME for code in codes) / len(codes) if codes else UNTOLD


def is_of(probe: Probe) -> pl.Expr:
    """Whether a request is for what a check asks."""
    path = re.sub(r"^\w+://[^/]*", "", probe.url or "").partition("?")[0] or "/"
    return pl.col("path") == path


def _meanwhile(requests: pl.DataFrame, matched: pl.DataFrame, began: Times, stops: Times) -> pl.DataFrame:
    """Of the sorts of requests that lacked the service when it was down, those that were answered while a check waited."""
    down = of_stops(matched).felt(seconds(requests))
    sorts = requests.filter(pl.Series(down, dtype=pl.Boolean) & pl.col("status").is_in(LACKED))["sort"].unique()
    own = requests.filter(pl.col("sort").is_in(sorts.implode()))
    at = seconds(own)
    run = np.searchsorted(began, at, side="right") - 1
    near = np.maximum(run, 0)
    inside = (run >= 0) & (at >= began[near] + UNIT_S) & (at <= stops[near] - UNIT_S) if len(at) else np.zeros(0, dtype=bool)
    return own.filter(pl.Series(inside, dtype=pl.Boolean))


def _told(probe: Probe, runs: int, served: pl.DataFrame, given_up: pl.DataFrame) -> WhyFails:
    limit, places = probe.timeout_s or 0.0, dict.fromkeys([probe.span, probe.url_span or probe.span])
    return WhyFails(
        kind="slow_probe",
        most=MOST_HASTY,
        claim=claim(
            "slow_probe.hasty",
            "the probe of {url} waits {limit:g} s: {runs} times it gave up and acted, "
            "while {served} requests of others were served",
            url=str(probe.url),
            limit=limit,
            runs=runs,
            served=served.height,
        ),
        evidence=(
            *(Evidence(at, f"waits {limit:g} s", shows="probe_gets_answer") for at in places),
            *cite(given_up, "the probe gave up", most=2, shows="probe_gets_answer"),
            *cite(served, "served meanwhile", most=4, shows="probe_gets_answer"),
        ),
    )
