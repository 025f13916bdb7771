"""`test` and `[ … ]`: POSIX rules by the number of arguments, then precedence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from logcorr.model.source import Span
from logcorr.semantics.shell.conditions import ORDER, Malformed, answered, binary, never_zero, note_order, ordered, unary
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import Path
from logcorr.semantics.shell.values import Unknown, Value, is_empty, literal


def bracket(machine: Machine, path: Path, arguments: Sequence[Value], described: str, span: Span) -> bool:
    """Evaluate `test`'s arguments by POSIX's rules on their number, then by precedence."""
    if any(isinstance(part, Unknown) and part.splits and len(value) >= 1 for value in arguments for part in value):
        for value in arguments:
            machine.record.compare(
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
        if operator in ORDER:
            return self._order(operator, left, right)
        return self._answer(binary(self.machine, operator, left, right), (operator, left, right))

    def _order(self, operator: str, left: Value, right: Value) -> bool:
        note_order(self.machine, operator, left, right)
        numbers = [_decimal(left), _decimal(right)]
        answer = ordered(operator, *numbers)
        if answer is None:
            answer = never_zero(operator, left, right)
        return self._answer(answer, (operator, left, right))


def _is_binary(value: Value) -> bool:
    return literal(value) in {"=", "==", "!=", "<", ">", "-nt", "-ot", "-ef", *ORDER}


def _decimal(value: Value) -> int | None:
    known = literal(value)
    if known is None:
        return None
    if not re.fullmatch(r"\s*[-+]?\d+\s*", known):
        raise Malformed
    return int(known)
