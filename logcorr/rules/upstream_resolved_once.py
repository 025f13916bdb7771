"""nginx asks for a container's address once, when it starts; a release gives the container another one."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.behaviour import Effect
from logcorr.model.case import Behaviour, Configuration, ProvedEffect
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Service
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._proxying import Place, places
from logcorr.semantics.topology import is_nginx

RECREATING = frozenset({"up", "recreate", "down"})


@rule(code="NGX020", title="nginx keeps the address of a container that is replaced", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for scripts that recreate a service nginx proxies to by name, and tell nginx nothing."""
    files = {file.span.path: file for file in case.of(ComposeFile)}
    for place in places(case):
        named = place.host()
        for behaviour in case.behaviours if named and "$" not in place.passes.args[0] else ():
            found = next((one for one in behaviour.proved if _replaces(one, named, files)), None)
            if found and not _told(behaviour, files, found):
                yield _finding(place, named, found.effect)
                break


def _services(proved: ProvedEffect, files: dict[str, ComposeFile]) -> list[Service]:
    return [service for path in proved.compose_paths for service in files[path].services]


def _replaces(proved: ProvedEffect, named: str, files: dict[str, ComposeFile]) -> bool:
    """Whether it recreates this service by name, in a project in which nginx runs too."""
    services = _services(proved, files)
    effect = proved.effect
    beside_nginx = any(is_nginx(service) for service in services) and named in {service.name for service in services}
    return effect.manager == "compose" and effect.action in RECREATING and named in effect.targets and beside_nginx


def _told(behaviour: Behaviour, files: dict[str, ComposeFile], replaced: ProvedEffect) -> bool:
    """Whether nginx is reloaded, restarted or recreated by the same script."""
    proxies = {name for one in _services(replaced, files) if is_nginx(one) for name in (one.name, one.container_name) if name}
    return any(
        effect.manager == "nginx" or not effect.targets or proxies & set(effect.targets) or effect.container in proxies
        for effect in behaviour.effects
        if effect.manager in ("nginx", "compose", "docker") and effect.action not in ("pull", "build", "prune")
    )


def _finding(place: Place, named: str, effect: Effect) -> Finding:
    return Finding(
        confidence=0.85,
        claim=claim(
            "upstream_resolved_once.found",
            "nginx looks up {service} once, at its start; after {place} it has a new address, and nginx asks at the old one",
            service=named,
            place=str(effect.span),
        ),
        evidence=(Evidence(place.passes.span, "looked up once"), Evidence(effect.span, "new container, new address")),
        would_refute=claim("upstream_resolved_once.refute", "a release after which nginx answers without a reload"),
        subject=named,
        measured={"service": named},
        fix=claim(
            "upstream_resolved_once.fix",
            "reload nginx in the script, or let it ask again: resolver 127.0.0.11 valid=10s; and the name in a variable",
        ),
    )
