"""The proxy closes lasting connections on which the upstream sends nothing for the length of its read timeout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import NginxFile
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._deeds import JUST_BEFORE, just_before
from logcorr.rules._idle_proxies import of_other_proxies
from logcorr.rules._limits import Limit as Setting
from logcorr.rules._limits import limits
from logcorr.rules._requests import asked, prefix, read_limit
from logcorr.rules._sessions import sessions
from logcorr.semantics.nginx import Nginx
from logcorr.semantics.nginx.facts import Limit, Proxied
from logcorr.timeline.select import cite, instants, seconds

IDLE = ("while proxying upgraded connection", "while reading upstream")
"""How nginx words a timeout between data, when the answer has begun; before it, the endpoint is slow instead."""

FEWEST = 3
MISMATCH = "configuration_mismatch"

FEWEST_LIVED, NEARLY_ALL = 5, 0.6
"""So many connections, and so much of them, end at one age if it is a limit that ends them."""

LATE_SHARE, LATE_S = 0.1, 2.0
"""They end that much later than the limit: what opens a connection is data, too."""

PINGS = regex(r"(?:ping|heartbeat|keep ?alive) (?:interval|period|every|sec(?:ond)?s?\b|ms\b)")
"""What settings are called by which an upstream sends something again and again."""

SHORT_MS = 1000.0
"""A larger number without a unit is one of milliseconds."""

TOLD, SURE, UNSURE, AT_ONCE, BUSY = 0.95, 0.92, 0.75, 0.6, 0.5
"""How sure it is: nginx tells it for long; the age does, of a limit that is set, or not; all at one time, as where the upstream
hangs; much was sent on them, so that something else may end them at that age."""

LONG = 3

MUCH = 1024
"""Bytes that are no greeting; a session that was idle from the first sends fewer."""


@rule(code="NGX012", title="A proxy timeout closes idle connections", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Ties timeouts of connections that had begun to the location they went through, and to the limit in force there.

    nginx tells of them only at its level `info`: without that, connections that nearly all end at the limit's age tell of it.
    """
    files = tuple(case.of(NginxFile))
    if not files:
        yield from of_other_proxies(case, [(one.span, seconds) for one, seconds in _pings(case)])
        return
    places = sorted((place for nginx in Nginx.every(files) for place in nginx.proxied()), key=lambda place: -len(prefix(place)))
    closed = _closed(case)
    if closed.height < FEWEST:
        yield from _aged(case, [place for place in places if place.upgrades])
        return
    left = closed
    for place in places:
        here = left.filter(pl.col("uri").str.starts_with(prefix(place)))
        left = left.filter(~pl.col("uri").str.starts_with(prefix(place)))
        if here.height >= FEWEST:
            yield _told(case, here, place, read_limit(place))


def _told(case: Case, closed: pl.DataFrame, place: Proxied, limit: Limit) -> Finding:
    """What nginx tells of itself, with the pings that are too rare, and what was changed just before the first."""
    found, since = _finding(closed, place, limit), closed["time"].drop_nulls()[:1].to_list()
    told = tuple(_ping(one, seconds) for one, seconds in _pings(case) if seconds >= limit.seconds)
    calm = since and case.window and since[0] - case.window[0] >= 2 * JUST_BEFORE
    changed = tuple(just_before(case, since[0])) if calm else ()
    return replace(found, evidence=(found.evidence[0], *changed, *told, *found.evidence[1:]))


def _pings(case: Case) -> list[tuple[Setting, float]]:
    """The settings by which an upstream sends something again and again, with their seconds."""
    return [(one, _seconds(one)) for one in limits(case) if PINGS.search(one.words)]


def _ping(setting: Setting, seconds: float) -> Evidence:
    return Evidence(setting.span, f"sends something each {seconds:g} s", shows=MISMATCH)


