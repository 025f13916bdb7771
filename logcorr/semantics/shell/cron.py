"""Cron lines that a script installs, by `crontab -` or by writing below /etc/cron.d."""

from __future__ import annotations

from itertools import dropwhile

from logcorr.lazily import regex
from logcorr.model.facts import ScheduledJob
from logcorr.model.source import Span
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import Path
from logcorr.semantics.shell.values import Text, Unknown, Value, first_span, lines, shown

_FIELD = r"[\d*,/\-A-Za-z~]+"
_LINE = regex(
    rf"\s*(@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly)|{_FIELD}(?:[ \t]+{_FIELD}){{4}})[ \t]+(\S.*)"
)
_NUMERIC = regex(r"[\d*@]")
_SYSTEM = regex(r"/etc/(crontab$|cron\.d/)")


def install(machine: Machine, table: Value, *, user: str | None, default: Span, system: bool = False) -> None:
    """Note the jobs of a table that a script puts in place; `system` tables name the user before the command."""
    for line in map(_after_others, lines(table)):
        match = _LINE.match(shown(line))
        if not match or not _NUMERIC.match(match[1]) or not any(isinstance(part, Text) for part in line):
            continue
        command, owner = match[2], user
        if system:
            owner, _, command = command.partition(" ")
        machine.record.note(ScheduledJob(
            span=first_span(line) or default, schedule=" ".join(match[1].split()), scheduler="cron",
            command=command.strip(), user=owner,
        ))  # fmt: skip


def _after_others(line: Value) -> Value:
    """The line itself, where what stands before it is what another command printed (`crontab -l`): that ends with its line."""
    known = tuple(dropwhile(lambda part: isinstance(part, Unknown), line))
    return line if shown(known)[:1].isspace() else known


def installed_files(machine: Machine, path: Path, default: Span) -> None:
    """Note the jobs of the system tables that a path has written by its end."""
    for name, content in path.files.items():
        if content and _SYSTEM.match(name):
            install(machine, content, user=None, default=default, system=True)


__all__ = ["install", "installed_files"]
