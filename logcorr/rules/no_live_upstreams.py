"""All servers of an upstream group are marked down."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule


@rule(code="NGX004", title="An upstream group had no live server", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """`no live upstreams` in the proxy's error log, counted."""
    for service, events in by_service(case.placed("upstream.none_live")):
        yield counted(
            events,
            service,
            claim(
                "no_live_upstreams.counted",
                "{service} had no live upstream ({count}×)",
                service=service,
                count=events.height,
            ),
            claim("no_live_upstreams.refute", "a server of the group was up and answered at these times"),
        )
