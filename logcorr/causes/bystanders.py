"""Services that a script ends only because they are connected to the port by which it looks for another."""

from __future__ import annotations

from logcorr.causes.exits import WhyFails
from logcorr.causes.lookups import Lookup, connected, lookup, named
from logcorr.causes.suspects import Suspect
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.timeline.lifecycles import listened_at

MOST = 3
UNNAMED = 0.95
"""How sure it is at most where the script does not write the numbers of the processes that it ends."""


def bystander(case: Case, suspect: Suspect, service: str) -> Lookup | None:
    """The lookup that finds the service at the other end of a connection to a port at which it does not listen."""
    proved = suspect.effect
    found = lookup(case, proved.effect) if proved and service in proved.hits else None
    if not found or not found.both or listened_at(case, service, found.port):
        return None
    return found if any(True for _ in connected(case, found, service)) else None


def caught_up(case: Case, suspect: Suspect, service: str) -> WhyFails | None:
    """Why the service is ended, if it is a bystander."""
    found = bystander(case, suspect, service)
    if not found or not suspect.effect:
        return None
    return WhyFails(
        kind="bystander_ended",
        claim=claim(
            "cause.bystander_ended",
            "{script}, run on {schedule}, {action}s whoever has a connection with port {port}, not only who listens there: "
            "{service}, too",
            script=found.span.path,
            schedule=suspect.runs,
            action=suspect.effect.effect.action,
            port=found.port,
            service=service,
        ),
        evidence=_shown(case, suspect, found, service),
        most=1.0 if suspect.behaviour and named(case, suspect.behaviour, service) else UNNAMED,
    )


def _shown(case: Case, suspect: Suspect, found: Lookup, service: str) -> tuple[Evidence, ...]:
    """The lookup, how the service comes to be found by it, and that it was."""
    shows = "effect_terminates_process"
    pids = named(case, suspect.behaviour, service) if suspect.behaviour else ()
    return (
        Evidence(found.span, "finds both ends of connections", shows),
        *(Evidence(span, "connects to that port", shows) for span in list(connected(case, found, service))[:MOST]),
        *(Evidence(span, "names whom it ends", shows) for span in pids[:MOST]),
    )
