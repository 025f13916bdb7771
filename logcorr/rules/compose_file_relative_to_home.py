"""cron starts jobs in the user's home, where compose then looks for its file."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.behaviour import Effect
from logcorr.model.case import Configuration, Schedule
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._jobs import cron_jobs, jobs_commands

MOVING = frozenset({"cd", "pushd"})
HOMES = ("/root", "~", "$HOME", "${HOME}")


@rule(code="CRON012", title="A job leaves compose to look for its file in the home", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for compose commands in jobs that never change folder and name no file, or one by a relative path."""
    seen = set()
    for schedule in cron_jobs(case):
        if any(command.name in MOVING or "COMPOSE_FILE" in command.text for command in jobs_commands(case, schedule)):
            continue
        for effect in (one for behaviour in schedule.behaviours for one in behaviour.effects):
            if effect.manager == "compose" and _depends_on_folder(effect) and effect.span not in seen:
                seen.add(effect.span)
                yield _finding(schedule, effect)


def _depends_on_folder(effect: Effect) -> bool:
    named_by_path = any(path.startswith(("/", "~", "$", "<")) for path in effect.compose_files)
    here = effect.directory is None or effect.directory in HOMES
    return here and not named_by_path and not effect.remote and not effect.container and not effect.project


def _finding(schedule: Schedule, effect: Effect) -> Finding:
    return Finding(
        confidence=0.9 if effect.compose_files else 0.8,
        claim=_claim(effect),
        evidence=(
            Evidence(effect.span, "no folder"),
            *([Evidence(schedule.job.span, "starts in the home")] if schedule.job.span != effect.span else []),
        ),
        would_refute=claim("compose_file_relative_to_home.refute", "a compose file of that name in the home of the job's user"),
        subject=str(schedule.job.span),
        measured={"files": ", ".join(effect.compose_files)} if effect.compose_files else {},
        fix=claim("compose_file_relative_to_home.fix", "cd into the project's folder first, or give -f the whole path"),
    )


def _claim(effect: Effect) -> Claim:
    if effect.compose_files:
        return claim(
            "compose_file_relative_to_home.found",
            "cron starts the job in the user's home, and there compose looks for {files}",
            files=", ".join(effect.compose_files),
        )
    return claim(
        "compose_file_relative_to_home.default",
        "cron starts the job in the user's home, and there compose looks for a compose file",
    )
