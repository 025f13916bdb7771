"""Interpreting scripts of a folder whose texts change: what leads to the same texts as before is not interpreted again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct, field

from logcorr.model.facts import Script
from logcorr.semantics.paths import collected, folder_of, normal
from logcorr.semantics.schedule import run_parts
from logcorr.semantics.shell import Interpretation, interpret

Scripts = Mapping[str, Script]
"""Whole files, by path."""

Given = tuple[Script, tuple[tuple[str, str], ...], tuple[str, ...] | None]
"""A script, the variables known to be set, and its arguments (None when they are not known)."""


class Resolver(Struct, frozen=True):
    """Finds the collected script that a path means to the one who names it, and keeps what it `found`."""

    scripts: Scripts
    asker: str
    found: dict[tuple[str, str | None], Script | None] = field(default_factory=dict)

    def __call__(self, path: str, directory: str | None) -> Script | None:
        """The script; for a folder (its path ends in `/`) those run-parts would run, for a pattern those that it matches.

        Of several, the text is their paths, one a line.
        """
        question = path, directory
        if question not in self.found:
            self.found[question] = self._find(path, directory)
        return self.found[question]

    def _find(self, path: str, directory: str | None) -> Script | None:
        if path.endswith("/"):
            return self._folder(path)
        return self._pattern(normal(path, directory)) if "*" in path else self._file(path, directory)

    def agrees(self, other: Resolver) -> bool:
        """Whether all that was found is found by the other as well."""
        return all(other(*question) == script for question, script in self.found.items())

    def _file(self, path: str, directory: str | None) -> Script | None:
        name = collected(path, self.scripts, directory, asker=self.asker)
        return self.scripts[name] if name else None

    def _folder(self, path: str) -> Script | None:
        runs, _ = run_parts(path, self.scripts, asker=self.asker)
        return self._listing(path, runs)

    def _pattern(self, path: str) -> Script | None:
        folder, _, name = path.rpartition("/")
        home = collected(folder, {folder_of(one) for one in self.scripts}, asker=self.asker)
        inside = sorted(one for one in self.scripts if home and folder_of(one) == home)
        return self._listing(path, [one for one in inside if fnmatchcase(one.rpartition("/")[2], name)])

    def _listing(self, path: str, found: Sequence[str]) -> Script | None:
        return Script(span=self.scripts[found[0]].span, name=path, text="\n".join(found)) if found else None


class Reader:
    """Interprets scripts, and remembers every one together with the scripts it led to."""

    def __init__(self) -> None:
        self._read: dict[Given, list[tuple[Resolver, Interpretation]]] = {}

    def read(self, given: Given, scripts: Scripts) -> Interpretation:
        """What a script does that can call the collected `scripts`."""
        script, environment, arguments = given
        known = self._read.setdefault(given, [])
        for before, interpretation in known:
            if before.agrees(Resolver(scripts, script.span.path)):
                return interpretation
        resolve = Resolver(scripts, script.span.path)
        interpretation = interpret(script, resolve=resolve, environment=dict(environment), arguments=arguments)
        known.append((resolve, interpretation))
        return interpretation
