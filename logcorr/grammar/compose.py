"""The forms a compose file has for one thing, short and long, read into facts.

Both who reads one file and who merges several need them; the nodes given here are interpolated already.
Syntax: the Compose specification and docker-compose 1.29's version 1 to 3 files.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from logcorr.grammar.duration import compose_seconds
from logcorr.grammar.interpolation import NotInterpolated, interpolate
from logcorr.grammar.yaml_tree import Node
from logcorr.lazily import regex
from logcorr.model.facts import Healthcheck, Mount, Port, Service
from logcorr.model.source import Problem, Span

_T = TypeVar("_T")

_PORT = regex(
    r"""
    (?:(?P<ip>\[[0-9A-Fa-f:.]+\]|\d+(?:\.\d+){3}):)?     # the host's address
    (?:(?P<published>\d*(?:-\d+)?):)?           # none, or empty: Docker picks a free port
    (?P<target>\d+(?:-\d+)?)
    (?:/(?P<protocol>\w+))?
    """,
    re.VERBOSE,
)
_MOUNT = regex(r"(?P<source>(?:[A-Za-z]:[\\/])?[^:]*):(?P<target>[^:]+)(?::(?P<mode>[^:]*))?")
_PORTS = regex(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


class Reading(NamedTuple):
    """The services of a document, and what could not be read of them."""

    services: tuple[Service, ...]
    problems: tuple[Problem, ...]


def stanzas(document: Node) -> tuple[tuple[str, Node], ...]:
    """The services' names and nodes; in version 1 files, which have no `services` key, the whole file."""
    section = document.get("services")
    if section is not None:
        return section.entries
    legacy = document.entries and all(value.get("image") or value.get("build") for _, value in document.entries)
    return document.entries if legacy else ()


def services(named: Iterable[tuple[str, Node]]) -> Reading:
    """The facts of some services."""
    found: list[Service] = []
    problems: list[Problem] = []
    for name, node in named:
        if node.tag in {"map", "null"}:
            found.append(_service(name, node, problems))
        else:
            problems.append(Problem(node.path, f"the service {name} is no mapping", node.line))
    return Reading(tuple(found), tuple(problems))


def _service(name: str, node: Node, problems: list[Problem]) -> Service:
    ports = list(_each(node.get("ports"), _ports, problems))
    check = node.get("healthcheck")
    expose = [port for item in _list(node.get("expose")) for port in _port_range(item.text.partition("/")[0])]
    return Service(
        span=_span(node),
        name=name,
        container_name=_text(node.get("container_name")),
        image=_text(node.get("image")),
        dockerfile=_dockerfile(node.get("build")),
        entrypoint=_words(node.get("entrypoint")),
        command=_words(node.get("command")),
        ports=tuple(port for port in ports if port.published),
        expose=tuple(dict.fromkeys([*expose, *(port.target for port in ports if not port.published)])),
        mounts=tuple(_each(node.get("volumes"), _mounts, problems)),
        healthcheck=_healthcheck(check, problems) if check else None,
        restart=_restart(node.get("restart")),
        depends_on=_names(node.get("depends_on")),
        stop_grace_s=_seconds(node.get("stop_grace_period"), 10.0, problems),
        stop_signal=_text(node.get("stop_signal")) or "SIGTERM",
        network_mode=_text(node.get("network_mode")),
        environment=tuple(pairs(node.get("environment")).items()),
        env_files=tuple(env_files(node)),
        profiles=tuple(item.text for item in _list(node.get("profiles"))),
    )


def _dockerfile(build: Node | None) -> str | None:
    if build is None or build.get("target") is not None:
        return None
    context = _text(build) or _text(build.get("context")) or "."
    return posixpath.normpath(posixpath.join(context, _text(build.get("dockerfile")) or "Dockerfile"))


def _span(node: Node) -> Span:
    return Span(node.path, node.line, node.end_line)


def _text(node: Node | None) -> str | None:
    return node.text if node is not None and node.is_scalar else None


def _list(node: Node | None) -> Iterator[Node]:
    if node is not None:
        yield from node.each()


def _each(node: Node | None, read: Callable[[Node], Iterable[_T]], problems: list[Problem]) -> Iterator[_T]:
    """What `read` makes of every item; an item that it refuses (ValueError) is a problem, a variable in it an unknown."""
    for item in _list(node):
        try:
            yield from read(item)
        except ValueError as error:
            if "$" not in item.text:
                problems.append(Problem(item.path, str(error), item.line))


def _ports(node: Node) -> Iterator[Port]:
    """Ports of one entry; `published` is 0 where Docker picks one."""
    if node.entries:
        target, published = _text(node.get("target")) or "", _text(node.get("published")) or ""
        ip, protocol = _text(node.get("host_ip")) or "", _text(node.get("protocol")) or "tcp"
    else:
        match = _PORT.fullmatch(node.text)
        if not match:
            raise ValueError(f"no port: {node.text}")
        target, published = match["target"], match["published"] or ""
        ip, protocol = (match["ip"] or "").strip("[]"), match["protocol"] or "tcp"
    targets, hosts = _port_range(target), _port_range(published)
    if not targets:
        raise ValueError(f"no port: {target}")
    if len(hosts) != len(targets):
        hosts = [0] * len(targets)  # none given, or a range of which Docker picks a free one
    for host, inside in zip(hosts, targets, strict=True):
        yield Port(span=_span(node), published=host, target=inside, host_ip=ip, protocol=protocol)


