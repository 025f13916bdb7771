"""Each run of a job stays for ever."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from pathlib import PurePosixPath

from logcorr.lazily import regex
from logcorr.model.case import Configuration, Schedule
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._idioms import ENDLESS, TELLING
from logcorr.rules._jobs import cron_jobs, scripts_of
from logcorr.semantics.schedule.fields import fields_of, shortest_gap_s
from logcorr.semantics.written import Loop, commands, compound, spanned, tree

DAY_S = 86_400
LOCKED = regex(r"flock|setlock|lockfile|\bsolo\b|run-one|with-lock|\btimeout\b|\bkill -0\b|\.pid\b|\bmkdir\b.*lock")
LOOKS = r"\b(?:pgrep|pidof|pkill|killall|fuser|ps)\b.*(?:\$0|\bbasename\b|{names})"
"""What keeps a job to one run at a time: a lock, the end of a run, or a look for the one before."""

LEAVES, ENDS = frozenset({"break", "exit", "return", "exec", "kill"}), frozenset({"exit", "exec", "kill"})
"""The latter also from within a function."""

EXITS = regex(r"(?m)^\s*set (?:-\w+ )*-\w*e|^\s*set -o errexit|^#!.*\s-\w*e")


@rule(code="CRON020", title="A job never ends", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for jobs whose script is a loop without an end, and which nothing keeps to one run at a time."""
    for schedule in cron_jobs(case):
        times = fields_of(schedule.job)
        scripts = scripts_of(case, schedule)
        if times is None or _one_at_a_time(scripts):
            continue
        loop = next(filter(None, map(_endless, scripts)), None)
        if loop:
            yield _finding(schedule, loop, DAY_S / shortest_gap_s(times))


def _one_at_a_time(scripts: Sequence[Script]) -> bool:
    names = "|".join(re.escape(PurePosixPath(script.span.path).stem) for script in scripts if script.span.line == 1)
    looks = LOOKS.format(names=names or r"\$0")
    return any(LOCKED.search(script.text) or re.search(looks, script.text) for script in scripts)


def _endless(script: Script) -> Span | None:
    """The loop that a script comes to in any case and does not leave."""
    leaves = LEAVES | {one.function for one in commands(script) if one.function and one.name in ENDS}
    for node in tree(script).commands:
        if isinstance(node, Loop) and not node.until and _goes_on(script, node, leaves):
            left_before = any(one.name in leaves and one.node.start < node.start and not one.function for one in commands(script))
            return None if left_before else spanned(script, node)
    return None


def _goes_on(script: Script, loop: Loop, leaves: Set[str]) -> bool:
    """Whether the loop asks for nothing and nothing in it leaves, as any command may that fails under `set -e`."""
    asked = script.text[loop.condition.start : loop.condition.end]
    inside = [one.name for one in compound(script, loop)]
    may_fail = EXITS.search(script.text) is not None and any(name not in TELLING and name != "sleep" for name in inside)
    return ENDLESS.fullmatch(asked) is not None and not may_fail and leaves.isdisjoint(inside)


def _finding(schedule: Schedule, loop: Span, runs: float) -> Finding:
    return Finding(
        confidence=0.92,
        claim=claim(
            "endless_job.found",
            "the job never ends, and the next one is started beside it: {runs:g} more of them every day",
            runs=runs,
        ),
        evidence=(Evidence(schedule.job.span, f"runs on {schedule.job.schedule}"), Evidence(loop, "a loop without an end")),
        would_refute=claim("endless_job.refute", "ps, which shows no more than one of them after a day"),
        subject=str(schedule.job.span),
        measured={"runs_a_day": runs},
        fix=claim("endless_job.fix", "start it once, as a service; or take the loop out and let cron be the loop"),
    )
