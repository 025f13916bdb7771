"""A script deletes in the current folder, after a cd that may have failed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._embedded import everywhere
from logcorr.rules._idioms import leaves
from logcorr.rules._sourced import in_shell
from logcorr.semantics.written import (
    AndOr,
    Commands,
    If,
    Node,
    Pipeline,
    Simple,
    Written,
    commands,
    compound,
    following,
    tree,
    walk,
)

NAMED = regex(r"/|^\$|^[\w.-]*[A-Za-z]{4}[\w.-]*\*")
"""What `ls` lists: another folder, or files whose name says whose they are, which lie in no other folder."""

THERE = frozenset(
    {"-", "..", "/", "/tmp", "/var/tmp", "/var/log", "/opt", "/usr/local", "/usr/local/src", "/usr/src", "~", "$HOME"}
)
"""Folders that are there on every machine."""

TESTED = regex(r"""(?P<missing>!\s*(?:\[\[?\s+|test\s+)?)?(?<=\s)-[defrswx]\s+["']?(?P<path>[^\s"';\]]+)""")
ABOVE = regex(r"(?:\.{1,2}/)*\.{1,2}/?")
"""A folder that the present one lies in: it is there."""

VARIABLE = regex(r"\$\{?([A-Za-z_]\w*)\b")
MAKING = frozenset({"tar", "unzip", "wget", "curl", "git", "mkdir"})
COMMON = frozenset({"build", "dist", "temp", "logs", "data", "cache", "target", "backup", "backups", "node_modules", "vendor"})
"""Names that folders of anybody have."""


@rule(code="SH002", title="A script deletes where a failed cd leaves it", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `cd` whose failure nobody notices, followed by deleting relative paths."""
    for command in everywhere(case):
        if command.name == "cd" and command.words and _unnoticed(case, command):
            deletes = _delete_after(command)
            if deletes:
                yield _finding(command, deletes)


def _unnoticed(case: Configuration, command: Written) -> bool:
    alone = bool(command.around) and isinstance(command.around[-1], Commands)
    certain = (
        command.words[0] in THERE or ABOVE.fullmatch(command.words[0]) is not None or command.words[0].startswith("$(dirname")
    )
    safe = certain or command.asked() or _made(command) or _tested(command)
    return alone and not safe and not in_shell(case, command, "e")


def _made(command: Written) -> bool:
    """Whether the script makes the folder before."""
    before = (one for one in commands(command.script) if one.node.end <= command.node.start and one.name == "mkdir")
    return any("p" in one.flags() and command.words[-1] in one.words for one in before)


def _tested(command: Written) -> bool:
    """Whether it is reached only where a test found the folder, or something in it, or where what failed the test made it."""
    script, folder = command.script, _value(command.script, command.words[-1]).rstrip("/")
    tests = TESTED.finditer(script.text, 0, command.node.start)
    found = (one for one in tests if (_value(script, one["path"]).rstrip("/") + "/").startswith(folder + "/"))
    return any(_guards(command, one.start(), missing=bool(one["missing"])) for one in found)


def _guards(command: Written, at: int, *, missing: bool) -> bool:
    """Whether the test at that place, of what is there or is missing, decides that the command runs."""
    for outer in command.around:
        for condition, body in outer.arms if isinstance(outer, If) else ():
            if condition.start <= at < condition.end:
                return missing != (body.start <= command.node.start < body.end)
    hanging = [one for one in walk(tree(command.script)) if isinstance(one, If | AndOr) and one.start <= at < one.end]
    whole = min(hanging, key=lambda one: one.end - one.start, default=None)
    inside = compound(command.script, whole) if whole and whole.end <= command.node.start else []
    return any(leaves(one) or (one.name not in ("[", "test", "echo") and command.words[-1] in one.words) for one in inside)


def _value(script: Script, word: str) -> str:
    """The word, with the values of the variables in it that are set once."""
    for _ in range(3):
        for name in set(VARIABLE.findall(word)):
            given = re.findall(rf"""(?m)^\s*(?:export\s+|readonly\s+|local\s+)?{name}=["']?([^"'\s]*)["']?\s*$""", script.text)
            value = given[0] if len(given) == 1 else f"${name}"
            word = re.sub(rf"\$(?:{name}\b|\{{{name}\}})", value.replace("\\", r"\\"), word)
    return word


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
    return (
        command.name == "rm"
        and bool({"r", "R", "recursive"} & command.flags())
        and any(_relative(word) and not _own(command.script, word) for word in words)
    )


def _fed_by_a_list(command: Written) -> bool:
    """Whether what it deletes are the names that `ls` gives, which are relative."""
    pipeline = command.pipeline
    first = next((one for one in commands(command.script) if pipeline and one.node is pipeline.commands[0]), None)
    return first is not None and first.name == "ls" and not any(map(NAMED.search, first.words))


def _own(script: Script, name: str) -> bool:
    """Whether it is what the script itself makes or unpacks, by a name that is nobody else's."""
    if name.strip("./").lower() in COMMON or not re.fullmatch(r"[\w.-]{4,}/?", name):
        return False
    makers = (one for one in commands(script) if one.name in MAKING)
    return any(re.search(rf"(?<![\w.-]){re.escape(name.strip('/'))}(?![\w-])", word) for one in makers for word in one.words)


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
