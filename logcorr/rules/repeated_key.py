"""A key stands twice in one mapping of a compose file, which compose refuses to read."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.semantics.compose.written import repeated_keys


@rule(code="COMP013", title="A key stands twice in a compose file", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for mappings of compose files that have one key twice."""
    for file in case.of(ComposeFile):
        for key, first, again in repeated_keys(file):
            yield _finding(key, first, again)


def _finding(key: str, first: Span, again: Span) -> Finding:
    return Finding(
        confidence=0.95,
        claim=claim(
            "repeated_key.found",
            "{key} is defined already in line {line}: docker compose refuses the file, and docker-compose 1 forgets the first",
            key=key,
            line=first.line,
        ),
        evidence=(Evidence(again, "defines it again"), Evidence(first, "defines it")),
        would_refute=claim("repeated_key.refute", "docker compose config, which succeeds"),
        subject=again.path,
        measured={"key": key, "first_line": first.line},
        fix=claim("repeated_key.fix", "keep one of them, with what both hold"),
    )
