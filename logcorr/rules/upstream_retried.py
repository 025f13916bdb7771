"""A server of an upstream group failed, and another one answered."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule
from logcorr.rules._retried import answered


@rule(code="NGX021", title="Another server of the group answered instead", role="signal", severity="info")
def check(case: Case) -> Iterator[Finding]:
    """Failed attempts whose request has an answer below 500 in the access log."""
    for service, events in by_service(case.once(answered)):
        yield counted(
            events,
            service,
            claim(
                "upstream_retried.counted",
                "{count} failed attempts of {service} were answered by another server: clients saw nothing of them",
                service=service,
                count=events.height,
            ),
            claim("upstream_retried.refute", "clients that report errors for these very requests"),
        )
