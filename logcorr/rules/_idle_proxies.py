"""Limits of other proxies than nginx at which lasting connections end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from logcorr.lazily import np, pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.events import PROXIES
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules._deeds import JUST_BEFORE, just_before
from logcorr.rules._idle_closers import CUT
from logcorr.rules._limits import SECONDS
from logcorr.rules._sessions import sessions
from logcorr.rules._settings import settings
from logcorr.timeline.select import cite, instants, seconds

LINES = (
    ("Apache", r"(?i)^\s*(?:ProxyTimeout|ProxyWebsocketIdleTimeout|Timeout)\s+\d+\s*$"),
    ("Apache", r"(?i)^\s*(?:ProxyPass(?:Match)?|BalancerMember)\s.*\s(?:timeout)=\d+"),
    ("HAProxy", r"^\s*timeout\s+(?:tunnel|client|server)\s+\d+(?:ms|s|m|h)?\b"),
    ("Caddy", r"^\s*(?:read_timeout|stream_timeout|idle)\s+\d+(?:ms|s|m|h)\b"),
)
"""How they are told for how long nothing may be sent: mod_proxy, HAProxy's chapter 4.2, Caddy's reverse_proxy and servers."""

VALUE = regex(r"(?i)(?P<name>timeout\s+(?:tunnel|client|server)|\w*timeout|idle)[\s=]+(?P<number>\d+)(?P<unit>ms|s|m|h)?\b")

FEWEST, NEARLY_ALL, EARLY_S, LATE_SHARE, LATE_S = 5, 0.6, 0.5, 0.1, 2.0
"""So many connections, and so much of them since the first, end at one age if a limit ends them: then or a little later."""

SURE, UNPINGED = 0.92, 0.8
"""How sure it is, with a setting of pings that are rarer than the limit, and without."""

SWITCHED = 101

LOST, SOON_S = ("client.disconnected", "client.connect_failed", "client.reconnecting"), 5.0
"""How it is told that a connection is missed, and within which time of its end."""

MISMATCH = "configuration_mismatch"


class _Limit(Struct, frozen=True, kw_only=True):
    proxy: str
    name: str
    seconds: float
    span: Span


def of_other_proxies(case: Case, pings: Sequence[tuple[Span, float]]) -> Iterator[Finding]:
    """The limit at whose age most connections end since some did, unless something is known to be sent on them more often.

    `pings` are the settings by which an upstream sends something again and again, with their seconds.
    """
    limits = list(_limits(case))
    told = [one for one in (_of_haproxy(case), sessions(case)) if one.height >= FEWEST] if limits else []
    for limit, lived in ((limit, lived) for lived in told for limit in limits):
        least, most = limit.seconds - EARLY_S, limit.seconds * (1 + LATE_SHARE) + LATE_S
        ended = lived.filter(pl.col("lived").is_between(least, most) & (pl.col("quiet") >= least))
        of = lived.filter(pl.col("time") >= ended["time"].min()).height if ended.height >= FEWEST else 0
        rare = all(every >= limit.seconds for _, every in pings)
        if of and ended.height >= NEARLY_ALL * of and rare and _is_missed(case, ended):
            yield _finding(case, limit, ended, of, pings)
            return


def _of_haproxy(case: Case) -> pl.DataFrame:
    """Its sessions without HTTP, or of WebSockets, and for how long those lived that it closed because nothing was sent."""
    told = case.records("haproxy")
    if not {"times", "ended", "status", "time"} <= set(told.collect_schema()):
        return pl.DataFrame()
    took = pl.col("times").str.extract(r"(\d+)$", 1).cast(pl.Float64) / 1000
    lasting = told.filter((pl.col("status").is_null() | (pl.col("status") == SWITCHED)) & pl.col("times").is_not_null())
    idle = pl.when(pl.col("ended").str.contains(CUT)).then(took)
    rows = lasting.select("file", "line", lived=idle.fill_null(0.0), quiet=idle.fill_null(0.0))
    return case.timeline.drop_nulls("time").join(rows, on=["file", "line"]).collect()


def _is_missed(case: Case, ended: pl.DataFrame) -> bool:
    """Whether applications, or those who look on, tell of most of these ends, and not as of something usual."""
    felt = case.happened(*LOST).drop_nulls("time")
    loud = (pl.col("severity") >= "warn") & ~pl.col("source").is_in(PROXIES) & pl.col("time").is_not_null()
    told = np.unique(np.concatenate([seconds(felt), seconds(case.timeline.filter(loud).collect())]))
    ends = seconds(ended) + np.where(ended["kind"].is_in(LOST).to_numpy(), 0.0, ended["lived"].to_numpy())
    after = np.searchsorted(told, ends + SOON_S, side="right") - np.searchsorted(told, ends - SOON_S)
    return bool((after > 0).mean() >= NEARLY_ALL)


def _limits(case: Case) -> Iterator[_Limit]:
    """The limits that are set, the shortest first: it strikes first."""
    found = []
    for proxy, pattern in LINES:
        for span, text in settings(case, pattern):
            value = VALUE.search(text)
            if value and int(value["number"]):
                unit = (value["unit"] or ("ms" if proxy == "HAProxy" else "s")).lower()
                name = " ".join(value["name"].split())
                found.append(_Limit(proxy=proxy, name=name, seconds=int(value["number"]) * SECONDS[unit], span=span))
    yield from sorted(found, key=lambda one: one.seconds)


def _finding(case: Case, limit: _Limit, ended: pl.DataFrame, of: int, pings: Sequence[tuple[Span, float]]) -> Finding:
    first: datetime = ended["time"].sort()[0]
    calm = case.window and first - case.window[0] >= 2 * JUST_BEFORE
    return Finding(
        confidence=SURE if pings else UNPINGED,
        claim=claim(
            "idle_timeout.of_proxy",
            "{name} {seconds:g} s of {proxy} closes connections on which nothing is sent: {count} of {total} ended {low:.0f} to "
            "{high:.0f} s after they began",
            name=limit.name,
            seconds=limit.seconds,
            proxy=limit.proxy,
            count=ended.height,
            total=of,
            low=round(float(ended["lived"].quantile(0.05) or 0)),
            high=round(float(ended["lived"].quantile(0.95) or 0)),
        ),
        evidence=(
            Evidence(limit.span, f"{limit.name} {limit.seconds:g} s", shows=MISMATCH),
            *(just_before(case, first) if calm else ()),
            *(Evidence(span, f"sends something each {every:g} s", shows=MISMATCH) for span, every in pings),
            *cite(ended, shows="timeout_closes_connection"),
        ),
        would_refute=claim(
            "idle_timeout.refute", "data from the upstream in the {seconds:g} s before these closings", seconds=limit.seconds
        ),
        subject=str(limit.span),
        measured={"count": ended.height, "timeout_s": limit.seconds},
        times=instants(ended),
        fix=claim(
            "idle_timeout.fix",
            "let the upstream send something more often than every {seconds:g} s (a ping), or raise {name} above its interval",
            seconds=limit.seconds,
            name=limit.name,
        ),
    )
