"""Shell arithmetic: 64-bit integers, C's operators, variables by name."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from msgspec import Struct

from logcorr.lazily import regex
from logcorr.model.source import Span
from logcorr.semantics.shell.machine import Machine
from logcorr.semantics.shell.path import Array, Path
from logcorr.semantics.shell.values import Value, literal, text, unknown

_TOKEN = regex(
    r"\s*(0[xX][0-9a-fA-F]+|\d+#[0-9a-zA-Z]+|\d+|[A-Za-z_]\w*(?:\[[^\]]*\])?|\*\*|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|[-+*/%&|^]=|[-+*/%<>=!~&|^?:(),])"
)
_ASSIGNED = regex(r"(?:\+\+|--)\s*([A-Za-z_]\w*)|([A-Za-z_]\w*)(?:\[[^\]]*\])?\s*(?:\+\+|--|(?:<<|>>|[-+*/%&|^])?=(?!=))")
_LEVELS: tuple[dict[str, Callable[[int, int], int]], ...] = (
    {"|": operator.or_}, {"^": operator.xor}, {"&": operator.and_},
    {"==": lambda a, b: int(a == b), "!=": lambda a, b: int(a != b)},
    {"<": lambda a, b: int(a < b), ">": lambda a, b: int(a > b), "<=": lambda a, b: int(a <= b), ">=": lambda a, b: int(a >= b)},
    {"<<": lambda a, b: a << (b & 63), ">>": lambda a, b: a >> (b & 63)},
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": lambda a, b: _divided(a, b), "%": lambda a, b: a - b * _divided(a, b)},
)  # fmt: skip


class NotKnown(Exception):
    """The result depends on something unknown."""


class NotArithmetic(Exception):
    """The shell itself would refuse this expression."""


class Result(Struct, frozen=True):
    """What an expression comes to: `number` is None if unknown, `failed` if the shell refuses it."""

    text: Value
    number: int | None
    failed: bool = False


def calculate(machine: Machine, path: Path, expression: Value, span: Span) -> Result:
    """Evaluate an expression whose `$` parts are already expanded; assigned variables change on the path."""
    known = literal(expression)
    names = {name for match in _ASSIGNED.finditer(known if known is not None else "".join(
        getattr(part, "text", " 0 ") for part in expression)) for name in match.groups() if name}  # fmt: skip
    before = path.variables
    _note(machine, path, known or "")
    try:
        if known is None:
            raise NotKnown
        machine.record.compare(expression, *(f">{number}" for number in re.findall(r"(?<![\w.])\d+", known)))
        number = _Evaluation(path, span, _tokens(known)).whole() if known.strip() else 0
        return Result(text(str(number), span), number)
    except NotKnown:
        path.variables = before
        for name in names:
            path.set(name, unknown(f"a calculation on {name}"))
        return Result(unknown("a calculation", "", ""), None)
    except NotArithmetic:
        path.variables = before
        return Result((), None, failed=True)


def integer(digits: str) -> int:
    """A number as arithmetic reads it: hexadecimal, octal, `base#digits`, decimal."""
    try:
        if "#" in digits:
            base, _, rest = digits.partition("#")
            return int(rest, int(base))
        if digits[:2].lower() == "0x":
            return int(digits, 16)
        return int(digits, 8 if len(digits) > 1 and digits[0] == "0" else 10)
    except ValueError:
        raise NotArithmetic from None


def _divided(left: int, right: int) -> int:
    if right == 0:
        raise NotArithmetic
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _tokens(expression: str) -> list[str]:
    tokens, position = list[str](), 0
    expression = expression.rstrip().replace("\\\n", "")
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if not match:
            raise NotArithmetic
        tokens.append(match[1])
        position = match.end()
    return tokens


def _note(machine: Machine, path: Path, expression: str) -> None:
    """Note the numbers that a probe's output is calculated with: it may be compared with any of them."""
    numbers = re.findall(r"(?<![\w.])\d+", expression)
    for name in re.findall(r"[A-Za-z_]\w*", expression):
        value = path.variables.get(name)
        if value and not isinstance(value, Array):
            machine.record.compare(value, *(f">{number}" for number in numbers))


