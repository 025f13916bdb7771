"""What the shell itself does: directories, output, input, options, tests, leaving."""

from __future__ import annotations

import posixpath
import re

from msgspec.structs import replace

from logcorr.semantics.shell import assignments
from logcorr.semantics.shell.arithmetic import calculate
from logcorr.semantics.shell.brackets import bracket
from logcorr.semantics.shell.command import Command, Handler
from logcorr.semantics.shell.conditions import Malformed
from logcorr.semantics.shell.facts import Sleep
from logcorr.semantics.shell.path import FAILURE, SUCCESS, Array, Flow, Status
from logcorr.semantics.shell.store import Store
from logcorr.semantics.shell.values import EMPTY, Text, Unknown, Value, joined, literal, shown, splits, text, unknown


def _cd(command: Command) -> None:
    targets = [
        argument for argument in command.arguments if not (literal(argument) or "").startswith("-") or literal(argument) == "-"
    ]
    path = command.path
    target = targets[0] if targets else path.variable("HOME")
    if isinstance(target, Array) or literal(target) == "-":
        target = unknown("the previous directory")
    if target == EMPTY:
        path.status = SUCCESS
        return
    path.set("OLDPWD", path.place.directory)
    path.place = replace(path.place, directory=moved(path.place.directory, target))
    command.unsure(f"the directory {shown(target)} is there ({command.span})")
    command.path.status = replace(command.path.status, origin=f"`cd {shown(target)}`")
    if not command.machine.succeeded(path):
        path.place = replace(path.place, directory=path.variables["OLDPWD"])


def moved(directory: Value, target: Value) -> Value:
    """The directory that a path leads to."""
    known, start = literal(target), literal(directory)
    first = target[0] if target else None
    if known is None:
        absolute = isinstance(first, Text) and first.text.startswith("/")
        return target if absolute or isinstance(first, Unknown) else unknown(f"the directory {shown(target)}")
    if known.startswith("/"):
        return text(posixpath.normpath(known), first.span if isinstance(first, Text) else None)
    if start is not None:
        return text(posixpath.normpath(posixpath.join(start, known)))
    return directory if known in (".", "./") else joined(directory, text("/" + known))


_SET = {"e": "errexit", "u": "nounset", "f": "noglob"}


def _set(command: Command) -> None:
    known = command.known
    path = command.path
    path.status = SUCCESS
    index = 0
    while index < len(known):
        word = known[index]
        if word == "--" or word[:1] not in ("-", "+") or word in ("-", "+"):
            path.arguments = tuple(command.arguments[index + (word == "--") :])
            return
        for letter in word[1:]:
            name = _SET.get(letter)
            if letter == "o" and index + 1 < len(known):
                index += 1
                name = known[index]
            if name:
                path.options = path.options | {name} if word[0] == "-" else path.options - {name}
        index += 1


def _shift(command: Command) -> None:
    path = command.path
    count = literal(command.arguments[0]) if command.arguments else "1"
    path.status = SUCCESS
    if path.arguments is None or count is None or not count.isdigit() or any(map(splits, path.arguments[: int(count)])):
        path.arguments = None
        path.known = Store({key: value for key, value in path.known.items() if "$" not in repr(key)})
        return
    if int(count) > len(path.arguments):
        command.end(1)
    else:
        path.arguments = path.arguments[int(count) :]


def _declare(command: Command) -> None:
    path = command.path
    for name in (literal(argument) or "" for argument in command.arguments):
        if name.startswith("-") or not re.fullmatch(r"[A-Za-z_]\w*", name):
            continue
        if (
            command.name in ("local", "declare", "typeset")
            and "-g" not in command.known
            and not re.search(rf"\b{name}(\[[^\]]*\])?\+?=", command.words)
        ):
            assignments.local(path, name)
        elif {"-a", "-A"} & set(command.known) and name not in path.variables:
            path.set(name, None)
    path.status = SUCCESS
    if command.name == "local" and not path.scopes:
        command.end(1)


def _unset(command: Command) -> None:
    for name in command.known:
        if re.fullmatch(r"\w+", name):
            command.path.set(name, None)
            command.path.functions = command.path.functions.without(name)
    command.path.status = SUCCESS


def _leave(kind: str) -> Handler:
    def handler(command: Command) -> None:
        if command.arguments:
            known = literal(command.arguments[0])
            if kind in ("exit", "return"):
                command.path.status = (
                    Status(int(known) % 256) if known and re.fullmatch(r"-?\d+", known) else Status(None, f"`{command.words}`")
                )
            levels = int(known) if known and known.isdigit() else 1
        else:
            levels = 1
        if kind in ("break", "continue"):
            if not command.machine.loops:
                return
            command.path.status = SUCCESS
        command.path.flow = Flow(kind, levels if kind in ("break", "continue") else 1)

    return handler


