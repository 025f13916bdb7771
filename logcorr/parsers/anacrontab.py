"""anacron's table, `/etc/anacrontab`: jobs by days, not by the clock.

    1  5  cron.daily  nice run-parts /etc/cron.daily

Format: anacrontab(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.grammar.crontab import setting
from logcorr.lazily import regex
from logcorr.model.facts import Fact, ScheduledJob
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

_JOB = regex(
    r"""
    \s* (?P<period> \d+ | @(?:daily|weekly|monthly|yearly|annually) )
    \s+ (?P<delay> \d+ )
    \s+ (?P<name> \S+ )
    \s+ (?P<command> \S.* )
    """,
    re.VERBOSE,
)


def _recognise(sample: Sample) -> float:
    speaking = [line for line in sample.lines if line.strip() and not line.lstrip().startswith("#")]
    jobs = [line for line in speaking if _JOB.fullmatch(line) and not setting(line)]
    if not jobs:
        return 0.0
    named = bool(re.search(r"(^|/)anacrontab", sample.path))
    return 0.99 if named else 0.6 if any(re.match(r"\s*START_HOURS_RANGE\s*=", line) for line in speaking) else 0.0


@configuration_parser(title="anacron table", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """Every job, its period and delay (minutes) as the schedule; RANDOM_DELAY is its slack."""
    environment: dict[str, str] = {}
    for number, line in enumerate(artifact.text().split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        named, job = setting(line), _JOB.fullmatch(line.rstrip())
        if named:
            environment[named[0]] = named[1]
        elif job:
            wait = environment.get("RANDOM_DELAY", "0")
            yield ScheduledJob(
                span=artifact.span(number),
                schedule=f"{job['period']} {job['delay']}",
                scheduler="anacron",
                command=job["command"],
                user="root",
                environment=tuple(environment.items()),
                slack_s=60.0 * int(wait) if re.fullmatch("[0-9]{1,6}", wait) else 0.0,
            )
        else:
            yield Problem(artifact.path, "not a line of anacron's table: days, minutes, name, command", number)
