"""What the whole collected configuration would do: every job and script interpreted, every effect's reach proved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from logcorr.model.case import Behaviour, Entity
from logcorr.model.facts import ComposeFile, Container, Fact, ScheduledJob, Script, of_kind
from logcorr.model.source import Problem
from logcorr.semantics import compose, topology
from logcorr.semantics.compose import Running

Resolve = Callable[[str, str | None], Script | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """The configuration, understood. `of_job` gives a job's behaviour by the job; `behaviours` holds every one."""

    behaviours: tuple[Behaviour, ...]
    of_job: Mapping[ScheduledJob, Behaviour]
    entities: tuple[Entity, ...]
    running: Running | None
    nginx: str
    problems: tuple[Problem, ...] = ()


def understand(facts: Sequence[Fact], files: frozenset[str]) -> Understanding:
    """Interpret every job, and every script that no job leads to; then prove how far each effect is reached."""
    scripts = {script.span.path: script for script in of_kind(Script, facts) if script.span.line == 1}
    read = _interpret_all(facts, scripts, _resolver(scripts))
    running = compose.running_file(
        tuple(of_kind(Container, facts)),
        tuple(effect for interpretation in read.values() for effect in interpretation.effects),
        tuple(of_kind(ComposeFile, facts)),
    )
    things = topology.entities(facts, files)
    judge = _Judge(facts, files, things, running)
    behaviours = {source: judge.behaviour(source, interpretation) for source, interpretation in read.items()}
    return Understanding(
        behaviours=tuple(behaviours.values()),
        of_job={source: behaviour for source, behaviour in behaviours.items() if isinstance(source, ScheduledJob)},
        entities=things,
        running=running,
        nginx=topology.nginx_name(facts),
        problems=tuple(problem for interpretation in read.values() for problem in interpretation.problems),
    )
