"""Laravel's schedule in PHP: `app/Console/Kernel.php`, `routes/console.php`.

`$schedule->command('cache:clear')->hourlyAt(10);`

https://laravel.com/docs/scheduling
"""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.grammar import laravel_schedule
from logcorr.model.facts import Fact, ScheduledJob
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser


def _recognise(sample: Sample) -> float:
    return 0.9 if sample.name.endswith(".php") and laravel_schedule.keeps("\n".join(sample.lines)) else 0.0


@configuration_parser(title="Laravel's schedule", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """A job a task, in UTC as Laravel's own zone is; a problem where its times cannot be told."""
    for task in laravel_schedule.tasks(artifact.text()):
        if task.schedule is None:
            yield Problem(artifact.path, "a schedule is not known: Laravel is given what a program computes", task.line)
        else:
            span = artifact.span(task.line)
            yield ScheduledJob(
                span=span, schedule=task.schedule, scheduler="laravel", command=task.command, zone=task.zone or "UTC"
            )
