"""Finds parsers and rules: ours by the modules of their package, other people's by entry points.

There is no registry to edit. A module that defines a parser (or rule) named like itself is one; a distribution that names
an object under the entry-point group `logcorr.parsers` or `logcorr.rules` adds one.
"""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from logcorr.errors import LogcorrError
from logcorr.model.source import Problem
from logcorr.parsers import ConfigurationParser, LogParser, Parser

if TYPE_CHECKING:
    from logcorr.rules import Rule


class Named(Protocol):
    """What every plug-in has."""

    @property
    def name(self) -> str:
        """The name of its module, its fixtures and its page."""


P = TypeVar("P", bound=Named)

PARSERS = "logcorr.parsers"
RULES = "logcorr.rules"


class Plugins(dict[str, P]):
    """Parsers or rules by name, in the order of their names; `problems` names each entry point that crashed."""

    def __init__(self, found: dict[str, P], problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(sorted(found.items()))
        self.problems = problems


def parsers() -> Plugins[Parser]:
    """Every parser that is installed. Raises LogcorrError where two have one name, or an entry point is no parser."""
    return _discover(PARSERS, (LogParser, ConfigurationParser))


def rules() -> Plugins[Rule]:
    """Every rule that is installed. Raises LogcorrError as `parsers` does."""
    from logcorr.rules import Rule  # needs much that parsers alone do not

    return _discover(RULES, (Rule,))


def _discover(group: str, types: tuple[type[Named], ...]) -> Plugins[P]:
    found: dict[str, P] = {}
    origins: dict[str, str] = {}
    problems: list[Problem] = []
    for origin, member in itertools.chain(_ours(group, types), _theirs(group, types, problems)):
        plugin = cast(P, member)
        if plugin.name in found:
            raise LogcorrError(
                f"two plug-ins of {group} are named {plugin.name}: {origins[plugin.name]} and {origin}",
                "uninstall one of them, or rename its module",
            )
        found[plugin.name] = plugin
        origins[plugin.name] = origin
    return Plugins(found, tuple(problems))


def _ours(package: str, types: tuple[type[Named], ...]) -> Iterator[tuple[str, object]]:
    """What the package's modules define under their own name: helpers imported from elsewhere are passed over."""
    path = importlib.import_module(package).__path__
    for name in sorted(module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")):
        members = vars(importlib.import_module(f"{package}.{name}")).values()
        yield from ((f"{package}.{name}", member) for member in members if isinstance(member, types) and member.name == name)


def _theirs(group: str, types: tuple[type[Named], ...], problems: list[Problem]) -> Iterator[tuple[str, object]]:
    for entry in sorted(_declared(group), key=lambda entry: (entry.name, entry.value)):
        plugin = _load(entry, problems)
        if plugin is not None:
            yield entry.value, _checked(plugin, types, entry)


@cache
def _declared(group: str) -> tuple[EntryPoint, ...]:
    """What installed distributions declare: to read the metadata of all takes a twentieth of a small analysis."""
    return tuple(entry_points(group=group))


def _load(entry: EntryPoint, problems: list[Problem]) -> object | None:
    """The object an entry point names; None, and a problem, where importing it fails in whatever way."""
    try:
        return cast(object, entry.load())
    except Exception as error:  # a plug-in is other people's code: it may raise anything, and the rest must run
        problems.append(Problem(entry.value, f"plug-in {entry.name} cannot be loaded: {type(error).__name__}: {error}"))
        return None


def _checked(plugin: object, types: tuple[type[Named], ...], entry: EntryPoint) -> object:
    if isinstance(plugin, types):
        return plugin
    wanted = " or ".join(accepted.__name__ for accepted in types)
    raise LogcorrError(
        f"the plug-in {entry.name} ({entry.value}) is a {type(plugin).__name__}, not a {wanted}",
        f"make it with the decorator of {entry.group}, or uninstall it",
    )
