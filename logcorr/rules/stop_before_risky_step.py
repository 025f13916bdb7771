"""Something that can fail stands between stopping a service and starting it again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import compose_verb
from logcorr.semantics.written import AndOr, Commands, Node, Written, commands, in_program, tree, walk

RISKY = {
    "git": {"pull", "fetch", "clone", "checkout"},
    "npm": {"ci", "install", "i", "run"},
    "yarn": {"install", "build"},
    "pnpm": {"install", "i", "build"},
    "docker": {"pull", "build"},
    "apt-get": {"update", "install", "upgrade"},
    "pip": {"install"},
    "pip3": {"install"},
    "composer": {"install", "update"},
    "bundle": {"install"},
}
"""Steps that need the network or compile: they fail on other days than today."""


@rule(code="SH001", title="A step that can fail stands between stop and start", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for a stop, then a download or build, then the start, in a chain that a failure ends: then all stays down."""
    for script in case.of(Script):
        written = {id(one.node): one for one in commands(script)}
        if any(one.name == "trap" for one in written.values()):
            continue
        for chain in _chains(script):
            yield from _in_chain([written[id(node)] for node in chain if id(node) in written])


def _chains(script: Script) -> Iterator[list[Node]]:
    """Runs of simple commands of which each only runs if the one before did not fail."""
    for node in walk(tree(script)):
        if isinstance(node, Commands):
            yield [link for one in node.commands for link in (_and_chain(one) if isinstance(one, AndOr) else [one])]


def _and_chain(node: Node) -> list[Node]:
    """The commands joined by `&&`; nothing where `||` catches a failure."""
    if not isinstance(node, AndOr):
        return [node]
    return [*_and_chain(node.left), *_and_chain(node.right)] if node.operator == "&&" else []


def _in_chain(chain: Sequence[Written]) -> Iterator[Finding]:
    stopped: Written | None = None
    risky: Written | None = None
    for command in chain:
        if _acts(command, "stop", "down"):
            stopped, risky = command, None
        elif stopped and risky and _acts(command, "start", "up", "restart"):
            yield _finding(stopped, risky, command)
            stopped = risky = None
        elif stopped and _acts(command, "start", "up", "restart"):
            stopped = None
        elif stopped and not risky and _is_risky(command) and _ends_chain(command):
            risky = command


def _acts(command: Written, *verbs: str) -> bool:
    """Whether it stops (or starts) a service or a stack."""
    composed = compose_verb(command)
    if composed:
        return composed[0] in verbs
    if command.name in ("systemctl", "service", "supervisorctl", "pm2", "docker"):
        words = [word for word in command.words if not word.startswith("-")]
        return bool(words) and (words[1:2] if command.name == "service" else words[:1])[0:1] in [[verb] for verb in verbs]
    return False


def _is_risky(command: Written) -> bool:
    composed = compose_verb(command)
    if composed:
        return composed[0] in ("pull", "build")
    return bool(RISKY.get(command.name, set()) & set(command.words[:2]))


def _ends_chain(command: Written) -> bool:
    """Whether its failure keeps the rest from running: joined by `&&`, or `set -e`."""
    outer = command.around[-1] if command.around else None
    joined = isinstance(outer, AndOr) and outer.operator == "&&"
    return joined or in_program(command, "e")


def _finding(stopped: Written, risky: Written, started: Written) -> Finding:
    step = re.sub(r"\s+", " ", risky.text)
    return Finding(
        confidence=0.9,
        claim=claim(
            "stop_before_risky_step.found",
            "where `{step}` fails, the script ends with everything stopped: the start in line {line} is not reached",
            step=step,
            line=started.span.line,
        ),
        evidence=(
            Evidence(risky.span, "can fail"),
            Evidence(stopped.span, "stops"),
            Evidence(started.span, "starts again"),
        ),
        would_refute=claim("stop_before_risky_step.refute", "a run without network after which the service runs"),
        subject=risky.script.span.path,
        measured={"stop_line": stopped.span.line, "start_line": started.span.line},
        fix=claim("stop_before_risky_step.fix", "fetch and build first, stop last; or start again in a trap"),
    )
