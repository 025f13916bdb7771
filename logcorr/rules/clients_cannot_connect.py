"""Clients try to connect and fail."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule


@rule(code="NET002", title="Clients could not connect", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Failed connection attempts that the client side reports (5xx, connection errors), counted."""
    for service, events in by_service(case.placed("client.connect_failed")):
        yield counted(
            events,
            service,
            claim(
                "clients_cannot_connect.counted",
                "{service} reports failed attempts to connect ({count}×)",
                service=service,
                count=events.height,
            ),
            claim("clients_cannot_connect.refute", "these attempts succeeded, or failed on the client's own network"),
        )
