"""What the rules on cron jobs share: the text that a job runs, in its line and in the scripts it leads to."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Configuration, Schedule
from logcorr.model.facts import Script
from logcorr.semantics.paths import collected
from logcorr.semantics.written import Written, commands


def cron_jobs(case: Configuration) -> Iterator[Schedule]:
    """The schedules that cron runs."""
    return (schedule for schedule in case.schedules if schedule.job.scheduler == "cron")


def scripts_of(case: Configuration, schedule: Schedule) -> list[Script]:
    """The job's own command, and the collected scripts that it calls, directly or not."""
    whole = {script.span.path: script for script in case.of(Script) if script.span.line == 1}
    own = [script for script in case.of(Script) if script.span == schedule.job.span]
    called = (call.path for behaviour in schedule.behaviours for call in behaviour.calls if call.path)
    found = (collected(path, whole, None, asker=schedule.job.span.path) for path in called)
    return [*own, *dict.fromkeys(whole[path] for path in found if path and whole[path] not in own)]


def programs_of(case: Configuration, schedule: Schedule) -> Iterator[str]:
    """Collected files that the job's command names, and that are no shell scripts."""
    scripts = {script.span.path for script in case.of(Script)}
    names = {word.rpartition("/")[2] for word in schedule.job.command.split() if "." in word}
    yield from (path for path in sorted(case.files - scripts) if path.rpartition("/")[2] in names)


def jobs_commands(case: Configuration, schedule: Schedule) -> list[Written]:
    """Every command of the job's scripts, as written."""
    return [command for script in scripts_of(case, schedule) for command in commands(script)]
