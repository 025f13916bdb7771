"""A probe that waits for ever, where nobody sits in front of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.behaviour import Effect, Probe
from logcorr.model.case import Behaviour, Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ScheduledJob, Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import command_at, watch_loop
from logcorr.semantics.written import AndOr, If, Loop, Node, Written, commands, compound, tree, walk

Bound = tuple[Claim, tuple[Evidence, ...]]
OPTIONS_ELSEWHERE = regex(r"^\$[{A-Za-z_]*(opt|arg|flag|timeout)|^\$\{?\w+\[[@*]\]", re.IGNORECASE)
"""A word that may hold options: a timeout among them cannot be excluded."""

IN_A_WORKFLOW = regex(r"(?:^|/)\.?(?:github|gitea|forgejo)/workflows/|(?:^|/)\.?gitlab-ci[^/]*\.ya?ml$")
"""Steps of a workflow, whose jobs have a limit of their own."""


@rule(code="SH013", title="A probe has no timeout", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for curl without --max-time in jobs, in endless loops, and before a restart: curl itself waits without end."""
    scripts = list(case.of(Script))
    seen = set()
    for behaviour, job in _jobs_first(case):
        for probe in behaviour.probes:
            if probe.tool == "curl" and probe.purpose == "asks" and probe.timeout_s is None and probe.span not in seen:
                command = command_at(scripts, probe.span, "curl")
                bound = _bound(behaviour, probe, job, command) if command and not _bounded(command) else None
                if bound:
                    seen.add(probe.span)
                    yield _finding(probe, *bound)


def _jobs_first(case: Configuration) -> Iterator[tuple[Behaviour, ScheduledJob | None]]:
    for schedule in case.schedules:
        for behaviour in schedule.behaviours:
            yield behaviour, schedule.job
    yield from ((behaviour, None) for behaviour in case.behaviours)


def _bound(behaviour: Behaviour, probe: Probe, job: ScheduledJob | None, command: Written) -> Bound | None:
    """What stands still with the probe: a job, a loop, an action; None where a person waits."""
    if job:
        said = claim(
            "probe_without_timeout.job",
            "a server that takes the connection and does not answer holds this probe, and the job on {schedule}, for ever",
            schedule=job.schedule,
        )
        return said, (Evidence(job.span, f"runs on {job.schedule}"),)
    if watch_loop(command):
        said = claim(
            "probe_without_timeout.loop",
            "a server that takes the connection and does not answer holds this probe, and the loop around it, for ever",
        )
        return said, ()
    if IN_A_WORKFLOW.search(probe.span.path):
        return None
    hangs = (
        one.effect
        for one in behaviour.proved
        if one.effect.ends_processes and any(a.probe.id == probe.id for a in one.probes) and _answers(one.effect, command)
    )
    effect = next(hangs, None)
    return _before(effect) if effect else None


def _answers(effect: Effect, command: Written) -> bool:
    """Whether the effect is what is done about the answer: in a branch that hangs on it, or in a function called there."""
    variable = command.captured()
    used = re.compile(rf"\$\{{?{re.escape(variable.name)}\b") if variable else None
    text = command.script.text
    for node in walk(tree(command.script)):
        own = isinstance(node, If | AndOr | Loop) and node.start <= command.node.start < node.end
        later = isinstance(node, If | AndOr) and used and used.search(text[node.start : _head_end(node)])
        if (own or later) and _reaches(effect, command, node):
            return True
    return False


def _head_end(node: If | AndOr) -> int:
    return node.arms[0][0].end if isinstance(node, If) else node.left.end


def _reaches(effect: Effect, command: Written, node: Node) -> bool:
    script = command.script
    inside = compound(script, node)
    names = {one.name for one in inside}
    called = (one for one in commands(script) if one.function in names)
    return any(one.span == effect.span for one in (*inside, *called)) or effect.span.path != script.span.path


def _before(effect: Effect) -> Bound:
    said = claim(
        "probe_without_timeout.effect",
        "a server that takes the connection and does not answer holds this probe for ever: the {action} never comes",
        action=effect.action,
    )
    return said, (Evidence(effect.span, effect.action),)


def _bounded(command: Written) -> bool:
    inner = "timeout" in command.wrappers or any(OPTIONS_ELSEWHERE.search(word) for word in command.words)
    return inner or bool({"m", "max-time", "y", "speed-time", "K", "config"} & command.flags())


def _finding(probe: Probe, said: Claim, others: tuple[Evidence, ...]) -> Finding:
    return Finding(
        confidence=0.9,
        claim=said,
        evidence=(Evidence(probe.span, "sets no limit"), *others),
        would_refute=claim(
            "probe_without_timeout.refute",
            "a run against a server that never answers which ends by itself (a .curlrc with a limit)",
        ),
        subject=probe.span.path,
        fix=claim("probe_without_timeout.fix", "give it a limit: --max-time 5"),
    )
