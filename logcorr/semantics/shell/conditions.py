"""`test`, `[ … ]` and `[[ … ]]`: True, False, or None for what cannot be known."""

from __future__ import annotations

import re

from logcorr.grammar.shell.tree import Test, Word
from logcorr.semantics.shell.arithmetic import calculate
from logcorr.semantics.shell.expansion import pattern, single
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import Array, Path
from logcorr.semantics.shell.patterns import glob, regular, unescaped
from logcorr.semantics.shell.values import Unknown, Value, equals, is_empty, literal, text

ORDER = {"-eq": "=", "-ne": "!=", "-lt": "<", "-le": "<=", "-gt": ">", "-ge": ">="}


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
        return _like(machine, path, test, left, described)
    if test.operator == "=~":
        return _searched(machine, path, left, words[1], described)
    right = single(machine, path, words[1])
    if test.operator in ORDER:
        span = machine.span(test)
        numbers = [calculate(machine, path, value, span) for value in (left, right)]
        note_order(machine, test.operator, left, right)
        if any(number.failed for number in numbers):
            raise Malformed
        answer = ordered(test.operator, numbers[0].number, numbers[1].number)
        answer = answer if answer is not None else never_zero(test.operator, left, right)
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


def _like(machine: Machine, path: Path, test: Test, left: Value, described: str) -> bool:
    word = test.operands[1]
    assert isinstance(word, Word)
    wanted = pattern(machine, path, word)
    if wanted is None:
        answer = equals(left, single(machine, path, word))
        key: tuple[object, ...] = (left, single(machine, path, word))
    else:
        answer, key = matches(machine, left, wanted), (left, text(wanted))
    answer = answered(machine, path, answer, described, ("=", *key))
    return answer == (test.operator != "!=")


def matches(machine: Machine, value: Value, wanted: str) -> bool | None:
    """Whether a value matches a shell pattern."""
    fixed = unescaped(wanted)
    machine.record.compare(value, fixed if fixed is not None else wanted)
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
    machine.record.compare(left, expression)
    known, compiled = literal(left), regular(expression)
    answer = None
    if known is not None and compiled is not None and "\0" not in expression:
        match = compiled.search(known)
        answer = match is not None
        groups = [match[0], *(group or "" for group in match.groups())] if match else []
        path.set("BASH_REMATCH", Array(tuple((str(index), text(group)) for index, group in enumerate(groups))))
    else:
        path.set("BASH_REMATCH", Array((), whole=False))
    return answered(machine, path, answer, described, ("=~", left, text(expression)))


def ordered(operator: str, left: int | None, right: int | None) -> bool | None:
    """Whether a comparison of two numbers holds; None if one of them is not known."""
    if left is None or right is None:
        return None
    return {"-eq": left == right, "-ne": left != right, "-lt": left < right, "-le": left <= right, "-gt": left > right,
            "-ge": left >= right}[operator]  # fmt: skip


def never_zero(operator: str, left: Value, right: Value) -> bool | None:
    """An exit status known to be a failure, compared with 0."""
    for value, other in ((left, right), (right, left)):
        if literal(other) == "0" and len(value) == 1 and isinstance(value[0], Unknown) and "0" in value[0].never:
            return {"-eq": False, "-ne": True, "-gt": True if value is left else None}.get(operator)
    return None


def note_order(machine: Machine, operator: str, left: Value, right: Value) -> None:
    """Note the numbers that a probe's output is ordered against, the sign before them."""
    sign = ORDER[operator].removeprefix("=") if operator != "-ne" else ""
    machine.record.compare(left, *(sign + known for known in [literal(right)] if known))
    machine.record.compare(right, *(sign + known for known in [literal(left)] if known))


def binary(machine: Machine, operator: str, left: Value, right: Value) -> bool | None:
    """`=`, `!=`, `<` and `>` on texts; what concerns files is unknown."""
    for value, other in ((left, right), (right, left)):
        known = literal(other)
        if known is not None:
            machine.record.compare(value, known)
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
        machine.record.compare(operand, "")
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
