"""A service does not end when it is told to, and is killed when its grace is over."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.timeline.select import cite, instants
from logcorr.timeline.signs import STARTS

SHORTEST_S, LONGEST_S = 3.0, 300.0
"""Graces that supervisors are given: docker waits 10 s, Kubernetes 30 s, systemd 90 s."""

TOLD, KILLED = "process.terminating", "process.killed"


@rule(code="PROC003", title="A service is killed because it does not end in time", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Pairs each order to end with a SIGKILL of the same service, where nothing between says that it ended or began."""
    alive = case.happened(TOLD, KILLED, "process.out_of_memory", *STARTS).drop_nulls(["time", "service"])
    rows = alive.sort("service", "time", maintain_order=True)
    for service, found in groupby(_pairs(rows), lambda pair: str(rows["service"][pair[0]])):
        pairs = list(found)
        yield _finding(service, rows[[told for told, _ in pairs]], rows[[killed for _, killed in pairs]])


def _pairs(rows: pl.DataFrame) -> Iterator[tuple[int, int]]:
    """The rows of an order to end and of the kill that follows it after a grace."""
    told: int | None = None
    for row, (service, kind, time) in enumerate(rows.select("service", "kind", "time").iter_rows()):
        if told is not None and (rows["service"][told] != service or kind not in (TOLD, KILLED)):
            told = None
        if kind == TOLD:
            told = row if told is None else told
        elif kind == KILLED and told is not None:
            if SHORTEST_S <= (time - rows["time"][told]).total_seconds() <= LONGEST_S:
                yield told, row
            told = None


def _finding(service: str, told: pl.DataFrame, killed: pl.DataFrame) -> Finding:
    waits = (killed["time"] - told["time"]).dt.total_milliseconds() / 1000
    grace_s = round(float(np.median(waits)), 1)
    return Finding(
        confidence=0.9,
        claim=claim(
            "killed_after_grace.found",
            "{service} was told to end and was killed {grace:g} s later, still running ({count}×)",
            service=service,
            grace=grace_s,
            count=told.height,
        ),
        evidence=(
            *cite(told, "told to end", most=1),
            *cite(killed, "killed", most=1),
            *(Evidence(one.span, one.note) for one in (*cite(told[1:], most=2), *cite(killed[1:], most=2))),
        ),
        would_refute=claim("killed_after_grace.refute", "another sender of the SIGKILL: a person, the kernel for want of memory"),
        subject=service,
        measured={"count": told.height, "grace_s": grace_s},
        times=instants(killed),
        fix=claim(
            "killed_after_grace.fix",
            "end on SIGTERM (pid 1 needs a handler for it, a shell before the process must exec it), or set a longer grace",
        ),
    )
