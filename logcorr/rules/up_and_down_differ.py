"""A stack is stopped through one compose file and started through another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import compose_files, compose_verb
from logcorr.semantics.written import Commands, Written, commands


class _Step(Struct, frozen=True):
    command: Written
    files: tuple[str, ...]


@rule(code="COMP002", title="What is stopped is not what is started", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `down` through some files and, next in the same list of commands, `up` through others of one project."""
    for script in case.of(Script):
        stopped: dict[int, _Step] = {}
        for command in commands(script):
            composed = compose_verb(command)
            place = next((id(node) for node in reversed(command.around) if isinstance(node, Commands)), 0)
            if composed is None or not compose_files(composed[1]) or _another_project(composed[1]):
                continue
            step = _Step(command, compose_files(composed[1]))
            if composed[0] in ("down", "stop"):
                stopped[place] = step
            elif composed[0] in ("up", "start") and place in stopped and _apart(stopped[place].files, step.files):
                yield _finding(stopped.pop(place), step)


def _another_project(options: Sequence[str]) -> bool:
    return any(option.startswith(("-p", "--project", "--profile")) for option in options)


def _apart(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether neither is part of the other, and all of both is known."""
    known = not any(sign in path for path in (*one, *other) for sign in "$`")
    return known and not (set(one) <= set(other) or set(other) <= set(one))


def _finding(stop: _Step, start: _Step) -> Finding:
    return Finding(
        confidence=0.85,
        claim=claim(
            "up_and_down_differ.found",
            "line {line} stops the stack through {down}, this starts it through {up}",
            line=stop.command.span.line,
            down=", ".join(stop.files),
            up=", ".join(start.files),
        ),
        evidence=(
            Evidence(start.command.span, f"starts through {', '.join(start.files)}"),
            Evidence(stop.command.span, f"stops through {', '.join(stop.files)}"),
        ),
        would_refute=claim("up_and_down_differ.refute", "somebody who says that one stack replaces the other here"),
        subject=start.command.script.span.path,
        measured={"stop_line": stop.command.span.line},
        fix=claim("up_and_down_differ.fix", "name the same files in both"),
    )
