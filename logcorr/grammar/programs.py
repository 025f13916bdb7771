"""What a program in JavaScript or Python asks, runs and says, as far as its text tells without being understood.

Blocks are told by their indentation, as nearly everybody writes both. What is not literal is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from msgspec import Struct, field

from logcorr.grammar.program_calls import FETCHES, FUNCTION, LONGEST_HELPER, helpers, indent, running, saying
from logcorr.lazily import regex

CODE = (".js", ".mjs", ".cjs", ".ts", ".mts", ".py")
UNKNOWN = "\0"
"""Stands in a word for what is not literal."""

MOST_LINES, LONGEST_LINE = 600, 1_000
"""Longer programs are no checks, and nobody writes longer lines."""

MOST_CALL_LINES, LONGEST_CALL, LONGEST_OPTIONS = 12, 800, 200
"""So many lines and characters of a call are looked at, and so many characters behind its words for options."""

LONGEST_PROSE = 20_000
"""A longer comment is not looked for the end of."""

MOST_CALLS, DEEPEST = 20, 5
"""So many calls of a function are looked at, and so many functions that call each other."""

Condition = tuple[int, str]
"""A line (from 1) that decides whether something is reached, and what it says."""

_STARTS = regex(r"\bchild_process\b|\bsubprocess\b|\bos\.system\b|\bexeca\b")
_ASKS = regex(
    r"(?<![\w.$])(?:fetch|got|axios(?:\.(?:get|head))?|(?P<plain>https?\.get)|(?:requests|httpx|session)\.(?:get|head)"
    r"|(?:urllib\.request\.)?urlopen)\("
)
_STATUS = regex(r"\.ok\b|raise_for_status|\burlopen\b|\baxios\b|\bstatus(?:_?[cC]ode)?\b\s*(?:[!=<>]|in\b|not\b)")
_TIMEOUT = regex(r"\btimeout\W{1,3}(\d{1,7}(?:\.\d{1,3})?)")
_CONSTANT = regex(r"""^(?:export )?(?:const |let |var )?(\w+) = (?:'([^'\\\n]*)'|"([^"\\\n]*)"|`([^`$\\\n]*)`);?$""")
COMMENT = regex(r"\s*(?://|#|\*|/\*)")
_PROSE = regex(
    rf"^[ \t]*/\*.{{0,{LONGEST_PROSE}}}?\*/|(?P<lead>^[ \t]*[rRuU]?)?(?P<quote>\"\"\"|''').{{0,{LONGEST_PROSE}}}?(?P=quote)",
    re.M | re.S,
)
"""A comment of several lines, or a text between three quotes; one that begins a line documents what it stands in."""


_TOKEN = regex(
    r"""\s*(?:(?P<text>[fbr]?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`))|(?P<name>[\w$.]+)|(?P<mark>\S))"""
)
_ENDS = ("]", ")", "(", "{", "=")
"""What ends the words of a call: the end of their list or of the call, an option, or what would have to be computed."""

_INSIDE = regex(r"\$?\{([^{}]*)\}")
_LEAVES = regex(r"\b(?:return|throw|raise|exit)\b")
_ELSE = regex(r"\W*(?:else|elif|catch|except|finally)\b")
_MAIN = regex(r"if __name__ == ['\"]__main__['\"]")
_BRANCHES = regex(r"\b(?:if|elif|else|catch|except|case|switch|match)\b|=> ?\{$|\bfunction ?\(")
_INLINE = regex(r"\bif\b|\bcatch\b|\|\||&&|\?|=>")
_CLOSES = regex(r"[\s)\]};,]*")


class Step(Struct, frozen=True):
    """One thing that a program does: on which line (from 1), what, with what words, and under which condition.

    What it asks for may be `named` on another line.
    """

    line: int
    does: str
    words: tuple[str, ...]
    when: Condition | None = None
    timeout_s: float | None = None
    follows: bool = True
    named: int | None = None


def starts_commands(text: str) -> bool:
    """Whether a program may run others."""
    return _STARTS.search(text) is not None


def checks_status(text: str) -> bool:
    """Whether a program looks at what it was answered, and not only at whether it was."""
    return _STATUS.search(text) is not None


