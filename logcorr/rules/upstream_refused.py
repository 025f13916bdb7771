"""The proxy's connections to an upstream are refused: nothing listens there."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule
from logcorr.rules._retried import felt


@rule(code="NGX001", title="Connections to an upstream were refused", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Connections that were refused or led to no host, by the error log; but for requests that another server answered."""
    for service, events in by_service(felt(case, "upstream.refused", "upstream.unreachable")):
        yield counted(
            events,
            service,
            claim(
                "upstream_refused.counted",
                "the upstream refused connections of {service} ({count}×)",
                service=service,
                count=events.height,
            ),
            claim("upstream_refused.refute", "the upstream accepted connections at these times"),
        )
