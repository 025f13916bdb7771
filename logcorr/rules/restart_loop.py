"""A service is started again and again within minutes."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from msgspec.structs import replace

from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ComposeFile, NginxFile
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.semantics.nginx import Nginx
from logcorr.timeline.lifecycles import Downtime, stopped
from logcorr.timeline.select import lines_like

FEWEST = 5
WITHIN = timedelta(minutes=10)
GROWS = 1.3
"""By how much each wait is longer than the one before, where a supervisor backs off."""

MOST_CITED = 3

CLEAN = r"\bexitCode=0\b|\b(?i:exit(?:ed)?(?: with)? (?:code|status)):?[ =](?:0\b|\[0\]\s*$)|\bstatus=0/SUCCESS"
"""How supervisors word that a program ended by itself, as one does that has done its work."""

LISTENS = r"(?i)\blisten|\bport\b|https?://|:\d{2,5}\b|\bserv(?:er|ing)\b"

WORKED = timedelta(seconds=30)
"""A program that works off a batch lives so long at least; one that has nothing to keep it alive ends at once."""


@rule(code="PROC004", title="A service is started again and again", role="signal", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Looks in each service's stops for those whose starts stand close together."""
    again = (stop for stop in case.once(stopped) if stop.up and stop.up > stop.ended)
    for service, found in groupby(again, lambda stop: stop.service):
        row = _closest(list(found))
        if len(row) >= FEWEST:
            loop = _finding(service, row)
            yield _as_meant(loop, service, len(row)) if _worked_off(case, row) else loop


def _closest(stops: Sequence[Downtime]) -> Sequence[Downtime]:
    """The most of them that were started again within `WITHIN`."""
    starts = [_started(stop) for stop in stops]
    rows = (stops[first : bisect_right(starts, start + WITHIN)] for first, start in enumerate(starts))
    return max(rows, key=len)


def _started(stop: Downtime) -> datetime:
    return stop.up or stop.ended


def _worked_off(case: Case, row: Sequence[Downtime]) -> bool:
    """Whether it ended by itself each time, with success, and not at once: a batch, and the next process for the next one.

    What listens for clients does not end so, whatever status it gives.
    """
    started = case.happened("process.started").filter(service=row[0].service)
    if started["message"].str.contains(LISTENS).any() or _is_reached(case, row[0].service):
        return False
    lived = all(stop.ended - _started(before) >= WORKED for before, stop in pairwise(row))
    return lived and all(stop.kind == "process.exited" and any(lines_like(case, stop.end, CLEAN)) for stop in row)


def _is_reached(case: Case, name: str) -> bool:
    """Whether others reach it: by a port, as its health check does, or through the proxy."""
    names = case.called(name, name.rpartition("/")[2])
    composed = [one for file in case.of(ComposeFile) for one in file.services if {one.name, one.container_name} & names]
    checks = [" ".join(one.healthcheck.test) for one in composed if one.healthcheck]
    if any(one.ports or one.expose for one in composed) or any(re.search(LISTENS, check) for check in checks):
        return True
    proxies = Nginx.every(tuple(case.of(NginxFile)))
    servers = [server.address for nginx in proxies for group in nginx.upstreams() for server in group.servers]
    targets = [place.target for nginx in proxies for place in nginx.proxied()]
    return any(re.sub(r"^\w+://|[:/].*$", "", address) in names for address in (*servers, *targets))


def _as_meant(loop: Finding, service: str, starts: int) -> Finding:
    said = claim(
        "restart_loop.worked_off",
        "{service} ended by itself and with success {starts} times within {span:g} s, and was started again, "
        "as one is that works off a batch",
        service=service,
        starts=starts,
        span=loop.measured["span_s"],
    )
    return replace(loop, claim=said, severity="info")


def _finding(service: str, row: Sequence[Downtime]) -> Finding:
    waits = [(_started(stop) - stop.ended).total_seconds() for stop in row]
    span_s = (_started(row[-1]) - _started(row[0])).total_seconds()
    cited = (*row[: MOST_CITED - 1], row[-1])
    return Finding(
        confidence=0.95,
        claim=_claim(service, len(row), span_s, growing=all(later >= GROWS * wait for wait, later in pairwise(waits))),
        evidence=tuple(
            Evidence(span, note)
            for stop in cited
            for span, note in ((stop.end, "it ended"), (stop.start, "started again"))
            if span
        ),
        would_refute=claim("restart_loop.refute", "several processes that log under this name, each started once"),
        subject=service,
        measured={"starts": len(row), "span_s": span_s, "first_wait_s": waits[0], "last_wait_s": waits[-1]},
        times=tuple(stop.ended for stop in row),
    )


def _claim(service: str, starts: int, span_s: float, *, growing: bool) -> Claim:
    if growing:
        return claim(
            "restart_loop.growing",
            "{service} was started {starts} times within {span:g} s, after waits that grow: its supervisor backs off",
            service=service,
            starts=starts,
            span=span_s,
        )
    return claim(
        "restart_loop.found",
        "{service} was started {starts} times within {span:g} s",
        service=service,
        starts=starts,
        span=span_s,
    )
