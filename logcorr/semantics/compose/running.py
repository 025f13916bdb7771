"""From which compose file was the running stack created?"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

from logcorr.model.behaviour import Effect
from logcorr.model.facts import ComposeFile, Container
from logcorr.model.source import Span

DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""What compose looks for without `-f`, in this order."""

_CREATING = frozenset({"up", "start", "recreate", "create"})


class Strength(IntEnum):
    """What a sign of the running file is worth, the weakest first."""

    ONLY = 1
    SCRIPT = 2
    IMAGE = 3
    LABEL = 4


class Evidence(NamedTuple):
    """One sign that the stack was created from a file: `written` is the file's name, or the image, as it stands there."""

    strength: Strength
    written: str
    span: Span


class RunningFile(NamedTuple):
    """A compose file that the running stack may have been created from, and every sign of it, the strongest first."""

    file: ComposeFile
    evidence: tuple[Evidence, ...]

    @property
    def strength(self) -> Strength:
        """The strength of the best sign."""
        return self.evidence[0].strength


def running_file(
    containers: Iterable[Container], effects: Iterable[Effect], files: Sequence[ComposeFile]
) -> tuple[RunningFile, ...]:
    """The files with signs that the stack runs from them, the best first; none without any sign.

    Labels that compose put on the containers come before images that only one file names, these before scripts and
    workflows that start the stack (more of them before fewer), and those before a file's being the only one. A restart
    says nothing: it finds the containers by the project's name, whichever file it is given.
    """
    signs: dict[str, list[Evidence]] = defaultdict(list)
    by_path = {file.span.path: file for file in files}
    for path, evidence in (*_labels(containers, by_path), *_images(containers, files), *_scripts(effects, by_path)):
        signs[path].append(evidence)
    if not signs and len(files) == 1:
        signs[files[0].span.path].append(Evidence(Strength.ONLY, posixpath.basename(files[0].span.path), files[0].span))
    found = [RunningFile(by_path[path], tuple(sorted(known, key=_order))) for path, known in signs.items()]
    return tuple(sorted(found, key=_rank))


def _order(evidence: Evidence) -> tuple[int, Span]:
    return -evidence.strength, evidence.span


def _rank(found: RunningFile) -> tuple[int, int, str]:
    best = sum(evidence.strength == found.strength for evidence in found.evidence)
    return -found.strength, -best, found.file.span.path


def _labels(containers: Iterable[Container], files: dict[str, ComposeFile]) -> Iterator[tuple[str, Evidence]]:
    for container in containers:
        for written in container.compose_files:
            path = _collected(written, container.directory, files)
            if path:
                yield path, Evidence(Strength.LABEL, written, container.label_span or container.span)


def _scripts(effects: Iterable[Effect], files: dict[str, ComposeFile]) -> Iterator[tuple[str, Evidence]]:
    for effect in effects:
        if effect.manager != "compose" or effect.action not in _CREATING:
            continue
        for written in effect.compose_files or DEFAULT_NAMES:
            path = _collected(written, effect.directory, files)
            if path:
                yield path, Evidence(Strength.SCRIPT, written, effect.span)
                if not effect.compose_files:
                    break


def _images(containers: Iterable[Container], files: Sequence[ComposeFile]) -> Iterator[tuple[str, Evidence]]:
    """Images that some of the files name and the others do not."""
    for container in containers:
        naming = [(file, service) for file in files for service in file.services if service.image == container.image]
        paths = {file.span.path for file, _ in naming}
        if container.image and 0 < len(paths) < len(files):
            for file, _ in naming:
                yield file.span.path, Evidence(Strength.IMAGE, container.image, container.span)


def _collected(written: str, directory: str | None, files: dict[str, ComposeFile]) -> str | None:
    """The collected file that a path on the host means: the one of the same name that shares most of the folders.

    None where there is no such file, or several are as good.
    """
    wanted = posixpath.normpath(posixpath.join(directory or "", written)).split("/")
    shared = {path: _common_end(path.split("/"), wanted) for path in files}
    best = max(shared.values(), default=0)
    found = [path for path, count in shared.items() if count == best]
    return found[0] if best and len(found) == 1 else None


def _common_end(left: list[str], right: list[str]) -> int:
    count = 0
    while count < min(len(left), len(right)) and left[-1 - count] == right[-1 - count]:
        count += 1
    return count
