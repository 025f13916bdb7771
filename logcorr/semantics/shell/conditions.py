"""`test`, `[ … ]` and `[[ … ]]`: True, False, or None for what cannot be known."""

from __future__ import annotations

import re
from collections.abc import Sequence

from logcorr.grammar.shell.tree import Test, Word
from logcorr.model.source import Span
from logcorr.semantics.shell.arithmetic import calculate
from logcorr.semantics.shell.expansion import fields, pattern, single
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import Array, Path
from logcorr.semantics.shell.patterns import glob, regular, unescaped
from logcorr.semantics.shell.values import EMPTY, Unknown, Value, equals, is_empty, literal, text

_ORDER = {"-eq": "=", "-ne": "!=", "-lt": "<", "-le": "<=", "-gt": ">", "-ge": ">="}


class Malformed(Exception):
    """`[` refuses its arguments: it prints an error and exits with 2."""


def double_bracket(machine: Machine, path: Path, test: Test, described: str) -> bool:
    """Evaluate `[[ … ]]`, choosing where the answer is unknown."""
    if test.operator in ("&&", "||", "!"):
        return _combined(machine, path, test, described)
    words = [operand for operand in test.operands if isinstance(operand, Word)]
    left = single(machine, path, words[0])
    if len(words) == 1:
        answer = unary(machine, path, test.operator, left)
        return answered(machine, path, answer, described, (test.operator, left))
    if test.operator in ("=", "==", "!="):
        return _like(machine, path, test.operator, left, words[1], described)
    if test.operator == "=~":
        return _searched(machine, path, left, words[1], described)
    right = single(machine, path, words[1])
    if test.operator in _ORDER:
        span = machine.span(test)
        numbers = [calculate(machine, path, value, span) for value in (left, right)]
        _note_order(machine, test.operator, left, right)
        if any(number.failed for number in numbers):
            raise Malformed
        answer = _ordered(test.operator, numbers[0].number, numbers[1].number)
        answer = answer if answer is not None else _never_zero(test.operator, left, right)
    else:
        answer = binary(machine, test.operator, left, right)
    return answered(machine, path, answer, described, (test.operator, left, right))


def _combined(machine: Machine, path: Path, test: Test, described: str) -> bool:
    answers = (double_bracket(machine, path, operand, described) for operand in test.operands if isinstance(operand, Test))
    first = next(answers)
    if test.operator == "!":
        return not first
    return next(answers) if first == (test.operator == "&&") else first


def answered(machine: Machine, path: Path, answer: bool | None, described: str, key: tuple[object, ...]) -> bool:
    """The answer, or a choice; the same question about the same unknown gets the same answer later."""
    if answer is not None:
        return answer
    asked = [part for item in key if isinstance(item, tuple) for part in item if isinstance(part, Unknown)]
    again = bool(asked) and all(part.key for part in asked)
    negative = key[0] in ("!=", "-ne", "-z")
    if again and negative:
        positive = {"!=": "=", "-ne": "-eq", "-z": "-n"}[str(key[0])]
        return not machine.decide(path, described, key=(positive, *key[1:]))
    key = ("=" if key[0] == "==" else key[0], *key[1:])
    return machine.decide(path, described, key=key if again else ())


def _like(machine: Machine, path: Path, operator: str, left: Value, word: Word, described: str) -> bool:
    wanted = pattern(machine, path, word)
    if wanted is None:
        answer = equals(left, single(machine, path, word))
        key: tuple[object, ...] = (left, single(machine, path, word))
    else:
        answer, key = matches(machine, left, wanted), (left, text(wanted))
    answer = answered(machine, path, answer, described, ("=", *key))
    return answer == (operator != "!=")


def matches(machine: Machine, value: Value, wanted: str) -> bool | None:
    """Whether a value matches a shell pattern."""
    fixed = unescaped(wanted)
    machine.compare(value, fixed if fixed is not None else wanted)
    if fixed is not None:
        return equals(value, text(fixed))
    known = literal(value)
    if known is not None:
        return glob(wanted).fullmatch(known) is not None
    if set(wanted) == {"*"}:
        return True
    parts = value[0], value[-1]
    if (
        wanted.endswith("*")
        and (head := unescaped(wanted[:-1]))
        and not isinstance(parts[0], Unknown)
        and len(parts[0].text) >= len(head)
    ):
        return parts[0].text.startswith(head)
    inner = unescaped(wanted.strip("*")) if wanted.startswith("*") and wanted.endswith("*") else None
    return True if inner and any(not isinstance(part, Unknown) and inner in part.text for part in value) else None


