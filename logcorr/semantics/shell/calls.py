"""Code that runs other code: functions, scripts, `source`, `eval`, `bash -c`, `exec`, `trap`."""

from __future__ import annotations

import re
from collections.abc import Callable

from logcorr.grammar.shell.tree import Node
from logcorr.lazily import regex
from logcorr.model.behaviour import Call
from logcorr.semantics.shell.assignments import leave_scope
from logcorr.semantics.shell.command import Command, Handler, separate
from logcorr.semantics.shell.expansion import left
from logcorr.semantics.shell.path import SUCCESS, Flow, Path
from logcorr.semantics.shell.source import Source
from logcorr.semantics.shell.store import Store
from logcorr.semantics.shell.values import EMPTY, Unknown, Value, derived, joined, literal, shown, text


def function(command: Command) -> None:
    """Call a function: its body runs here, with its own arguments and local variables."""
    machine, path = command.machine, command.path
    body = path.functions[command.name]
    if machine.surveyed(body.node, tuple(command.arguments), captured=path.sinks[0].kind == "captured"):
        command.print_unknown()
        command.unsure(asked=True)
        return

    def ways() -> list[Path]:
        if sum(caller == command.name for caller, _ in machine.stack) > machine.most_recursion:
            machine.record.cut = True
            lost = path.copy()
            lost.doubts |= {f"{command.name} calls itself"}
            machine.record.endless(lost, None)
            return []
        child = path.copy()
        child.arguments, child.scopes = tuple(command.arguments), (*path.scopes, {})
        with machine.calling(command.name, command.span), machine.reading(body.source):
            results = machine.run(body.node.body, child)
        for way in results:
            if way.flow is not None and way.flow.kind == "return":
                way.flow = None
            way.arguments = path.arguments
            leave_scope(way)
        return machine.widened([way for way in results if not _endless(way)])

    machine.proceed(path, ways)


def _endless(path: Path) -> bool:
    return path.flow is not None and path.flow.kind == "endless"


def in_process(command: Command, source: Source, prepare: Callable[[Path], None]) -> None:
    """Run code as a process of its own."""
    machine, path = command.machine, command.path

    def ways() -> list[Path]:
        child = path.copy()
        child.options, child.traps, child.scopes = frozenset(), Store(), ()
        prepare(child)
        with machine.calling(command.name, command.span), machine.reading(source):
            results = machine.run(source.tree, child)
        return machine.widened([left(path, way) for way in results if not _endless(way)])

    machine.proceed(path, ways)


def in_shell(command: Command, source: Source, node: Node) -> None:
    """Run code in this very shell."""
    machine, path = command.machine, command.path

    def ways() -> list[Path]:
        with machine.calling(command.name, command.span), machine.reading(source):
            return machine.widened([way for way in machine.run(node, path.copy()) if not _endless(way)])

    machine.proceed(path, ways)


def script(command: Command, name: str, arguments: list[Value]) -> None:
    """Run another script, if it was collected."""
    path, machine = command.path, command.machine
    machine.record.note(Call(span=command.span, path=name, arguments=tuple(shown(argument) for argument in arguments)))
    found = machine.resolve(name, command.directory()) if path.place.remote is None and path.place.container is None else None
    if found is None:
        machine.record.complain(command.span, f"a script that was not collected: {name}")
        command.print_unknown()
        command.unsure()
        return

    def prepare(child: Path) -> None:
        child.script, child.arguments = name, tuple(arguments)
        child.functions = Store()

    in_process(command, machine.sources.of(found), prepare)


def _program(command: Command) -> None:
    """`node check.mjs`, `python3 check.py`: a program that was collected runs; of any other code nothing is known."""
    path = command.path
    _, others = separate_leading(command.arguments, "WXr", ("require", "import", "loader"))
    name = literal(others[0]) if others else None
    if name is not None and command.machine.resolve(name, command.directory()) is not None:
        script(command, name, others[1:])
        return
    value = path.stdin if path.stdin is not None else (Unknown("standard input"),)
    command.print(derived(value, f"output of `{command.words}`"))
    command.unsure()


def _run_parts(command: Command) -> None:
    _, folders = separate_leading(command.arguments, "a", ("arg", "regex", "umask"))
    name = literal(folders[0]) if folders else None
    if name is None or not scripts_in(command, name):
        command.machine.record.complain(command.span, f"a folder of scripts that was not collected: {name}")
        command.unsure()


def scripts_in(command: Command, folder: str) -> bool:
    """Run all scripts of a folder, in the order of their names; False if none was collected."""
    listing = command.machine.resolve(folder.rstrip("/") + "/", command.directory())
    for name in listing.text.split("\n") if listing else ():
        script(command, name, [])
    return listing is not None


def _source(command: Command) -> None:
    path, machine = command.path, command.machine
    if not command.arguments:
        command.end(2)
        return
    name = literal(command.arguments[0])
    machine.record.note(Call(span=command.span, path=name, arguments=tuple(command.known[1:])))
    found = machine.resolve(name, command.directory()) if name is not None else None
    if found is None:
        machine.record.complain(command.span, f"sourced, but not collected: {command.known[0]}")
        machine.anything(path, f"{command.known[0]} is sourced ({command.span})")
        if path.flow is None:
            command.presumed()
        return
    source = machine.sources.of(found)
    if len(command.arguments) > 1:
        path.arguments = tuple(command.arguments[1:])
    in_shell(command, source, source.tree)
    if path.flow is not None and path.flow.kind == "return":
        path.flow = None


