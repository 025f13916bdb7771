"""`local x=$(command)` succeeds whatever the command does, and then the status is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import next_test, written
from logcorr.semantics.written import AndOr, Assignment, Substitution, Written

DECLARING = frozenset({"local", "declare", "typeset", "export", "readonly"})


@rule(code="SH017", title="A declaration hides the status of the command in it", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `local x=$(…)` whose status decides something: it is that of `local`."""
    for command in written(case):
        name = _captured(command)
        if name and (_before_or(command) or next_test(command)):
            yield _finding(command, name)


def _captured(command: Written) -> str | None:
    """The variable that a declaration fills with what a command prints."""
    if command.name not in DECLARING:
        return None
    last = command.node.words[-1]
    captured = (
        isinstance(last, Assignment)
        and last.value is not None
        and any(isinstance(piece, Substitution) and not piece.direction for piece in last.value.pieces)
    )
    return last.name if captured and isinstance(last, Assignment) else None


def _before_or(command: Written) -> bool:
    outer = command.around[-1] if command.around else None
    return isinstance(outer, AndOr) and outer.left is command.node and outer.operator == "||"


def _finding(command: Written, name: str) -> Finding:
    return Finding(
        confidence=0.98,
        claim=claim(
            "status_masked_by_local.found",
            "`{declares} {name}=$(…)` succeeds whatever the command in it does, so what follows never sees a failure",
            declares=command.name,
            name=name,
        ),
        evidence=(Evidence(command.span, "its status is that of the declaration"),),
        would_refute=claim(
            "status_masked_by_local.refute", "a run in which the command fails and the branch for failures is taken"
        ),
        subject=command.script.span.path,
        fix=claim("status_masked_by_local.fix", "declare {name} on a line of its own, then assign", name=name),
    )
