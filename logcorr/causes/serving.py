"""A check that has a service ended which answers everybody else: nothing was wrong until it acted."""

from __future__ import annotations

from logcorr.causes.exits import WhyFails
from logcorr.causes.follow import Times, of_stops
from logcorr.causes.haste import LACKED, has_peers, is_of
from logcorr.causes.suspects import Suspect
from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.events import PROXIES
from logcorr.timeline.requests import requests_told
from logcorr.timeline.select import cite, seconds
from logcorr.timeline.signs import ENDS, STARTS

BEFORE_S, AT_ONCE_S = 60.0, 1.0
"""So long before its end a service must have been well; stamps are cut to the second."""

FEWEST, NEARLY_ALL, HALF, MOST_ILL = 4, 0.9, 0.5, 0.2
"""So many ends before which anybody asked, half of them at least, nearly all asked in vain; so few with errors of its own."""

FAILED = 500
MOST_SERVING = 0.92
"""A check may ask for what the others do not."""


def serving(case: Case, suspect: Suspect, service: str, matched: pl.DataFrame) -> WhyFails | None:
    """Whether the service answered others until each end that the suspect's check brought, and told of no error before.

    A check that asks for nothing over the network (a load, a size) may be right, however well others are served.
    """
    effect = suspect.effect
    probe = effect.probes[-1].probe if effect and effect.probes else None
    if not effect or not probe or not probe.url or has_peers(case) or matched.height < FEWEST:
        return None
    names = case.called(service)
    others = _others(case, matched, names).filter(~is_of(probe))
    ends = seconds(matched.filter(pl.col("time").is_between(others["time"].min(), others["time"].max())))
    if len(ends) < FEWEST:
        return None
    before = others.filter(pl.Series(_before(ends, seconds(others)) >= 0, dtype=pl.Boolean))
    if not _well(ends, before) or _ill(case, ends, names) > MOST_ILL:
        return None
    return WhyFails(
        kind="scheduled_check_acts",
        most=MOST_SERVING,
        claim=claim(
            "cause.check_ends_what_serves",
            "{script} ended {service} when its check of {what} failed, though it answered others until then: {served} requests "
            "in the minute before {count} of its stops",
            script=effect.effect.span.path,
            what=probe.url,
            service=service,
            count=len(ends),
            served=before.height,
        ),
        evidence=cite(before, "answered just before", most=4, shows="probe_gets_answer"),
    )


def _others(case: Case, matched: pl.DataFrame, names: frozenset[str]) -> pl.DataFrame:
    """The requests that the service answered: by its own log, or of sorts that lacked it when it was down by the proxy's."""
    requests = requests_told(case).with_columns(sort=pl.col("path").str.replace_all(r"\d+", "0"))
    down = pl.Series(of_stops(matched).felt(seconds(requests)), dtype=pl.Boolean)
    lacked = requests.filter(down & pl.col("status").is_in(LACKED))["sort"].unique()
    by_proxy = pl.col("source").is_in(PROXIES) & pl.col("sort").is_in(lacked.implode())
    return requests.filter(by_proxy | pl.col("service").is_in(sorted(names)))


def _well(ends: Times, before: pl.DataFrame) -> bool:
    """Whether hardly any of these answers is a server's error, before nearly all of the ends before which there are some."""
    of_end, status = _before(ends, seconds(before)), before["status"].to_numpy()
    well = [float((status[of_end == end] < FAILED).mean()) >= NEARLY_ALL for end in np.unique(of_end)]
    return len(well) >= max(FEWEST, HALF * len(ends)) and bool(np.mean(well) >= NEARLY_ALL)


def _before(ends: Times, at: Times) -> Times:
    """For each time the number of the end that comes within a minute of it, and not before the end in front; else -1."""
    following = np.searchsorted(ends, at + AT_ONCE_S)
    near = np.minimum(following, len(ends) - 1)
    return np.where((following < len(ends)) & (ends[near] - at <= BEFORE_S), near, -1)


def _ill(case: Case, ends: Times, names: frozenset[str]) -> float:
    """On what share of the ends the service tells of an error within a minute before."""
    lives = pl.col("kind").is_in([*ENDS, *STARTS]).fill_null(value=False)
    severe = (pl.col("severity") >= "error") & ~lives & pl.col("time").is_not_null()
    told = case.logged.filter(pl.col("service").is_in(sorted(names)) & severe).select("time").collect(engine="streaming")
    return len(set(_before(ends, seconds(told.sort("time"))).tolist()) - {-1}) / len(ends)
