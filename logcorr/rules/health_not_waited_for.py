"""A service has a health check, and those that depend on it start without waiting for it."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Healthcheck
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.semantics.compose.conditions import Waiting, waiting


@rule(code="COMP004", title="A health check that nobody waits for", role="defect", severity="info")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `depends_on` without a condition, on a service of the same file that has a health check."""
    for file in case.of(ComposeFile):
        checks = {service.name: service.healthcheck for service in file.services}
        for one in waiting(file):
            test = checks.get(one.dependency)
            if test and one.condition == "service_started":
                yield _finding(one, test)


def _finding(one: Waiting, test: Healthcheck) -> Finding:
    return Finding(
        confidence=0.7,
        claim=claim(
            "health_not_waited_for.found",
            "{service} starts as soon as the container of {dependency} does, whose health check nobody waits for",
            service=one.service,
            dependency=one.dependency,
        ),
        evidence=(Evidence(one.span, "no condition"), Evidence(test.span, "could be waited for")),
        would_refute=claim(
            "health_not_waited_for.refute", "a start of {service} that tries again by itself", service=one.service
        ),
        subject=one.service,
        fix=claim("health_not_waited_for.fix", "depends_on: {dependency}: condition: service_healthy", dependency=one.dependency),
    )
