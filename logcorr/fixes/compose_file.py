"""A command that works through another compose file than the deployed one names that one."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from logcorr.fixes import Change, Folder, fix
from logcorr.fixes.code import Code, added, plain
from logcorr.grammar.shell.tree import Literal, Simple
from logcorr.model.case import ProvedEffect
from logcorr.model.claim import claim
from logcorr.model.result import Edit, Finding

PROGRAMS = ("docker-compose", "docker", "podman-compose", "podman")


@fix("compose_file_not_deployed")
def compose_file(finding: Finding, folder: Folder) -> Iterator[Change]:
    """The file's name where it is written: on the command, or where a variable takes it; without `-f`, the option."""
    stack = folder.case.stack
    place = finding.evidence[0].span
    proved = next((one for b in folder.case.behaviours for one in b.proved if one.effect.span == place), None)
    text = folder.text(place.path)
    if not stack or not proved or not text or len(stack.compose_paths) != 1 or len(proved.compose_paths) != 1:
        return
    deployed = stack.compose_paths[0]
    said = claim("patch.compose_file", "the command works through {deployed}", deployed=deployed)
    code = Code(text)
    command = code.command(place, *PROGRAMS)
    for edits in _named(code, command, proved, deployed) if proved.effect.compose_files else _unnamed(command, proved, deployed):
        yield Change(path=place.path, edits=edits, claim=said, safe=True)


def _named(code: Code, command: Simple | None, proved: ProvedEffect, deployed: str) -> Iterator[tuple[Edit, ...]]:
    """Where the used file's name stands: within the command, else anywhere, all at once."""
    used = proved.compose_paths[0]
    if posixpath.dirname(used) != posixpath.dirname(deployed):
        return
    old, new = posixpath.basename(used), posixpath.basename(deployed)
    literals = [node for node in code.nodes if isinstance(node, Literal) and (node.text == old or node.text.endswith("/" + old))]
    inside = [node for node in literals if command and command.start <= node.start and node.end <= command.end]
    for found in (inside, literals):
        edits = tuple(
            Edit(start=at, end=at + len(old), text=new)
            for node in found
            for at in [code.text.plain.rfind(old, node.start, node.end)]
        )
        if edits and all(edit.start >= 0 for edit in edits):
            yield edits


def _unnamed(command: Simple | None, proved: ProvedEffect, deployed: str) -> Iterator[tuple[Edit, ...]]:
    """After the word that names compose: the default file is in the working directory, and so must the deployed one be."""
    if not command or posixpath.dirname(proved.compose_paths[0]) != posixpath.dirname(deployed):
        return
    word = next((word for word in command.words if plain(word) in ("compose", "docker-compose", "podman-compose")), None)
    if word:
        yield (added(word.end, f" -f {posixpath.basename(deployed)}"),)
