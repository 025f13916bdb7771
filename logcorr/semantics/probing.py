"""What would a probe get? From its URL through published ports and mounts to nginx's answer, and back to the script."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import SplitResult, urljoin, urlsplit

from msgspec import Struct

from logcorr.model.behaviour import Answer, Outcome, Probe
from logcorr.model.case import ProbeAnswer
from logcorr.model.facts import Port, Service
from logcorr.model.source import Span
from logcorr.semantics import shell
from logcorr.semantics.nginx import Nginx
from logcorr.semantics.topology import is_nginx

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
MOST_REDIRECTS = 10
DEFAULT_PORTS = {"http": 80, "https": 443}

BRIDGED = ("172.17.0.2", "172.17.0.1")
"""Its own and the client's address as nginx in a container sees a request to a published port: Docker's bridge, not loopback."""

Steps = tuple[tuple[str, Span], ...]


class World(Struct, frozen=True):
    """What answers on the host: nginx as configured, and the services of the running compose project."""

    nginx: Nginx | None
    services: tuple[Service, ...] = ()


def ask(probe: Probe, world: World, *, any_host: bool = False) -> ProbeAnswer:
    """What the probe's request would be answered, redirects followed if the probe does; no answers if that is not known.

    Only names of the host itself are known to lead to it, unless `any_host` says that all do.
    """
    url = probe.url
    steps: Steps = ()
    answers: tuple[Answer, ...] = ()
    for _ in range(MOST_REDIRECTS if probe.follows_redirects else 1):
        if not url:
            break
        parts = urlsplit(url)
        if not any_host and parts.hostname not in LOCAL_HOSTS:
            break
        answers, way = _answer(probe, parts, world)
        steps += way
        location = answers[0].location if len(answers) == 1 else None
        if not location or not probe.follows_redirects:
            break
        url = urljoin(url, location)
    elsewhere = not answers and not any_host and probe.url
    return ProbeAnswer(
        probe=probe, answers=answers, path=steps, if_here=ask(probe, world, any_host=True).answers if elsewhere else ()
    )


def outcomes(answered: ProbeAnswer) -> tuple[Outcome, ...]:
    """Every way the probe can turn out: each answer, and always that nothing listens or that it takes too long.

    An answer that is not known from configuration (the upstream's own) makes every outcome possible.
    """
    probe = answered.probe
    statuses = [answer.status for answer in answered.answers if not answer.closed and not answer.unknown]
    if not statuses or None in statuses or len(statuses) < len(answered.answers):
        return shell.any_outcomes(probe)
    found = [shell.outcomes(probe, status) for status in dict.fromkeys(statuses)]
    return (*found, shell.outcomes(probe, None, refused=True), shell.outcomes(probe, None, timed_out=True))


def telling_outcomes(probe: Probe) -> tuple[Outcome, ...]:
    """A few outcomes that scripts tell apart: what they expect, success, redirect, failures; all there are of other tools."""
    if probe.tool not in ("curl", "wget"):
        return shell.any_outcomes(probe)
    expected = [int(text) for text in probe.expects if text.isdigit() and 100 <= int(text) <= 599]
    found = [shell.outcomes(probe, status) for status in (200, 301, 404, 500, *expected)]
    return tuple(dict.fromkeys([*found, shell.outcomes(probe, None, refused=True)]))


def _answer(probe: Probe, url: SplitResult, world: World) -> tuple[tuple[Answer, ...], Steps]:
    host, port = url.hostname or "", url.port or DEFAULT_PORTS.get(url.scheme, 80)
    published = _published(port, world.services)
    if published and not is_nginx(published[0]):
        service, entry = published
        return (Answer(status=None, at=entry.span, upstream=f"{service.name}:{entry.target}"),), ()
    if not world.nginx or (not published and not _on_host(port, world)):
        return (), ()
    path = url.path or "/"
    answers = world.nginx.request(
        host,
        published[1].target if published else port,
        f"{path}?{url.query}" if url.query else path,
        scheme=url.scheme,
        method=probe.method,
        headers={
            "Host": url.netloc.rpartition("@")[2],
            **({"User-Agent": probe.tool} if probe.tool else {}),
            **dict(probe.headers),
        },
        address=BRIDGED[0] if published else None,
        client=BRIDGED[1] if published else "127.0.0.1",
    )
    return answers, _steps(published)


def _published(port: int, services: Sequence[Service]) -> tuple[Service, Port] | None:
    return next(((service, entry) for service in services for entry in service.ports if entry.published == port), None)


def _on_host(port: int, world: World) -> bool:
    """Whether nginx itself listens on this port of the host: not in a container, or in one that shares the host's network."""
    contained = [service for service in world.services if is_nginx(service) and service.network_mode != "host"]
    return not contained and world.nginx is not None and any(listen.port == port for listen in world.nginx.listens())


def _steps(published: tuple[Service, Port] | None) -> Steps:
    if not published:
        return ()
    service, entry = published
    mounts = [mount for mount in service.mounts if mount.target.startswith("/etc/nginx")]
    return (
        (f"host port {entry.published} is published by service {service.name}", entry.span),
        *((f"{mount.source} is mounted at {mount.target}", mount.span) for mount in mounts),
    )
