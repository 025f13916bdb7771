"""Requests are answered with 5xx."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule
from logcorr.rules._intruders import kept_out

FEWEST = 3
"""One or two errors in a log are everybody's background."""


@rule(code="NGX015", title="Requests were answered with 5xx", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """5xx answers in access logs, counted; but not those by which a limit keeps a scanner out."""
    for service, events in by_service(kept_out(case, case.placed("http.5xx"))):
        if events.height >= FEWEST:
            yield counted(
                events,
                service,
                claim(
                    "server_errors.counted",
                    "{service} answered requests with 5xx ({count}×)",
                    service=service,
                    count=events.height,
                ),
                claim("server_errors.refute", "these requests were answered as their clients wanted"),
            )
