"""A search for `healthy` finds `unhealthy` too."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import written
from logcorr.semantics.written import Written, commands, spanned


@rule(code="SH016", title="A search for healthy finds unhealthy too", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `grep healthy` behind docker's lists and states, where `unhealthy` is the answer it must not take."""
    for command in written(case):
        if command.name in ("grep", "egrep") and _finds_both(command) and _reads_states(command):
            yield _finding(command)


def _finds_both(command: Written) -> bool:
    """Whether the pattern is in both words; `-w`, `-x` and `-v` and what stands around the word tell them apart."""
    flags = command.flags()
    if flags & {"w", "x", "v", "word-regexp", "line-regexp", "invert-match"}:
        return False
    pattern = next((word for word in command.words if not word.startswith("-")), "")
    extended = command.name == "egrep" or bool(flags & {"E", "P", "extended-regexp", "perl-regexp"})
    return pattern in ("healthy", "Healthy") or (extended and pattern == "(healthy)")


def _reads_states(command: Written) -> bool:
    """Whether docker feeds it, and nothing on the way leaves out what is unhealthy."""
    pipeline = command.pipeline
    before = [
        one for one in commands(command.script) if pipeline and one.node in pipeline.commands and one.node is not command.node
    ]
    fed = [one for one in before if one.node.start < command.node.start]
    source = bool(fed) and fed[0].name in ("docker", "docker-compose", "podman")
    return source and not any("unhealthy" in one.text for one in fed) and _lists_states(fed[0])


def _lists_states(command: Written) -> bool:
    """Whether docker itself tells: what runs inside a container has words of its own."""
    words = set(command.words[:3])
    return bool({"ps", "inspect", "ls"} & words) and not {"exec", "run"} & words


def _finding(command: Written) -> Finding:
    pipeline = command.pipeline or command.node
    return Finding(
        confidence=0.98,
        claim=claim("healthy_matches_unhealthy.found", "this search finds unhealthy as well as healthy"),
        evidence=(Evidence(spanned(command.script, pipeline), "healthy is part of unhealthy"),),
        would_refute=claim(
            "healthy_matches_unhealthy.refute", "a run with an unhealthy container in which the search finds nothing"
        ),
        subject=command.script.span.path,
        fix=claim(
            "healthy_matches_unhealthy.fix",
            "compare the whole word: docker inspect -f '{{{{.State.Health.Status}}}}', or grep -w",
        ),
    )
