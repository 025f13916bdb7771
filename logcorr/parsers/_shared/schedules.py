"""The schedules that a program keeps, as jobs."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.grammar import scheduled_code
from logcorr.model.facts import ScheduledJob
from logcorr.model.source import Artifact, Problem


def own_schedules(artifact: Artifact) -> Iterator[ScheduledJob | Problem]:
    """A job that runs the program for each; a problem where the schedule would have to be computed."""
    command = f"{'python3' if artifact.sample.name.endswith('.py') else 'node'} {artifact.path}"
    for own in scheduled_code.schedules(artifact.text()):
        if own.schedule is None:
            yield Problem(artifact.path, f"a schedule is not known: {own.by} is given what a program computes", own.line)
        else:
            span = artifact.span(own.line)
            yield ScheduledJob(span=span, schedule=own.schedule, scheduler=own.by, command=command, zone=own.zone)
