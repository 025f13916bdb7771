"""Some scripts call compose by its first name, which new hosts do not have, others by its second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.semantics.written import AndOr, Written, commands, compound

LOOKED_FOR = regex(
    r"(?:command -v|which|type|hash|alias|install\b.*|brew .*|/)\s*docker-compose\b|docker-compose\s*\(\)|docker compose version"
)
"""A script that knows that there are two, or brings its own."""


@rule(code="COMP006", title="Compose is called by both of its names", role="defect", severity="info")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for script files that call `docker-compose` where others call `docker compose`: no host has to have both."""
    files = [script for script in case.of(Script) if script.span.line == 1 and not LOOKED_FOR.search(script.text)]
    called = [command for script in files for command in commands(script)]
    first = [command for command in called if command.name == "docker-compose" and command.words and not _stands_by(command)]
    second = next((one for one in called if one.name == "docker" and one.words[:1] == ("compose",)), None)
    if first and second:
        yield _finding(first, second)


def _stands_by(command: Written) -> bool:
    """Whether it runs only where `docker compose` has failed, or that where it has: the script knows both names."""
    outer = command.around[-1] if command.around else None
    both = compound(command.script, outer) if isinstance(outer, AndOr) and outer.operator == "||" else []
    return any(one.name == "docker" and one.words[:1] == ("compose",) for one in both)


def _finding(first: Sequence[Written], second: Written) -> Finding:
    paths = dict.fromkeys(one.script.span.path for one in first)
    return Finding(
        confidence=0.85,
        claim=claim(
            "compose_v1_command.both",
            "docker-compose is called here and docker compose elsewhere: docker-compose had its last release in 2023, "
            "and a host without it stops at these lines ({places})",
            places=len(first),
        ),
        evidence=(
            *(Evidence(next(one.span for one in first if one.script.span.path == path), "docker-compose") for path in paths),
            Evidence(second.span, "docker compose"),
        ),
        would_refute=claim("compose_v1_command.refute", "a host that runs both commands"),
        subject="docker-compose",
        measured={"places": len(first)},
        fix=claim("compose_v1_command.fix", "write docker compose everywhere; containers are then named with - instead of _"),
    )