def _searched(machine: Machine, path: Path, left: Value, word: Word, described: str) -> bool:
    expression = "".join(
        re.escape(literal(single(machine, path, Word(pieces=(piece,), start=word.start, end=word.end))) or "\0")
        if piece.quoted else literal(single(machine, path, Word(pieces=(piece,), start=word.start, end=word.end))) or "\0"
        for piece in word.pieces
    )  # fmt: skip
    machine.compare(left, expression)
    known, compiled = literal(left), regular(expression)
    answer = None
    if known is not None and compiled is not None and "\0" not in expression:
        match = compiled.search(known)
        answer = match is not None
        groups = [match[0], *(group or "" for group in match.groups())] if match else []
        path.variables["BASH_REMATCH"] = Array(tuple((str(index), text(group)) for index, group in enumerate(groups)))
    else:
        path.variables["BASH_REMATCH"] = Array((), whole=False)
    return answered(machine, path, answer, described, ("=~", left, text(expression)))


def bracket(machine: Machine, path: Path, arguments: Sequence[Value], described: str, span: Span) -> bool:
    """Evaluate `test`'s arguments by POSIX's rules on their number, then by precedence."""
    if any(isinstance(part, Unknown) and part.splits and len(value) >= 1 for value in arguments for part in value):
        for value in arguments:
            machine.compare(
                value,
                *(known for other in arguments if (known := literal(other)) and other is not value and known[:1] not in "-=!"),
            )
    return _Bracket(machine, path, list(arguments), described, span).whole()


class _Bracket:
    """The arguments of `[`, read from left to right."""

    def __init__(self, machine: Machine, path: Path, arguments: list[Value], described: str, span: Span) -> None:
        self.machine, self.path, self.described, self.span = machine, path, described, span
        self.arguments = arguments
        self.position = 0

    def whole(self) -> bool:
        if not self.arguments:
            return False
        if len(self.arguments) <= 4:
            return self._by_count(self.arguments)
        answer = self._either()
        if self.position < len(self.arguments):
            raise Malformed
        return answer

    def _by_count(self, arguments: list[Value]) -> bool:
        first = literal(arguments[0])
        if len(arguments) == 1:
            return self._answer(is_empty(arguments[0]), ("-z", arguments[0]), negate=True)
        if len(arguments) == 3 and _is_binary(arguments[1]):
            return self._binary(*arguments)
        if first == "!":
            return not self._by_count(arguments[1:])
        if len(arguments) == 2:
            return self._unary(arguments[0], arguments[1])
        if first == "(" and literal(arguments[-1]) == ")":
            return self._by_count(arguments[1:-1])
        self.arguments, self.position = arguments, 0
        answer = self._either()
        if self.position < len(arguments):
            raise Malformed
        return answer

    def _peek(self, ahead: int = 0) -> str | None:
        index = self.position + ahead
        return literal(self.arguments[index]) if index < len(self.arguments) else None

    def _take(self) -> Value:
        if self.position >= len(self.arguments):
            raise Malformed
        self.position += 1
        return self.arguments[self.position - 1]

    def _either(self) -> bool:
        answer = self._both()
        while self._peek() == "-o":
            self.position += 1
            right = self._both()
            answer = answer or right
        return answer

    def _both(self) -> bool:
        answer = self._one()
        while self._peek() == "-a":
            self.position += 1
            right = self._one()
            answer = answer and right
        return answer

    def _one(self) -> bool:
        if self._peek() == "!":
            self.position += 1
            return not self._one()
        if self._peek() == "(":
            self.position += 1
            answer = self._either()
            if literal(self._take()) != ")":
                raise Malformed
            return answer
        first = self._take()
        if self.position < len(self.arguments) and _is_binary(self.arguments[self.position]):
            kind = self._take()
            return self._binary(first, kind, self._take())
        if (
            re.fullmatch(r"-[a-zA-Z]", literal(first) or "")
            and self.position < len(self.arguments)
            and self._peek() not in ("-a", "-o")
        ):
            return self._unary(first, self._take())
        return self._answer(is_empty(first), ("-z", first), negate=True)

    def _answer(self, answer: bool | None, key: tuple[object, ...], *, negate: bool = False) -> bool:
        return answered(self.machine, self.path, answer, self.described, key) != negate

    def _unary(self, kind: Value, operand: Value) -> bool:
        operator = literal(kind) or ""
        if not re.fullmatch(r"-[a-zA-Z]", operator):
            raise Malformed
        return self._answer(unary(self.machine, self.path, operator, operand), (operator, operand))

    def _binary(self, left: Value, kind: Value, right: Value) -> bool:
        operator = literal(kind) or ""
        if operator in _ORDER:
            return self._order(operator, left, right)
        return self._answer(binary(self.machine, operator, left, right), (operator, left, right))

    def _order(self, operator: str, left: Value, right: Value) -> bool:
        _note_order(self.machine, operator, left, right)
        numbers = [_decimal(left), _decimal(right)]
        answer = _ordered(operator, *numbers)
        if answer is None:
            answer = _never_zero(operator, left, right)
        return self._answer(answer, (operator, left, right))


