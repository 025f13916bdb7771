"""`exit` in parentheses ends the shell that the parentheses are, and the script goes on."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._idioms import only_tells
from logcorr.rules._sourced import in_shell
from logcorr.semantics.written import (
    AndOr,
    Commands,
    For,
    Group,
    If,
    Loop,
    Node,
    Redirected,
    Written,
    asked,
    compound,
    placed,
    spanned,
)


@rule(code="SH029", title="exit in parentheses does not end the script", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `command || (echo …; exit 1)` that something follows, which then runs in either case."""
    for script in case.of(Script):
        for joined, around in placed(script, AndOr):
            leaving = _leaving(script, joined.right)
            if leaving and not asked((*around, joined)) and not _ends_all_the_same(case, leaving):
                after = _after(joined, around)
                if after and "$?" not in script.text[after.start : after.end]:
                    yield _finding(script, joined, leaving, after)


def _leaving(script: Script, node: Node) -> Written | None:
    """The `exit` that parentheses end with in which nothing else is done than to tell why."""
    inner = node.command if isinstance(node, Redirected) else node
    if not isinstance(inner, Group) or not inner.subshell or not inner.body.commands:
        return None
    inside = compound(script, inner)
    last = next((one for one in inside if one.node is inner.body.commands[-1]), None)
    others = [one for one in inside if one is not last]
    return last if last and last.name == "exit" and all(map(only_tells, others)) else None


def _ends_all_the_same(case: Configuration, leaving: Written) -> bool:
    """Whether `set -e` takes the failure of the parentheses for an end; so does a step of a workflow."""
    fails = bool(leaving.words) and leaving.words[0] != "0"
    return fails and (".github/" in leaving.script.span.path or in_shell(case, leaving, "e"))


def _after(joined: AndOr, around: tuple[Node, ...]) -> Node | None:
    """What runs next: the next command, also behind an `if` that it ends, or the loop of which that is the next round."""
    inner: Node = joined
    for outer in reversed(around):
        if isinstance(outer, For | Loop):
            return outer
        if isinstance(outer, Commands) and outer.commands[-1] is not inner:
            return outer.commands[next(at for at, one in enumerate(outer.commands, 1) if one is inner)]
        if not isinstance(outer, Commands | If | Redirected) and not (isinstance(outer, Group) and not outer.subshell):
            return None
        inner = outer
    return None


def _finding(script: Script, joined: AndOr, leaving: Written, after: Node) -> Finding:
    line = spanned(script, after).line
    again = after.start < joined.start
    return Finding(
        confidence=0.96,
        claim=_claim(line, again=again),
        evidence=(
            Evidence(leaving.span, "ends the parentheses"),
            Evidence(Span(script.span.path, line), "goes on" if again else "runs in either case"),
        ),
        would_refute=claim("exit_in_subshell.refute", "a run that comes to this exit and to no line behind it"),
        subject=script.span.path,
        measured={"line": line},
        fix=claim("exit_in_subshell.fix", "braces, which are no shell of their own: || {{ echo …; exit 1; }}"),
    )


def _claim(line: int, *, again: bool) -> Claim:
    if again:
        return claim(
            "exit_in_subshell.loop", "exit leaves only the parentheses it stands in: the loop in line {line} goes on", line=line
        )
    return claim(
        "exit_in_subshell.found", "exit leaves only the parentheses it stands in: line {line} runs in either case", line=line
    )
