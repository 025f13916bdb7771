"""An upstream closes or resets a connection before its answer is complete."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule
from logcorr.rules._retried import felt


@rule(code="NGX003", title="An upstream closed connections before it had answered", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Premature closes and resets (errno 104) in the proxy's error log, but for requests that another server answered."""
    for service, events in by_service(felt(case, "upstream.closed_early", "upstream.reset")):
        yield counted(
            events,
            service,
            claim(
                "upstream_closed_early.counted",
                "the upstream broke off its answers to {service} ({count}×)",
                service=service,
                count=events.height,
            ),
            claim("upstream_closed_early.refute", "the answers to these requests were complete"),
        )
