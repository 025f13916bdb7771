"""A script deletes in the current folder, after a cd that may have failed."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._idioms import written
from logcorr.semantics.written import Commands, Node, Pipeline, Simple, Written, commands, following, in_program

NAMED = regex(r"/|^\$|^[\w.-]*[A-Za-z]{4}[\w.-]*\*")
"""What `ls` lists: another folder, or files whose name says whose they are, which lie in no other folder."""


@rule(code="SH002", title="A script deletes where a failed cd leaves it", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `cd` whose failure nobody notices, followed by deleting relative paths."""
    for command in written(case):
        if command.name == "cd" and command.words and _unnoticed(command):
            deletes = _delete_after(command)
            if deletes:
                yield _finding(command, deletes)


def _unnoticed(command: Written) -> bool:
    alone = bool(command.around) and isinstance(command.around[-1], Commands)
    certain = command.words[0] in ("-", "..", "/", "/tmp") or command.words[0].startswith("$(dirname")
    return alone and not certain and not _made(command) and not command.asked() and not in_program(command, "e")


def _made(command: Written) -> bool:
    """Whether the script makes the folder before."""
    before = (one for one in commands(command.script) if one.node.end <= command.node.start and one.name == "mkdir")
    return any("p" in one.flags() and command.words[-1] in one.words for one in before)


def _delete_after(command: Written) -> Written | None:
    """The first deletion of something relative that runs in the same list, before another cd."""
    for node in following(command):
        inside = _commands_of(command, node)
        if any(one.name == "cd" for one in inside):
            return None
        found = next((one for one in inside if _deletes_here(one)), None)
        if found:
            return found
    return None


def _commands_of(command: Written, node: Node) -> list[Written]:
    if not isinstance(node, Simple | Pipeline):
        return []
    return [one for one in commands(command.script) if node.start <= one.node.start and one.node.end <= node.end]


def _deletes_here(command: Written) -> bool:
    words = [word for word in command.words if not word.startswith("-")]
    if command.name == "xargs":
        return any(word in ("rm", "/bin/rm") for word in words) and command.pipeline is not None and _fed_by_a_list(command)
    return command.name == "rm" and bool({"r", "R", "recursive"} & command.flags()) and any(map(_relative, words))


def _fed_by_a_list(command: Written) -> bool:
    """Whether what it deletes are the names that `ls` gives, which are relative."""
    pipeline = command.pipeline
    first = next((one for one in commands(command.script) if pipeline and one.node is pipeline.commands[0]), None)
    return first is not None and first.name == "ls" and not any(map(NAMED.search, first.words))


def _relative(word: str) -> bool:
    return not word.startswith(("/", "~", "$"))


def _finding(command: Written, deletes: Written) -> Finding:
    return Finding(
        confidence=0.9,
        claim=claim(
            "unchecked_cd.found",
            "where {folder} is missing, line {line} deletes in whatever folder the script was started from",
            folder=command.words[0],
            line=deletes.span.line,
        ),
        evidence=(Evidence(command.span, "its failure is not noticed"), Evidence(deletes.span, "deletes relative paths")),
        would_refute=claim("unchecked_cd.refute", "a run without that folder that deletes nothing"),
        subject=command.script.span.path,
        measured={"delete_line": deletes.span.line},
        fix=claim(
            "unchecked_cd.fix",
            "let the script end where it cannot change to {folder}, or name the folder in the deletion",
            folder=command.words[0],
        ),
    )
