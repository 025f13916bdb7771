"""In a container `localhost` is the container: nginx hands requests to itself, where nobody listens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Directive, NginxFile
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._images import SERVES
from logcorr.rules._proxying import Place, group_of, places
from logcorr.rules._served_by import Reader, is_official, readers
from logcorr.semantics.nginx.locations import PASSES

ITSELF = regex(r"(?:(?P<scheme>[a-z]+)://)?(?:localhost|127\.0\.0\.1|\[::1\])(?::(?P<port>\d+))?(?:/.*)?")
OWN = regex(r"nginx|daemon off|^-g$|^(?:/bin/)?(?:ba)?sh$|^-e?c$")
"""Words that containers of nginx are started with."""

PORTS = {"https": 443, "grpcs": 443}


@rule(code="NGX032", title="nginx in a container hands requests to itself", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for upstreams on localhost, read by nginx's own image, on whose port nginx does not listen itself."""
    listened = set(_listened(case))
    seen: dict[tuple[Span, int], tuple[Reader, list[Place]]] = {}
    for place in places(case, PASSES):
        port = _port(case, place)
        reader = _reader(case, place) if port and port not in listened else None
        if port and reader and reader.service:
            seen.setdefault((reader.service.span, port), (reader, []))[1].append(place)
    for (_, port), (reader, found) in seen.items():
        yield _finding(case, reader, found, port)


def _listened(case: Configuration) -> Iterator[int]:
    """The ports that any nginx of the case listens on; those of files that are included count, wherever they are used."""
    for file in case.of(NginxFile):
        yield from _ports(file.directives)


def _ports(directives: Sequence[Directive]) -> Iterator[int]:
    for one in directives:
        if one.name == "listen" and one.args:
            port = re.search(r"(?:^|:)(\d+)$", one.args[0])
            yield int(port[1]) if port else 80
        yield from _ports(one.children or ())


def _port(case: Configuration, place: Place) -> int | None:
    """The port of the container itself that requests are handed to, where there is nowhere else to hand them."""
    servers = [one.args[0] for one in _servers(case, place)]
    named = [ITSELF.fullmatch(address) for address in servers or place.passes.args[:1]]
    ports = {int(one["port"] or PORTS.get(one["scheme"], 80)) if one else None for one in named}
    return ports.pop() if len(ports) == 1 else None


def _servers(case: Configuration, place: Place) -> list[Directive]:
    """The servers of the group that a place hands on to."""
    group = group_of(case, place)
    return [one for one in group.children or () if one.name == "server" and one.args] if group else []


def _reader(case: Configuration, place: Place) -> Reader | None:
    """The service whose nginx reads it, where that is all that runs there."""
    found = list(readers(case, place.passes.span.path))
    return next(iter(found)) if found and all(map(_runs_alone, found)) else None


def _runs_alone(reader: Reader) -> bool:
    """Whether nothing beside nginx can listen in its container, and its network is its own."""
    service, image = reader.service, reader.image
    if service is None or reader.file is None or service.network_mode or not is_official(reader):
        return False
    shared = any((one.network_mode or "").endswith(f":{name}") for one in reader.file.services for name in _names(reader))
    started = (*service.entrypoint, *service.command, *((*image.entrypoint, *image.command) if image else ()))
    return not shared and all(map(_starts_nginx, started))


def _starts_nginx(word: str) -> bool:
    """Whether a word of what a container is started with is nginx's or a shell's, and names no other program."""
    others = (SERVES - {"nginx"}) & set(re.findall(r"[\w.-]+", word))
    return not others and OWN.search(word) is not None


def _names(reader: Reader) -> tuple[str, ...]:
    service = reader.service
    return tuple(filter(None, (service.name, service.container_name))) if service else ()


def _finding(case: Configuration, reader: Reader, found: Sequence[Place], port: int) -> Finding:
    service = reader.service
    name = service.name if service else ""
    return Finding(
        confidence=0.9,
        claim=claim(
            "upstream_is_itself.found",
            "for nginx in a container this address is the container itself, {service}, where nothing listens on {port}: 502",
            service=name,
            port=port,
        ),
        evidence=(
            Evidence(found[0].passes.span, "hands requests on"),
            *(Evidence(one.span, "to the container itself") for one in _servers(case, found[0])),
            *((Evidence(service.span, "the container that reads this"),) if service else ()),
            *(Evidence(one.passes.span, "hands requests on") for one in found[1:]),
        ),
        would_refute=claim(
            "upstream_is_itself.refute",
            "docker compose exec {service} curl -sI localhost:{port}, which is answered",
            service=name,
            port=port,
        ),
        subject=name,
        measured={"port": port},
        fix=claim(
            "upstream_is_itself.fix",
            "name the service that listens there; for a program on the host: host.docker.internal, with "
            "extra_hosts: [host.docker.internal:host-gateway]",
        ),
    )
