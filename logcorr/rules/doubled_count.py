"""`grep -c … || echo 0` writes the count twice: where nothing matches grep prints 0 itself, and fails."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._embedded import everywhere
from logcorr.semantics.written import AndOr, Function, Node, Substitution, Written, commands, compound, in_program

COUNTING = frozenset({"grep", "egrep", "fgrep", "zgrep", "pgrep"})
"""Programs that print a count of 0, and fail, where there is nothing."""

SURE = frozenset({"echo", "printf", "sed", "tr", "cut", "sort", "uniq", "awk", "head", "tail"})
"""Programs that do not fail over what they are given."""


@rule(code="SH023", title="A count of none is printed twice", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `$(grep -c … || echo 0)`, `$(… | wc -l || echo 0)` under `pipefail`, and what is reckoned with the result."""
    for command in everywhere(case):
        use = _next_use(command) if _prints_and_fails(command) and _falls_back(command) else None
        if use is not None:
            yield _finding(command, use or None)


def _prints_and_fails(command: Written) -> bool:
    pipeline = command.pipeline
    if pipeline and pipeline.commands[-1] is not command.node:
        return False
    if command.name in COUNTING:
        return bool({"c", "count"} & command.flags()) and "q" not in command.flags()
    return command.name == "wc" and _failing(command) is not None and in_program(command, "pipefail")


def _failing(command: Written) -> Written | None:
    """What may fail in front of it in the pipe."""
    before = command.pipeline.commands[:-1] if command.pipeline else ()
    return next(
        (one for one in commands(command.script) if any(one.node is node for node in before) and one.name not in SURE), None
    )


def _falls_back(command: Written) -> bool:
    """Whether the substitution that it ends holds nothing behind it but `|| echo 0`."""
    inner: Node = command.pipeline or command.node
    around = [node for node in command.around if node is not inner]
    outer, whole = (around[-1], around[-2:-1]) if around else (None, [])
    if not isinstance(outer, AndOr) or outer.operator != "||" or outer.left is not inner or not whole:
        return False
    echoes = compound(command.script, outer.right)
    substitution = next((node for node in reversed(around) if isinstance(node, Substitution)), None)
    alone = substitution is not None and substitution.body.commands == (outer,)
    said = "".join(echoes[0].words[-1:]) if len(echoes) == 1 and echoes[0].name in ("echo", "printf") else ""
    return alone and bool(re.fullmatch(r"0+", said))


def _next_use(command: Written) -> int | None:
    """The line in which the script reckons with it; 0 where it only tells it, None where it first makes a number of it."""
    variable = command.captured()
    if variable is None:
        return 0
    name, text = re.escape(variable.name), command.script.text
    use = re.compile(
        rf"""(?P<anew>(?<![\w$]){name}=)|["']?\$\{{?{name}\}}?["']?\s+-(?:eq|ne|gt|ge|lt|le)\b|\(\([^)\n]*\b{name}\b"""
        rf"""|-(?:eq|ne|gt|ge|lt|le)\s+["']?\$\{{?{name}\b|["']?\$\{{?{name}\}}?["']?\s*(?:==?|!=)\s*["']?0["']?\s*\]"""
    )
    found = use.search(text, variable.end, _scope(command, name))
    if found and found["anew"]:
        return None
    return command.script.span.line + text.count("\n", 0, found.start()) if found else 0


def _scope(command: Written, name: str) -> int:
    """Where the variable ends: with its function, where it is local there."""
    function = next((node for node in reversed(command.around) if isinstance(node, Function)), None)
    text = command.script.text
    own = function and re.search(rf"\b(?:local|declare|typeset)\b[^\n;]*\b{name}\b", text[function.start : function.end])
    return function.end if function and own else len(text)


def _finding(command: Written, line: int | None) -> Finding:
    return Finding(
        severity="warning" if line and not _of_a_folder(command) else "info",
        confidence=0.97,
        claim=_claim(command, line),
        evidence=(Evidence(command.span, "prints 0 and fails where there is nothing"),),
        would_refute=claim("doubled_count.refute", "a run in which nothing matches and the value is 0 alone"),
        subject=command.script.span.path,
        measured={"line": line} if line else {},
        fix=claim(
            "doubled_count.fix", "write n=$({program} …) || true, which keeps the 0 that was printed", program=command.name
        ),
    )


def _of_a_folder(command: Written) -> bool:
    """Whether only a folder that is missing makes it fail."""
    first = _failing(command) if command.name == "wc" else None
    return first is not None and first.name == "find"


def _claim(command: Written, line: int | None) -> Claim:
    first = _failing(command) if command.name == "wc" else None
    if first:
        return claim(
            "doubled_count.piped",
            "where {first} fails, wc has printed its count, and under pipefail echo prints another: the value has two lines",
            first=first.name,
        )
    if line:
        return claim(
            "doubled_count.compared",
            "where nothing matches, {program} has printed 0 and fails, so that echo prints another: the value has two lines, "
            "which line {line} cannot reckon with",
            program=command.name,
            line=line,
        )
    return claim(
        "doubled_count.found",
        "where nothing matches, {program} has printed 0 and fails, so that echo prints another: the value has two lines",
        program=command.name,
    )
