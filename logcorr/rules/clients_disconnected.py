"""Lasting connections of clients (WebSockets) break."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule

CLEAN = ["client namespace disconnect", "io client disconnect"]
"""Socket.IO's reasons for an end that the client asked for, in the server's words and in the browser's."""


LEFT = "transport close"
"""How a Socket.IO server words the end of a connection from the other side: mostly a page that was closed."""


@rule(code="NET001", title="Clients lost their connections", role="symptom", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Disconnects that neither the user nor the client asked for, counted by the service or source that logged them."""
    ended = case.happened("client.disconnected").filter(~pl.col("message").str.contains_any(CLEAN))
    left = (pl.col("source") != "browser") & pl.col("message").str.contains(LEFT, literal=True)
    for service, events in by_service(ended.filter(~left)):
        yield _lost(service, events)
    for service, events in by_service(ended.filter(left)):
        yield _left(service, events)


def _lost(service: str, events: pl.DataFrame) -> Finding:
    return counted(
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


def _left(service: str, events: pl.DataFrame) -> Finding:
    """Ends that may be every day's: a signal beside other troubles, and no symptom by itself."""
    found = counted(
        events,
        service,
        claim(
            "clients_disconnected.left",
            "{service} reports clients that went away ({count}×); a page that is closed looks the same",
            service=service,
            count=events.height,
        ),
        claim("clients_disconnected.left_refute", "clients that stayed, and report at these times that they lost the connection"),
    )
    return replace(found, role="signal", severity="info")
