"""A service is told to end, ends by a signal, or dies."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule


@rule(code="PROC009", title="A service was terminated", role="symptom", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Each service's own lines about SIGTERM or shutting down, counted."""
    for service, events in by_service(case.happened("process.terminating")):
        yield counted(
            events,
            service,
            claim(
                "service_terminated.counted",
                "{service} was told to terminate ({count}×)",
                service=service,
                count=events.height,
            ),
            claim("service_terminated.refute", "the service kept running: its uptime spans these times"),
        )
