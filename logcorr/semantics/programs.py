"""Programs in other languages as the shell scripts that they come to, line for line: what calls one is interpreted with it.

Of a program only its commands, its questions and the conditions it names are known, not how it decides. Where it asks but one
address, its commands are taken to run when that is not answered as it should be; so nothing that is read from it is a proof.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from logcorr.model.behaviour import Effect, Reach, ReachProof
from logcorr.model.facts import Fact, Program, Script, Step, of_kind
from logcorr.model.source import Span

UNKNOWN = "\0"
_ANY = '"$(node)"'
"""What the shell knows nothing of."""

_DECIDES = 'test "$answered" = 0'

Branch = tuple[Span | None, list[Step]]


def as_scripts(facts: Sequence[Fact]) -> Mapping[str, Script]:
    """Each program by its path, as a script of as many lines."""
    return {program.span.path: _script(program) for program in of_kind(Program, facts)}


def in_its_words(effect: Effect, facts: Sequence[Fact]) -> Effect:
    """An effect of a program, with the condition that the program itself writes."""
    programs = (program for program in of_kind(Program, facts) if program.span.path == effect.span.path)
    whens = [step for program in programs for step in program.steps if step.span == effect.span and step.when]
    return replace(effect, guard=tuple((step.condition, step.when) for step in whens[:1] if step.when)) if whens else effect


def no_proof(proof: ReachProof) -> ReachProof:
    """How far a command of a program is reached: under some condition, or perhaps."""
    if proof.reach is Reach.MUST:
        return replace(proof, reach=Reach.CONDITIONAL)
    return replace(proof, reach=Reach.MAY) if proof.reach is Reach.NEVER else proof


def _script(program: Program) -> Script:
    lines: dict[int, str] = {}
    asked = [step for step in program.steps if step.does == "asks"]
    decides = asked[0].span.line if len({step.words for step in asked}) == 1 else None
    for step in asked:
        if step.named and step.named.line < step.span.line:
            lines[step.named.line] = f"{_name(step)}={_quoted(step.words[0])}; "
        lines[step.span.line] = lines.get(step.span.line, "") + _curl(step, program) + "; answered=$?; "
    for when, steps in _branches(program):
        for line, text in _commands(when, steps, decides):
            lines[line] = lines.get(line, "") + text
    text = "\n".join(lines.get(number, "") for number in range(1, program.span.end_line + 1))
    return Script(span=program.span, name=program.span.path, text=text)


def _branches(program: Program) -> Iterator[Branch]:
    """What is run, and said beside it, under each condition."""
    acts = [step for step in program.steps if step.does != "asks"]
    for when in dict.fromkeys(step.when for step in acts if step.does != "says"):
        yield when, [step for step in acts if step.when == when]


def _commands(when: Span | None, steps: Sequence[Step], decides: int | None) -> Iterator[tuple[int, str]]:
    """The lines of one branch, in order; it opens at its condition, where that stands before all of it."""
    first, last = steps[0].span.line, steps[-1].span.line
    opens = min(when.line, first) if when else first
    if when:
        yield opens, (_DECIDES if decides is not None and decides <= opens else f"test {_ANY}") + " || { "
    for step in steps:
        yield step.span.line, _command(step) + "; "
    if when:
        yield last, "}; "


def _command(step: Step) -> str:
    words = " ".join(map(_quoted, step.words))
    return {"says": f"echo {words}", "shell": f"sh -c {words}"}.get(step.does, words)


def _curl(step: Step, program: Program) -> str:
    limit = f" -m {step.timeout_s:g}" if step.timeout_s else ""
    above = step.named is not None and step.named.line < step.span.line
    address = f'"${_name(step)}"' if above else _quoted(step.words[0])
    return f"curl -s{'f' * program.checks_status}{'L' * step.follows} -o /dev/null{limit} {address}"


def _name(step: Step) -> str:
    """A variable that holds what is asked for."""
    return f"address_of_{step.span.line}"


def _quoted(word: str) -> str:
    """A word for the shell, on one line."""
    return _ANY.join(shlex.quote(part) if part else "" for part in " ".join(word.split("\n")).split(UNKNOWN)) or "''"
