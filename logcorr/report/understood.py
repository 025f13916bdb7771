"""What was understood of configuration, as a document (`logcorr.facts/1`); docs/facts.md says what each field means.

A fact is written with the names of its own fields; its span becomes `path`, `line` and `end_line`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import Enum

from msgspec import Struct

from logcorr.model.behaviour import Probe
from logcorr.model.case import Behaviour, ProbeAnswer, ProvedEffect, Schedule
from logcorr.model.facts import Fact, Script, Service
from logcorr.model.source import Problem, Span
from logcorr.report.cite import Document, clean, instant, locate, number
from logcorr.report.document import state_problems

SCHEMA = "logcorr.facts/1"

INNER = frozenset({"id", "text", "prints", "listens", "environment_files"})
"""Fields that only the interpreter needs."""

RENAMED = {"path": "matches"}
"""A field whose name the document has for the file that a fact stands in: what nginx's location matches."""


def build(
    *,
    behaviours: Iterable[Behaviour],
    answer: Callable[[Probe], ProbeAnswer],
    schedules: Iterable[tuple[Schedule, tuple[float, float | None] | None]],
    services: Iterable[tuple[Service, tuple[float, float] | None]],
    read: Mapping[str, Iterable[Fact]],
    asked: ProbeAnswer | None,
    problems: Iterable[Problem],
    now: datetime | None,
    version: str,
) -> Document:
    """The document of what was understood.

    `answer` says what a probe would get. Each schedule comes with the least and most seconds between two starts where no clock
    starts it, each service with the least and most seconds until its health check calls it unhealthy. `read` holds facts
    that are written as they are, by the name of their list.
    """
    behaviours = list(behaviours)
    return {
        "schema": SCHEMA,
        "tool": {"name": "logcorr", "version": version},
        "at": instant(now),
        "probes": [_probe(probe, one, answer(probe)) for one in behaviours for probe in one.probes if probe.purpose == "asks"],
        "other_requests": [
            _probe(probe, one, answer(probe)) for one in behaviours for probe in one.probes if probe.purpose != "asks"
        ],
        "effects": [_effect(proved, one) for one in behaviours for proved in one.proved],
        "jobs": [_job(*one) for one in schedules],
        "services": [record(service) | {"unhealthy_after_s": _plain(after)} for service, after in services],
        **{name: [record(fact) for fact in facts] for name, facts in read.items()},
        "request": _answered(asked) if asked else None,
        "unknown": state_problems(dict.fromkeys([*problems, *(doubt for one in behaviours for doubt in _doubts(one))])),
    }


def record(thing: Struct) -> Document:
    """A fact by its fields, those of its span among them."""
    own: Document = {
        RENAMED.get(name, name): _plain(getattr(thing, name)) for name in thing.__struct_fields__ if name not in INNER
    }
    if isinstance(thing, Fact):
        own |= own.pop("span")
    return own


def _plain(value: object) -> object:
    """A field's value as JSON holds it: a text with its span is an object, as is a name with its value."""
    match value:
        case str():
            return clean(value)
        case float():
            return number(value)
        case Span():
            return locate(value)
        case Enum():
            return value.value
        case (str() as text, Span() as span):
            return {"text": clean(text), **locate(span)}
        case tuple() | list():
            return [_plain(part) for part in value]
    return record(value) if isinstance(value, Struct) else value


def _run_by(script: Script) -> Document:
    """The job, the step or the file from which something is reached."""
    return {"path": clean(script.span.path), "line": script.span.line}


def _probe(probe: Probe, behaviour: Behaviour, answered: ProbeAnswer) -> Document:
    return {**record(probe), "run_by": _run_by(behaviour.script), **_answered(answered)}


def _answered(answered: ProbeAnswer) -> Document:
    return {"answers": [record(answer) for answer in answered.answers], "way": _plain(answered.path)}


def _effect(proved: ProvedEffect, behaviour: Behaviour) -> Document:
    proof = proved.proof
    return {
        **record(proved.effect),
        "run_by": _run_by(behaviour.script),
        "hits": _plain(proved.hits),
        "compose_paths": _plain(proved.compose_paths),
        "reach": proof.reach.value,
        "cases": [{"when": clean(text), "runs": runs} for text, runs in proof.cases],
        "assumes": _plain(proof.assumes),
        "unknown": _plain(proof.unknown),
    }


def _job(schedule: Schedule, repeat: tuple[float, float | None] | None) -> Document:
    return {
        **record(schedule.job),
        "runs": [_run_by(behaviour.script) for behaviour in schedule.behaviours],
        "next": [instant(time) for time in schedule.next],
        "repeat_s": _plain(repeat),
    }


def _doubts(behaviour: Behaviour) -> Iterator[Problem]:
    """What stands in the way of knowing what a script asks."""
    for probe in behaviour.probes:
        if probe.unknown:
            yield Problem(probe.span.path, f"{probe.tool} asks what is not known: {probe.unknown}", probe.span.line)
    for call in behaviour.calls:
        if call.path is None:
            yield Problem(call.span.path, "calls a script whose name is not known", call.span.line)
