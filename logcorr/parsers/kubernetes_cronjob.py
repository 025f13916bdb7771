"""Kubernetes manifests with CronJobs.

    kind: CronJob
    spec:
      schedule: "*/30 * * * *"

https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/; a suspended one runs nothing. Templates are not filled in.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from logcorr.lazily import regex
from logcorr.model.facts import Fact, ScheduledJob
from logcorr.model.source import Artifact, Problem, Sample
from logcorr.parsers import configuration_parser

if TYPE_CHECKING:
    from logcorr.grammar.yaml_tree import Node

_KIND = regex(r"kind:\s*[\"']?CronJob[\"']?\s*(?:#.*)?")
_CONTAINERS = ("jobTemplate", "spec", "template", "spec", "containers")


def _recognise(sample: Sample) -> float:
    named = sample.name.endswith((".yml", ".yaml"))
    return 0.95 if named and any(map(_KIND.fullmatch, sample.lines)) else 0.0


@configuration_parser(title="Kubernetes CronJob", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """A job each, with the command of its first container."""
    from logcorr.grammar.yaml_tree import NotYaml, load  # slow to import, and few runs need it

    for first, text in _documents(artifact.text()):
        try:
            document = load("\n" * first + text, artifact.path)
        except NotYaml as error:
            yield Problem(artifact.path, str(error), error.line)
            continue
        kind, spec = document.get("kind"), document.get("spec")
        if kind and kind.text == "CronJob" and spec:
            yield from _job(artifact, spec)


def _documents(text: str) -> Iterator[tuple[int, str]]:
    """The documents of a file, each with the number of lines before it."""
    first = 0
    for part in re.split(r"^---.*$", text, flags=re.M):
        yield first, part
        first += part.count("\n")


def _job(artifact: Artifact, spec: Node) -> Iterator[Fact]:
    schedule, suspended, zone = spec.get("schedule"), spec.get("suspend"), spec.get("timeZone")
    if schedule and not (suspended and suspended.text == "true"):
        yield ScheduledJob(
            span=artifact.span(schedule.line),
            schedule=schedule.text,
            scheduler="kubernetes",
            command=_command(spec),
            zone=zone.text if zone else None,
        )


def _command(spec: Node) -> str:
    node: Node | None = spec
    for key in _CONTAINERS:
        node = node.get(key) if node else None
    first = next(node.each(), None) if node else None
    words = (word.text for key in ("command", "args") for given in [first and first.get(key)] if given for word in given.each())
    return shlex.join(words)
