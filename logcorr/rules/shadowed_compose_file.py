"""Two compose files have default names in one folder; compose takes one and passes over the other."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.semantics.paths import folder_of, normal
from logcorr.semantics.stack import DEFAULT_NAMES


@rule(code="COMP007", title="Two compose files go by a default name", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for folders that hold two of compose.yaml, compose.yml, docker-compose.yaml and docker-compose.yml."""
    paths = {file.span.path for file in case.of(ComposeFile)}
    for folder in sorted({folder_of(path) for path in paths}):
        there = [name for name in DEFAULT_NAMES if normal(name, folder) in paths]
        for name in there[1:]:
            if not _named(case, name) and not _included(case, name):
                yield _finding(normal(name, folder), there[0])


def _named(case: Configuration, name: str) -> bool:
    """Whether some script names the file, so that it has a use."""
    return any(name in script.text for script in case.of(Script))


def _included(case: Configuration, name: str) -> bool:
    return any(name in file.text for file in case.of(ComposeFile))


def _finding(path: str, taken: str) -> Finding:
    return Finding(
        confidence=0.9,
        claim=claim(
            "shadowed_compose_file.found",
            "docker compose takes {taken} in this folder and passes over {passed}",
            taken=taken,
            passed=path.rpartition("/")[2],
        ),
        evidence=(Evidence(Span(path, 1), "is passed over"),),
        would_refute=claim(
            "shadowed_compose_file.refute", "a command that names this file with -f, or docker-compose 1, which knows no other"
        ),
        subject=path,
        fix=claim("shadowed_compose_file.fix", "delete one of them, or give it a name of its own"),
    )
