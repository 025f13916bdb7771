"""The shell cannot read a script to its end."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._images import SHELLS
from logcorr.semantics.written import Broken, Function, Node, Simple, tree, walk

SHEBANG = regex(r"#!.*\b(?:ba|da|a)?sh\b")
FILLED = regex(r"\{\{|\{%|<%|@@\w+@@|<<<<<<< |__[A-Z]+__|=<[\w -]+>(?=\s|$)")
"""Text that something else fills in before a shell reads it."""


@rule(code="SH019", title="The shell cannot read a script", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for scripts with an error in their syntax: what stands behind it never runs."""
    for script in case.of(Script):
        if _is_whole(script) and script.interpreter in SHELLS and not FILLED.search(script.text):
            nodes = tree(script).commands
            broken = next((node for node in nodes if isinstance(node, Broken)), None)
            bare = _bare_body(script)
            if bare and (broken is None or bare.start < broken.end):
                yield _finding(script, bare.start + 1, f"unexpected {script.text[bare.start : bare.end].split()[0]}")
            elif broken and (broken is not nodes[0] or SHEBANG.match(script.text)):
                yield _finding(script, broken.end, broken.message)


def _is_whole(script: Script) -> bool:
    """Whether it is a file, and by its name or first line a shell's."""
    name = script.span.path.rpartition("/")[2]
    named = name.endswith((".sh", ".bash")) or ("." not in name and SHEBANG.match(script.text) is not None)
    return named and script.span.line == 1 and not script.column


def _bare_body(script: Script) -> Node | None:
    """The first function's body that is one command without braces, which bash does not take as others do: `start() {echo`."""
    if script.interpreter != "bash":
        return None
    bodies = (node.body for node in walk(tree(script)) if isinstance(node, Function))
    return next((body for body in bodies if isinstance(body, Simple) and body.words), None)


def _finding(script: Script, end: int, why: str) -> Finding:
    line = script.text.count("\n", 0, max(end - 1, 0)) + 1
    return Finding(
        confidence=0.95,
        claim=claim(
            "script_not_read.found",
            "{shell} cannot read line {line} ({why}): it ends there, and what stands behind never runs",
            shell=script.interpreter,
            line=line,
            why=why,
        ),
        evidence=(Evidence(Span(script.span.path, line), why),),
        would_refute=claim("script_not_read.refute", "{shell} -n, which says nothing", shell=script.interpreter),
        subject=script.span.path,
        measured={"line": line},
        fix=claim("script_not_read.fix", "mend the line, and let CI run {shell} -n", shell=script.interpreter),
    )
