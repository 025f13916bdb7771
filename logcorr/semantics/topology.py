"""What runs, under all the names it goes by: service, container, unit, and the logs it writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import takewhile

from logcorr.lazily import regex
from logcorr.model.case import Entity
from logcorr.model.facts import ComposeFile, Container, Fact, NginxFile, Process, Service, Setting, Unit, of_kind
from logcorr.semantics.paths import below, collected, folder_of, normal

NGINX = "nginx"
EVERYDAY = frozenset(
    {"app", "application", "combined", "console", "error", "info", "log", "logs", "out", "output", "server", "var"}
)
"""Names of log files and folders that say nothing about who writes there."""
PRINTED = ("app", "log", "console")
"""Sources of what programs write themselves."""

PM2_FILE = regex(r"(?P<name>.+)-(?:out|error)(?:-\d+)?\.log")
"""pm2's own names for what its processes print."""

DOCKER_FILE = regex(r"[0-9a-f]{4,64}-json\.log(?:[.-].*)?")
"""Docker's own name for what a container prints: the container's id, or its beginning, which says nothing by itself."""

AT_PORT = regex(r"(?:(?:tcp|udp|TCP|UDP)?:(?P<port>\d{2,5})|(?P<space>\d{2,5})/(?:tcp|udp))")
"""How `fuser` and `lsof` are told whom to look for by a port."""

PORT = regex(r"(?:\w+_)?PORT")
"""How settings are called that tell a program where to listen."""

NUMBERED = regex(r"[^-_]+[-_].*[^-_][-_]\d+")
"""How compose calls a container that nobody has named: project, service, and the number of its replica."""

ID = 12
"""Letters of a container's id by which Docker itself shows it."""

SHARED = frozenset(
    {
        "/",
        "/etc",
        "/run",
        "/srv",
        "/tmp",
        "/var",
        "/var/lib",
        "/var/lib/docker",
        "/var/lib/docker/containers",
        "/var/log",
        "/var/run",
    }
)
"""Folders of a host that belong to nobody alone; who mounts one (a log shipper) reads what others write."""


def entities(facts: Sequence[Fact], files: Iterable[str]) -> tuple[Entity, ...]:
    """The things that run: compose services, containers and units, those that share a name being one; sorted by name."""
    named: dict[str, set[str]] = {}
    homes: dict[str, set[str]] = {}
    logs: dict[str, set[str]] = {}
    zones = {service.name: dict(service.environment).get("TZ") for service, _ in _services(facts)}
    present = frozenset(files)
    for service, compose in _services(facts):
        named.setdefault(service.name, {service.name}).update(filter(None, [service.container_name]))
        homes.setdefault(service.name, set()).update(_written(service, compose, present))
    containers = list(of_kind(Container, facts))
    for container in containers:
        home = _home(container, named) or _of_project(container, containers)
        named.setdefault(home or container.name, {home or container.name}).update(
            {container.name, _unnumbered(container.name) if home else "", (container.id or "")[:ID]} - {""}
        )
    for unit in of_kind(Unit, facts):
        bare = unit.name.removesuffix(".service")
        named.setdefault(bare, {bare}).add(unit.name)
        logs.setdefault(bare, set()).update(_printed(unit, present))
    if any(of_kind(NginxFile, facts)) and nginx_name(facts) not in named:
        named[NGINX] = {NGINX}
    return tuple(
        Entity(
            name=name,
            names=frozenset(names | {name}),
            files=frozenset(homes.get(name, ())),
            logs=frozenset(logs.get(name, ())),
            zone=zones.get(name),
        )
        for name, names in sorted(named.items())
    )


def nginx_name(facts: Sequence[Fact]) -> str:
    """What the thing that runs nginx is called: the service whose image or mounts say so, or just nginx."""
    return next((service.name for service, _ in _services(facts) if is_nginx(service)), NGINX)


def is_nginx(service: Service) -> bool:
    """Whether a service runs nginx: its image's name says so, or it mounts nginx's configuration."""
    image = (service.image or "").rpartition("/")[2].partition(":")[0]
    return NGINX in image or any(mount.target.startswith("/etc/nginx") for mount in service.mounts)


