"""Which compose files does the running stack come from?

By the labels of containers, then images that only one file names, then scripts that start it, then the only candidate. A
restart says nothing: it finds the containers by the project's name, whichever file it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from logcorr.model.behaviour import Effect
from logcorr.model.case import RunningStack
from logcorr.model.facts import ComposeFile, Container, Fact, Setting, of_kind
from logcorr.model.source import Span
from logcorr.semantics import compose
from logcorr.semantics.paths import collected, folder_of, normal

STARTING = frozenset({"start", "recreate", "up", "create"})
DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""The files that compose takes without `-f`, the first that exists; compose's own order."""
OVERRIDES = ("compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml")
"""The file that compose lays over it, the first that exists beside it."""

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
    leading = [effect for effect in effects if effect.manager == "compose" and used_files(effect, list(files)) == paths]
    project = effective(
        paths,
        facts,
        directory=next((effect.directory for effect in leading if effect.directory), None),
        name=next(filter(None, (*(one.project for one in containers), *(effect.project for effect in leading))), None),
    )
    return RunningStack(compose_paths=paths, services=project.services, evidence=tuple(evidence), project=project.name)


def effective(paths: Paths, facts: Sequence[Fact], *, directory: str | None = None, name: str | None = None) -> compose.Project:
    """What compose would run from some collected files and the `.env` beside the first; see `compose.project`."""
    files = {file.span.path: file for file in of_kind(ComposeFile, facts)}
    return compose.project(
        [files[path] for path in paths],
        environment=compose.variables(of_kind(Setting, facts), folder_of(paths[0])),
        directory=directory,
        name=name,
        others=list(files.values()),
        partial=True,
    )


def used_files(effect: Effect, files: Sequence[str]) -> Paths:
    """The collected compose files that a compose command works through; without `-f`, the default of its directory."""
    if effect.compose_files:
        return _found(effect.compose_files, files, effect.directory, effect.span)
    default = _found(DEFAULT_NAMES, files, effect.directory, effect.span)[:1] if effect.directory else ()
    return with_override(default, files)


def with_override(default: Paths, files: Iterable[str]) -> Paths:
    """The default file, and the one that compose lays over it."""
    beside = {path.rpartition("/")[2]: path for path in files if default and folder_of(path) == folder_of(default[0])}
    return (*default, *[beside[name] for name in OVERRIDES if name in beside][:1])


def whole(files: Mapping[str, ComposeFile]) -> list[str]:
    """The files that stand for themselves: no override, and none that another one includes or extends."""
    parts = {normal(drawn, folder_of(path)) for path, file in files.items() for drawn in file.draws_from}
    return [path for path in files if path.rpartition("/")[2] not in OVERRIDES and path not in parts]


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
    """By the files that scripts and workflows start the stack from, and do not take down again further on."""
    reasons: dict[Paths, list[Reason]] = {}
    composed = [(effect, used_files(effect, list(files))) for effect in effects if effect.manager == "compose"]
    ended = {(effect.span.path, paths, effect.guard): effect.span.line for effect, paths in composed if effect.action == "down"}
    for effect, paths in composed:
        for_a_while = ended.get((effect.span.path, paths, effect.guard), 0) > effect.span.line
        if paths and effect.action in STARTING and not for_a_while:
            reasons.setdefault(paths, []).append((f"{effect.span.path} starts the stack from {', '.join(paths)}", effect.span))
    return _agreed(reasons)


def _only(files: dict[str, ComposeFile]) -> tuple[Paths, list[Reason]] | None:
    bases = whole(files)
    if len(bases) != 1:
        return None
    return with_override((bases[0],), files), [("the only compose file collected", Span(bases[0], 1))]


def _agreed(reasons: dict[Paths, list[Reason]]) -> tuple[Paths, list[Reason]] | None:
    """What most of the evidence says, if there is a most."""
    votes = Counter({paths: len(said) for paths, said in reasons.items()}).most_common(2)
    if not votes or (len(votes) > 1 and votes[0][1] == votes[1][1]):
        return None
    return votes[0][0], reasons[votes[0][0]]
