"""Redirections: where output goes, what standard input holds."""

from __future__ import annotations

from collections.abc import Sequence

from logcorr.grammar.shell.tree import Redirect, Substitution
from logcorr.semantics.shell.expansion import single, substituted
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import DISCARDED, Path, Sink
from logcorr.semantics.shell.values import EMPTY, Text, Value, joined, literal, text, unknown

_WRITES = {">": False, ">|": False, ">>": True, "&>": False, "&>>": True, ">&": False}


_SOCKETS = ("/dev/tcp/", "/dev/udp/")
"""Files that are none: bash opens a connection (https://www.gnu.org/software/bash/manual/bash.html#Redirections)."""


def apply(machine: Machine, path: Path, redirects: Sequence[Redirect]) -> Value | None:
    """Apply redirections to a path, from left to right; the first that opens a connection, as it is written behind the device."""
    opened = None
    for redirect in redirects:
        heredoc = redirect.operator in ("<<", "<<-", "<<<")
        fed = redirect.operator == "<" and any(
            isinstance(piece, Substitution) and piece.direction for piece in redirect.target.pieces
        )
        value = None if heredoc or fed else single(machine, path, redirect.target)
        opened = opened or (_socket(value) if value is not None else None)
        if value is not None and redirect.operator in _WRITES:
            _output(path, redirect, value)
        elif redirect.descriptor in ("", "0"):
            path.stdin = _input(machine, path, redirect, value)
        elif value is None:
            single(machine, path, redirect.target)
    return opened


def _socket(value: Value) -> Value | None:
    """The host and port of a connection."""
    head = value[0].text if value and isinstance(value[0], Text) else ""
    if not head.startswith(_SOCKETS):
        return None
    return (*text(head[len(_SOCKETS[0]) :]), *value[1:])


def _output(path: Path, redirect: Redirect, value: Value) -> None:
    name = literal(value)
    out, err = path.sinks
    if redirect.operator == ">&" and name is not None and (name.isdigit() or name == "-"):
        sink = {"1": out, "2": err}.get(name, DISCARDED if name == "-" else Sink("terminal"))
    elif redirect.descriptor not in ("", "1", "2"):
        return
    else:
        sink = _file(path, name, appends=_WRITES[redirect.operator])
    both = redirect.operator in ("&>", "&>>") or (redirect.operator == ">&" and redirect.descriptor == "" and sink.kind == "file")
    path.sinks = (sink if both or redirect.descriptor in ("", "1") else out, sink if both or redirect.descriptor == "2" else err)


def _file(path: Path, name: str | None, *, appends: bool) -> Sink:
    if name == "/dev/null":
        return DISCARDED
    if name in ("/dev/stdout", "/dev/stderr", "/dev/tty", "/proc/1/fd/1", "/proc/1/fd/2"):
        return path.sinks[0 if name != "/dev/stderr" else 1] if name in ("/dev/stdout", "/dev/stderr") else Sink("terminal")
    if name is not None and not appends:
        path.write(name, EMPTY)
    elif name is not None and path.files.get(name) is None:
        path.write(name, EMPTY if name in path.files else unknown(f"the content of {name}"))
    return Sink("file", name, appends)


def _input(machine: Machine, path: Path, redirect: Redirect, value: Value | None) -> Value:
    target = redirect.target
    if redirect.operator in ("<<", "<<-"):
        return single(machine, path, target)
    if redirect.operator == "<<<":
        return joined(single(machine, path, target), text("\n"))
    piece = target.pieces[0]
    if len(target.pieces) == 1 and isinstance(piece, Substitution) and piece.direction == "<":
        return substituted(machine, path, piece)
    name = literal(value) if value is not None else None
    content = path.files.get(name) if name is not None else None
    return content if content is not None else EMPTY if name == "/dev/null" else unknown(f"the content of {name or 'a file'}")
