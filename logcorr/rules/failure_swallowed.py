"""A dump, a migration, or a recovery that nobody watches may fail, and the script goes on as if it had not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.model.case import Behaviour, Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._embedded import everywhere
from logcorr.rules._idioms import command_at, dumps, leaves, only_tells, watch_loop
from logcorr.rules._migrations import migrates
from logcorr.semantics.written import AndOr, Node, Written, commands, compound

RECOVERING = frozenset({"start", "restart", "up", "recreate"})


@rule(code="SH003", title="A failure that matters is swallowed", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for dumps before `|| true`, for migrations whose failure is only told of, and in jobs and watch loops for recoveries
    that also throw their words away.
    """
    for command in everywhere(case):
        program = dumps(command)
        if program and _swallowed(command) and not _looked_at(command):
            yield _finding(command, _of_dump(program), {"program": program})
        migration = migrates(command)
        if migration and _only_told(command):
            yield _finding(command, _of_migration(migration), {"program": migration})
    yield from _recoveries(case)


def _swallowed(command: Written) -> bool:
    """Whether nothing but `true` stands behind its `||`."""
    outer = command.around[-1] if command.around else None
    if not isinstance(outer, AndOr) or outer.operator != "||" or outer.left is not command.node:
        return False
    others = compound(command.script, outer.right)
    return bool(others) and all(one.name in ("true", ":") for one in others)


def _only_told(command: Written) -> bool:
    """Whether nothing but words stands behind its last `||`: the script goes on."""
    inner: Node = command.node
    for outer in reversed(command.around):
        if not isinstance(outer, AndOr) or outer.operator != "||":
            return False
        if outer.left is inner:
            others = compound(command.script, outer.right)
            return bool(others) and all(only_tells(one) and not leaves(one) for one in others)
        inner = outer
    return False


def _looked_at(command: Written) -> bool:
    """Whether the script looks afterwards at whether the file holds anything."""
    later = (one for one in commands(command.script) if one.node.start > command.node.end)
    return any(one.name in ("stat", "du", "wc") or (one.name in ("[", "test") and "-s" in one.words) for one in later)


def _recoveries(case: Configuration) -> Iterator[Finding]:
    scripts = list(case.of(Script))
    jobs = {id(behaviour) for schedule in case.schedules for behaviour in schedule.behaviours}
    seen = set()
    for behaviour in case.behaviours:
        for command, action in _silent(behaviour, scripts):
            unattended = id(behaviour) in jobs or watch_loop(command)
            if unattended and command.span not in seen:
                seen.add(command.span)
                yield _finding(command, _of_recovery(action), {"action": action})


def _silent(behaviour: Behaviour, scripts: Sequence[Script]) -> Iterator[tuple[Written, str]]:
    """What starts something again, silent whatever comes of it."""
    for effect in behaviour.effects:
        for name in ("docker", "docker-compose", "systemctl", "pm2", "supervisorctl", "service"):
            command = command_at(scripts, effect.span, name) if effect.action in RECOVERING else None
            if command and _swallowed(command) and _discarded(command):
                yield command, effect.action


def _discarded(command: Written) -> bool:
    """Whether its error output goes nowhere."""
    return bool(re.search(r"(?:2|&)>>?\s*/dev/null|>\s*/dev/null\s+2>\s*&1", command.text))


def _of_dump(program: str) -> Claim:
    return claim(
        "failure_swallowed.dump",
        "where {program} fails, the script goes on as if it had not: the backup is empty or cut short, and nobody hears of it",
        program=program,
    )


def _of_migration(program: str) -> Claim:
    return claim(
        "failure_swallowed.migration",
        "where {program} fails, the release goes on: the new code meets the old tables",
        program=program,
    )


def _of_recovery(action: str) -> Claim:
    return claim(
        "failure_swallowed.recovery",
        "where this {action} fails, no word and no status of it are kept: nobody learns why the service stays down",
        action=action,
    )


def _finding(command: Written, said: Claim, measured: dict[str, str]) -> Finding:
    return Finding(
        confidence=0.9,
        claim=said,
        evidence=(Evidence(command.span, "its failure is thrown away"),),
        would_refute=claim("failure_swallowed.refute", "a run in which it fails and that is reported"),
        subject=command.script.span.path,
        measured=measured,
        fix=claim("failure_swallowed.fix", 'let the failure end the script or say it: || {{ echo "failed" >&2; exit 1; }}'),
    )
