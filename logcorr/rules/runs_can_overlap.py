"""A job's next run can begin before the last one has ended, and nothing keeps them apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.case import Configuration, Schedule
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._jobs import cron_jobs, scripts_of
from logcorr.semantics.schedule.fields import fields_of, shortest_gap_s
from logcorr.semantics.written import For, Function, Substitution, Written, commands

LOCKED = regex(r"flock|lockfile|\.lock\b|\.pid\b|\bpidof\b|\bpgrep\b|LOCK|setlock|with-lock|solo\b|run-one")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}
RANGE = regex(r"\{(\d+)\.\.(\d+)\}|\$\(seq (?:1 )?(\d+)\)")
DURATION = regex(r"(\d+(?:\.\d+)?)([smhd]?)")


@rule(code="SH004", title="Runs of a job can overlap", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Adds up the pauses and time limits written in a job's script, and compares with the time to its next run."""
    for schedule in cron_jobs(case):
        times = fields_of(schedule.job)
        scripts = scripts_of(case, schedule)
        if times is None or any(LOCKED.search(script.text) for script in scripts):
            continue
        longest, waits = _longest(scripts)
        if longest > shortest_gap_s(times):
            yield _finding(schedule, shortest_gap_s(times), longest, waits)


def _longest(scripts: Sequence[Script]) -> tuple[float, list[Written]]:
    """The seconds that one run can wait as written, and where; loops whose rounds are not written count as one."""
    waits = [(command, _seconds(command)) for script in scripts for command in commands(script)]
    found = [(command, seconds) for command, seconds in waits if seconds and not _elsewhere(command)]
    return sum(seconds * _rounds(command) for command, seconds in found), [command for command, _ in found]


def _elsewhere(command: Written) -> bool:
    """Whether it may not run at all, or beside the rest."""
    return any(
        isinstance(node, Function | Substitution) or type(node).__name__ in ("Background", "Case") for node in command.around
    )


def _seconds(command: Written) -> float:
    if command.name == "sleep" and command.words and (pause := DURATION.fullmatch(command.words[0])):
        return float(pause[1]) * SECONDS[pause[2]]
    if command.name == "curl":
        pairs = zip(command.words, (*command.words[1:], ""), strict=False)
        limits = [value for option, value in pairs if option in ("-m", "--max-time") and re.fullmatch(r"\d+(\.\d+)?", value)]
        return float(limits[0]) if limits else 0.0
    return 0.0


def _rounds(command: Written) -> int:
    """How often the loops around it run it, as far as that is written."""
    rounds = 1
    for node in command.around:
        rounds *= _count(command.script, node) if isinstance(node, For) else 1
    return rounds


def _count(script: Script, loop: For) -> int:
    written = [script.text[word.start : word.end] for word in loop.words or ()]
    if len(written) == 1 and (span := RANGE.fullmatch(written[0])):
        return int(span[3]) if span[3] else abs(int(span[2]) - int(span[1])) + 1
    return max(1, len([word for word in written if not word.startswith("$")]))


def _finding(schedule: Schedule, period: float, longest: float, waits: Sequence[Written]) -> Finding:
    return Finding(
        confidence=0.85,
        claim=claim(
            "runs_can_overlap.found",
            "a run can wait {longest:g} s, the next one begins after {period:g} s, and nothing keeps them apart",
            longest=longest,
            period=period,
        ),
        evidence=(
            Evidence(schedule.job.span, f"runs on {schedule.job.schedule}"),
            *(Evidence(one.span, "waits") for one in waits),
        ),
        would_refute=claim("runs_can_overlap.refute", "a lock around the job that these files do not show"),
        subject=str(schedule.job.span),
        measured={"period_s": period, "longest_s": longest},
        fix=claim("runs_can_overlap.fix", "put flock -n /run/NAME.lock before the command"),
    )
