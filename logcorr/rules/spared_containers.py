"""What did not restart is evidence: it shows which stack was addressed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Container
from logcorr.model.result import Finding
from logcorr.rules import rule

MUCH_LONGER = 20.0
"""A container spared by restarts is up at least this many times longer than those that were not."""


@rule(code="PROC010", title="Some containers were not restarted with the others", role="signal", severity="info")
def check(case: Case) -> Iterator[Finding]:
    """Compares the ages in a `docker ps` capture: a young group and one that is up far longer."""
    aged = sorted((container for container in case.of(Container) if container.up_s is not None), key=lambda c: c.up_s or 0.0)
    for young, old in pairwise(aged):
        if (old.up_s or 0.0) >= MUCH_LONGER * max(young.up_s or 0.0, young.age_resolution_s):
            split = aged.index(old)
            yield _finding(aged[:split], aged[split:])
            return


def _finding(young: list[Container], old: list[Container]) -> Finding:
    return Finding(
        confidence=0.9,
        claim=claim(
            "spared_containers.found",
            "{restarted} restarted shortly before the capture, {spared} did not",
            restarted=", ".join(sorted(container.name for container in young)),
            spared=", ".join(sorted(container.name for container in old)),
        ),
        evidence=tuple(Evidence(container.span, container.status) for container in (*old, *young)),
        would_refute=claim("spared_containers.refute", "a later capture in which all of them are equally old"),
        subject=", ".join(sorted(container.name for container in old)),
        measured={"restarted": len(young), "spared": len(old)},
    )
