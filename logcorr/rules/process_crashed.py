"""A process dies of its own: an uncaught exception, its heap limit, a fault."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule


@rule(code="NODE001", title="A process crashed", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Last words of dying processes, counted by service."""
    for service, events in by_service(case.happened("process.crashed")):
        yield counted(
            events,
            service,
            claim("process_crashed.counted", "{service} crashed ({count}×)", service=service, count=events.height),
            claim("process_crashed.refute", "the process went on after these lines"),
        )
