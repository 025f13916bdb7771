"""An unattended script stops or restarts something because one check failed once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.behaviour import Reach
from logcorr.model.case import Configuration, ProvedEffect
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._idioms import command_at, watch_loop
from logcorr.semantics.written import For, Loop, Written, spanned

COUNTED = regex(
    r"-(ge|gt|lt|le)\b|\(\(|[<>]=|count|fail|retr|attempt|tries|strike|last_|cooldown|mtime|-mmin|flag|state", re.IGNORECASE
)
"""A condition with a number or a memory in it: more than one answer of one check may stand behind it."""


ASKS_ITSELF = frozenset({
    "curl", "wget", "nc", "ping", "pg_isready", "redis-cli", "mysqladmin", "mysql", "psql", "mongosh", "mongo", "openssl", "dig",
})  # fmt: skip
"""What asks the thing itself, which may be slow; what asks the one that keeps it running is told how it is."""


@rule(code="SH014", title="One failed check is enough to act", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for jobs and watch loops in which a single probe, asked once, decides on stopping or restarting something."""
    scripts = list(case.of(Script))
    seen = set()
    jobs = {id(behaviour): schedule.job.span for schedule in case.schedules for behaviour in schedule.behaviours}
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            command = _asked_once(scripts, proved)
            unattended = jobs.get(id(behaviour)) or (_loop(command) if command else None)
            if command and unattended and proved.effect.span not in seen:
                seen.add(proved.effect.span)
                yield _finding(proved, command, unattended)


def _asked_once(scripts: Sequence[Script], proved: ProvedEffect) -> Written | None:
    """The one probe that decides, if a single failure of it is enough and nothing counts."""
    effect = proved.effect
    whole = not effect.targets and len(proved.hits) > 1  # `whole_stack_restart` says that, and more
    decides = (
        effect.ends_processes and not whole and len(proved.probes) == 1 and proved.proof.reach in (Reach.MUST, Reach.CONDITIONAL)
    )
    if not decides or any(COUNTED.search(text) for text, _ in effect.guard):
        return None
    probe = proved.probes[0].probe
    if probe.tool.split()[0] not in ASKS_ITSELF:
        return None
    command = command_at(scripts, probe.span, probe.tool.split()[0])
    return None if command is None or _tries_again(command) else command


def _tries_again(command: Written) -> bool:
    """Whether it is asked several times before anything happens: by itself, in a loop that ends; or who knows from where."""
    if any(word.startswith(("--retry", "--tries", "-t")) for word in command.words) or command.function:
        return True
    endless = watch_loop(command)
    return any(isinstance(node, For | Loop) and node is not endless for node in command.around)


def _loop(command: Written) -> Span | None:
    loop = watch_loop(command)
    return spanned(command.script, loop) if loop else None


def _finding(proved: ProvedEffect, command: Written, unattended: Span) -> Finding:
    target = ", ".join(proved.hits or proved.effect.targets)
    return Finding(
        confidence=0.8,
        claim=claim(
            "acts_on_first_failure.found",
            "one failed check, asked once, is enough to {action} {target}: a hiccup or a slow answer does it",
            action=proved.effect.action,
            target=target,
        ),
        evidence=(
            Evidence(proved.effect.span, proved.effect.action),
            Evidence(command.span, "the only check"),
            Evidence(unattended, "nobody watches"),
        ),
        would_refute=claim("acts_on_first_failure.refute", "a run in which the check fails once and nothing happens"),
        subject=proved.effect.span.path,
        fix=claim("acts_on_first_failure.fix", "act only after several failures in a row, some seconds apart"),
    )