def _port_range(text: str) -> list[int]:
    match = _PORTS.fullmatch(text)
    if not match or int(match[2] or match[1]) > 65535:
        return []
    return list(range(int(match[1]), int(match[2] or match[1]) + 1))


def _mounts(node: Node) -> Iterator[Mount]:
    """The mount of one entry; none for anonymous volumes and tmpfs, which show nothing of the host."""
    if node.entries:
        source, target = _text(node.get("source") or node.get("src")), _text(node.get("target") or node.get("destination"))
        if target is None:
            raise ValueError("a volume without a target")
    else:
        match = _MOUNT.fullmatch(node.text)
        source, target = (match["source"], match["target"]) if match else (None, node.text)
    if source:
        yield Mount(span=_span(node), source=source, target=target)


def mount_target(node: Node) -> str:
    """The container's path of a `volumes` entry, by which merging knows it."""
    if node.entries:
        return _text(node.get("target") or node.get("destination")) or ""
    match = _MOUNT.fullmatch(node.text)
    return match["target"] if match else node.text


def _healthcheck(node: Node, problems: list[Problem]) -> Healthcheck | None:
    """A check with Docker's defaults; None where it is switched off, or only an image's own check is adjusted."""
    written = node.get("test")
    if written is None or _text(node.get("disable")) == "true":
        return None
    test = tuple(item.text for item in written.items) if written.tag == "seq" else ("CMD-SHELL", written.text)
    if test[:1] == ("NONE",) or not test:
        return None
    retries = _text(node.get("retries")) or "3"
    return Healthcheck(
        span=_span(node),
        test=test,
        interval_s=_seconds(node.get("interval"), 30.0, problems),
        timeout_s=_seconds(node.get("timeout"), 30.0, problems),
        retries=int(retries) if re.fullmatch(r"[0-9]{1,9}", retries) else 3,
        start_period_s=_seconds(node.get("start_period"), 0.0, problems),
    )


def _seconds(node: Node | None, default: float, problems: list[Problem]) -> float:
    text = _text(node)
    if node is None or text is None:
        return default
    found = compose_seconds(text)
    if found is None and "$" not in text:
        problems.append(Problem(node.path, f"no duration: {text}", node.line))
    return default if found is None else found


def _words(node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ()
    if node.tag == "seq":
        return tuple(item.text for item in node.items)
    try:
        return tuple(shlex.split(node.text))
    except ValueError:  # an unclosed quote
        return (node.text,)


def _restart(node: Node | None) -> str | None:
    """The policy; an unquoted `no` is a truth value to YAML."""
    text = _text(node)
    return "no" if text is not None and node is not None and node.tag == "bool" else text


def _names(node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ()
    return tuple(name for name, _ in node.entries) if node.entries else tuple(item.text for item in node.each())


def pairs(node: Node | None) -> dict[str, str]:
    """The names and values of an `environment`; a name without a value, which is the host's to give, is left out."""
    if node is None:
        return {}
    if node.entries:
        return {name: value.text for name, value in node.entries if value.is_scalar}
    written = (item.text.partition("=") for item in node.each())
    return {name: value for name, equals, value in written if equals}


def env_files(node: Node) -> Iterator[str]:
    """The paths of a service's `env_file`, as written."""
    for item in _list(node.get("env_file")):
        path = _text(item.get("path")) if item.entries else item.text
        if path:
            yield path


def included(document: Node) -> Iterator[str]:
    """The paths that a document's `include` names, as written."""
    for item in _list(document.get("include")):
        for path in _list(item.get("path")) if item.entries else [item]:
            if path.text:
                yield path.text


def extended(document: Node) -> Iterator[str]:
    """The paths of the files that services extend, as written."""
    for _, stanza in stanzas(document):
        extends = stanza.get("extends")
        file = extends.get("file") if extends else None
        if file is not None and file.text:
            yield file.text


def filled(node: Node, environment: Mapping[str, str], problems: list[Problem], *, partial: bool) -> Node:
    """The node with the variables of its texts replaced; keys are not interpolated.

    Where the environment is known in `partial` only, variables that are not in it and have no default stay as written. A text
    that compose refuses stays as it is and is a problem.
    """
    text = node.text
    if "$" in text:
        try:
            text = interpolate(text, environment, keep_unset=partial)
        except NotInterpolated as error:
            problems.append(Problem(node.path, str(error), node.line))
    items = tuple(filled(item, environment, problems, partial=partial) for item in node.items)
    entries = tuple((key, filled(value, environment, problems, partial=partial)) for key, value in node.entries)
    return replace(node, text=text, items=items, entries=entries)