def _test(command: Command) -> None:
    arguments = command.arguments
    if command.name == "[":
        if not arguments or literal(arguments[-1]) != "]":
            command.end(2)
            return
        arguments = arguments[:-1]
    try:
        command.path.status = (
            SUCCESS if bracket(command.machine, command.path, arguments, command.words, command.span) else FAILURE
        )
    except Malformed:
        command.end(2)


def _let(command: Command) -> None:
    for argument in command.arguments:
        result = calculate(command.machine, command.path, argument, command.span)
        if result.failed or result.number == 0:
            command.path.status = FAILURE
        elif result.number is None:
            command.unsure()
        else:
            command.path.status = SUCCESS


def seconds(words: str) -> float | None:
    """A time as `sleep` and `timeout` take it (`5`, `1.5m`); None for anything else."""
    match = re.fullmatch(r"(\d*\.?\d+)([smhd]?)", words)
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]] if match else None


def _sleep(command: Command) -> None:
    machine, times = command.machine, [seconds(argument) for argument in command.known]
    known = [time for time in times if time is not None]
    machine.record.note(
        Sleep(
            span=command.span,
            seconds=sum(known) if len(known) == len(times) else None,
            loop=machine.loops[-1] if machine.loops else None,
        )
    )
    command.path.status = SUCCESS


def _pwd(command: Command) -> None:
    command.print(joined(command.path.place.directory, text("\n")))
    command.path.status = SUCCESS


def _found(command: Command) -> None:
    """`command -v`, `type`, `which`, `hash`: is a program there?"""
    names = [name for name in command.known if not name.startswith("-")]
    if command.name == "command" and not (command.known and re.fullmatch(r"-[vV]", command.known[0])):
        command.again([argument for index, argument in enumerate(command.arguments) if index or command.known[0] != "-p"])
        return
    if names and (names[-1] in command.path.functions or names[-1] in _BUILT_IN):
        command.print(text(names[-1] + "\n"))
        command.path.status = SUCCESS
        return
    assumed = f"{' '.join(names)} is installed ({command.span})"
    if len(names) != 1 or command.name in ("type", "hash") or command.path.sinks[0].kind != "captured":
        command.print_unknown()
        command.unsure(assumed)
    elif command.machine.decide(command.path, assumed, assume=assumed):
        command.print(joined(unknown(f"the folder of {names[0]}"), text(f"/{names[0]}\n", command.span)))
        command.path.status = SUCCESS
    else:
        command.path.status = FAILURE


def _wait(command: Command) -> None:
    """For all jobs it succeeds; for one it ends as that did, which nobody kept."""
    if command.arguments:
        command.unsure(asked=True)
    else:
        command.path.status = SUCCESS


def _succeed(command: Command) -> None:
    command.path.status = SUCCESS


def _fail(command: Command) -> None:
    command.path.status = FAILURE


def _builtin(command: Command) -> None:
    command.again(command.arguments)


def _unclear(command: Command) -> None:
    if command.name == "getopts" and len(command.arguments) > 1:
        command.path.set(shown(command.arguments[1]), unknown("an option"))
        command.path.set("OPTARG", unknown("an option's value"))
        if command.path.arguments == ():
            command.end(1)
            return
    command.print_unknown()
    command.unsure(asked=True)


_BUILT_IN = frozenset({"echo", "printf", "test", "[", "cd", "read", "true", "false", "kill", "wait", "trap"})

HANDLERS: dict[str, Handler] = {
    "cd": _cd, "pushd": _cd, "popd": _unclear, "set": _set, "shift": _shift, "unset": _unset, "let": _let, "sleep": _sleep,
    "usleep": _sleep, "pwd": _pwd, "test": _test, "[": _test, "builtin": _builtin, "getopts": _unclear, "jobs": _unclear,
    **dict.fromkeys(("local", "declare", "typeset", "export", "readonly"), _declare),
    **{kind: _leave(kind) for kind in ("exit", "return", "break", "continue")},
    **dict.fromkeys(("command", "type", "which", "hash"), _found),
    **dict.fromkeys(
        ("true", ":", "shopt", "umask", "ulimit", "alias", "unalias", "disown", "bind", "sync", "enable"), _succeed
    ),
    "false": _fail, "wait": _wait,
}  # fmt: skip
