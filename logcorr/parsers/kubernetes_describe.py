"""What `kubectl describe pod` prints: the liveness probe of a container, where the manifest was not collected.

    Name:             shop-6d9c7f5b84-q2xkz
    Containers:
      shop:
        Liveness:     http-get http://:3000/healthz delay=5s timeout=1s period=3s #success=1 #failure=2

https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/; `DescribeProbe` of kubectl.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.facts import Fact, Healthcheck, Service
from logcorr.model.source import Artifact, Problem, Sample, Span
from logcorr.parsers import configuration_parser

_POD = regex(r"Name:\s+(?P<pod>[a-z0-9][a-z0-9.-]*)\s*")
_OF_WORKLOAD = regex(r"(?P<name>.+?)-(?:[a-z0-9]{8,10}-[a-z0-9]{5}|\d+)")
_CONTAINER = regex(r"  (?P<name>[a-z0-9-]+):\s*")
_IMAGE = regex(r"\s+Image:\s+(?P<image>\S+)\s*")
_LIVENESS = regex(
    r"\s+Liveness:\s+(?P<how>http-get|exec|tcp-socket|grpc) (?P<what>.*) delay=(?P<delay>\d+)s timeout=(?P<timeout>\d+)s "
    r"period=(?P<period>\d+)s #success=\d+ #failure=(?P<tries>\d+)\s*"
)


def _recognise(sample: Sample) -> float:
    pod = any(map(_POD.fullmatch, sample.lines))
    return 0.9 if pod and any(map(_LIVENESS.fullmatch, sample.lines)) else 0.0


@configuration_parser(title="kubectl describe pod", recognise=_recognise)
def parser(artifact: Artifact) -> Iterator[Fact | Problem]:
    """A service for each liveness probe, under the name of the pod's workload; of several pods of one, the first."""
    seen: set[str] = set()
    pod = container = image = ""
    for number, line in enumerate(artifact.text().split("\n"), 1):
        if found := _POD.fullmatch(line):
            pod = found["pod"]
        elif found := _CONTAINER.fullmatch(line):
            container, image = found["name"], ""
        elif found := _IMAGE.fullmatch(line):
            image = found["image"]
        elif found := _LIVENESS.fullmatch(line):
            whole = _OF_WORKLOAD.fullmatch(pod)
            name = whole["name"] if whole else container or pod
            if name not in seen:
                seen.add(name)
                span = artifact.span(number)
                yield Service(span=span, name=name, image=image or None, healthcheck=_check(found.groupdict(), span))


def _check(told: dict[str, str], span: Span) -> Healthcheck:
    return Healthcheck(
        span=span,
        test=_test(told["how"], told["what"]),
        interval_s=float(told["period"]),
        timeout_s=float(told["timeout"]),
        retries=int(told["tries"]),
        start_period_s=float(told["delay"]),
    )


def _test(how: str, what: str) -> tuple[str, ...]:
    if how == "http-get":
        return ("kubelet", what.replace("://:", "://localhost:"))
    words = what.strip("[]")
    return ("CMD", *shlex.split(words)) if how == "exec" and words.count("'") % 2 == words.count('"') % 2 == 0 else ("TCP",)