class _Evaluation:
    """Precedence climbing over the tokens; `live` is off in the branch that `&&`, `||` or `?:` passes over."""

    def __init__(self, path: Path, span: Span, tokens: list[str], depth: int = 0) -> None:
        self.path, self.span, self.tokens, self.depth = path, span, tokens, depth
        self.position = 0
        self.live = True

    def whole(self) -> int:
        value = self._comma()
        if self.position < len(self.tokens):
            raise NotArithmetic
        return value

    def _peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def _take(self, *tokens: str) -> str:
        token = self._peek()
        if token and token in tokens:
            self.position += 1
            return token
        return ""

    def _comma(self) -> int:
        value = self._assignment()
        while self._take(","):
            value = self._assignment()
        return value

    def _assignment(self) -> int:
        token, following = self._peek(), self.tokens[self.position + 1 : self.position + 2]
        assigns = following and following[0].endswith("=") and following[0] not in ("==", "!=", "<=", ">=")
        if not (assigns and re.match(r"[A-Za-z_]", token)):
            return self._ternary()
        self.position += 2
        value = self._assignment()
        kind = following[0][:-1]
        if kind:
            function = next(level[kind] for level in _LEVELS if kind in level)
            value = function(self._variable(token), value)
        return self._assign(token, value)

    def _ternary(self) -> int:
        condition = self._logical("||")
        if not self._take("?"):
            return condition
        chosen = self._branch(bool(condition), self._assignment)
        if not self._take(":"):
            raise NotArithmetic
        other = self._branch(not condition, self._assignment)
        return chosen if condition else other

    def _branch(self, live: bool, read: Callable[[], int]) -> int:
        before, self.live = self.live, self.live and live
        value = read()
        self.live = before
        return value

    def _logical(self, kind: str) -> int:
        read: Callable[[], int] = (lambda: self._logical("&&")) if kind == "||" else (lambda: self._binary(0))
        value = read()
        while self._take(kind):
            goes_on = bool(value) == (kind == "&&")
            right = self._branch(goes_on, read)
            value = int(bool(right)) if goes_on else int(bool(value))
        return value

    def _binary(self, level: int) -> int:
        if level == len(_LEVELS):
            return self._power()
        value = self._binary(level + 1)
        while token := self._take(*_LEVELS[level]):
            right = self._binary(level + 1)
            value = _wrapped(_LEVELS[level][token](value, right)) if self.live else 0
        return value

    def _power(self) -> int:
        value = self._unary()
        if self._take("**"):
            exponent = self._power()
            if not 0 <= exponent <= 63:
                raise NotKnown
            value = _wrapped(value**exponent)
        return value

    def _unary(self) -> int:
        token = self._take("!", "~", "-", "+", "++", "--")
        if token in ("++", "--"):
            name = self._peek()
            self.position += 1
            return self._assign(name, self._variable(name) + (1 if token == "++" else -1))
        if token:
            value = self._unary()
            return {"!": int(not value), "~": ~value, "-": -value, "+": value}[token]
        return self._primary()

    def _primary(self) -> int:
        token = self._peek()
        self.position += 1
        if token == "(":
            value = self._comma()
            if not self._take(")"):
                raise NotArithmetic
            return value
        if re.match(r"\d", token):
            return integer(token)
        if not re.match(r"[A-Za-z_]", token):
            raise NotArithmetic
        value = self._variable(token)
        step = self._take("++", "--")
        if step:
            self._assign(token, value + (1 if step == "++" else -1))
        return value

    def _variable(self, name: str) -> int:
        if not self.live:
            return 0
        if "[" in name:
            raise NotKnown
        value = self.path.variable(name)
        if isinstance(value, Array):
            value = dict(value.items).get("0", ())
        known = literal(value)
        if known is None or self.depth > 8:
            raise NotKnown
        return _Evaluation(self.path, self.span, _tokens(known), self.depth + 1).whole() if known.strip() else 0

    def _assign(self, name: str, value: int) -> int:
        if "[" in name:
            raise NotKnown
        if self.live:
            self.path.set(name, text(str(_wrapped(value)), self.span))
        return value


def _wrapped(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63
