"""A service stops and does not come back while others go on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby

import polars as pl

from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.timeline.lifecycles import ONE_START, Downtime, stopped

LONG = timedelta(minutes=10)


@rule(code="PROC005", title="A service stopped and was not started again", role="signal", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Looks at each service's last stop: no start after it, no further line of its own, and other logs that go on."""
    for _, stops in groupby(case.once(stopped), lambda stop: stop.service):
        last = list(stops)[-1]
        silent = _silent(case, last) if last.up is None and last.kind != "process.exited" else None
        if silent and silent >= LONG:
            yield _finding(last, silent)


def _silent(case: Case, stop: Downtime) -> timedelta | None:
    """How long others still wrote after the stop; None where its own log goes on too."""
    own = {stop.end.path, *_files(case, stop.service)}
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
