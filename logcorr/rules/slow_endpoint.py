"""One endpoint always takes longer than the proxy waits for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import NginxFile
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._durations import worked
from logcorr.rules._marked_down import MarkedDown, marked_down
from logcorr.rules._requests import asked, by_place, endpoint_of, read_limit
from logcorr.rules._settings import notes, settings
from logcorr.semantics.nginx.facts import Limit, Proxied
from logcorr.timeline.select import cite, instants, seconds

UNANSWERED = "while reading response header"
FEWEST = 3
LEAST_SHARE, SINCE = 0.8, 0.2
"""Of the requests for the endpoint, so many are given up: it always takes too long; or so many since a moment until which none
was, of very many."""

UNHURT = 0.001
HELD = r"(?i)[\w.-]*(?:hold|poll|wait|heartbeat|keep_?alive|interval)[\w.-]*['\"]?\s*[:=]\s*['\"]?(\d+)\b"
"""What settings are called that let a request wait on purpose."""

MOST_OF_ALL = 0.5
"""Where more of all requests are given up while they wait, it is the service that does not answer, not one endpoint."""

APART_S = 30.0
MOST_HELD = 20
CHANGES = "deploy_changes_configuration"
NEAR_S = 3.0
MEASURED, SEEN = 0.93, 0.75
"""A log or the record of a change says why; many a program has some setting called `wait` that is not why. What was answered
until a moment has some other cause, that which made it slow."""


@rule(code="NGX016", title="An endpoint takes longer than the proxy waits", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Given-up requests that are of one endpoint, at different times, while the others are answered."""
    if not any(case.of(NginxFile)):  # nothing tells how long the proxy waits, and where
        return
    timed_out = case.happened(
        "upstream.timeout", where=pl.col("message").str.contains(UNANSWERED, literal=True) & pl.col("time").is_not_null()
    )
    rows = asked(case, timed_out)
    if rows.height < FEWEST:
        return
    for place, here in by_place(case, rows):
        shaped = here.with_columns(endpoint=endpoint_of(pl.col("uri")))
        for (endpoint,), given_up in shaped.group_by("endpoint", maintain_order=True):
            limit = read_limit(place)
            requests = case.once(_requests)
            if _of_its_own(given_up, requests, str(endpoint), limit.seconds):
                mine = requests.filter(pl.col("endpoint") == endpoint)
                yield _finding(case, given_up, str(endpoint), place, limit, since=_since(mine))


def _requests(case: Case) -> pl.DataFrame:
    """What the proxy answered: `at` (epoch seconds), `endpoint`, and whether it `failed`."""
    told = case.records("nginx_access")
    if not {"request", "status", "time"} <= set(told.collect_schema()):
        return pl.DataFrame(schema={"at": pl.Float64, "endpoint": pl.Categorical, "failed": pl.Boolean})
    endpoint = endpoint_of(pl.col("request").str.extract(r"^\S+ (\S+)", 1)).cast(pl.Categorical)
    narrow = told.select(at=pl.col("time").dt.epoch("us") / 1e6, endpoint=endpoint, failed=pl.col("status") == 504)
    return narrow.collect(engine="streaming")


def _of_its_own(given_up: pl.DataFrame, requests: pl.DataFrame, endpoint: str, limit_s: float) -> bool:
    """Whether it is this endpoint that is slow: it nearly always is, at different times, and others are answered meanwhile."""
    times = seconds(given_up)
    if 1 + (np.diff(times) >= APART_S).sum() < FEWEST:
        return False
    mine, others = requests.filter(pl.col("endpoint") == endpoint), requests.filter(pl.col("endpoint") != endpoint)
    at, failed = others["at"].to_numpy(), others["failed"].to_numpy()
    ended = np.append(times, np.inf)[np.searchsorted(times, at)]
    meanwhile = ended - limit_s <= at
    return _too_long(mine) and bool(meanwhile.any()) and float(failed[meanwhile].mean()) < MOST_OF_ALL


def _too_long(mine: pl.DataFrame) -> bool:
    """Whether it always takes too long, or often does since a moment until which it never did."""
    at, failed = mine["at"].to_numpy(), mine["failed"].to_numpy()
    if len(at) < FEWEST or not failed.any():
        return False
    share = float(failed[at >= at[failed].min()].mean())
    return float(failed.mean()) >= LEAST_SHARE or (share >= SINCE and _since(mine))


def _since(mine: pl.DataFrame) -> bool:
    """Whether it was answered until a moment, so often that it did not take so long then."""
    at, failed = mine["at"].to_numpy(), mine["failed"].to_numpy()
    share = float(failed.sum()) / (int((at >= at[failed].min()).sum()) + 1)
    return (1 - share) ** int((at < at[failed].min()).sum()) <= UNHURT


