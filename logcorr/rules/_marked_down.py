"""Servers of a group that the proxy no longer asks, for a while, as one endpoint timed out at each of them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.facts import NginxFile
from logcorr.model.source import Span
from logcorr.rules._requests import asked
from logcorr.semantics.nginx import Nginx
from logcorr.semantics.nginx.facts import Proxied, Upstream, UpstreamServer
from logcorr.semantics.nginx.facts import seconds as nginx_seconds
from logcorr.timeline.select import seconds

FEWEST, NEARLY_ALL, SLACK_S = 3, 0.8, 1.0
OTHER_FAILURES = ("upstream.refused", "upstream.reset", "upstream.closed_early", "upstream.unresolved")
"""What marks a server as down as well: where it was said so often, the timeouts need not be why."""

HOLDS_S = 10.0
"""nginx's own `fail_timeout`."""


class MarkedDown(Struct, frozen=True):
    """The group, its servers' lines, how long they are not asked, and the rows of who found none that was."""

    group: str
    servers: tuple[Span, ...]
    hold_s: float
    rows: pl.DataFrame


def marked_down(case: Case, given_up: pl.DataFrame, place: Proxied) -> MarkedDown | None:
    """The group of this place, if nearly all who found no live server did so while its timeouts counted."""
    group = next((one for one in _groups(case) if place.target.partition("://")[2].partition("/")[0] == one.name), None)
    told = case.happened("upstream.none_live")
    if group is None or told.height < FEWEST or case.happened(*OTHER_FAILURES).height >= FEWEST:
        return None
    hold_s = max(map(_hold_s, group.servers))
    of_group = pl.col("upstream").str.contains(f"://{group.name}/", literal=True)
    rows = asked(case, told.filter(pl.col("time").is_not_null())).filter(of_group).sort("time", maintain_order=True)
    times, at = seconds(given_up), seconds(rows)
    last = np.searchsorted(times, at + SLACK_S, side="right") - 1
    held = (last >= 0) & (at - times[np.maximum(last, 0)] <= hold_s + SLACK_S)
    if len(at) < FEWEST or held.mean() < NEARLY_ALL:
        return None
    return MarkedDown(group.name, tuple(one.span for one in group.servers), hold_s, rows.filter(pl.Series(held)))


def _groups(case: Case) -> Sequence[Upstream]:
    """The groups of several servers each of which one failure marks as down: a single one never is."""
    every = [group for nginx in Nginx.every(tuple(case.of(NginxFile))) for group in nginx.upstreams()]
    return [one for one in every if len(one.servers) > 1 and all(_set(each, "max_fails") in ("", "1") for each in one.servers)]


def _hold_s(server: UpstreamServer) -> float:
    written = nginx_seconds(_set(server, "fail_timeout"))
    return HOLDS_S if written is None else written


def _set(server: UpstreamServer, name: str) -> str:
    """What a parameter is set to; empty where it is not written."""
    return next((one.partition("=")[2] for one in server.parameters if one.startswith(f"{name}=")), "")
