"""A rollback hangs on `trap … ERR`, and `exit` runs no trap of ERR."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import only_tells
from logcorr.semantics.written import (
    AndOr,
    Background,
    Commands,
    Function,
    Group,
    If,
    Node,
    Pipeline,
    Substitution,
    Written,
    commands,
    compound,
)

BESIDES = frozenset({"local", "trap", "curl", "wget", "mail", "sendmail"})
"""What a handler does besides telling, and takes nothing back: it sends word, for one."""


@rule(code="SH026", title="exit leaves without the rollback", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `exit 1` after `trap handler ERR`, where the handler does something and is not called before."""
    for script in case.of(Script):
        traps = [command for command in commands(script) if command.name == "trap" and len(command.words) > 1]
        for trap in traps:
            alone = _only_on_errors(trap) and _acts(trap) and not any(_undoes(other, trap.words[0]) for other in traps)
            leaving = list(_leaving(trap, traps)) if alone else []
            if leaving:
                yield _finding(trap, leaving)


def _only_on_errors(trap: Written) -> bool:
    return "ERR" in trap.words[1:] and not {"EXIT", "0"} & set(trap.words[1:])


def _acts(trap: Written) -> bool:
    """Whether the handler is a function that does more than tell."""
    body = [one for one in commands(trap.script) if one.function == trap.words[0]]
    return bool(body) and not all(only_tells(one) or one.name in BESIDES for one in body)


def _undoes(trap: Written, handler: str) -> bool:
    """Whether a trap of EXIT calls the handler, or does more than clear up."""
    if not {"EXIT", "0"} & set(trap.words[1:]):
        return False
    body = [one for one in commands(trap.script) if one.function == trap.words[0]]
    clears = all(only_tells(one) or one.name in (*BESIDES, "rm", "rmdir") for one in body)
    return handler in trap.words[0] or any(one.name == handler for one in body) or not clears


def _leaving(trap: Written, traps: Sequence[Written]) -> Iterator[Written]:
    """Where the script leaves with a failure while the trap is set, and has not called the handler itself."""
    handled = _handling(trap.script, {one.words[0] for one in traps})
    ended = (
        one.node.start
        for one in traps
        if one.node.start > trap.node.end and "ERR" in one.words[1:] and one.function not in handled
    )
    until = min(ended, default=len(trap.script.text))
    for command in commands(trap.script):
        failing = command.name == "exit" and bool(re.fullmatch("0*[1-9][0-9]*", "".join(command.words)))
        if (
            failing
            and trap.node.end < command.node.start < until
            and command.function not in handled
            and not any(map(_in_another_process, command.around))
            and not _called(command, trap.words[0])
        ):
            yield command


def _handling(script: Script, handlers: set[str]) -> set[str]:
    """The functions that run in a trap: those it names, and what they call."""
    found: set[str] = set()
    while more := handlers - found:
        found |= more
        handlers = {one.name for one in commands(script) if one.function in more}
    return found


def _in_another_process(node: Node) -> bool:
    """Whether an exit in it ends that alone: it is then a command that fails, where the trap is."""
    return (
        isinstance(node, Substitution | Background)
        or (isinstance(node, Group) and node.subshell)
        or (isinstance(node, Pipeline) and len(node.commands) > 1)
    )


def _called(command: Written, handler: str) -> bool:
    """Whether the handler runs before: in one of the lists around, but for the outermost, or in what was asked."""
    start = max((at for at, node in enumerate(command.around) if isinstance(node, Function)), default=-1)
    around = command.around[start + 1 :]
    lists = [node for node in around if isinstance(node, Commands)]
    before = [
        *(lists[1:] or lists),
        *(node.left for node in around if isinstance(node, AndOr)),
        *(condition for node in around if isinstance(node, If) for condition, _ in node.arms),
    ]
    return any(
        one.name == handler and one.node.start < command.node.start for node in before for one in compound(command.script, node)
    )


def _finding(trap: Written, leaving: Sequence[Written]) -> Finding:
    return Finding(
        confidence=0.88,
        claim=claim(
            "exit_skips_rollback.found",
            "exit runs no trap of ERR: {handler} does not run where the script leaves here ({places})",
            handler=trap.words[0],
            places=len(leaving),
        ),
        evidence=(
            *(Evidence(one.span, "leaves, and nothing is taken back") for one in leaving[:3]),
            Evidence(trap.span, "runs it where a command fails"),
        ),
        would_refute=claim(
            "exit_skips_rollback.refute", "a run that leaves here and in which {handler} runs", handler=trap.words[0]
        ),
        subject=trap.script.span.path,
        measured={"places": len(leaving)},
        fix=claim(
            "exit_skips_rollback.fix", "write false instead of exit 1, or trap EXIT and take nothing back where all went well"
        ),
    )