def steps(text: str, *, seconds: bool) -> Iterator[Step]:
    """What the program asks, runs and says beside what it runs, by line. It counts time in `seconds`, or in thousandths."""
    lines = text.split("\n")
    if len(lines) > MOST_LINES or max(map(len, lines)) > LONGEST_LINE:
        return
    lines = _PROSE.sub(_blank, text).split("\n")
    constants = dict(_constants(lines))
    runs = running(text)
    program = _Program(
        lines,
        {name: value for name, (value, _) in constants.items()},
        {name: line for name, (value, line) in constants.items() if value.startswith("http")},
        (runs, tuple(helpers(lines, FETCHES, LONGEST_HELPER)), saying(lines, runs)),
        1.0 if seconds else 1e-3,
        [*map(indent, lines)],
        [*map(_leaves, lines)],
    )
    found = [step for number in range(len(lines)) for step in program.on(number)]
    beside = {(step.when, program.block(step.line - 1)) for step in found if step.does in ("runs", "shell")}
    yield from (step for step in found if step.does != "says" or (step.when, program.block(step.line - 1)) in beside)


def _blank(found: re.Match[str]) -> str:
    """The same number of lines without what is no code; of a text that is assigned or passed on the first is kept."""
    first = found[0].partition("\n")[0] if found["quote"] and found["lead"] is None else ""
    return first + "\n" * found[0].count("\n")


def _constants(lines: Sequence[str]) -> Iterator[tuple[str, tuple[str, int]]]:
    """Each by its name: its value, and its line."""
    for number, line in enumerate(lines, start=1):
        if found := _CONSTANT.match(line):
            yield found[1], (found[2] or found[3] or found[4] or "", number)


