"""Variables in compose and .env files: `$NAME`, `${NAME:-default}`, `${NAME:?error}`, `${NAME:+instead}`, `$$`.

Syntax: the Compose specification, "Interpolation"; defaults may hold variables themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pyparsing import ParserElement, ParseResults


class NotInterpolated(ValueError):
    """Text that compose refuses: a `$` that begins no variable, or a required variable that is not set."""


class _Variable(NamedTuple):
    name: str
    operator: str
    argument: tuple[_Piece, ...]


_Piece = str | _Variable


@cache
def _text_grammar() -> ParserElement:
    from pyparsing import Forward, Group, Literal, Opt, Regex, Suppress, one_of  # slow to import, and few runs need it

    dollar = Literal("$$").set_parse_action(lambda: "$")
    bare = Regex(r"\$(?P<name>[A-Za-z_]\w*)").set_parse_action(lambda found: _Variable(found["name"], "", ()))
    name = Regex(r"[A-Za-z_]\w*")
    braced = Forward()
    argument = Group((dollar | bare | braced | Regex(r"[^$}]+"))[...])
    inside = name + Opt(one_of(":- - :? ? :+ +") + argument)
    braced <<= (Suppress("${") + inside + Suppress("}")).set_parse_action(_braced)
    text: ParserElement = (dollar | bare | braced | Regex(r"[^$]+"))[...]
    return text.leave_whitespace()


def _braced(found: ParseResults) -> _Variable:
    name, *rest = found.as_list()
    return _Variable(name, rest[0], tuple(rest[1])) if rest else _Variable(name, "", ())


def interpolate(text: str, environment: Mapping[str, str], *, keep_unset: bool = False) -> str:
    """The text with its variables replaced.

    A variable that is not set and has no default is empty, as compose has it, or stays as written with `keep_unset`
    (then `$$` is still a dollar, and a required variable is no error). Raises NotInterpolated.
    """
    if "$" not in text:
        return text
    from pyparsing import ParseBaseException

    try:
        pieces = _text_grammar().parse_string(text, parse_all=True).as_list()
    except ParseBaseException as error:
        raise NotInterpolated(f"no variable begins at character {error.loc + 1} of {text!r}") from error
    return _filled(tuple(pieces), environment, keep_unset)


def _filled(pieces: tuple[_Piece, ...], environment: Mapping[str, str], keep_unset: bool) -> str:
    return "".join(piece if isinstance(piece, str) else _value(piece, environment, keep_unset) for piece in pieces)


def _value(variable: _Variable, environment: Mapping[str, str], keep_unset: bool) -> str:
    value = environment.get(variable.name)
    absent = value is None or (variable.operator.startswith(":") and not value)
    kind = variable.operator[-1:]
    if kind == "+":
        return "" if absent else _filled(variable.argument, environment, keep_unset)
    if not absent:
        return value or ""
    if kind == "-":
        return _filled(variable.argument, environment, keep_unset)
    if keep_unset:
        return f"${{{variable.name}}}"
    if kind == "?":
        raise NotInterpolated(f"{variable.name} is not set: {_filled(variable.argument, environment, keep_unset)}")
    return ""