def commands(facts: Sequence[Fact]) -> Iterator[tuple[str, str]]:
    """What each thing is started with, by name, where its unit or compose file says so."""
    for unit in of_kind(Unit, facts):
        yield unit.name.removesuffix(".service"), unit.command or ""
    yield from _shown(facts)
    for service, _ in _services(facts):
        yield service.name, " ".join(service.command)


def _shown(facts: Sequence[Fact]) -> Iterator[tuple[str, str]]:
    """The whole commands, by `ps`, of units whose own command is the end of just one of them (`server.js`)."""
    own = [(unit.name, f"/{unit.command}") for unit in of_kind(Unit, facts) if unit.manager == "pm2" and unit.command]
    for name, end in own:
        found = {one.command for one in of_kind(Process, facts) if one.command and one.command.endswith(end)}
        if len(found) == 1:
            yield name, found.pop()


def at_port(target: str, facts: Sequence[Fact], files: Iterable[str]) -> list[str] | None:
    """The units that listen where `fuser` or `lsof` is told to look; None if that is no port."""
    port = AT_PORT.fullmatch(target)
    return [name for name, at in listening(facts, files) if at == int(port["port"] or port["space"])] if port else None


def listening(facts: Sequence[Fact], files: Iterable[str]) -> Iterator[tuple[str, int]]:
    """The ports that units are told to listen on, by name: in their own lines, or in the files of their environment."""
    told = [setting for setting in of_kind(Setting, facts) if PORT.fullmatch(setting.name) and setting.value.isdigit()]
    present = frozenset(files)
    for unit in of_kind(Unit, facts):
        name = unit.name.removesuffix(".service")
        yield from ((name, port) for port in unit.listens)
        read = {_file(path, present, unit.span.path) for path in unit.environment_files}
        yield from ((name, int(setting.value)) for setting in told if setting.span.path in read)


def _file(path: str, files: frozenset[str], asker: str) -> str | None:
    """The collected file; one may be collected under its path with other signs between its folders (`default-web`)."""
    tail = "-".join(path.strip("/").split("/")[-2:])
    flat = [file for file in files if re.sub(r"[/_!]", "-", file).endswith(tail)]
    return collected(path, files, asker=asker) or (flat[0] if len(flat) == 1 else None)


def find(name: str, things: Iterable[Entity]) -> Entity | None:
    """The thing that goes by this name."""
    return next((thing for thing in things if name in thing.names), None)


def of_pid_file(name: str, things: Sequence[Entity]) -> Entity | None:
    """The thing whose process a file tells: of its name, or the only one of whose names it is made up."""
    sharing = [thing for thing in things if thing.names & _words(name)]
    return find(name, things) or (sharing[0] if len(sharing) == 1 else None)


def writer(path: str, source: str, things: Sequence[Entity], nginx: str = NGINX) -> str | None:
    """Whose log a file is: nginx's by its format, else by what a manager says, by a mount, a folder, or the file's own name.

    An application log whose name says nothing belongs to the one thing beside nginx that runs, if it is but one; else it is
    named after its file, so that two such logs stay apart. None for logs that belong to no service (a scheduler's, the
    system's, a browser's).
    """
    if source == NGINX:
        return nginx
    told = [thing.name for thing in things if path in thing.logs]
    if len(told) == 1 and source in PRINTED:
        return told[0]
    if source in ("log", "script") or (source == "console" and PM2_FILE.fullmatch(path.rpartition("/")[2])):
        return _named_after(path.rpartition("/")[2], things)
    if source not in ("app", "console"):
        return None
    by_mount = [thing.name for thing in things if path in thing.files]
    return by_mount[0] if len(by_mount) == 1 else _by_path(path, things, nginx)


def _by_path(path: str, things: Sequence[Entity], nginx: str) -> str:
    """By the file's name or a folder's, whole or in part; else the only thing beside nginx, or the first name that says much."""
    *folders, name = path.split("/")
    managed, of_docker = PM2_FILE.fullmatch(name), DOCKER_FILE.fullmatch(name)
    stem = managed["name"] if managed and not find(log_stem(name), things) else log_stem(name)
    for word in (stem[:ID] if of_docker else stem, *reversed(folders)):
        if thing := find(word, things):
            return thing.name
    sharing = _sharing(stem, things)
    if len(sharing) == 1:
        return sharing[0]
    telling = [] if of_docker else [word for word in (stem, *reversed(folders)) if word not in EVERYDAY]
    others = [thing.name for thing in things if thing.name != nginx]
    return telling[0] if telling else others[0] if len(others) == 1 else stem


