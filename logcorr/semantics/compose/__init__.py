"""What would compose run? Several files merged, variables filled in, names given."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from logcorr.grammar import compose
from logcorr.grammar.yaml_tree import Node, NotYaml, load
from logcorr.model.facts import ComposeFile, Service, Setting
from logcorr.model.source import Problem
from logcorr.semantics.compose.merge import merged, merged_entries, without_tags
from logcorr.semantics.compose.naming import container_names, project_name
from logcorr.semantics.paths import folder_of, normal

__all__ = ["Project", "container_names", "project", "project_name", "variables"]

_MAXIMUM_DEPTH = 16


class Project(Struct, frozen=True, kw_only=True):
    """What compose would run from some files.

    `services` are those without a profile or with an active one, in the files' order; `inactive` the others. `name` is
    None where it depends on a directory that is not known. `problems` say what compose would refuse, and what the
    files refer to that was not collected.
    """

    name: str | None
    services: tuple[Service, ...]
    inactive: tuple[Service, ...] = ()
    problems: tuple[Problem, ...] = ()


def project(
    files: Sequence[ComposeFile],
    *,
    environment: Mapping[str, str],
    directory: str | None,
    name: str | None = None,
    others: Sequence[ComposeFile] = (),
    partial: bool = False,
) -> Project:
    """The effective project of the files, given in the order of their `-f`.

    `environment` holds what compose sees, `.env` included; a variable not in it is empty, or stays as written where it has no
    default and the environment is known in part only (`partial`). `directory` is the project's on the host, `name` the value
    of `-p`. Files that `extends` and `include` refer to are looked for among `others`.
    """
    builder = _Builder({file.span.path: file for file in (*others, *files)}, environment, partial)
    document = builder.combined([file.span.path for file in files])
    reading = compose.services(compose.stanzas(document))
    active = _active_profiles(environment)
    runs = [not service.profiles or bool(active & {*service.profiles, "*"}) for service in reading.services]
    written = document.get("name")
    return Project(
        name=project_name(argument=name, environment=environment, written=written.text if written else None, directory=directory),
        services=tuple(service for service, is_active in zip(reading.services, runs, strict=True) if is_active),
        inactive=tuple(service for service, is_active in zip(reading.services, runs, strict=True) if not is_active),
        problems=(*builder.problems, *reading.problems),
    )


def _active_profiles(environment: Mapping[str, str]) -> frozenset[str]:
    return frozenset(filter(None, environment.get("COMPOSE_PROFILES", "").split(",")))


def variables(settings: Iterable[Setting], folder: str) -> dict[str, str]:
    """The variables that the `.env` of a collected folder gives compose."""
    path = normal(".env", folder)
    return {setting.name: setting.value for setting in settings if setting.span.path == path}


class _Builder:
    """Reads and merges documents; keeps what went wrong."""

    def __init__(self, files: Mapping[str, ComposeFile], environment: Mapping[str, str], partial: bool) -> None:
        self._files = files
        self._environment = environment
        self._partial = partial
        self.problems: list[Problem] = []

    def combined(self, paths: Sequence[str], depth: int = 0) -> Node:
        """One document of several files, laid over each other, with what they include."""
        whole: Node | None = None
        for path in paths:
            document = self._document(path)
            section = Node(path, document.line, document.end_line, "map", entries=self._extended(document))
            document = self._with_included(document, section, depth)
            whole = document if whole is None else _laid_over(whole, document)
        return _untagged(whole) if whole else Node("", 1, 1, "null")

    def _document(self, path: str) -> Node:
        try:
            document = load(self._files[path].text, path)
        except NotYaml as error:
            self.problems.append(Problem(path, str(error), error.line))
            return Node(path, 1, 1, "null")
        return compose.filled(document, self._environment, self.problems, partial=self._partial)

    def _extended(self, document: Node) -> tuple[tuple[str, Node], ...]:
        named = dict(compose.stanzas(document))
        return tuple((name, self._with_base(node, named, 0)) for name, node in named.items())

    def _with_base(self, stanza: Node, siblings: Mapping[str, Node], depth: int) -> Node:
        """A stanza laid over the service that it extends."""
        extends = stanza.get("extends")
        own = replace(stanza, entries=tuple((key, node) for key, node in stanza.entries if key != "extends"))
        if extends is None:
            return own
        base = self._base(extends, siblings, depth)
        return merged(base, own) if base else own

    def _base(self, extends: Node, siblings: Mapping[str, Node], depth: int) -> Node | None:
        file, service = extends.get("file"), extends.get("service")
        name = service.text if service else extends.text
        if depth > _MAXIMUM_DEPTH:
            self.problems.append(Problem(extends.path, f"the service {name} extends itself", extends.line))
            return None
        if file is not None:
            path = _beside(extends.path, file.text)
            siblings = dict(compose.stanzas(self._document(path))) if path in self._files else {}
        if name not in siblings:
            where = f"{file.text}, which was not collected or has no such service" if file else "this file"
            self.problems.append(Problem(extends.path, f"the service {name} to extend is not in {where}", extends.line))
            return None
        base = self._with_base(siblings[name], siblings, depth + 1)
        return _moved(base, posixpath.dirname(file.text)) if file else base

    def _with_included(self, document: Node, section: Node, depth: int) -> Node:
        """The document with its services, and those of the files that it includes, which keep to themselves otherwise."""
        services = dict(section.entries)
        for written in compose.included(document):
            path = _beside(document.path, written)
            if path not in self._files or depth > _MAXIMUM_DEPTH:
                self.problems.append(Problem(document.path, f"the included {written} was not collected", document.line))
                continue
            for name, node in compose.stanzas(self.combined([path], depth + 1)):
                services.setdefault(name, _moved(node, posixpath.dirname(written)))
        kept = [(key, value) for key, value in document.entries if key == "name"]
        entries = (*kept, ("services", replace(section, entries=tuple(services.items()))))
        return replace(document, tag="map", entries=entries)


def _laid_over(base: Node, over: Node) -> Node:
    names = {key: value for node in (base, over) for key, value in node.entries if key == "name"}
    services = merged_entries(_section(base), _section(over))
    return replace(base, entries=(*names.items(), ("services", services)))


def _untagged(document: Node) -> Node:
    section = _section(document)
    services = tuple((name, without_tags(node)) for name, node in section.entries)
    rest = tuple((key, value) for key, value in document.entries if key != "services")
    return replace(document, entries=(*rest, ("services", replace(section, entries=services))))


def _section(document: Node) -> Node:
    return document.get("services") or Node(document.path, document.line, document.line, "map")


def _beside(path: str, written: str) -> str:
    return normal(written, folder_of(path))


def _moved(stanza: Node, folder: str) -> Node:
    """A stanza from a file of another folder, its relative paths seen from here."""
    moving = {"volumes": re.compile(r"\.{1,2}(/|$)"), "env_file": re.compile(r"[^/]")}

    def seen(node: Node, relative: re.Pattern[str]) -> Node:
        text = _dotted(posixpath.normpath(posixpath.join(folder, node.text))) if relative.match(node.text) else node.text
        items = tuple(seen(item, relative) for item in node.items)
        return replace(node, text=text, items=items, entries=tuple((key, seen(value, relative)) for key, value in node.entries))

    if not folder:
        return stanza
    return replace(
        stanza, entries=tuple((key, seen(node, moving[key]) if key in moving else node) for key, node in stanza.entries)
    )


def _dotted(path: str) -> str:
    """A relative path in the form that no volume's name has."""
    return path if path.startswith(("/", "..")) else f"./{path}"
