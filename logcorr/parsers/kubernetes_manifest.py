"""Kubernetes manifests: CronJobs, and the liveness probes of what runs always.

    kind: CronJob
    spec:
      schedule: "*/30 * * * *"

https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/; a suspended one runs nothing. Templates are not filled in.
https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from logcorr.lazily import regex
from logcorr.model.facts import Fact, Healthcheck, ScheduledJob, Service
from logcorr.model.source import Artifact, Problem, Sample, Span
from logcorr.parsers import configuration_parser

if TYPE_CHECKING:
    from logcorr.grammar.yaml_tree import Node

RUNS_ALWAYS = ("Deployment", "StatefulSet", "DaemonSet", "Pod", "ReplicaSet")
_KIND = regex(rf"kind:\s*[\"']?(?:CronJob|{'|'.join(RUNS_ALWAYS)})[\"']?\s*(?:#.*)?")
_SETTINGS = {
    "interval_s": ("periodSeconds", 10.0), "timeout_s": ("timeoutSeconds", 1.0), "retries": ("failureThreshold", 3.0),
    "start_period_s": ("initialDelaySeconds", 0.0),
}  # fmt: skip
_CONTAINERS = ("jobTemplate", "spec", "template", "spec", "containers")


def _recognise(sample: Sample) -> float:
    named = sample.name.endswith((".yml", ".yaml"))
    return 0.95 if named and any(map(_KIND.fullmatch, sample.lines)) else 0.0


@configuration_parser(title="Kubernetes manifest", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """A job for each CronJob, with the command of its first container; a service for each container with a liveness probe."""
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
        elif kind and kind.text in RUNS_ALWAYS and spec:
            yield from _services(document, spec)


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


def _services(document: Node, spec: Node) -> Iterator[Fact]:
    """Each container with a liveness probe, under the name of what runs it, or its own where several have one."""
    pod = _at(spec, ("template", "spec")) or spec
    name, containers = _at(document, ("metadata", "name")), pod.get("containers")
    probed = [(one, probe) for one in (containers.each() if containers else ()) if (probe := one.get("livenessProbe"))]
    for container, probe in probed:
        own, image = container.get("name"), container.get("image")
        called = own if len(probed) > 1 else name or own
        if called:
            yield Service(
                span=Span(container.path, container.line, container.end_line),
                name=called.text,
                image=image.text if image else None,
                healthcheck=_check(probe),
            )


def _check(probe: Node) -> Healthcheck:
    """The probe as a health check, with Kubernetes' defaults."""
    numbers = {name: _number(probe.get(key), default) for name, (key, default) in _SETTINGS.items()}
    asked, run = probe.get("httpGet"), _at(probe, ("exec", "command"))
    test = ("kubelet", _url(asked)) if asked else ("CMD", *(word.text for word in run.each())) if run else ("TCP",)
    return Healthcheck(
        span=Span(probe.path, probe.line, probe.end_line),
        test=test,
        interval_s=numbers["interval_s"],
        timeout_s=numbers["timeout_s"],
        retries=int(numbers["retries"]),
        start_period_s=numbers["start_period_s"],
    )


def _url(asked: Node) -> str:
    port, path, scheme = (found.text if (found := asked.get(key)) else "" for key in ("port", "path", "scheme"))
    return f"{scheme.lower() or 'http'}://localhost:{port}{path or '/'}"


def _number(node: Node | None, default: float) -> float:
    return float(node.text) if node and node.text.isdigit() else default


def _at(node: Node | None, keys: Sequence[str]) -> Node | None:
    for key in keys:
        node = node.get(key) if node else None
    return node


def _command(spec: Node) -> str:
    node = _at(spec, _CONTAINERS)
    first = next(node.each(), None) if node else None
    words = (word.text for key in ("command", "args") for given in [first and first.get(key)] if given for word in given.each())
    return shlex.join(words)
