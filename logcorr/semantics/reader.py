"""Interpreting scripts of a folder whose texts change: what leads to the same texts as before is not interpreted again."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from logcorr.model.facts import Script
from logcorr.semantics.paths import collected
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
        """The script, or for a folder (its path ends in `/`) those run-parts would run: their paths, one a line."""
        question = path, directory
        if question not in self.found:
            self.found[question] = self._folder(path) if path.endswith("/") else self._file(path, directory)
        return self.found[question]

    def agrees(self, other: Resolver) -> bool:
        """Whether all that was found is found by the other as well."""
        return all(other(*question) == script for question, script in self.found.items())

    def _file(self, path: str, directory: str | None) -> Script | None:
        name = collected(path, self.scripts, directory, asker=self.asker)
        return self.scripts[name] if name else None

    def _folder(self, path: str) -> Script | None:
        runs, _ = run_parts(path, self.scripts, asker=self.asker)
        return Script(span=self.scripts[runs[0]].span, name=path, text="\n".join(runs)) if runs else None


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
