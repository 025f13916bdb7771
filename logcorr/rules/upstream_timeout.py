"""An upstream does not answer the proxy in time."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule
from logcorr.rules._retried import felt


@rule(code="NGX002", title="An upstream did not answer in time", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Errno 110 in the proxy's error log, but for requests that another server answered."""
    for service, events in by_service(felt(case, "upstream.timeout")):
        yield counted(
            events,
            service,
            claim(
                "upstream_timeout.counted",
                "the upstream did not answer {service} in time ({count}×)",
                service=service,
                count=events.height,
            ),
            claim("upstream_timeout.refute", "the upstream answered these requests within the proxy's timeout"),
        )
