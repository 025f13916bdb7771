"""A script calls a container by a name that no compose file gives."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Container, Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import written
from logcorr.semantics.written import Written

VERBS = frozenset({"exec", "restart", "stop", "start", "cp", "kill"})
TAKES_VALUE = frozenset({"-e", "-u", "-w", "-t", "-s", "--env", "--user", "--workdir", "--time", "--signal", "--env-file"})
NAME = regex(r"[a-z0-9][a-z0-9_.-]*")
GIVEN = regex(r"(?:--name[ =]|container_name:)\s*[\"']?([\w.-]+)(\$?)")
"""The name that a script gives to a container, as it starts it or in the compose file that it writes, up to a variable."""

STEM = regex(r"[a-z0-9]+(?=[_-])")


@rule(code="COMP016", title="A script calls a container that no compose file names", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `docker exec NAME` where the name is like those that the compose files give, and none of them."""
    given, parts = _given(case), _parts(case)
    seen = set()
    for command in written(case):
        name = _called(command)
        alike = sorted(one for one in given if name and _stem(one) == _stem(name) is not None)
        unknown = name and name not in given and len(alike) > 1 and not any(part in name for part in parts)
        if name and unknown and not _told(case, name) and not _tried(command) and (command.script, name) not in seen:
            seen.add((command.script, name))
            yield _finding(command, name, alike)


def _given(case: Configuration) -> set[str]:
    """The names that compose files and scripts give to containers."""
    composed = {service.container_name for file in case.of(ComposeFile) for service in file.services if service.container_name}
    started = {name for script in case.of(Script) for name, more in GIVEN.findall(script.text) if not more}
    return composed | started | {container.name for container in case.of(Container)}


def _parts(case: Configuration) -> set[str]:
    """What is in names that compose makes: the services', and what stands before a variable."""
    begun = {name for script in case.of(Script) for name, more in GIVEN.findall(script.text) if more}
    return begun | {service.name for file in case.of(ComposeFile) for service in file.services if not service.container_name}


def _told(case: Configuration, name: str) -> bool:
    """Whether a compose file speaks of it all the same: as the host of a database that runs beside the stack."""
    return any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", file.text) for file in case.of(ComposeFile))


def _stem(name: str) -> str | None:
    found = STEM.match(name)
    return found[0] if found else None


def _called(command: Written) -> str | None:
    """The container that docker is told to do something with, where the script alone says which."""
    if command.name not in ("docker", "podman") or command.words[:1] == () or command.words[0] not in VERBS:
        return None
    words = list(command.words[1:])
    while words and words[0].startswith("-"):
        words = words[2 if words[0] in TAKES_VALUE else 1 :]
    if command.words[0] == "cp":
        words = [word for word in words if ":" in word]
    word = _value(command.script, words[0].partition(":")[0]) if words else ""
    return word if NAME.fullmatch(word) else None


def _value(script: Script, word: str) -> str:
    """The word, or what the variable that it is holds, or would by default, where that is set once."""
    variable = re.fullmatch(r"\$\{?(\w+)\}?", word)
    given = (
        re.findall(rf"""(?m)^\s*(?:readonly\s+|local\s+)?{variable[1]}=["']?(.*?)["']?\s*$""", script.text) if variable else []
    )
    if len(given) != 1:
        return word
    default = re.fullmatch(r"\$\{\w+:?-([\w.-]+)\}", given[0])
    return default[1] if default else given[0]


def _tried(command: Written) -> bool:
    """Whether it is no matter that the container is missing: the failure is asked for, or thrown away."""
    return command.asked() or bool(re.search(r"2>\s*/dev/null|&>\s*/dev/null", command.text))


def _finding(command: Written, name: str, alike: list[str]) -> Finding:
    return Finding(
        confidence=0.8,
        claim=claim(
            "unknown_container.found",
            "no compose file and no script names a container {name}; those of this name's kind are {alike}",
            name=name,
            alike=", ".join(alike[:6]),
        ),
        evidence=(Evidence(command.span, f"calls {name}"),),
        would_refute=claim("unknown_container.refute", "docker ps -a with a container of that name"),
        subject=name,
        measured={"container": name},
        fix=claim("unknown_container.fix", "write the name that the compose file gives"),
    )
