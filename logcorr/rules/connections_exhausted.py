"""File descriptors or worker connections run out."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Directive, NginxFile
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule

LIMITS = ("worker_connections", "worker_rlimit_nofile")


@rule(code="NGX007", title="File descriptors or connections ran out", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Errno 24 and nginx's exhausted worker connections, counted by service, with the limits that nginx is given."""
    for service, events in by_service(case.happened("limit.reached")):
        found = counted(
            events,
            service,
            claim(
                "connections_exhausted.counted",
                "{service} ran out of connections or file descriptors ({count}×)",
                service=service,
                count=events.height,
            ),
            claim("connections_exhausted.refute", "open files of the process well below its limit at these times"),
        )
        limits = _limits(case) if "nginx" in set(events["source"]) else ()
        yield replace(found, evidence=(*found.evidence, *limits))


def _limits(case: Case) -> Iterator[Evidence]:
    """The lines that limit the connections and files of an nginx worker."""
    for file in case.of(NginxFile):
        for one in _inside(file.directives):
            if one.name in LIMITS:
                yield Evidence(one.span, "the limit")


def _inside(directives: tuple[Directive, ...]) -> Iterator[Directive]:
    """The main context and the `events` block, where these limits stand."""
    for one in directives:
        yield from one.children or () if one.name == "events" else (one,)
