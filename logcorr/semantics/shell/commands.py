"""Simple commands: expansion, temporary settings, and who handles which name."""

from __future__ import annotations

from collections.abc import Mapping

from logcorr.grammar.shell.tree import Assignment, Simple, Substitution
from logcorr.lazily import regex
from logcorr.model.source import Span
from logcorr.semantics.shell import (
    assignments,
    builtin,
    calls,
    containers,
    editing,
    effects,
    filters,
    output,
    probes,
    reading,
    redirects,
    services,
    texts,
    wrappers,
)
from logcorr.semantics.shell.command import Command, Handler
from logcorr.semantics.shell.expansion import fields
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import SUCCESS, Path, Status
from logcorr.semantics.shell.purposes import RUNS_CODE
from logcorr.semantics.shell.values import Text, Value, literal, shown, text

MODULES = (filters, editing, texts, builtin, output, reading, calls, wrappers, probes, effects, services, containers)
HANDLERS: Mapping[str, Handler] = {name: handler for module in MODULES for name, handler in module.HANDLERS.items()}


_INSTALLED = regex(r"/(?:usr/)?(?:local/)?s?bin/|/opt/\S+/bin/")
_ONE_PROGRAM = frozenset({
    "apachectl", "certbot", "curl", "docker", "docker-compose", "kubectl", "mysqladmin", "pg_isready", "pm2", "podman",
    "podman-compose", "psql", "redis-cli", "supervisorctl", "systemctl", "wget",
})  # fmt: skip
"""Names that mean the program wherever it lies: nobody calls a script of their own so."""


def simple(machine: Machine, path: Path, node: Simple) -> None:
    """Run one simple command in direct style."""
    machine.tick(node)
    span, words = machine.span(node), machine.source.text[node.start : node.end]
    machine.substituted = False
    arguments = _expanded(machine, path, node)
    sinks, stdin = path.sinks, path.stdin
    opened = redirects.apply(machine, path, node.redirects) if node.redirects else None
    connected = _connected(machine, path, opened, span, words) if opened else SUCCESS
    if not arguments or connected.code not in (0, None):
        for assignment in node.assignments:
            assignments.assign(machine, path, assignment)
        path.sinks, path.stdin = sinks, stdin
        if opened or not machine.substituted:
            path.status = connected
        return
    before = {assignment.name: path.variables.get(assignment.name) for assignment in node.assignments}
    present = {name for name in before if name in path.variables}
    for assignment in node.assignments:
        assignments.assign(machine, path, assignment)
    lasting = literal(arguments[0]) == "exec" and len(arguments) == 1
    given = path.stdin
    run(machine, path, arguments, span, words)
    if not lasting:
        path.sinks = sinks
        if given is not stdin:
            path.stdin = stdin
    if connected.code is None:
        path.status = connected
    for name, value in before.items():
        if name in present:
            path.set(name, value)
        else:
            path.unset(name)


def _connected(machine: Machine, path: Path, address: Value, span: Span, words: str) -> Status:
    """How opening a connection ends: where that fails, the command does not run."""
    host, _, port = shown(address).rpartition("/")
    probes.ask(
        Command(machine, path, "/dev/tcp", [address], span, words, run),
        "/dev/tcp",
        f"{host}:{port}",
        prints=False,
        values=[address],
    )
    return path.status


def _expanded(machine: Machine, path: Path, node: Simple) -> list[Value]:
    """The words of a command; those of `export` and its like that assign are carried out, and then stand for their name."""
    arguments: list[Value] = []
    for word in node.words:
        if isinstance(word, Assignment):
            scope = (literal(arguments[0]) or "") if arguments else ""
            assignments.declare(machine, path, word, scope, [shown(argument) for argument in arguments[1:]])
            arguments.append(text(word.name, machine.span(word)))
        elif any(isinstance(piece, Substitution) for piece in word.pieces):
            with machine.feeding(next((name for name in map(_program, arguments) if name in RUNS_CODE), machine.reader)):
                arguments.extend(fields(machine, path, word))
        else:
            arguments.extend(fields(machine, path, word))
    return arguments


def _program(word: Value) -> str:
    return (literal(word) or "").rpartition("/")[2]


def run(machine: Machine, path: Path, arguments: list[Value], span: Span, words: str, *, functions: bool = True) -> None:
    """Run a command whose words are expanded."""
    name = literal(arguments[0]) or _brought(arguments[0])
    if name is None:
        machine.record.complain(span, f"the command's name is not known: {shown(arguments[0])}")
        if not machine.surveys:
            places = (span, *(place for _, place in machine.stack))
            if machine.record.unknown_name(arguments[0], path.functions if functions else (), places):
                machine.depends(path, (arguments[0],))
        command = Command(machine, path, shown(arguments[0]), arguments[1:], span, words, run)
        _unknown(command)
        return
    command = Command(machine, path, name, arguments[1:], span, words, run)
    if name in path.functions and functions:
        calls.function(command)
        return
    program = name.rpartition("/")[2] if _INSTALLED.match(name) else _brought(arguments[0]) or name
    command.name = program
    handler = HANDLERS.get(program) or services.init_script(name)
    if handler is not None:
        handler(command)
    elif "/" in name or name.endswith(".sh") or _on_path(command, name):
        calls.script(command, name, command.arguments)
    else:
        _unknown(command)


def _on_path(command: Command, name: str) -> bool:
    """Whether a bare name is a script that was collected from a folder of programs of this host."""
    place = command.path.place
    found = command.machine.resolve(name, None) if place.remote is None and place.container is None else None
    return found is not None and found.span.path.split("/")[-2:-1] in (["bin"], ["sbin"])


def _brought(word: Value) -> str | None:
    """The program that a path ends in, whose folder need not be known."""
    last = word[-1] if word else None
    name = last.text.rpartition("/")[2] if isinstance(last, Text) and "/" in last.text else ""
    return name if name in _ONE_PROGRAM else None


def _unknown(command: Command) -> None:
    command.print_unknown()
    command.unsure()
