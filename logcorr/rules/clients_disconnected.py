"""Lasting connections of clients (WebSockets) break."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule
from logcorr.rules._at_once import at_once
from logcorr.rules._sessions import sessions

CLEAN = ["client namespace disconnect", "io client disconnect"]
"""Socket.IO's reasons for an end that the client asked for, in the server's words and in the browser's."""


FEWEST_AGED, SAME_AGE = 10, 0.1
"""So many connections whose ages differ by no more than this share of them, but for the youngest and the oldest tenth."""

LEFT = "transport close"
"""How a Socket.IO server words the end of a connection from the other side: mostly a page that was closed."""


@rule(code="NET001", title="Clients lost their connections", role="symptom", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Disconnects that neither the user nor the client asked for, counted by the service or source that logged them."""
    ended = case.happened("client.disconnected").filter(~pl.col("message").str.contains_any(CLEAN))
    left = (pl.col("source") != "browser") & pl.col("message").str.contains(LEFT, literal=True)
    for service, events in by_service(ended.filter(~left)):
        together = at_once(case, events)
        yield _cut(service, together) if together.height else _lost(service, events)
    went = ended.filter(left)
    lived = sessions(case) if went.height >= FEWEST_AGED else None
    for service, events in by_service(went):
        together = at_once(case, events)
        age = _age(lived, events) if lived is not None else None
        yield _cut(service, together) if together.height and age is None else _left(service, events, age)


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


def _age(lived: pl.DataFrame, ended: pl.DataFrame) -> float | None:
    """How old these connections were when they ended, in seconds, if nearly all were equally old: people do not leave so."""
    ages = lived.join(ended, on=["file", "line"], how="semi")["lived"]
    early, age, late = (ages.quantile(share) for share in (0.1, 0.5, 0.9))
    if len(ages) < FEWEST_AGED or early is None or age is None or late is None:
        return None
    return age if late - early <= SAME_AGE * age else None


def _cut(service: str, events: pl.DataFrame) -> Finding:
    """Ends that came together, and many new connections soon after: what all of them went through was cut or restarted."""
    said = claim(
        "clients_disconnected.at_once",
        "{service} reports clients that went away all at once, several times, and came back within a minute ({count}×): "
        "what they all went through cut them off",
        service=service,
        count=events.height,
    )
    refute = claim("clients_disconnected.at_once_refute", "a page that sends all its visitors elsewhere at the same moment")
    return replace(counted(events, service, said, refute), severity="error")


def _left(service: str, events: pl.DataFrame, age: float | None) -> Finding:
    """Ends that may be every day's: a signal beside other troubles, and no symptom by itself, but for those at one age."""
    if age is not None:
        said = claim(
            "clients_disconnected.aged",
            "{service} reports clients that went away ({count}×), nearly all {age:.0f} s after they came: something ends them",
            service=service,
            count=events.height,
            age=age,
        )
        refute = claim("clients_disconnected.aged_refute", "a page that leaves by itself after that time")
        return replace(counted(events, service, said, refute), severity="error")
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
