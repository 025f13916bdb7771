"""One service waits for the health of another; a third one depends on that too, and does not wait."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.semantics.compose.conditions import Waiting, waiting

ASKED_LATER = regex(
    r"(?:^|/)(?:phpmyadmin|adminer|pgadmin4?|mongo-express|redis-?(?:commander|insight)|rockmongo|dozzle|portainer(?:-ce)?|nginx)"
    r"(?:[:@]|$)"
)
"""Images of pages that connect when somebody opens them."""


@rule(code="COMP004", title="A health check that only some wait for", role="defect", severity="info")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `depends_on` without a condition, on a service whose health another one in the same file waits for.

    What Docker starts again when it fails comes right by itself, and so does what asks only when somebody opens it."""
    for file in case.of(ComposeFile):
        every = list(waiting(file))
        once = {one.name for one in file.services if one.restart in (None, "no") and not ASKED_LATER.search(one.image or "")}
        for one in every:
            other = next((two for two in every if two.dependency == one.dependency and two.condition == "service_healthy"), None)
            if other and one.condition is None and one.service in once:
                yield _finding(one, other)


def _finding(one: Waiting, other: Waiting) -> Finding:
    return Finding(
        confidence=0.7,
        claim=claim(
            "health_not_waited_for.found",
            "{service} starts as soon as the container of {dependency} does; {other} waits until that is healthy",
            service=one.service,
            dependency=one.dependency,
            other=other.service,
        ),
        evidence=(Evidence(one.span, "no condition"), Evidence(other.span, "waits until it is healthy")),
        would_refute=claim(
            "health_not_waited_for.refute", "a start of {service} that tries again by itself", service=one.service
        ),
        subject=one.service,
        fix=claim("health_not_waited_for.fix", "depends_on: {dependency}: condition: service_healthy", dependency=one.dependency),
    )
