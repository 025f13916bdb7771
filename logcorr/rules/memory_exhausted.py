"""The kernel ends a process for want of memory."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Container, Unit
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.timeline.select import cite, instants, lines_like

KILLED = r"Killed? process \d+ \((?P<name>[^)]+)\)"
LIMIT = r"^\s*(?:mem_limit|memory|MemoryMax|MemoryLimit)\s*[:=]\s*\S+"


@rule(code="PROC006", title="The kernel ended a process for want of memory", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Only the kernel's own line, or Docker's `OOMKilled`, tells it: exit code 137 alone says no more than that it was killed."""
    killed = case.happened("process.out_of_memory")
    contained = [one for one in case.of(Container) if one.oom_killed]
    if not killed.height and not contained:
        return
    names = killed["message"].str.extract(KILLED, 1).drop_nulls().unique().sort().to_list()
    services = sorted({*killed["service"].drop_nulls(), *(one.service or one.name for one in contained)})
    who = ", ".join(services or names) or "a process"
    yield Finding(
        confidence=0.95,
        claim=claim(
            "memory_exhausted.found",
            "the kernel ended {who} for want of memory ({count} lines tell it)",
            who=who,
            count=killed.height + len(contained),
        ),
        evidence=(
            *cite(killed, "ended for want of memory", most=1, shows="resource_exhausted"),
            *(Evidence(one.span, "OOMKilled", shows="resource_exhausted") for one in contained),
            *(Evidence(span, "the limit", shows="resource_exhausted") for span in _limits(case, services)),
            *cite(killed.slice(1), shows="crash_ends_process"),
        ),
        would_refute=claim("memory_exhausted.refute", "another sender of the signal: a person, a supervisor"),
        subject=who,
        measured={"count": killed.height + len(contained), "processes": ", ".join(names)},
        times=instants(killed),
        fix=claim(
            "memory_exhausted.fix",
            "find what grows, and give each service a limit that fits beside the others; more memory only delays a leak",
        ),
    )


def _limits(case: Case, services: list[str]) -> Iterator[Span]:
    """Where the memory of these services is limited."""
    for compose in case.of(ComposeFile):
        for one in compose.services:
            if {one.name, one.container_name} & set(services):
                yield from (span for span, _ in lines_like(case, one.span, LIMIT))
    for unit in case.of(Unit):
        if unit.name.removesuffix(".service") in services and unit.command:
            yield from (span for span, _ in lines_like(case, unit.span, LIMIT))
