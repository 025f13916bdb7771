"""compose is given the name of a container, and knows services only."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.behaviour import Effect
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Service
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._composed import services_of


@rule(code="COMP009", title="compose is given a container's name", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for targets of compose commands that are the `container_name` of a service and no service's name."""
    seen = set()
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            services = services_of(case, proved)
            names = {service.name for service in services}
            for target in proved.effect.targets if proved.effect.manager == "compose" else ():
                meant = next((service for service in services if service.container_name == target), None)
                if meant and target not in names and (proved.effect.span, target) not in seen:
                    seen.add((proved.effect.span, target))
                    yield _finding(proved.effect, target, meant)


def _finding(effect: Effect, target: str, service: Service) -> Finding:
    return Finding(
        confidence=0.97,
        claim=claim(
            "container_name_as_service.found",
            "{target} is a container, and compose takes services: the command fails with no such service; {service} is meant",
            target=target,
            service=service.name,
        ),
        evidence=(Evidence(effect.span, f"names {target}"), Evidence(service.span, f"{service.name} runs as {target}")),
        would_refute=claim("container_name_as_service.refute", "a run of this command that succeeds"),
        subject=effect.span.path,
        measured={"given": target, "service": service.name},
        fix=claim("container_name_as_service.fix", "write {service}, or use docker instead of compose", service=service.name),
    )
