"""The status asked for is that of the last command of a pipe, which always succeeds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._embedded import everywhere, within
from logcorr.rules._idioms import dumps, excused, next_test, only_tells, written
from logcorr.rules._sourced import in_shell
from logcorr.semantics.written import AndOr, Written, commands, compound, in_program, spanned, tree

UNFAILING = frozenset(
    {"tee", "cat", "head", "tail", "sort", "uniq", "tr", "cut", "wc", "gzip", "bzip2", "xz", "zstd", "pigz", "nl"}
)
"""Programs that succeed on any input there is."""

HARMLESS = frozenset({"true", ":"})
"""A fallback that says that a failure is none."""

NEAR = 200
NEVER_FAIL = frozenset({"echo", "printf", "cat", "true", ":", "date"})
"""Programs whose own failure nobody means to ask for."""


@rule(code="SH018", title="A pipe hides the failure that is asked for", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for pipes that end in tee, gzip or their like and whose status decides something, without `pipefail`.

    What a script dumps under `set -e` is meant to end it where it fails.
    """
    for command in everywhere(case):
        first = _first(command) if command.name in UNFAILING and _is_last(command) else None
        if first and (command.asked() or next_test(command)):
            fallback = _fallback(command)
            harmless = _harmless(command, fallback or _fallback(command, joined=True))
            if first.name not in NEVER_FAIL and not harmless and not in_shell(case, command, "pipefail"):
                yield _finding(command, first, "info" if fallback and only_tells(fallback) else "warning")
        elif first and dumps(first) and _left_to_errexit(case, command):
            yield _finding(command, first, "warning", errexit=True)
    for outer in written(case):
        if outer.asked() and not outer.pipeline and not excused(outer):
            yield from _asked_outside(outer)


def _asked_outside(outer: Written) -> Iterator[Finding]:
    """A pipe with which a script ends that another shell runs: who asks for that shell's status asks for the pipe's."""
    for script in within(outer):
        nodes = tree(script).commands
        node = nodes[-1] if nodes else None
        while isinstance(node, AndOr):
            node = node.right
        last = next((one for one in commands(script) if node is not None and one.pipeline is node and _is_last(one)), None)
        first = _first(last) if last and last.name in UNFAILING and not in_program(last, "pipefail") else None
        if last and first and first.name not in NEVER_FAIL and not last.asked():
            yield _finding(last, first, "warning")


def _left_to_errexit(case: Configuration, command: Written) -> bool:
    """Whether only `set -e` could notice a failure, and does not."""
    seen = "PIPESTATUS" in command.script.text or not in_program(command, "e")
    return not seen and not in_shell(case, command, "pipefail")


def _harmless(command: Written, fallback: Written | None) -> bool:
    """Whether it makes no difference that the fallback never runs: it says that a failure is none, or prints nothing."""
    if fallback is None:
        return False
    printed = [word for word in fallback.words if not word.startswith("-")]
    silent = fallback.name in ("echo", "printf") and not any(word.strip() for word in printed)
    return fallback.name in HARMLESS or silent or (fallback.name == "echo" and command.name == "wc") or _filled_after(command)


def _filled_after(command: Written) -> bool:
    """Whether the script asks right behind it whether the variable is empty, and so gives it a value all the same."""
    kept = command.captured()
    if kept is None:
        return False
    behind = command.script.text[kept.end : kept.end + NEAR]
    return bool(re.search(rf'-z\s+"?\$\{{?{kept.name}\b|\$\{{{kept.name}:-', behind))


def _fallback(command: Written, *, joined: bool = False) -> Written | None:
    """The one command that stands behind `||`, if that is all there is: `pipe || …`, or where it is joined `… && pipe || …`."""
    node: object = command.pipeline
    around = [one for one in reversed(command.around) if one is not node]
    if joined and around and _joins(around[0], node):
        node = around.pop(0)
    outer = around[0] if around else None
    if not isinstance(outer, AndOr) or outer.operator != "||" or outer.left is not node:
        return None
    others = compound(command.script, outer.right)
    return others[0] if len(others) == 1 else None


def _joins(outer: object, node: object) -> bool:
    """Whether it is `… && node`."""
    return isinstance(outer, AndOr) and outer.operator == "&&" and outer.right is node


def _is_last(command: Written) -> bool:
    pipeline = command.pipeline
    return pipeline is not None and pipeline.commands[-1] is command.node


def _first(command: Written) -> Written | None:
    pipeline = command.pipeline
    return next((one for one in commands(command.script) if pipeline and one.node is pipeline.commands[0]), None)


def _finding(command: Written, first: Written, severity: str, *, errexit: bool = False) -> Finding:
    pipeline = command.pipeline or command.node
    return Finding(
        severity=severity,
        confidence=0.95,
        claim=_claim(command.name, _named(first), errexit=errexit),
        evidence=(Evidence(spanned(command.script, pipeline), "a pipe ends with the status of its last command"),),
        would_refute=claim(
            "status_of_last_in_pipe.refute", "a run in which {first} fails and that is noticed", first=_named(first)
        ),
        subject=command.script.span.path,
        fix=claim("status_of_last_in_pipe.fix", "set -o pipefail (bash) before it, or ask ${{PIPESTATUS[0]}}"),
    )


def _claim(last: str, first: str, *, errexit: bool) -> Claim:
    if errexit:
        return claim(
            "status_of_last_in_pipe.errexit",
            "set -e does not see it where {first} fails: the status is that of {last}, and what is written is empty or cut short",
            last=last,
            first=first,
        )
    return claim(
        "status_of_last_in_pipe.found",
        "the status asked for is that of {last}, which succeeds whatever {first} does",
        last=last,
        first=first,
    )


def _named(command: Written) -> str:
    """The program, with its verb where it has one."""
    verb = next((word for word in command.words[:2] if re.fullmatch(r"[a-z][a-z-]+", word)), "")
    return f"{command.name} {verb}" if command.name in ("docker", "git", "npm", "systemctl", "kubectl") and verb else command.name
