"""What `echo` and `printf` write."""

from __future__ import annotations

import re

from msgspec.structs import replace

from logcorr.lazily import regex
from logcorr.semantics.shell.command import Command, Handler
from logcorr.semantics.shell.path import SUCCESS
from logcorr.semantics.shell.values import EMPTY, Text, Unknown, Value, joined, literal, shown, text, unknown

_ESCAPE = regex(r"\\(\\|[abefnrtv]|0[0-7]{0,3}|[0-7]{1,3}|x[0-9a-fA-F]{1,2})")

_FLAGS = regex(r"-[neE]+")

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "\\": "\\"}

_DIRECTIVE = regex(r"%(?:%|[-+ #0]*(\d+|\*)?(?:\.(\d+|\*))?([diouxXeEfFgGcsbq]|\([^)]*\)T))")


def _echo(command: Command) -> None:
    arguments = list(command.arguments)
    newline, escapes = True, False
    while arguments and _FLAGS.fullmatch(flags := literal(arguments[0]) or ""):
        arguments.pop(0)
        newline = newline and "n" not in flags
        escapes = "e" in flags
    value = (
        arguments[0]
        if len(arguments) == 1
        else joined(
            *(part for index, argument in enumerate(arguments) for part in ((text(" "), argument) if index else (argument,)))
        )
    )
    value = unescaped(value) if escapes else value
    command.say(value)
    if command.path.sinks[0].kind in ("captured", "file"):
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
        command.path.set(variable, value)
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


HANDLERS: dict[str, Handler] = {"echo": _echo, "printf": _printf}
