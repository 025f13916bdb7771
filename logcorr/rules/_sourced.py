"""Scripts that source others: what is sourced runs in the shell that sources it, under its options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.facts import Script
from logcorr.semantics.paths import collected
from logcorr.semantics.written import For, Written, commands, in_program, plain, switched_on, tree

EXPANDED = regex(r"(?s).*(?:[})`]|\$\w+)/?")
"""All of a word up to the end of its last expansion."""


def in_shell(case: Configuration, command: Written, option: str) -> bool:
    """Whether a shell option is on where the command stands, by its own script, one that this sources, or any that sources it."""
    return (
        in_program(command, option)
        or any(_at_end(one, option) for one in _sourced(case, command.script))
        or _handed_down(case, command, option, frozenset())
    )


def reachable(case: Configuration, script: Script) -> Iterator[Script]:
    """The script, and those whose functions it can call: what it sources, what sources it, and what these source."""
    outer = [one.script for one in _sourcing(case, script)]
    yield script
    for one in (script, *outer):
        yield from _sourced(case, one)
    yield from outer


def _handed_down(case: Configuration, command: Written, option: str, seen: frozenset[str]) -> bool:
    """Whether a script that sources the command's has it on: there, or in the end where a function is called later."""
    path = command.script.span.path
    outer = [one for one in _sourcing(case, command.script) if one.script.span.path not in seen | {path}]
    return any(
        in_program(one, option)
        or (command.function is not None and _at_end(one.script, option))
        or _handed_down(case, one, option, seen | {path})
        for one in outer
    )


def _at_end(script: Script, option: str) -> bool:
    nodes = tree(script).commands
    return bool(nodes) and switched_on(script, nodes[-1], None, option)


def _sourcing(case: Configuration, script: Script) -> list[Written]:
    """The commands by which others source the script."""
    name = script.span.path.rpartition("/")[2]
    calls = (one for other in case.of(Script) for one in commands(other) if _sources(one))
    return [one for one in calls if any(_is(case, word, name, script, one.script) for word in _words(one))]


def _sourced(case: Configuration, script: Script) -> list[Script]:
    """The collected files that the script sources."""
    calls = [one for one in commands(script) if _sources(one)]
    files = [one for one in case.of(Script) if _whole(one)] if calls else []
    return [
        one
        for one in files
        for name in [one.span.path.rpartition("/")[2]]
        if any(_is(case, word, name, one, script) for call in calls for word in _words(call))
    ]


def _sources(command: Written) -> bool:
    return command.name in (".", "source") and bool(command.words)


def _whole(script: Script) -> bool:
    return script.span.line == 1 and not script.column


def _words(command: Written) -> list[str]:
    """What it sources, as written behind the last expansion; of a loop's variable what the loop goes over."""
    variable = re.fullmatch(r"\$\{?(\w+)\}?", command.words[0])
    loops = [one for one in command.around if isinstance(one, For) and variable and one.name == variable[1]]
    words = [plain(command.script, word) for one in loops for word in one.words or ()] or [command.words[0]]
    return [EXPANDED.sub("", word, count=1) for word in words]


def _is(case: Configuration, word: str, name: str, script: Script, asker: Script) -> bool:
    """Whether the word means that script, whose name is given."""
    if script.span.path == asker.span.path or not word or not fnmatchcase(name, word.rpartition("/")[2]):
        return False
    paths = {one.span.path for one in case.of(Script) if _whole(one)}
    return "*" in word or collected(word, paths, None, asker=asker.span.path) == script.span.path
