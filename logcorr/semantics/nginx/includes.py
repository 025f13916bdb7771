"""`include`, resolved among the collected files only.

nginx's own paths (`/etc/nginx/conf.d/*.conf`) and the collected ones (`nginx/conf.d/ssl.conf`) are matched by a mount that
says so, else by their longest common end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct, field
from msgspec.structs import replace

from logcorr.lazily import regex
from logcorr.model.facts import Directive, NginxFile

MOST_INCLUDES = 4096
"""Enough for any real configuration; files that include each other manifold would otherwise grow without end."""

HARMLESS = regex(
    r"mime\.types|(?:fastcgi|uwsgi|scgi|proxy)_?-?params|fastcgi(?:-php)?\.conf|(?:options-)?ssl[-\w]*|\w*params\w*|modules-enabled",
    re.IGNORECASE,
)
"""Included files whose absence cannot change which answer is given: types, parameters for upstreams, TLS settings."""


def is_harmless(pattern: str) -> bool:
    """Whether an include that was not collected cannot matter for answers."""
    return bool(HARMLESS.search(pattern.rpartition("/")[2])) or "modules-enabled" in pattern


class Includes(Struct):
    """The collected files, and the mounts that say where a container sees them (container path → collected path).

    `used` collects the files that some include brought in, by span path and name.
    """

    files: Sequence[NginxFile]
    mounts: Mapping[str, str] = field(default_factory=dict)
    used: set[tuple[str, int]] = field(default_factory=set)
    count: int = 0

    def expand(self, file: NginxFile) -> tuple[Directive, ...]:
        """The file's directives with every include replaced by what it brings in; those not collected stay as they are."""
        return self._directives(file.directives, file, (_key(file),))

    def has_used(self, file: NginxFile) -> bool:
        """Whether some expanded file has included this one."""
        return _key(file) in self.used

    def seen_as(self, file: NginxFile) -> str | None:
        """The path by which a container sees the file, as far as the mounts say."""
        for target, source in sorted(self.mounts.items(), key=lambda mount: -len(mount[1])):
            rest = file.span.path.removeprefix(source.rstrip("/"))
            if rest != file.span.path and (not rest or rest.startswith("/")):
                return target.rstrip("/") + rest
        return None

    def _directives(
        self, directives: tuple[Directive, ...], main: NginxFile, inside: tuple[tuple[str, int], ...]
    ) -> tuple[Directive, ...]:
        out: list[Directive] = []
        for directive in directives:
            if directive.name == "include" and directive.args and (found := self._find(directive.args[0], main)):
                for file in found:
                    out += self._included(file, main, inside)
            elif directive.children is not None:
                out.append(replace(directive, children=self._directives(directive.children, main, inside)))
            else:
                out.append(directive)
        return tuple(out)

    def _included(self, file: NginxFile, main: NginxFile, inside: tuple[tuple[str, int], ...]) -> tuple[Directive, ...]:
        self.used.add(_key(file))
        self.count += 1
        if _key(file) in inside or self.count > MOST_INCLUDES:
            return ()
        return self._directives(file.directives, main, (*inside, _key(file)))

    def _find(self, pattern: str, main: NginxFile) -> list[NginxFile]:
        """The files an include means, in glob's order; those next to the main file win over equals elsewhere."""
        ranked = [(self._fit(pattern, file, main), _together(file, main), file) for file in self.files]
        best = max((rank[:2] for rank in ranked), default=(0, 0))
        if not best[0]:
            return []
        return sorted((file for *rank, file in ranked if tuple(rank) == best), key=lambda file: file.name or file.span.path)

    def _fit(self, pattern: str, file: NginxFile, main: NginxFile) -> int:
        """How well a file fits the pattern; 0: not at all."""
        if file.name is not None:
            folder = (main.name or "/etc/nginx/nginx.conf").rpartition("/")[0]
            absolute = pattern if pattern.startswith("/") else f"{folder}/{pattern}"
            return 1000 if _common_end(absolute, file.name) >= absolute.count("/") + 1 else 0
        for target in sorted(self.mounts, key=len, reverse=True):
            if pattern == target or pattern.startswith(target.rstrip("/") + "/"):
                wanted = self.mounts[target].replace("!", "/").rstrip("/") + pattern[len(target.rstrip("/")) :]
                return 1000 if _common_end(wanted, file.span.path) >= wanted.count("/") + 1 else 0
        return _enough(pattern, _common_end(pattern.lstrip("/"), file.span.path))


def _key(file: NginxFile) -> tuple[str, int]:
    return (file.span.path, file.span.line)


def _common_end(pattern: str, path: str) -> int:
    """How many path segments match, counted from the end."""
    pairs = list(zip(reversed(pattern.split("/")), reversed(re.split(r"[/!]", path)), strict=False))
    hits = [fnmatchcase(part, glob) and (glob.startswith(".") or not part.startswith(".")) for glob, part in pairs]
    return hits.index(False) if False in hits else len(hits)


def _enough(pattern: str, matched: int) -> int:
    """A file's name alone is enough only where the pattern spells it out."""
    return matched if matched >= 2 or (matched == 1 and not re.search(r"[*?\[]", pattern.rpartition("/")[2])) else 0


def _together(file: NginxFile, main: NginxFile) -> int:
    """How many leading folders two files share."""
    pairs = zip(file.span.path.split("/")[:-1], main.span.path.split("/")[:-1], strict=False)
    shared = [left == right for left, right in pairs]
    return shared.index(False) if False in shared else len(shared)
