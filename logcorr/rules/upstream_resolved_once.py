"""nginx asks for a container's address once, when it starts; a release gives the container another one."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.behaviour import Effect
from logcorr.model.case import Behaviour, Configuration, ProvedEffect
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._composed import services_of
from logcorr.rules._proxying import Place, asked_once
from logcorr.semantics.topology import is_nginx

RECREATING = frozenset({"up", "recreate", "down"})
RELEASING = regex(r"(?i)deploy|release|publish|ship|rollout|prod|staging|(?<![a-z])cd(?![a-z])|update")
"""Names of workflows that bring something out."""


@rule(code="NGX020", title="nginx keeps the address of a container that is replaced", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for scripts that recreate services nginx proxies to by name, and tell nginx nothing."""
    asked = asked_once(case)
    said: set[str] = set()
    for behaviour in case.behaviours:
        if _only_tries(behaviour):
            continue
        kept: dict[str, tuple[Place, Effect]] = {}
        for proved in behaviour.proved:
            replaced = [name for name in asked if name not in said and _replaces(case, proved, name)]
            if replaced and not _told(case, behaviour, proved):
                kept |= {name: (asked[name], proved.effect) for name in replaced if name not in kept}
        said |= set(kept)
        if kept:
            yield _finding(kept)


def _only_tries(behaviour: Behaviour) -> bool:
    """Whether it is a step of a workflow that releases nothing: it starts the stack on a runner, where nothing ran before."""
    path = behaviour.script.span.path
    return ".github/workflows/" in path and not RELEASING.search(path.rpartition("/")[2])


def _replaces(case: Configuration, proved: ProvedEffect, named: str) -> bool:
    """Whether it recreates this service by name, in a project in which nginx runs too."""
    services = services_of(case, proved)
    effect = proved.effect
    beside_nginx = any(is_nginx(service) for service in services) and named in {service.name for service in services}
    return effect.manager == "compose" and effect.action in RECREATING and named in effect.targets and beside_nginx


def _told(case: Configuration, behaviour: Behaviour, replaced: ProvedEffect) -> bool:
    """Whether nginx is reloaded, restarted or recreated by the same script."""
    nginx = (one for one in services_of(case, replaced) if is_nginx(one))
    proxies = {name for one in nginx for name in (one.name, one.container_name) if name}
    return any(
        effect.manager == "nginx" or not effect.targets or proxies & set(effect.targets) or effect.container in proxies
        for effect in behaviour.effects
        if effect.manager in ("nginx", "compose", "docker") and effect.action not in ("pull", "build", "prune")
    )


def _finding(kept: dict[str, tuple[Place, Effect]]) -> Finding:
    names = ", ".join(sorted(kept))
    _, effect = next(iter(kept.values()))
    effects = dict.fromkeys(effect for _, effect in kept.values())
    return Finding(
        confidence=0.85,
        claim=_claim(names, str(effect.span), several=len(kept) > 1),
        evidence=(
            *(Evidence(span, "looked up once") for span in dict.fromkeys(place.passes.span for place, _ in kept.values())),
            *(Evidence(effect.span, "new container, new address") for effect in effects),
        ),
        would_refute=claim("upstream_resolved_once.refute", "a release after which nginx answers without a reload"),
        subject=names,
        measured={"services": names} if len(kept) > 1 else {"service": names},
        fix=claim(
            "upstream_resolved_once.fix",
            "reload nginx in the script, or let it ask again: resolver 127.0.0.11 valid=10s; and the name in a variable",
        ),
    )


def _claim(names: str, place: str, *, several: bool) -> Claim:
    if several:
        return claim(
            "upstream_resolved_once.several",
            "nginx looks up {services} once, at its start; after {place} they have new addresses, and nginx asks at the old ones",
            services=names,
            place=place,
        )
    return claim(
        "upstream_resolved_once.found",
        "nginx looks up {service} once, at its start; after {place} it has a new address, and nginx asks at the old one",
        service=names,
        place=place,
    )
