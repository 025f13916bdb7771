"""Lasting connections of clients (WebSockets) break."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule


@rule(code="NET001", title="Clients lost their connections", role="symptom", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Disconnects that neither the user nor the client asked for, counted by the service or source that logged them."""
    for service, events in by_service(case.happened("client.disconnected")):
        yield counted(
            events,
            service,
            claim(
                "clients_disconnected.counted",
                "connections that {service} reports as broken off: {count}",
                service=service,
                count=events.height,
            ),
            claim("clients_disconnected.refute", "the clients closed these connections themselves"),
        )
