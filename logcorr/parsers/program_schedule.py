"""Programs in JavaScript or Python that keep schedules themselves.

`cron.schedule('*/10 * * * *', () => mail.send())`, `@sched.scheduled_job("cron", hour="*/2")`

https://github.com/node-cron/node-cron, https://apscheduler.readthedocs.io
"""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.grammar import programs, scheduled_code
from logcorr.model.facts import Fact
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser
from logcorr.parsers._shared.schedules import own_schedules


def _recognise(sample: Sample) -> float:
    return 0.55 if sample.name.endswith(programs.CODE) and scheduled_code.keeps("\n".join(sample.lines)) else 0.0


@configuration_parser(title="program that keeps schedules", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """A job a schedule: the program itself, as nothing tells which part of it."""
    return own_schedules(artifact)