class _Program(Struct, frozen=True):
    lines: Sequence[str]
    constants: Mapping[str, str]
    addresses: Mapping[str, int]
    known_calls: tuple[re.Pattern[str], tuple[str, ...], re.Pattern[str]]
    unit_s: float
    indents: Sequence[int]
    leaves: Sequence[bool]
    known: dict[int, Condition | None] = field(default_factory=dict)

    def on(self, number: int) -> Iterator[Step]:
        """What one line does."""
        line = self.lines[number]
        if COMMENT.match(line):
            return
        calls, helpers, says = self.known_calls
        yield from self._asked(number, helpers)
        for found in calls.finditer(line):
            words, _ = self._words(number, found.end())
            if words and words[0] != UNKNOWN:
                whole = found["shell"] or (found["own"] and len(words) == 1)
                yield Step(
                    number + 1, "shell" if whole else "runs", words[:1] if whole else words, self.condition(number, found.start())
                )
        for found in says.finditer(line):
            words, _ = self._words(number, found.end())
            if words and words[0].strip(UNKNOWN):
                yield Step(number + 1, "says", words[:1], self.condition(number, found.start()))

    def _asked(self, number: int, helpers: Sequence[str]) -> Iterator[Step]:
        """What a line asks for, itself or by a function of the program that is given the name of an address."""
        line = self.lines[number]
        for found in _ASKS.finditer(line):
            words, given = self._words(number, found.end())
            if words and words[0].startswith("http"):
                limit = _TIMEOUT.search(given)
                seconds = round(float(limit[1]) * self.unit_s, 3) if limit else None
                named = self.addresses.get(given.lstrip().partition(",")[0].partition(")")[0].strip())
                yield Step(number + 1, "asks", words[:1], timeout_s=seconds, follows=not found["plain"], named=named)
        for name in helpers:
            given_to = re.search(rf"(?<![\w.$]){re.escape(name)}\((\w+)[,)]", line)
            if given_to and given_to[1] in self.addresses:
                yield Step(number + 1, "asks", (self.constants[given_to[1]],), named=self.addresses[given_to[1]])

    def _words(self, number: int, at: int) -> tuple[tuple[str, ...], str]:
        """The words that a call is given, in a list or one by one, and the text of what it is given, as far as that goes."""
        text = "\n".join((self.lines[number][at:], *self.lines[number + 1 : number + MOST_CALL_LINES]))[:LONGEST_CALL]
        words: list[str] = []
        fresh, end = True, 0
        while token := _TOKEN.match(text, end):
            end, mark = token.end(), token["mark"]
            if mark in _ENDS:
                words = words[:-1] if mark == "=" else words
                break
            if mark in (",", "["):
                fresh = True
            elif fresh and not mark:
                words.append(self._word(token))
                fresh = False
            elif words:
                words[-1] += UNKNOWN
        return tuple(words), text[: end + LONGEST_OPTIONS]

    def _word(self, token: re.Match[str]) -> str:
        """A literal, or what a constant's name stands for."""
        if token["name"]:
            return self.constants.get(token["name"], UNKNOWN)
        mark = token["text"][0]
        if mark in "fbr":
            return self._filled(token["text"][2:-1]) if mark == "f" else token["text"][2:-1]
        return self._filled(token["text"][1:-1]) if mark == "`" else token["text"][1:-1]

    def _filled(self, template: str) -> str:
        return _INSIDE.sub(lambda found: self.constants.get(found[1].strip(), UNKNOWN), template)

    def block(self, number: int) -> int:
        """The line above that opens the block in which a line stands; -1 for none."""
        before = range(number - 1, -1, -1)
        return next((one for one in before if self.lines[one].strip() and self.indents[one] < self.indents[number]), -1)

    def condition(self, number: int, at: int, depth: int = 0) -> Condition | None:
        """The condition under which something on a line is reached; None where it always is. `depth` counts calls followed."""
        if _INLINE.search(self.lines[number][:at]) and not _MAIN.match(self.lines[number]):
            return number + 1, _bare(self.lines[number][:at])
        here, leaves = self.indents[number], False
        for before in range(number - 1, -1, -1):
            line, indent = self.lines[before], self.indents[before]
            if not line.strip() or COMMENT.match(line):
                continue
            if indent > here:
                leaves = leaves or self.leaves[before]
            elif indent == here and not _CLOSES.fullmatch(line):
                if (leaves and not FUNCTION.match(line)) or (self.leaves[before] and _INLINE.search(line)):
                    return self._opened(before, "return")
                leaves = False
            elif indent < here:
                here, leaves = indent, False
                if FUNCTION.match(line):
                    return self._called(before, depth)
                if _BRANCHES.search(line) and not _MAIN.match(line):
                    return self._opened(before, "")
        return None

    def _opened(self, number: int, then: str) -> Condition:
        """The condition of a block; that of an `else` or `catch` is the one it belongs to."""
        line = self.lines[number]
        while number and _ELSE.match(self.lines[number]):
            above = (one for one in range(number - 1, -1, -1) if self.lines[one].strip())
            number = next((one for one in above if self.indents[one] <= self.indents[number]), 0)
        parts = [self.lines[number], *([line] if _ELSE.match(line) else []), *([then] if then else [])]
        return number + 1, " ".join(f"{_bare(part)} …" for part in parts)

    def _called(self, defined: int, depth: int) -> Condition | None:
        """The condition under which a function is called: the first, if all calls have one; its own line where none is seen."""
        own = defined + 1, f"{_bare(self.lines[defined])} …"
        if depth == DEEPEST:
            return own
        if defined not in self.known:
            self.known[defined] = own  # where it calls itself
            function = FUNCTION.match(self.lines[defined])
            name = next(filter(None, function.groups()), "") if function else ""
            call = re.compile(rf"(?<![\w.$]){re.escape(name)}\(")
            found = ((one, call.search(line)) for one, line in enumerate(self.lines) if one != defined)
            places = islice(((one, place.start()) for one, place in found if place), MOST_CALLS)
            under = [self.condition(*place, depth + 1) for place in places]
            self.known[defined] = own if not under else None if None in under else under[0]
        return self.known[defined]


def _bare(line: str) -> str:
    """What a line says, without what opens and closes blocks."""
    return re.sub(r"^[\s}]*(?:(?:else )?if\b|elif\b)? ?", "", line).rstrip("{: ")[:80]


def _leaves(line: str) -> bool:
    return _LEAVES.search(line) is not None


__all__ = ["CODE", "COMMENT", "UNKNOWN", "Step", "checks_status", "starts_commands", "steps"]