def _eval(command: Command) -> None:
    code = joined(
        *(part for index, argument in enumerate(command.arguments) for part in ((text(" "), argument) if index else (argument,)))
    )
    if not code:
        command.path.status = SUCCESS
        return
    if len(code) == 1 and isinstance(code[0], Unknown):
        command.machine.record.complain(command.span, f"eval of text that is not known: {shown(code)}")
        command.machine.anything(command.path, f"eval of {shown(code)} ({command.span})")
        return
    source = command.machine.code(code, command.span)
    in_shell(command, source, source.tree)


def run_code(command: Command, code: Value, prepare: Callable[[Path], None]) -> None:
    """Run text as a shell's code, in a process of its own; text that is wholly unknown does anything."""
    if not code:
        command.path.status = SUCCESS
        return
    if all(isinstance(part, Unknown) for part in code):
        command.machine.record.complain(command.span, f"runs text that is not known: {shown(code)}")
        command.print_unknown()
        command.unsure()
        return
    in_process(command, command.machine.code(code, command.span), prepare)


def shell(command: Command) -> None:
    """`bash -c code`, `bash script`, or code from standard input."""
    options, others = separate_leading(command.arguments, "coO")
    code = options.get("c")

    def prepare(child: Path) -> None:
        child.functions = Store()
        if "e" in options:
            child.options |= {"errexit"}

    if code:

        def prepare_code(child: Path) -> None:
            prepare(child)
            child.script, child.arguments = (literal(others[0]) or "") if others else "bash", tuple(others[1:])

        run_code(command, code[0], prepare_code)
    elif others and "s" not in options:
        name = literal(others[0])
        if name is None:
            command.machine.record.note(Call(span=command.span, path=None, arguments=tuple(shown(other) for other in others[1:])))
            command.print_unknown()
            command.unsure()
        else:
            script(command, name, others[1:])
    else:
        run_code(command, command.path.stdin or (Unknown("standard input"),), prepare)


_CALLED_OPTIONS = regex(r"<(?:\$|more of )\w*(?:opt|arg|flag)\w*>", re.IGNORECASE)


def separate_leading(
    arguments: list[Value], with_value: str, long_with_value: tuple[str, ...] = ()
) -> tuple[dict[str, list[Value]], list[Value]]:
    """Options up to the first other argument, and everything from there on. What is not known but called options is some."""
    index = 0
    while index < len(arguments):
        known = shown(arguments[index])
        if _CALLED_OPTIONS.fullmatch(known) and index + 1 < len(arguments):
            index += 1
            continue
        if known == "--":
            break
        if not known.startswith("-") or known == "-":
            break
        if known.startswith("--"):
            takes = known[2:] in long_with_value
        else:
            takes = known[-1] in with_value and not any(letter in with_value for letter in known[1:-1])
        index += 2 if takes else 1
    options, _ = separate(arguments[:index], with_value, long_with_value)
    rest = arguments[index:]
    return options, rest[1:] if rest and shown(rest[0]) == "--" else rest


def _exec(command: Command) -> None:
    options, rest = separate_leading(command.arguments, "a")
    if rest:
        command.again(rest)
        if command.path.flow is None:
            command.path.flow = Flow("exit")
    elif not options:
        command.path.status = SUCCESS


def _trap(command: Command) -> None:
    arguments = [argument for argument in command.arguments if shown(argument) != "--"]
    command.path.status = SUCCESS
    if len(arguments) < 2:
        return
    for signal in (shown(argument).upper().removeprefix("SIG") for argument in arguments[1:]):
        signal = "EXIT" if signal == "0" else signal
        if shown(arguments[0]) == "-":
            command.path.traps = command.path.traps.without(signal)
        elif signal in ("EXIT", "ERR"):
            command.path.traps = command.path.traps.put(signal, arguments[0])
        elif arguments[0]:
            _maybe(command, arguments[0], signal)


def _maybe(command: Command, code: Value, signal: str) -> None:
    """Code that a signal may start at any time: what it would do is met, but nothing says that it happens."""
    machine = command.machine
    source = machine.code(code, command.span)
    child = command.path.copy()
    child.doubts |= {f"a signal {signal}"}
    with machine.calling(command.name, command.span), machine.reading(source):
        machine.run(source.tree, child)


HANDLERS: dict[str, Handler] = {
    "source": _source, ".": _source, "eval": _eval, "exec": _exec, "trap": _trap, "run-parts": _run_parts,
    **dict.fromkeys(("node", "nodejs", "python", "python3", "tsx", "ts-node"), _program),
    **dict.fromkeys(("bash", "sh", "dash", "ash", "zsh", "ksh", "busybox sh"), shell),
}  # fmt: skip

__all__ = ["EMPTY", "HANDLERS", "function", "run_code", "script", "scripts_in", "shell"]
