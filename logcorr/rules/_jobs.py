"""What the rules on cron jobs share: the text that a job runs, in its line and in the scripts it leads to."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration, Schedule
from logcorr.model.facts import ScheduledJob, Script, Unit
from logcorr.semantics.paths import collected
from logcorr.semantics.written import Written, commands

EACH_MINUTE = regex(r"\*(?:/1)? \d+(?:,\d+)? ")
WRITES = regex(r">>?\s*(?P<path>[^\s;&|<>]+)")

DISTINCT = 5
LANGUAGES = ("py", "rb", "js", "mjs", "ts", "php", "pl", "go")
"""A program may be run by a name without its ending, or by the name of a framework's command; shorter names may be anything."""

MODULE = regex(r"\bpython[\d.]* (?:-\w+ )*-m (?:\w+\.)*(?P<name>\w+)")
"""How Python runs a module by its dotted name."""


SEEN = regex(r"minutes \d|the log's word")
"""When a job runs of which cron's log tells and no collected table."""


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
    """Collected files that the job's command names, or that what it leads to names, and that are no shell scripts."""
    scripts = {script.span.path for script in case.of(Script)}
    texts = list(_texts(case, schedule))
    names = {word.strip("\"'();").rpartition("/")[2] for text in texts for word in text.split() if "." in word}
    names |= {f"{found['name']}.py" for text in texts for found in MODULE.finditer(text)}
    bare = {word.strip("\"'();").rpartition("/")[2] for text in texts for word in text.split() if "." not in word}
    names |= {f"{name}.{language}" for name in bare if len(name) >= DISTINCT for language in LANGUAGES}
    yield from (path for path in sorted(case.files - scripts) if path.rpartition("/")[2] in names)


def _texts(case: Configuration, schedule: Schedule) -> Iterator[str]:
    """What a job runs: its line, the command of the unit that it starts, and the scripts that these lead to."""
    yield schedule.job.command
    started = schedule.job.command.removeprefix("systemctl start ")
    yield from (unit.command for unit in case.of(Unit) if unit.name == started and unit.command)
    yield from (script.text for script in scripts_of(case, schedule))


def jobs_commands(case: Configuration, schedule: Schedule) -> list[Written]:
    """Every command of the job's scripts, as written."""
    return [command for script in scripts_of(case, schedule) for command in commands(script)]


def logs_of(case: Configuration, schedule: Schedule) -> list[str]:
    """The collected files that bear the name of a file which the job's line writes to."""
    names = {found["path"].rpartition("/")[2] for found in WRITES.finditer(schedule.job.command)}
    return [path for path in sorted(case.files) if path.rpartition("/")[2] in names]


def each_minute(job: ScheduledJob) -> bool:
    """Whether it starts every minute of an hour or two that are named: mostly once was meant."""
    return EACH_MINUTE.match(job.schedule) is not None