def _aged(case: Case, places: Sequence[Proxied]) -> Iterator[Finding]:
    """The one limit at which most connections end, unless something is known to be sent on them more often."""
    lived = sessions(case) if places else None
    if lived is None or lived.height < FEWEST_LIVED:
        return
    for limit, place in {read_limit(place).seconds: (read_limit(place), place) for place in reversed(places)}.values():
        least, most = limit.seconds - 0.5, limit.seconds * (1 + LATE_SHARE) + LATE_S
        at_limit = lived.filter(pl.col("lived").is_between(least, most) & (pl.col("quiet") >= least))
        pings = _pings(case)
        if at_limit.height >= NEARLY_ALL * lived.height and all(seconds >= limit.seconds for _, seconds in pings):
            told = tuple(_ping(one, seconds) for one, seconds in pings)
            found = _of_age(at_limit, lived.height, place, limit, told)
            yield replace(found, confidence=BUSY) if _much(case, at_limit) else found
            return


def _seconds(setting: Setting) -> float:
    """The interval that a setting of pings means."""
    return setting.value / 1000 if setting.value >= SHORT_MS or setting.unit == "ms" else next(setting.values())


def _much(case: Case, closed: pl.DataFrame) -> bool:
    """Whether most of them sent much, as far as the log of requests tells."""
    access = case.records("nginx_access")
    if "bytes" not in access.collect_schema():
        return False
    told = access.select("file", "line", "bytes").join(closed.lazy().select("file", "line"), on=["file", "line"], how="semi")
    sent = told.collect()["bytes"].drop_nulls()
    return sent.len() > 0 and bool(2 * (sent >= MUCH).sum() > sent.len())


def _of_age(closed: pl.DataFrame, of: int, place: Proxied, limit: Limit, pings: tuple[Evidence, ...]) -> Finding:
    found = _finding(closed, place, limit)
    return replace(
        found,
        confidence=SURE if limit.span or pings else UNSURE,
        claim=claim(
            "idle_timeout.aged",
            "{name} {seconds:g} s in location {path} closes connections on which nothing is sent: "
            "{count} of {total} ended {low:.0f} to {high:.0f} s after they began",
            name=limit.name,
            seconds=limit.seconds,
            path=prefix(place),
            count=closed.height,
            total=of,
            low=round(float(closed["lived"].quantile(0.05) or 0)),
            high=round(float(closed["lived"].quantile(0.95) or 0)),
        ),
        evidence=(found.evidence[0], *pings, *found.evidence[1:]),
    )


def _closed(case: Case) -> pl.DataFrame:
    """The timeouts of connections that had begun, with the `uri` that was asked for."""
    events = case.happened(
        "upstream.timeout", where=pl.any_horizontal(pl.col("message").str.contains(words, literal=True) for words in IDLE)
    )
    return asked(case, events)


def _is_for_long(closed: pl.DataFrame, limit: Limit) -> bool:
    """Whether they end over several times the limit; a connection that both sides use as they like (`Upgrade`) waits for none."""
    at = seconds(closed)
    upgraded = bool(closed["message"].str.contains(IDLE[0], literal=True).any())
    return upgraded or (len(at) > 1 and bool(at[-1] - at[0] >= LONG * limit.seconds))


def _finding(closed: pl.DataFrame, place: Proxied, limit: Limit) -> Finding:
    where = limit.span or place.span
    return Finding(
        confidence=TOLD if _is_for_long(closed, limit) else AT_ONCE,
        claim=claim(
            "idle_timeout.found",
            "{name} {seconds:g} s in location {path} closed {count} connections "
            "on which the upstream had sent nothing for so long",
            name=limit.name,
            seconds=limit.seconds,
            path=prefix(place),
            count=closed.height,
        ),
        evidence=(
            Evidence(
                where,
                f"{limit.name} {limit.seconds:g} s" if limit.span else f"{limit.name} is not set: {limit.seconds:g} s",
                shows=MISMATCH,
            ),
            Evidence(place.location, "the location", shows=MISMATCH),
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
