"""What every command begins with: collect the files, read the configuration among them, and find out what it would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from logcorr import plugins
from logcorr.collect import collect
from logcorr.errors import NothingRecognised
from logcorr.model.case import Behaviour, Configuration, Schedule
from logcorr.model.facts import Fact, ScheduledJob, of_kind
from logcorr.model.source import Artifact, Problem
from logcorr.parsers import ConfigurationParser, Parser
from logcorr.plugins import Plugins
from logcorr.semantics.understanding import Understanding, understand

ROTATION = "logrotate"

Paths = str | Path | Sequence[str | Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Every collected file, and the configuration among them with what it would do.

    `problems` is what could not be read or understood, without those of the parsers that could not be loaded.
    """

    artifacts: tuple[Artifact, ...]
    parsers: Plugins[Parser]
    configuration: Configuration
    understood: Understanding
    problems: tuple[Problem, ...]

    @property
    def configured(self) -> tuple[Artifact, ...]:
        """The files that are configuration."""
        formats = {name for name, parser in self.parsers.items() if isinstance(parser, ConfigurationParser)}
        return tuple(artifact for artifact in self.artifacts if artifact.format in formats)


def read(paths: Paths) -> Reading:
    """Read everything under `paths` that is configuration; logs are only recognised.

    Raises LogcorrError for a path that does not exist, NothingRecognised if there is nothing to read.
    """
    parsers = plugins.parsers()
    roots = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    collection = collect(roots, {name: parser.recognise for name, parser in parsers.items()})
    if not any(artifact.format for artifact in collection.artifacts):
        raise NothingRecognised(
            "nothing here is a log or configuration that logcorr knows", "`logcorr sources PATH` says what was seen"
        )
    facts, broken = _read_configuration(collection.artifacts, parsers)
    files = frozenset(artifact.path for artifact in collection.artifacts)
    understood = understand(facts, files)
    damaged = (problem for artifact in collection.artifacts for problem in artifact.problems)
    return Reading(
        artifacts=collection.artifacts,
        parsers=parsers,
        configuration=_configuration(facts, files, understood),
        understood=understood,
        problems=(*collection.skipped, *damaged, *broken, *understood.problems),
    )


def _read_configuration(
    artifacts: Sequence[Artifact], parsers: Mapping[str, Parser]
) -> tuple[tuple[Fact, ...], tuple[Problem, ...]]:
    """The facts of all configuration files, in the order of their paths, and what could not be read."""
    read: list[Fact | Problem] = []
    for artifact in artifacts:
        parser = parsers.get(artifact.format or "")
        if isinstance(parser, ConfigurationParser):
            read.extend(parser.read(artifact))
    return tuple(one for one in read if isinstance(one, Fact)), tuple(one for one in read if isinstance(one, Problem))


def _configuration(facts: tuple[Fact, ...], files: frozenset[str], understood: Understanding) -> Configuration:
    return Configuration(
        facts=facts,
        files=files,
        behaviours=understood.behaviours,
        schedules=_schedules(facts, understood),
        entities=understood.entities,
        stack=understood.stack,
    )


def _schedules(facts: Sequence[Fact], understood: Understanding) -> tuple[Schedule, ...]:
    """Every job with what it runs.

    A rotation's stanza has no clock of its own: its hooks are part of the job that runs logrotate.
    """
    jobs = [job for job in of_kind(ScheduledJob, facts) if job.scheduler != ROTATION]
    rotated = {job.span.path for job in of_kind(ScheduledJob, facts) if job.scheduler == ROTATION}
    hooks = tuple(behaviour for behaviour in understood.behaviours if behaviour.script.span.path in rotated)
    return tuple(
        Schedule(job=job, behaviours=(behaviour, *(hooks if _rotates(behaviour) else ())))
        for job in jobs
        for behaviour in [understood.of_job[job]]
    )


def _rotates(behaviour: Behaviour) -> bool:
    return any(effect.manager == ROTATION for effect in behaviour.effects)
