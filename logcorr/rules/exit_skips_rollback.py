"""A rollback hangs on `trap … ERR`, and `exit` runs no trap of ERR."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import only_tells
from logcorr.semantics.written import Commands, Written, commands, compound


@rule(code="SH026", title="exit leaves without the rollback", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `exit 1` after `trap handler ERR`, where the handler does something and is not called before."""
    for script in case.of(Script):
        traps = [command for command in commands(script) if command.name == "trap" and len(command.words) > 1]
        for trap in traps:
            leaving = list(_leaving(trap, traps)) if _only_on_errors(trap) and _acts(trap) else []
            if leaving:
                yield _finding(trap, leaving)


def _only_on_errors(trap: Written) -> bool:
    return "ERR" in trap.words[1:] and not {"EXIT", "0"} & set(trap.words[1:])


def _acts(trap: Written) -> bool:
    """Whether the handler is a function that does more than tell."""
    body = [one for one in commands(trap.script) if one.function == trap.words[0]]
    return bool(body) and not all(only_tells(one) or one.name in ("local", "trap") for one in body)


def _leaving(trap: Written, traps: Sequence[Written]) -> Iterator[Written]:
    """Where the script leaves with a failure while the trap is set, and has not called the handler itself."""
    handler = trap.words[0]
    ended = (
        one.node.start for one in traps if one.node.start > trap.node.end and "ERR" in one.words[1:] and _outside(one, handler)
    )
    until = min(ended, default=len(trap.script.text))
    for command in commands(trap.script):
        failing = command.name == "exit" and command.words[:1] not in ((), ("0",))
        if (
            failing
            and trap.node.end < command.node.start < until
            and _outside(command, handler)
            and not _called(command, handler)
        ):
            yield command


def _outside(command: Written, handler: str) -> bool:
    return command.function != handler


def _called(command: Written, handler: str) -> bool:
    """Whether the handler runs in the same list of commands before."""
    around = next((node for node in reversed(command.around) if isinstance(node, Commands)), None)
    return around is not None and any(
        one.name == handler and one.node.start < command.node.start for one in compound(command.script, around)
    )


def _finding(trap: Written, leaving: Sequence[Written]) -> Finding:
    return Finding(
        confidence=0.93,
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
