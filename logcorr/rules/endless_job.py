"""Each run of a job stays for ever."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration, Schedule
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._idioms import ENDLESS
from logcorr.rules._jobs import cron_jobs, scripts_of
from logcorr.semantics.schedule.fields import fields_of, shortest_gap_s
from logcorr.semantics.written import Loop, commands, compound, spanned, tree

DAY_S = 86_400
LOCKED = regex(r"flock|setlock|lockfile|\bsolo\b|run-one|with-lock")
LEAVES = frozenset({"break", "exit", "return", "exec", "kill"})


@rule(code="CRON020", title="A job never ends", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for jobs whose script is a loop without an end, and which nothing keeps to one run at a time."""
    for schedule in cron_jobs(case):
        times = fields_of(schedule.job)
        scripts = scripts_of(case, schedule)
        if times is None or any(LOCKED.search(script.text) for script in scripts):
            continue
        loop = next(filter(None, map(_endless, scripts)), None)
        if loop:
            yield _finding(schedule, loop, DAY_S / shortest_gap_s(times))


def _endless(script: Script) -> Span | None:
    """The loop that a script comes to in any case and does not leave."""
    for node in tree(script).commands:
        if isinstance(node, Loop) and not node.until and _goes_on(script, node):
            left_before = any(one.name in LEAVES and one.node.start < node.start and not one.function for one in commands(script))
            return None if left_before else spanned(script, node)
    return None


def _goes_on(script: Script, loop: Loop) -> bool:
    asked = script.text[loop.condition.start : loop.condition.end]
    return ENDLESS.fullmatch(asked) is not None and not any(one.name in LEAVES for one in compound(script, loop))


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
