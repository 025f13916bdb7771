"""Redirections: where output goes, what standard input holds."""

from __future__ import annotations

from collections.abc import Sequence

from logcorr.grammar.shell.tree import Redirect, Substitution
from logcorr.semantics.shell.expansion import single, substituted
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import DISCARDED, Path, Sink
from logcorr.semantics.shell.values import EMPTY, Value, joined, literal, text, unknown

_WRITES = {">": False, ">|": False, ">>": True, "&>": False, "&>>": True, ">&": False}


def apply(machine: Machine, path: Path, redirects: Sequence[Redirect]) -> None:
    """Apply redirections to a path, from left to right."""
    for redirect in redirects:
        if redirect.operator in _WRITES:
            _output(machine, path, redirect)
        elif redirect.descriptor in ("", "0"):
            path.stdin = _input(machine, path, redirect)
        else:
            single(machine, path, redirect.target)


def _output(machine: Machine, path: Path, redirect: Redirect) -> None:
    value = single(machine, path, redirect.target)
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


def _input(machine: Machine, path: Path, redirect: Redirect) -> Value:
    target = redirect.target
    if redirect.operator in ("<<", "<<-"):
        return single(machine, path, target)
    if redirect.operator == "<<<":
        return joined(single(machine, path, target), text("\n"))
    piece = target.pieces[0]
    if len(target.pieces) == 1 and isinstance(piece, Substitution) and piece.direction == "<":
        return substituted(machine, path, piece)
    name = literal(single(machine, path, target))
    content = path.files.get(name) if name is not None else None
    return content if content is not None else EMPTY if name == "/dev/null" else unknown(f"the content of {name or 'a file'}")
