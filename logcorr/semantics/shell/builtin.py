"""What the shell itself does: directories, output, input, options, tests, leaving."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from logcorr.semantics.shell import assignments
from logcorr.semantics.shell.arithmetic import calculate
from logcorr.semantics.shell.command import Command, Handler, separate
from logcorr.semantics.shell.conditions import Malformed, bracket
from logcorr.semantics.shell.expansion import split
from logcorr.semantics.shell.machine import Sleep
from logcorr.semantics.shell.path import FAILURE, SUCCESS, Array, Flow, Status
from logcorr.semantics.shell.values import EMPTY, Text, Unknown, Value, joined, lines, literal, shown, text, unknown

_ESCAPE = re.compile(r"\\(\\|[abefnrtv]|0[0-7]{0,3}|[0-7]{1,3}|x[0-9a-fA-F]{1,2})")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "\\": "\\"}
_DIRECTIVE = re.compile(r"%(?:%|[-+ #0]*(\d+|\*)?(?:\.(\d+|\*))?([diouxXeEfFgGcsbq]|\([^)]*\)T))")


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
    path.variables["OLDPWD"] = path.place.directory
    path.place = replace(path.place, directory=moved(path.place.directory, target))
    command.unsure(f"the directory {shown(target)} is there ({command.span})")
    command.path.status = replace(command.path.status, origin=f"`cd {shown(target)}`")
    if not command.machine.succeeded(path):
        path.place = replace(path.place, directory=path.variables["OLDPWD"])  # type: ignore[arg-type]  # set above


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


def _echo(command: Command) -> None:
    arguments = list(command.arguments)
    newline, escapes = True, False
    while arguments and re.fullmatch(r"-[neE]+", literal(arguments[0]) or ""):
        flags = literal(arguments.pop(0)) or ""
        newline = newline and "n" not in flags
        escapes = "e" in flags
    value = joined(
        *(part for index, argument in enumerate(arguments) for part in ((text(" "), argument) if index else (argument,)))
    )
    value = unescaped(value) if escapes else value
    command.say(value)
    command.print(joined(value, text("\n")) if newline else value)
    command.path.status = SUCCESS


def unescaped(value: Value) -> Value:
    """The escapes of `echo -e` and `printf` undone."""
    return tuple(replace(part, text=_ESCAPE.sub(_escape, part.text)) if isinstance(part, Text) else part for part in value)


def _escape(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] == "x":
        return chr(int(code[1:], 16))
    return chr(int(code, 8)) if code[0] in "01234567" else _ESCAPES[code]


def _printf(command: Command) -> None:
    arguments = list(command.arguments)
    variable = None
    if arguments and literal(arguments[0]) == "-v" and len(arguments) > 1:
        variable, arguments = literal(arguments[1]), arguments[2:]
    if arguments and literal(arguments[0]) == "--":
        arguments = arguments[1:]
    value = formatted(arguments[0], arguments[1:]) if arguments else EMPTY
    command.path.status = SUCCESS
    if variable:
        command.path.variables[variable] = value
        return
    command.say(value)
    command.print(value)


def formatted(template: Value, arguments: list[Value]) -> Value:
    """`printf`: the format, again and again until all arguments are used."""
    if literal(template) is None:
        return joined(template, unknown("printf"))
    result, waiting = EMPTY, list(arguments)
    while True:
        before = len(waiting)
        for part in template:
            result = joined(result, _formatted_part(part, waiting))
        if not waiting or len(waiting) == before:
            return result


def _formatted_part(part: Text | Unknown, waiting: list[Value]) -> Value:
    if isinstance(part, Unknown):
        return (part,)
    result, position = EMPTY, 0
    for match in _DIRECTIVE.finditer(part.text):
        result = joined(result, unescaped((replace(part, text=part.text[position : match.start()]),)))
        position = match.end()
        result = joined(result, (replace(part, text="%"),) if match[0] == "%%" else _directive(match, waiting))
    return joined(result, unescaped((replace(part, text=part.text[position:]),)))


def _directive(match: re.Match[str], waiting: list[Value]) -> Value:
    value = waiting.pop(0) if waiting else EMPTY
    kind, known = match[3], literal(value)
    if kind.startswith("("):
        return unknown("the date")
    if kind == "b":
        return unescaped(value)
    if match[0] == "%s":
        return value
    if known is None:
        return unknown(shown(value))
    if kind in "di" and re.fullmatch(r"\s*-?\d*", known):
        return text(match[0].replace("i", "d") % int(known or 0)) if "*" not in match[0] else unknown("printf")
    return text(match[0] % known) if kind == "s" and "*" not in match[0] else unknown("printf")


def _read(command: Command) -> None:
    options, names = separate(command.arguments, "adinNptu")
    path = command.path
    targets = [literal(name) or "" for name in names] or ["REPLY"]
    source = path.stdin
    line = _next_line(command) if "u" not in options and "d" not in options else None
    if line is None:
        for name in targets:
            path.variables[name] = unknown(f"a line that `read` gets ({command.span})")
        command.unsure()
        if source is not None and not source:
            command.end(1)
            path.variables.update(dict.fromkeys(targets, EMPTY))
        return
    if "r" not in options:
        line = tuple(replace(part, text=part.text.replace("\\", "")) if isinstance(part, Text) else part for part in line)
    separators = path.variable("IFS") if "IFS" in path.variables else text(" \t\n")
    known = literal(separators) if not isinstance(separators, Array) else None
    if "a" in options:
        words, _, _ = split(line, known or " \t\n")
        path.variables[literal(options["a"][0]) or ""] = Array(tuple((str(index), word) for index, word in enumerate(words)))
        return
    path.variables.update(zip(targets, _divided(line, len(targets), " \t\n" if known is None else known), strict=True))


def _next_line(command: Command) -> Value | None:
    """Take the first line of standard input if that is known; the status says whether a newline ended it."""
    path = command.path
    if path.stdin is None or not path.stdin:
        return None
    taken: list[Text | Unknown] = []
    for index, part in enumerate(path.stdin):
        if isinstance(part, Text) and "\n" in part.text:
            head, _, tail = part.text.partition("\n")
            rest = path.stdin[index + 1 :]
            path.stdin = ((replace(part, text=tail), *rest) if tail else rest) or EMPTY
            path.status = SUCCESS
            return (*taken, replace(part, text=head)) if head else tuple(taken)
        if isinstance(part, Unknown):
            return None
        taken.append(part)
    path.stdin, path.status = EMPTY, FAILURE
    return tuple(taken)


def _divided(line: Value, count: int, separators: str) -> list[Value]:
    """A line given out to variables; the last one takes all that is left."""
    spaces = "".join(character for character in separators if character.isspace())
    values: list[Value] = []
    rest = _stripped(line, spaces)
    while len(values) < count - 1:
        words, _, _ = split(rest, separators)
        if not words:
            values.append(EMPTY)
            continue
        first = words[0]
        values.append(first)
        rest = _stripped(_after(rest, first, separators), spaces)
    return [*values, rest]


def _stripped(value: Value, spaces: str) -> Value:
    parts = list(value)
    while parts and isinstance(parts[0], Text):
        piece = parts[0].text.lstrip(spaces) if spaces else parts[0].text
        if piece:
            parts[0] = replace(parts[0], text=piece)
            break
        parts.pop(0)
    while parts and isinstance(parts[-1], Text):
        piece = parts[-1].text.rstrip(spaces) if spaces else parts[-1].text
        if piece:
            parts[-1] = replace(parts[-1], text=piece)
            break
        parts.pop()
    return tuple(parts)


def _after(value: Value, first: Value, separators: str) -> Value:
    """What follows the first field and the separator behind it."""
    length = sum(len(part.text) if isinstance(part, Text) else 0 for part in first)
    seen = sum(isinstance(part, Unknown) for part in first)
    parts = list(value)
    while parts:
        part = parts[0]
        if isinstance(part, Unknown):
            if not seen:
                break
            seen -= 1
            parts.pop(0)
            continue
        if len(part.text) > length:
            rest = part.text[length:]
            kept = rest[1:] if rest[0] in separators and not rest[0].isspace() else re.sub(
                f"^[ \t\n]*[{re.escape(separators)}]?", "", rest, count=1)  # fmt: skip
            return (replace(part, text=kept), *parts[1:]) if kept else tuple(parts[1:])
        length -= len(part.text)
        parts.pop(0)
    return tuple(parts)


def _mapfile(command: Command) -> None:
    _, names = separate(command.arguments, "dnOsuCc")
    name = (literal(names[0]) if names else None) or "MAPFILE"
    known = literal(command.path.stdin) if command.path.stdin is not None else None
    if known is None:
        command.path.variables[name] = Array(((("0"), unknown(f"lines of {name}")),), whole=False)
    else:
        found = lines(command.path.stdin or EMPTY)
        command.path.variables[name] = Array(tuple((str(index), line) for index, line in enumerate(found)))
    command.path.status = SUCCESS


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
    if path.arguments is None or count is None or not count.isdigit():
        path.arguments = None
        path.known = {key: value for key, value in path.known.items() if "$" not in repr(key)}
        return
    if int(count) > len(path.arguments):
        command.end(1)
    else:
        path.arguments = path.arguments[int(count) :]


def _declare(command: Command) -> None:
    path = command.path
    assigned = any("=" in word for word in command.words.split())
    for name in (literal(argument) or "" for argument in command.arguments):
        if name.startswith("-") or not re.fullmatch(r"[A-Za-z_]\w*", name):
            continue
        if (
            command.name in ("local", "declare", "typeset")
            and "-g" not in command.known
            and not re.search(rf"\b{name}(\[[^\]]*\])?\+?=", command.words)
        ):
            assignments.local(path, name)
            if {"-a", "-A"} & set(command.known):
                path.variables[name] = Array(())
        elif {"-a", "-A"} & set(command.known) and name not in path.variables:
            path.variables[name] = Array(())
    path.status = SUCCESS if assigned or command.name != "declare" else SUCCESS
    if command.name == "local" and not path.scopes:
        command.end(1)


def _unset(command: Command) -> None:
    for name in command.known:
        if re.fullmatch(r"\w+", name):
            command.path.variables[name] = None
            command.path.functions.pop(name, None)
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


def _sleep(command: Command) -> None:
    seconds = 0.0
    known = True
    for argument in command.known:
        match = re.fullmatch(r"(\d*\.?\d+)([smhd]?)", argument)
        known = known and match is not None
        seconds += float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]] if match else 0
    machine = command.machine
    machine.note(Sleep(span=command.span, seconds=seconds if known else None, loop=machine.loops[-1] if machine.loops else None))
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
    command.print_unknown()
    command.unsure(f"{' '.join(names)} is installed ({command.span})")


def _succeed(command: Command) -> None:
    command.path.status = SUCCESS


def _fail(command: Command) -> None:
    command.path.status = FAILURE


def _builtin(command: Command) -> None:
    command.again(command.arguments)


def _unclear(command: Command) -> None:
    if command.name == "getopts" and len(command.arguments) > 1:
        command.path.variables[shown(command.arguments[1])] = unknown("an option")
        command.path.variables["OPTARG"] = unknown("an option's value")
        if command.path.arguments == ():
            command.end(1)
            return
    command.print_unknown()
    command.unsure()


_BUILT_IN = frozenset({"echo", "printf", "test", "[", "cd", "read", "true", "false", "kill", "wait", "trap"})

HANDLERS: dict[str, Handler] = {
    "cd": _cd, "pushd": _cd, "popd": _unclear, "echo": _echo, "printf": _printf, "read": _read, "mapfile": _mapfile, "readarray": _mapfile,
    "set": _set, "shift": _shift, "unset": _unset, "let": _let, "sleep": _sleep, "usleep": _sleep, "pwd": _pwd, "test": _test, "[": _test,
    "builtin": _builtin, "getopts": _unclear, "jobs": _unclear,
    **dict.fromkeys(("local", "declare", "typeset", "export", "readonly"), _declare),
    **{kind: _leave(kind) for kind in ("exit", "return", "break", "continue")},
    **dict.fromkeys(("command", "type", "which", "hash"), _found),
    **dict.fromkeys(("true", ":", "wait", "shopt", "umask", "ulimit", "alias", "unalias", "disown", "bind", "sync", "enable"), _succeed),
    "false": _fail,
}  # fmt: skip
