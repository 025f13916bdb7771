"""A service is told to end, ends by a signal, or dies."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import counted, rule
from logcorr.timeline.lifecycles import stops


@rule(code="PROC009", title="A service was terminated", role="symptom", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Each service's stops, counted once however many logs tell of them: by a signal that asks, and by SIGKILL."""
    refuted = claim("service_terminated.refute", "the service kept running: its uptime spans these times")
    for service, ends in stops(case):
        told = ends.filter(pl.col("kind") == "process.terminating")
        killed = ends.filter(pl.col("kind") == "process.killed")
        if told.height:
            said = claim(
                "service_terminated.counted", "{service} was told to terminate ({count}×)", service=service, count=told.height
            )
            yield counted(told, service, said, refuted)
        if killed.height:
            said = claim("service_terminated.killed", "{service} was killed ({count}×)", service=service, count=killed.height)
            yield counted(killed, service, said, refuted)
