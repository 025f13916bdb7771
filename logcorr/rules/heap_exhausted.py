"""A JavaScript heap grows to its limit, and the engine ends the process."""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Fact, Unit
from logcorr.model.result import Finding
from logcorr.rules import by_service, rule
from logcorr.timeline.select import cite, instants

HEAP = r"(?:JavaScript heap out of memory|Reached heap limit|Ineffective mark-compacts)"
LIMIT = re.compile(r"--max[-_]old[-_]space[-_]size[= ](\d+)")


@rule(code="NODE002", title="A process reached its heap limit", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """The engine's own last words, with the limit it was started with and who starts it again."""
    died = case.happened("process.crashed").filter(pl.col("message").str.contains(HEAP))
    for service, crashes in by_service(died):
        yield _finding(case, service, crashes)


def _finding(case: Case, service: str, crashes: pl.DataFrame) -> Finding:
    limits = [(fact, found[1]) for fact, command in _commands(case, service) if (found := LIMIT.search(command))]
    first = cite(crashes)[0]
    return Finding(
        confidence=0.95,
        claim=claim(
            "heap_exhausted.found",
            "{service} ran into the limit of its JavaScript heap{limit} and aborted, {count} times",
            service=service,
            limit=f" ({limits[0][1]} MB)" if limits else "",
            count=crashes.height,
        ),
        evidence=(
            first,
            *(Evidence(fact.span, f"heap limit {size} MB") for fact, size in limits),
            *_restarts(case, service),
            *cite(crashes)[1:],
        ),
        would_refute=claim("heap_exhausted.refute", "heap sizes far below the limit just before these lines"),
        subject=service,
        measured={"count": crashes.height, **({"limit_mb": int(limits[0][1])} if limits else {})},
        times=instants(crashes),
        fix=claim(
            "heap_exhausted.fix", "find what keeps growing (a heap snapshot shows it); raising the limit only delays the end"
        ),
    )


def _commands(case: Case, service: str) -> Iterator[tuple[Fact, str]]:
    """How the service is started, wherever that is written."""
    for compose in case.of(ComposeFile):
        yield from ((one, " ".join(one.command)) for one in compose.services if one.name == service)
    yield from ((unit, unit.command or "") for unit in case.of(Unit) if unit.name.removesuffix(".service") == service)


def _restarts(case: Case, service: str) -> Iterator[Evidence]:
    """Who starts it again."""
    for compose in case.of(ComposeFile):
        yield from (
            Evidence(one.span, f"restart: {one.restart}") for one in compose.services if one.name == service and one.restart
        )
    for unit in case.of(Unit):
        if unit.name.removesuffix(".service") == service and unit.restart:
            yield Evidence(unit.span, f"Restart={unit.restart}")