def _sharing(stem: str, things: Sequence[Entity]) -> list[str]:
    """The things one of whose names is a word of the file's; else those of whose names that is a word."""
    whole = [thing.name for thing in things if thing.names & _words(stem)]
    in_part = () if whole or stem in EVERYDAY else things
    return whole or [thing.name for thing in in_part if any(stem in _words(name) for name in thing.names)]


def _named_after(name: str, things: Sequence[Entity]) -> str | None:
    """Whose output a file of any text is: by pm2's way of naming, or by the very name of a thing."""
    managed, thing = PM2_FILE.fullmatch(name), find(log_stem(name), things)
    return managed["name"] if managed else thing.name if thing else None


def _words(name: str) -> set[str]:
    return set(re.split(r"[-_.]", name))


def log_stem(name: str) -> str:
    """A log file's name without compression, rotation number or date, `.log`, and the `-json` of Docker's own files."""
    return (
        re.sub(
            r"(-json(?=\.log)|\.(gz|bz2|xz|zst|log|txt|out|err|(nd)?jsonl?|\d+)|[-.](\d{4}-?\d\d-?\d\d([-_T.]?\d\d){0,3}|\d{10}))+$",
            "",
            name,
        )
        or name
    )


def _services(facts: Iterable[Fact]) -> Iterator[tuple[Service, ComposeFile]]:
    return ((service, compose) for compose in of_kind(ComposeFile, facts) for service in compose.services)


def _written(service: Service, compose: ComposeFile, files: frozenset[str]) -> set[str]:
    """Collected files in folders that the service mounts: beside the compose file, or wherever on the host."""
    base = folder_of(compose.span.path)
    sources = [mount.source for mount in service.mounts if mount.source.startswith((".", "/"))]
    sources = [one for one in sources if one.rstrip("/") not in SHARED | {""}]
    found = [
        collected(one, _places(files), asker=compose.span.path) if one.startswith("/") else normal(one, base) for one in sources
    ]
    return {file for file in files for source in found if source and below(file, source)}


@lru_cache(maxsize=2)
def _places(files: frozenset[str]) -> frozenset[str]:
    """The files and the folders that they lie in."""
    return files | {folder for file in files for folder in _folders(file)}


def _printed(unit: Unit, files: frozenset[str]) -> Iterator[str]:
    """The collected files that a unit's output was written to."""
    found = (collected(path, files, folder_of(unit.span.path), asker=unit.span.path) for path in unit.logs)
    return (file for file in found if file)


def _folders(path: str) -> Iterator[str]:
    while path := folder_of(path).removesuffix("!"):
        yield path


def _unnumbered(name: str) -> str:
    """A container's name without the number of its replica, as compose's logs write it."""
    return re.sub(r"[-_]\d+$", "", name)


def _home(container: Container, named: dict[str, set[str]]) -> str | None:
    """The service that a container belongs to: by its label, its given name, or compose's way of naming."""
    if container.service in named:
        return container.service
    for name, names in named.items():
        if container.name in names or re.fullmatch(rf".+[-_]{re.escape(name)}[-_]\d+", container.name):
            return name
    return None


def _of_project(container: Container, beside: Sequence[Container]) -> str | None:
    """The service that a container's name tells of where no compose file does: others share what comes before it, its project."""
    if container.service or not NUMBERED.fullmatch(container.name):
        return container.service
    own, others = _parts(container.name), [_parts(one.name) for one in beside if NUMBERED.fullmatch(one.name)]
    alike = [_alike(own, other) for other in others if other != own and other[0] == own[0]]
    return "".join(own[min(*alike, len(own) - 2) : -1])[:-1] if alike else None


def _alike(own: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(own, other, strict=False)))


def _parts(name: str) -> list[str]:
    """A name's words, each with the sign behind it."""
    return re.findall(r"[^-_]+[-_]?", name)