def _held(case: Case, limit_s: float) -> Iterator[Evidence]:
    """Settings by which the application lets a request wait longer than the proxy does, and the notes that tell of them."""
    for span, text in settings(case, HELD):
        (name, number) = next((found[0], found[1]) for found in [re.search(HELD, text)] if found)
        if limit_s < int(number) <= MOST_HELD * limit_s or limit_s < int(number) / 1000 <= MOST_HELD * limit_s:
            told = notes(case, re.split(r"['\"\s:=]", name)[0], number)
            yield from (Evidence(note, "it was changed", shows=CHANGES) for note in told)
            yield Evidence(span, f"it may wait {number}", shows="configuration_mismatch")


def _finding(case: Case, given_up: pl.DataFrame, endpoint: str, place: Proxied, limit: Limit, *, since: bool) -> Finding:
    late = _late(case, given_up, limit.seconds)
    took = round(float(np.median(late["took"].to_numpy())), 1) if late.height else None
    where = limit.span or place.span
    held = tuple(_held(case, limit.seconds))
    down = marked_down(case, given_up, place)
    return Finding(
        confidence=MEASURED if (took and not since) or down or any(one.shows == CHANGES for one in held) else SEEN,
        claim=_marked(endpoint, limit, given_up.height, down) if down else _claim(endpoint, limit, given_up.height, took),
        evidence=(
            Evidence(where, f"{limit.name} {limit.seconds:g} s", shows="configuration_mismatch"),
            Evidence(place.location, "the location", shows="configuration_mismatch"),
            *held,
            *cite(late, "how long it took", most=4, shows="configuration_mismatch"),
            *(Evidence(span, "then counts as down", shows="configuration_mismatch") for span in (down.servers if down else ())),
            *cite(given_up, shows="timeout_closes_connection"),
            *(cite(down.rows, "no server was left to ask", most=3, shows="timeout_closes_connection") if down else ()),
        ),
        would_refute=claim(
            "slow_endpoint.refute",
            "an answer to {endpoint} within {limit:g} s in this time",
            endpoint=endpoint,
            limit=limit.seconds,
        ),
        subject=endpoint,
        measured={"count": given_up.height, "limit_s": limit.seconds, **({"took_s": took} if took else {})},
        times=instants(pl.concat([given_up.select("time"), down.rows.select("time")]).sort("time") if down else given_up),
        fix=_fix(marked=down is not None),
    )


def _fix(*, marked: bool) -> Claim:
    if marked:
        return claim(
            "slow_endpoint.spare",
            "give this location alone a longer timeout, or a group of its own, and set max_fails so that no slow request counts "
            "its server as down",
        )
    return claim(
        "slow_endpoint.fix",
        "let the work go on in the background and answer at once, or give this location alone a longer timeout",
    )


def _late(case: Case, given_up: pl.DataFrame, limit_s: float) -> pl.DataFrame:
    """The sort of work that began when these requests came and took longer than the limit, if most of them have some."""
    came = seconds(given_up) - limit_s
    for _, rows in case.once(worked).filter(pl.col("took") > limit_s).group_by("file", "sort", maintain_order=True):
        began = rows["began"].to_numpy()
        if _near(came, began).mean() >= LEAST_SHARE:
            return rows.filter(pl.Series(_near(began, came)))
    return given_up.clear().with_columns(took=pl.lit(0.0))


def _near(
    times: np.ndarray[tuple[int], np.dtype[np.float64]], others: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """For each of the times, whether one of the others is near."""
    there = np.sort(others)
    return np.searchsorted(there, times - NEAR_S, "left") < np.searchsorted(there, times + NEAR_S, "right")


def _marked(endpoint: str, limit: Limit, count: int, down: MarkedDown) -> Claim:
    return claim(
        "slow_endpoint.marked",
        "{endpoint} is not answered in the {limit:g} s that the proxy waits: for each of the {count} requests that were given up "
        "a server of {group} counts as down for {hold:g} s, and {turned} other requests found none that was not",
        endpoint=endpoint,
        limit=limit.seconds,
        count=count,
        group=down.group,
        hold=down.hold_s,
        turned=down.rows.height,
    )


def _claim(endpoint: str, limit: Limit, count: int, took: float | None) -> Claim:
    if took:
        return claim(
            "slow_endpoint.measured",
            "{endpoint} takes {took:g} s, but the proxy waits {limit:g} s for it: {count} requests were given up",
            endpoint=endpoint,
            took=took,
            limit=limit.seconds,
            count=count,
        )
    return claim(
        "slow_endpoint.found",
        "{endpoint} is not answered in the {limit:g} s that the proxy waits, while others are: {count} requests were given up",
        endpoint=endpoint,
        limit=limit.seconds,
        count=count,
    )
