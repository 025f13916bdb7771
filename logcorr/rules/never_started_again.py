"""A service stops and does not come back while others go on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.timeline.lifecycles import ONE_START, Downtime, stopped

LONG = timedelta(minutes=10)
POD = regex(r"(?P<group>.+-[a-z0-9]{6,10})-[a-z0-9]{5}")
"""How Kubernetes calls the pods of one ReplicaSet: one may end for good where others of its group go on."""


@rule(code="PROC005", title="A service stopped and was not started again", role="signal", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Looks at each service's last stop: no start after it, no further line of its own, and other logs that go on."""
    last_stops = [list(stops)[-1] for _, stops in groupby(case.once(stopped), lambda stop: stop.service)]
    for last in last_stops:
        if _scaled_down(case, last):
            continue
        silent = _silent(case, last) if last.up is None and last.kind != "process.exited" else None
        if silent and silent >= LONG:
            yield _finding(last, silent)


def _scaled_down(case: Case, stop: Downtime) -> bool:
    """Whether another pod of its group says something long after."""
    pod = POD.fullmatch(stop.service)
    if not pod:
        return False
    other = pl.col("service").str.starts_with(f"{pod['group']}-") & (pl.col("service") != stop.service)
    return case.timeline.filter(other & (pl.col("time") > stop.ended + LONG)).head(1).collect().height > 0


def _silent(case: Case, stop: Downtime) -> timedelta | None:
    """How long others still wrote after the stop; None where its own log goes on too."""
    own = {source.path for source in case.sources if source.service == stop.service} or {
        stop.end.path,
        *_files(case, stop.service),
    }
    ends = [(source.path in own, source.last) for source in case.sources if source.last]
    if any(mine and last > stop.ended + ONE_START for mine, last in ends):
        return None
    return max((last - stop.ended for mine, last in ends if not mine), default=None)


def _files(case: Case, service: str) -> list[str]:
    """The logs that tell of the service."""
    return case.events.filter(pl.col("service") == service).select("file").unique().collect()["file"].to_list()


def _finding(stop: Downtime, silent: timedelta) -> Finding:
    return Finding(
        confidence=0.75,
        claim=claim(
            "never_started_again.found",
            "{service} stopped and was not started again: other logs go on for {silent:g} s",
            service=stop.service,
            silent=silent.total_seconds(),
        ),
        evidence=(Evidence(stop.end, "its last stop"),),
        would_refute=claim("never_started_again.refute", "a later log of {service} that was not collected", service=stop.service),
        subject=stop.service,
        measured={"silent_s": silent.total_seconds()},
        times=(stop.ended,),
    )
