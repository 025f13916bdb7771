"""What a probe is about: the command that asks, and the service that would answer."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from msgspec.structs import replace

from logcorr.fixes import Folder
from logcorr.model.behaviour import Answer, Probe
from logcorr.model.case import Case, ProbeAnswer, ProvedEffect
from logcorr.model.facts import Container, Service
from logcorr.model.result import Finding
from logcorr.semantics import topology
from logcorr.semantics.probing import LOCAL_HOSTS, ask


def probes(finding: Finding, case: Case) -> Iterator[tuple[ProbeAnswer, ProvedEffect]]:
    """The probes that a finding cites, with an effect that each decides on."""
    cited = {evidence.span for evidence in finding.evidence}
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            yield from ((one, proved) for one in proved.probes if one.probe.span in cited or one.probe.url_span in cited)


def destination(answered: ProbeAnswer, folder: Folder) -> tuple[Probe, Answer] | None:
    """The request that ends at an upstream, and its answer: the probe's own, or that which its redirect leads to.

    A redirect to the site's name is asked of the same host: what it leads to from outside is another machine's matter.
    """
    probe = answered.probe
    for _ in range(3):
        answers = answered.answers
        if len(answers) != 1:
            return None
        if answers[0].upstream:
            return probe, answers[0]
        if not answers[0].location or not probe.url:
            return None
        probe = _at_home(probe, answers[0].location)
        answered = ask(probe, folder.world)
    return None


def _at_home(probe: Probe, location: str) -> Probe:
    """The probe of a redirect's target, asked of the host that the probe asks, under the target's name."""
    here, there = urlsplit(probe.url or ""), urlsplit(location)
    host = (here.hostname or "") + (f":{there.port}" if there.port else "")
    named = () if there.hostname == here.hostname else (("Host", there.hostname or ""),)
    return replace(probe, url=urlunsplit((there.scheme, host, there.path, there.query, "")), headers=(*probe.headers, *named))


def service(answered: ProbeAnswer, folder: Folder) -> Service | None:
    """The service of the running project that a probe asks, by the port it is published at or told to take, or by its name."""
    reached = destination(answered, folder)
    address = reached[1].upstream if reached else answered.probe.asks
    if not address or not folder.case.stack or "," in address:
        return None
    services = folder.case.stack.services
    host, _, port = address.rpartition(":")
    if host in LOCAL_HOSTS:
        published = [one for one in services if port in (str(entry.published) for entry in one.ports)]
        told = [one for one in services if one.network_mode == "host" and ("PORT", port) in one.environment]
        return next(iter(published or told), None)
    thing = topology.find(host or address, folder.case.entities)
    return next((one for one in services if thing and one.name in (thing.name, *thing.names)), None)


def container(asked: Service, case: Case) -> str | None:
    """The name of a service's container, where something says it."""
    seen = (one.name for one in case.of(Container) if one.service == asked.name)
    return asked.container_name or next(seen, None)
