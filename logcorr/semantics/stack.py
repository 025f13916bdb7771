"""Which compose files does the running stack come from?

By the labels of containers, then images that only one file names, then scripts that start it, then the only candidate. A
restart says nothing: it finds the containers by the project's name, whichever file it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from logcorr.model.behaviour import Effect
from logcorr.model.case import RunningStack
from logcorr.model.facts import ComposeFile, Container, Fact, of_kind
from logcorr.model.source import Span
from logcorr.semantics import compose
from logcorr.semantics.paths import collected

STARTING = frozenset({"start", "recreate", "up", "create"})
DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""The files that compose takes without `-f`, the first that exists; compose's own order."""

Paths = tuple[str, ...]
Reason = tuple[str, Span]


def running_stack(facts: Sequence[Fact], effects: Sequence[Effect]) -> RunningStack | None:
    """The stack that runs, from the best kind of evidence there is; None if the evidence names two."""
    files = {file.span.path: file for file in of_kind(ComposeFile, facts)}
    containers = tuple(of_kind(Container, facts))
    found = _labelled(containers, files) or _imaged(containers, files) or _deployed(effects, files) or _only(files)
    if not found:
        return None
    paths, evidence = found
    used = [files[path] for path in paths]
    return RunningStack(
        compose_paths=paths,
        services=compose.project(used, environment=None, directory=None, others=list(files.values())).services,
        evidence=tuple(evidence),
        project=next((container.project for container in containers if container.project), None) or files[paths[0]].project,
    )


def used_files(effect: Effect, files: Sequence[str]) -> Paths:
    """The collected compose files that a compose command works through; without `-f`, the default of its directory."""
    if effect.compose_files:
        return _found(effect.compose_files, files, effect.directory, effect.span)
    return _found(DEFAULT_NAMES, files, effect.directory, effect.span)[:1] if effect.directory else ()


def _found(paths: Sequence[str], files: Iterable[str], directory: str | None, at: Span) -> Paths:
    """Those of the paths written at this place that were collected."""
    return tuple(filter(None, (collected(path, files, directory, asker=at.path) for path in paths)))


def _labelled(containers: Sequence[Container], files: dict[str, ComposeFile]) -> tuple[Paths, list[Reason]] | None:
    """By the labels that compose leaves on what it creates."""
    reasons: dict[Paths, list[Reason]] = {}
    for container in containers:
        paths = _found(container.compose_files, files, container.directory, container.span)
        if paths:
            reason = (
                f"{container.name} was created from {', '.join(container.compose_files)}",
                container.label_span or container.span,
            )
            reasons.setdefault(paths, []).append(reason)
    return _agreed(reasons)


def _imaged(containers: Sequence[Container], files: dict[str, ComposeFile]) -> tuple[Paths, list[Reason]] | None:
    """By images that one file names and the others do not."""
    reasons: dict[Paths, list[Reason]] = {}
    for container in containers:
        naming = [path for path, file in files.items() if container.image in {service.image for service in file.services}]
        if container.image and len(naming) == 1 < len(files):
            reasons.setdefault((naming[0],), []).append((f"{container.name} runs {container.image}", container.span))
    return _agreed(reasons)


def _deployed(effects: Sequence[Effect], files: dict[str, ComposeFile]) -> tuple[Paths, list[Reason]] | None:
    """By the files that scripts and workflows start the stack from."""
    reasons: dict[Paths, list[Reason]] = {}
    for effect in effects:
        paths = used_files(effect, list(files)) if effect.manager == "compose" and effect.action in STARTING else ()
        if paths:
            reasons.setdefault(paths, []).append((f"{effect.span.path} starts the stack from {', '.join(paths)}", effect.span))
    return _agreed(reasons)


def _only(files: dict[str, ComposeFile]) -> tuple[Paths, list[Reason]] | None:
    if len(files) != 1:
        return None
    (path,) = files
    return (path,), [("the only compose file collected", Span(path, 1))]


def _agreed(reasons: dict[Paths, list[Reason]]) -> tuple[Paths, list[Reason]] | None:
    """What most of the evidence says, if there is a most."""
    votes = Counter({paths: len(said) for paths, said in reasons.items()}).most_common(2)
    if not votes or (len(votes) > 1 and votes[0][1] == votes[1][1]):
        return None
    return votes[0][0], reasons[votes[0][0]]
