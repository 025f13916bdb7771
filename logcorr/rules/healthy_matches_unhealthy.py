"""A search for `healthy` finds `unhealthy` too."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._embedded import everywhere
from logcorr.semantics.written import Written, commands, spanned

STATE = claim(
    "healthy_matches_unhealthy.fix", "compare the whole word: docker inspect -f '{{{{.State.Health.Status}}}}', or grep -w"
)
PAGE = claim("healthy_matches_unhealthy.page_fix", "let the status decide (curl -f), or ask for the whole word (grep -w)")


@rule(code="SH016", title="A search for healthy finds unhealthy too", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `grep healthy` behind docker's lists and states, and health pages, where `unhealthy` is what it must not take."""
    for command in everywhere(case):
        if command.name in ("grep", "egrep") and _finds_both(command) and (said := _said(command)):
            yield _finding(command, said)


def _finds_both(command: Written) -> bool:
    """Whether the pattern is in both words; `-w`, `-x` and `-v` and what stands around the word tell them apart."""
    flags = command.flags()
    if flags & {"w", "x", "v", "word-regexp", "line-regexp", "invert-match"}:
        return False
    pattern = next((word for word in command.words if not word.startswith("-")), "")
    extended = command.name == "egrep" or bool(flags & {"E", "P", "extended-regexp", "perl-regexp"})
    words = re.split(r"\|", pattern.strip("()")) if extended else pattern.split("\\|")
    folded = flags & {"i", "ignore-case"}
    return any((word.lower() if folded else word) == "healthy" for word in words)


def _said(command: Written) -> Claim | None:
    """What can be said of what it reads, if nothing on the way leaves out what is unhealthy: docker's states, or a page."""
    pipeline = command.pipeline
    before = [one for one in commands(command.script) if pipeline and one.node in pipeline.commands]
    fed = [one for one in before if one.node.start < command.node.start]
    if not fed or any("unhealthy" in one.text for one in fed):
        return None
    source = _kept(fed[0]) or fed[0]
    if source.name in ("docker", "docker-compose", "podman") and _lists_states(source):
        return claim("healthy_matches_unhealthy.found", "this search finds unhealthy as well as healthy")
    if source.name == "curl" and not {"f", "fail"} & source.flags() and any("health" in word for word in source.words):
        return claim(
            "healthy_matches_unhealthy.page", "this search takes a page that says unhealthy for healthy, whatever its status"
        )
    asked = source.name not in ("curl", "docker", "docker-compose", "podman", "echo", "printf", "cat") and _asks_for_health(
        source
    )
    return claim("healthy_matches_unhealthy.word", "this search takes an answer of unhealthy for healthy") if asked else None


def _asks_for_health(source: Written) -> bool:
    """Whether its verb is `health`, by itself or in what it has another host run."""
    return any(re.search(r"(?<![\w/.-])health(?:check)?(?![\w/.-])", word) for word in source.words)


def _kept(command: Written) -> Written | None:
    """The command whose output an `echo "$x"` repeats: the last one that the variable was filled by."""
    repeats = command.name in ("echo", "printf") and command.words
    name = re.fullmatch(r"\$\{?(\w+)\}?", command.words[-1]) if repeats else None
    earlier = [one for one in commands(command.script) if one.node.start < command.node.start] if name else []
    filled = [one for one in earlier if name and (kept := one.captured()) and kept.name == name[1]]
    return filled[-1] if filled else None


def _lists_states(command: Written) -> bool:
    """Whether docker itself tells: what runs inside a container has words of its own."""
    words = set(command.words[:3])
    return bool({"ps", "inspect", "ls"} & words) and not {"exec", "run"} & words


def _finding(command: Written, said: Claim) -> Finding:
    pipeline = command.pipeline or command.node
    page = not said.id.endswith("found")
    return Finding(
        severity="warning" if page else "error",
        confidence=0.75 if page else 0.98,
        claim=said,
        evidence=(Evidence(spanned(command.script, pipeline), "healthy is part of unhealthy"),),
        would_refute=claim(
            "healthy_matches_unhealthy.refute", "a run with an unhealthy container in which the search finds nothing"
        ),
        subject=command.script.span.path,
        fix=PAGE if page else STATE,
    )
