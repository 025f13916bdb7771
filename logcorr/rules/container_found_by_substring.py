"""A container is looked for by a piece of text that other lines of the list can hold too."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ComposeFile, Container
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import written
from logcorr.semantics.written import Substitution, Written, commands, spanned

NAME = regex(r"[A-Za-z0-9][\w.-]*")
STATES = frozenset(
    {"up", "running", "healthy", "unhealthy", "exit", "exited", "restarting", "starting", "paused", "created", "dead", "names"}
)


@rule(code="SH015", title="A container is found by part of its name", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `docker ps | grep NAME` that decides something: the word may stand in another name, an image, a command.

    A word that is nobody's whole name is meant to find several.
    """
    names, meant = _names(case), _meant(case)
    for command in written(case):
        name = _searched(command)
        others = sorted(other for other in names - meant.get(name or "", set()) if name and name in other and other != name)
        if name and (others if name in names else not names) and (command.asked() or _captured(command)):
            yield _finding(command, name, others)


def _names(case: Configuration) -> set[str]:
    """The containers' names that are known, and the services', which compose makes part of theirs."""
    composed = {service.container_name or service.name for file in case.of(ComposeFile) for service in file.services}
    return composed | {container.name for container in case.of(Container)}


def _meant(case: Configuration) -> dict[str, set[str]]:
    """By the names of services, those that they give their containers."""
    found: dict[str, set[str]] = {}
    for service in (service for file in case.of(ComposeFile) for service in file.services):
        found.setdefault(service.name, set()).add(service.container_name or service.name)
    return found


def _searched(command: Written) -> str | None:
    """The name that grep looks for in docker's list; None for a pattern that ends it, a state, or a variable."""
    pipeline = command.pipeline
    if command.name != "grep" or pipeline is None or command.flags() & {"w", "x", "v", "word-regexp", "line-regexp"}:
        return None
    first = next((one for one in commands(command.script) if one.node is pipeline.commands[0]), None)
    word = next((word for word in command.words if not word.startswith("-")), "")
    named = NAME.fullmatch(word) and word.lower() not in STATES
    return word if named and first and _lists(first) and pipeline.commands[1] is command.node else None


def _lists(command: Written) -> bool:
    words = command.words[:2]
    narrowed = any(word.startswith(("-f", "--filter")) or word == "-q" for word in command.words)
    return command.name in ("docker", "podman") and words[:1] in (("ps",), ("container",)) and not narrowed


def _captured(command: Written) -> bool:
    """Whether what it finds is looked at by a test."""
    return any(isinstance(node, Substitution) for node in command.around)


def _names_only(command: Written) -> bool:
    """Whether docker was told to print nothing but names."""
    text = command.script.text[command.pipeline.start : command.node.start] if command.pipeline else ""
    return "{{.Names}}" in text.replace(" ", "")


def _finding(command: Written, name: str, others: list[str]) -> Finding:
    return Finding(
        severity="warning" if others else "info",
        confidence=0.9 if others else 0.7,
        claim=_claim(name, others, names_only=_names_only(command)),
        evidence=(Evidence(spanned(command.script, command.pipeline or command.node), "finds any line with this text"),),
        would_refute=claim(
            "container_found_by_substring.refute", "a host where no other line of docker ps holds {name}", name=name
        ),
        subject=command.script.span.path,
        measured={"also": len(others)} if others else {},
        fix=claim(
            "container_found_by_substring.fix", "ask for the name itself: docker ps -q --filter 'name=^/{name}$'", name=name
        ),
    )


def _claim(name: str, others: list[str], *, names_only: bool) -> Claim:
    if others:
        return claim(
            "container_found_by_substring.other",
            "this takes {others} for {name}: the search finds any line that holds the word",
            name=name,
            others=", ".join(others),
        )
    if names_only:
        return claim(
            "container_found_by_substring.name", "this finds any container whose name holds {name}, not only that one", name=name
        )
    return claim(
        "container_found_by_substring.any",
        "this finds any line of docker ps that holds {name}: another name, an image, a command",
        name=name,
    )
