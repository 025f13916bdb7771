"""Paths of equal state become one; of too many paths, what tells most of them apart is given up."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec.structs import replace

from logcorr.lazily import regex
from logcorr.semantics.shell.path import Array, Aside, Path, Status
from logcorr.semantics.shell.store import Store
from logcorr.semantics.shell.values import EMPTY, Unknown, Value, derived, joined, literal, unknown


def merged(paths: Sequence[Path]) -> list[Path]:
    """Paths of equal state made one, in their order."""
    if len(paths) < 2:
        return list(paths)
    kept: list[Path] = []
    alike: dict[object, list[tuple[tuple[object, ...], Path]]] = {}
    for path in paths:
        key = path.key()
        others = alike.setdefault((path.variables, path.known, path.files, path.status.code, path.flow), [])
        other = next((other for seen, other in others if seen == key), None)
        if other is None:
            kept.append(path)
            others.append((key, path))
        else:
            _absorb(other, path)
    return kept


def _absorb(path: Path, other: Path) -> None:
    if bool(path.broken) == bool(other.broken):
        path.ran &= other.ran
        path.broken |= other.broken
        path.doubts |= other.doubts
        path.shadow = path.shadow and other.shadow
        path.aside = path.aside.joined(other.aside) if path.aside else other.aside
    else:
        sound, broken = (other, path) if path.broken else (path, other)
        aside = Aside(broken.ran, broken.broken).joined(sound.aside)
        path.ran, path.broken, path.doubts, path.shadow, path.aside = sound.ran, frozenset(), sound.doubts, sound.shadow, aside
    shared = 0
    while shared < min(len(path.guards), len(other.guards)) and path.guards[shared] == other.guards[shared]:
        shared += 1
    path.guards = path.guards[:shared]


_UNSET = object()


MOST_BROKEN = 4


def widened(paths: Sequence[Path], limit: int, *, keeps: bool = False) -> list[Path]:
    """At most about `limit` paths on which all assumptions hold, and a few on which one does not.

    With `keeps`, of a variable that has a default or holds addresses one value is kept for a survey to show: it proves nothing.
    """
    if len(paths) < 2:
        return list(paths)
    alike = merged(paths)
    sound = [path for path in alike if not path.broken]
    broken = [path for path in alike if path.broken]
    return [*_reduced(sound, limit, keeps), *_reduced(broken, MOST_BROKEN, keeps)]


def _reduced(paths: list[Path], limit: int, keeps: bool) -> list[Path]:
    """Forget remembered answers, then give up the variable with the most values as unknown, until so few paths remain."""
    if len(paths) > limit // 3 + 3:
        for path in paths:
            path.known = Store()
        paths = merged(paths)
    while len(paths) > limit:
        name = _most_varied(paths)
        if name is None:
            return _forgetful(paths)
        given_up = _given_up(name, [path.variables.get(name) for path in paths], keeps)
        for path in paths:
            path.set(name, given_up)
        paths = merged(paths)
    return paths


def _given_up(name: str, values: Sequence[Value | Array | None], keeps: bool) -> Value | Array:
    """What stands for several values of a variable."""
    if any(isinstance(value, Array) for value in values):
        return Array((), whole=False)
    texts = [value for value in values if isinstance(value, tuple)]
    kept = _shown_value(texts) if keeps else None
    return derived(joined(*texts), f"one of several values of {name}") if kept is None else kept


def _shown_value(values: Sequence[Value]) -> Value | None:
    """The first address among a variable's values, or its only known value if the others come from outside the script."""
    known = [value for value in values if value and literal(value) is not None]
    others = [part for value in values if literal(value) is None for part in value if isinstance(part, Unknown)]
    if not known or any(part.probe is not None for value in values for part in value):
        return None
    alone = len(set(known)) == 1 and all(part.key.startswith("$") for part in others)
    return next((value for value in known if alone or "://" in (literal(value) or "")), None)


def withered(path: Path) -> Path:
    """A path that has left the script and will read nothing any more: its state need not keep it apart from others."""
    if path.flow is not None and path.flow.kind == "exit" and not path.traps:
        path.variables, path.known, path.functions = Store(), Store(), Store()
    return path


def _most_varied(paths: Sequence[Path]) -> str | None:
    """The variable to give up first: a count, a flag or something unknown before a name or an address; then the most varied."""
    first, *others = (path.variables for path in paths)
    names = {name for store in others for name, value in store.items() if first.get(name, _UNSET) is not value}
    names |= {name for store in others for name in first.keys() - store.keys()}
    values = {name: {path.variables.get(name, _UNSET) for path in paths} for name in names}
    varied = [name for name in names if len(values[name]) > 1]
    return max(varied, key=lambda name: (not any(map(_names_something, values[name])), len(values[name]), name), default=None)


_NAME = regex(r"(?!(?:true|false|yes|no|up|down)$)\S*[A-Za-z]\S*", re.IGNORECASE)


def _names_something(value: object) -> bool:
    return isinstance(value, tuple) and _NAME.fullmatch(literal(value) or "") is not None


def _forgetful(paths: Sequence[Path]) -> list[Path]:
    """Give up everything else that tells paths apart but is not needed to go on soundly."""
    for path in paths:
        path.known = Store()
        path.files = Store()
        path.scopes = tuple({name: unknown(f"{name} of a caller") for name in scope} for scope in path.scopes)
        path.place = replace(path.place, directory=unknown("one of several directories"))
        path.stdin = None
        path.output = unknown("output") if path.output else EMPTY
        path.status = Status(None, "an exit status", asked=True)
    return merged(paths)
