"""Something that can fail stands between stopping a service and starting it again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._chains import Link, chains
from logcorr.rules._idioms import compose_verb
from logcorr.rules._steps import acts, is_risky
from logcorr.semantics.written import Written, commands

BRINGS = regex(r"\bgit\s+(?:-C\s+\S+\s+)?(?:pull|fetch|reset|clone|checkout)\b|\brsync\b|\bscp\b")
"""How new code comes to a host: then nobody has built it there before."""


@rule(code="SH001", title="A step that can fail stands between stop and start", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for a stop, then a download or build, then the start, in a chain that a failure ends: then all stays down.

    `up --build` builds after `down` has stopped everything: told of where the script brings new code.
    """
    for script in case.of(Script):
        stops = [one for one in commands(script) if acts(one, "stop", "down")]
        if stops and not any(_trap_starts(one) for one in commands(script) if one.name == "trap"):
            for chain in chains(script, stops):
                yield from _in_chain(chain)
                yield from _built_meanwhile(chain) if BRINGS.search(script.text) else ()


def _trap_starts(trap: Written) -> bool:
    """Whether what a trap runs starts something again; where nobody can tell, it does."""
    handler = trap.words[0] if trap.words else ""
    body = [one for one in commands(trap.script) if one.function == handler]
    if body:
        return any(acts(one, "start", "up", "restart") for one in body)
    return bool(re.search(r"\b(start|up|restart)\b", handler)) or bool(re.fullmatch(r"[\w-]+", handler) and handler != "-")


def _in_chain(chain: Sequence[Link]) -> Iterator[Finding]:
    stopped: Written | None = None
    risky: Link | None = None
    for link in chain:
        command = link.command
        risky = risky if risky and risky.skips(command) else None
        if acts(command, "stop", "down"):
            stopped, risky = (None if _with_its_data(command) else command), None
        elif stopped and risky and acts(command, "start", "up", "restart"):
            yield _finding(stopped, risky.command, command)
            stopped = risky = None
        elif stopped and acts(command, "start", "up", "restart"):
            stopped = None
        elif stopped and (risky is None or (risky.until and not link.until)) and is_risky(command) and link.fatal:
            risky = link


def _with_its_data(command: Written) -> bool:
    """Whether the stack's volumes go, too: then it is one for a while."""
    composed = compose_verb(command)
    return composed is not None and bool({"-v", "--volumes"} & set(composed[2]))


def _built_meanwhile(chain: Sequence[Link]) -> Iterator[Finding]:
    """An `up --build` after the whole stack was taken down, of what was not built before."""
    stopped: Written | None = None
    for command in (link.command for link in chain):
        composed = compose_verb(command)
        if _builds(command):
            return
        if composed and composed[0] == "down":
            stopped = command
        elif composed and stopped and composed[0] == "up" and "--build" in composed[2]:
            yield _while_down(stopped, command)
            stopped = None


def _builds(command: Written) -> bool:
    composed = compose_verb(command)
    return (composed is not None and composed[0] == "build") or (command.name == "docker" and command.words[:1] == ("build",))


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


def _while_down(stopped: Written, started: Written) -> Finding:
    return Finding(
        confidence=0.9,
        claim=claim(
            "stop_before_risky_step.built",
            "compose builds the new code only here, after line {line} has stopped everything: "
            "all is down for as long as that takes, and stays down where it fails",
            line=stopped.span.line,
        ),
        evidence=(Evidence(started.span, "builds, then starts"), Evidence(stopped.span, "stops everything")),
        would_refute=claim(
            "stop_before_risky_step.refute_built", "a release that does not build and after which the service runs"
        ),
        subject=started.script.span.path,
        measured={"stop_line": stopped.span.line},
        fix=claim(
            "stop_before_risky_step.fix_built", "docker compose build, then docker compose up -d, which replaces what has changed"
        ),
    )