def _is_binary(value: Value) -> bool:
    return literal(value) in {"=", "==", "!=", "<", ">", "-nt", "-ot", "-ef", *_ORDER}


def _decimal(value: Value) -> int | None:
    known = literal(value)
    if known is None:
        return None
    if not re.fullmatch(r"\s*[-+]?\d+\s*", known):
        raise Malformed
    return int(known)


def _ordered(operator: str, left: int | None, right: int | None) -> bool | None:
    if left is None or right is None:
        return None
    return {"-eq": left == right, "-ne": left != right, "-lt": left < right, "-le": left <= right, "-gt": left > right,
            "-ge": left >= right}[operator]  # fmt: skip


def _never_zero(operator: str, left: Value, right: Value) -> bool | None:
    """An exit status known to be a failure, compared with 0."""
    for value, other in ((left, right), (right, left)):
        if literal(other) == "0" and len(value) == 1 and isinstance(value[0], Unknown) and "0" in value[0].never:
            return {"-eq": False, "-ne": True, "-gt": True if value is left else None}.get(operator)
    return None


def _note_order(machine: Machine, operator: str, left: Value, right: Value) -> None:
    sign = _ORDER[operator].removeprefix("=") if operator != "-ne" else ""
    machine.compare(left, *(sign + known for known in [literal(right)] if known))
    machine.compare(right, *(sign + known for known in [literal(left)] if known))


def binary(machine: Machine, operator: str, left: Value, right: Value) -> bool | None:
    """`=`, `!=`, `<` and `>` on texts; what concerns files is unknown."""
    for value, other in ((left, right), (right, left)):
        known = literal(other)
        if known is not None:
            machine.compare(value, known)
    if operator in ("=", "==", "!="):
        answer = equals(left, right)
        return answer if answer is None else answer == (operator != "!=")
    one, two = literal(left), literal(right)
    if operator not in ("<", ">") or one is None or two is None or not (one + two).isalnum():
        return None
    return one < two if operator == "<" else one > two


def unary(machine: Machine, path: Path, operator: str, operand: Value) -> bool | None:
    """`-n` and `-z` on texts, `-v` on variables, files as far as the script itself made or removed them."""
    if operator in ("-n", "-z"):
        machine.compare(operand, "")
        empty = is_empty(operand)
        return empty if empty is None else empty == (operator == "-z")
    name = literal(operand)
    if name is None:
        return None
    if operator == "-v":
        return None if name not in path.variables else path.variables[name] is not None
    if operator == "-t":
        return None
    if name == "":
        return False
    if name not in path.files:
        return {"/dev/null": {"-e": True, "-f": False, "-d": False}, "/": {"-d": True, "-e": True}}.get(name, {}).get(operator)
    content = path.files[name]
    if content is None:
        return False
    if operator == "-s":
        empty = is_empty(content)
        return None if empty is None else not empty
    return True if operator in ("-e", "-f") else None


__all__ = ["EMPTY", "Malformed", "bracket", "double_bracket", "fields", "matches"]
