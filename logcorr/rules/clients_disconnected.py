"""Lasting connections of clients (WebSockets) break."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule

CLEAN = ["client namespace disconnect", "io client disconnect"]
"""Socket.IO's reasons for an end that the client asked for, in the server's words and in the browser's."""


@rule(code="NET001", title="Clients lost their connections", role="symptom", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Disconnects that neither the user nor the client asked for, counted by the service or source that logged them."""
    ended = case.happened("client.disconnected")
    for service, events in by_service(ended.filter(~pl.col("message").str.contains_any(CLEAN))):
        yield counted(
            events,
            service,
            claim(
                "clients_disconnected.counted",
                "{service} reports client connections that broke off ({count}×)",
                service=service,
                count=events.height,
            ),
            claim("clients_disconnected.refute", "the clients closed these connections themselves"),
        )
