"""`set -e` ends a script at the failed check, before the branch that would act on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._embedded import everywhere
from logcorr.rules._errexit import ends_script
from logcorr.rules._idioms import asks, next_test, only_tells
from logcorr.rules._sourced import reachable
from logcorr.rules._unanswered import acts_on_success, deciding, led_to
from logcorr.semantics.written import (
    Assignment,
    Commands,
    Function,
    If,
    Node,
    Simple,
    Substitution,
    Test,
    Written,
    commands,
    compound,
    following,
    in_program,
    spanned,
    tree,
    walk,
)

SHELLS_OWN = frozenset(
    {"[", "[[", "test", "cd", "export", "local", "declare", "readonly", "set", "shift", "true", ":", "echo", "printf"}
)
"""What seldom fails, or what nobody means by a status."""


READING = frozenset({"grep", "head", "tail", "cut", "wc"})
"""What a test may ask beside the answer."""


@rule(code="SH012", title="set -e ends the script before it acts on a failed check", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for checks whose failure ends the script, although what follows looks at their answer."""
    for command in everywhere(case):
        if (asks(command) or _status_asked(command)) and not _tells_by_text(command) and in_program(command, "e"):
            statement = _statement(command)
            test = (
                _test(command, statement)
                if statement and ends_script(statement.script, statement.node, statement.around)
                else None
            )
            if statement and test and not _ends_by_itself(command, test):
                lost = _lost(case, statement, test)
                if lost == "all" or not _says_why(command):
                    yield _finding(command, spanned(command.script, test), "error" if lost == "all" else "info")
        taker = _taker(command)
        if taker and in_program(command, "e") and ends_script(command.script, command.node, command.around):
            yield _handed_on(command, taker)


def _taker(command: Written) -> Written | None:
    """The next command, where that is one of the script's functions and is given the status as a word."""
    after = next(following(command), None) if command.name not in SHELLS_OWN and not command.pipeline else None
    taker = next((one for one in commands(command.script) if one.node is after and "$?" in one.words), None)
    own = taker and any(one.function == taker.name for one in commands(command.script))
    return taker if own else None


def _status_asked(command: Written) -> bool:
    """Whether the next command looks at its status, to do more than to tell where that is a failure."""
    test = next_test(command) if command.name not in SHELLS_OWN and not command.asked() else None
    branch = next((node for node in reversed(test.around) if isinstance(node, If)), None) if test else None
    failure = _where_it_fails(test, branch) if test and branch else None
    return failure is not None and not all(map(only_tells, compound(command.script, failure)))


def _where_it_fails(test: Written, branch: If) -> Node | None:
    """The commands that a test of `$?` leads to where that is not 0."""
    positive = re.search(r"-eq 0|==? *0", test.text)
    return branch.otherwise if positive else branch.arms[0][1]


def _tells_by_text(command: Written) -> bool:
    """Whether the answer is what it prints: docker's lists and states come with success, whatever they say."""
    return command.name == "docker" and ("ps" in command.words[:2] or command.assigned() is not None)


def _statement(command: Written) -> Written | None:
    """The statement whose status is the command's: itself, or a plain assignment of what it prints; None in a longer pipe."""
    assigned = command.assigned()
    if assigned:
        simple, assignment = assigned
        plain = not simple.words and simple.assignments[-1] is assignment
        return Written(command.script, simple, command.around[: command.around.index(simple)], "", ()) if plain else None
    captured = any(isinstance(node, Substitution) for node in command.around)
    return None if captured or command.pipeline else command


def _lost(case: Configuration, statement: Written, test: Node) -> str:
    """What is lost: `all`, `words` where the script would have told and ended, `nothing` where no branch is for a failure."""
    script, name = statement.script, _variable(statement)
    branch = led_to(script, test, name) if name else None
    if branch is None:
        return "words" if _only_words(case, script, test) else "all"
    inside = [one for node in branch for one in compound(script, node)]
    if not branch or _works_on(script, branch, name):
        return "all" if acts_on_success(script, test) and not branch else "nothing"
    ending = any(one.name in ("exit", "return") or _tells_and_ends(case, one) for one in inside)
    return "words" if (ending and all(_tells(case, one) for one in inside)) or _only_words(case, script, test) else "all"


def _works_on(script: Script, branch: Sequence[Node], name: re.Pattern[str] | None) -> bool:
    """Whether a branch takes something from the answer, which is then none."""
    taken = (node for one in branch for node in walk(one) if isinstance(node, Assignment))
    return any(name is not None and name.search(script.text[one.start : one.end]) for one in taken)


def _only_words(case: Configuration, script: Script, test: Node) -> bool:
    """Whether no more is lost than a message: so is all that hangs on the answer, and all that comes after it."""
    whole = deciding(script, test)
    inside = [one for one in commands(script) if whole.start <= one.node.start < whole.end]
    failing = any(one.name in ("exit", "return") or _tells_and_ends(case, one) for one in inside)
    after = [] if failing else [one for one in commands(script) if one.node.start >= whole.end and one.function is None]
    return all(_tells(case, one) for one in (*inside, *after))


def _tells(case: Configuration, command: Written) -> bool:
    """Whether it does no more than to tell or to show something, and to end the script then."""
    return only_tells(command) or _shows(command) or _tells_and_ends(case, command)


def _shows(command: Written) -> bool:
    """Whether it shows a part of what it reads, or of a log."""
    return command.name in READING or command.name == "journalctl" or "logs" in command.words[:2]


def _tells_and_ends(case: Configuration, command: Written) -> bool:
    """Whether it calls a function, of the script or one that is sourced, that says something and ends the script."""
    every = (one for script in reachable(case, command.script) for one in commands(script))
    body = [one for one in every if one.function == command.name]
    return all(only_tells(one) or _shows(one) for one in body) and any(one.name == "exit" for one in body)


def _says_why(command: Written) -> bool:
    """Whether it prints by itself why it failed; of curl's options some may stand in an array."""
    arrays = re.findall(r"\$\{(\w+)\[@\]", command.text)
    given = [found for name in arrays for found in re.findall(rf"(?m)^\s*{name}\+?=\(([^)]*)", command.script.text)]
    options = set(re.findall(r"(?<!\S)-[a-zA-Z]+|--[a-z-]+", " ".join((command.text, *given))))
    silent = any(one == "--silent" or re.fullmatch(r"-[a-zA-Z]*s[a-zA-Z]*", one) for one in options)
    shown = any(one == "--show-error" or re.fullmatch(r"-[a-zA-Z]*S[a-zA-Z]*", one) for one in options)
    return command.name == "curl" and (shown or not silent)


def _ends_by_itself(command: Written, test: Node) -> bool:
    """Whether the test is a statement, whose failure would end the script just as well."""
    return any(isinstance(node, Commands) and test in node.commands[:-1] for node in walk(tree(command.script)))


def _test(command: Written, statement: Written) -> Node | None:
    """Where its answer is looked at afterwards: `$?` in the next command, or the variable in any later test."""
    if statement is command:
        tested = next_test(command)
        return tested.node if tested else None
    name = _variable(statement)
    body = next((node for node in reversed(statement.around) if isinstance(node, Function | Commands)), None)
    later = (node for node in walk(body) if node.start >= statement.node.end) if body and name else iter(())
    return next((node for node in later if _looks_at(command, node, name)), None)


def _variable(statement: Written) -> re.Pattern[str] | None:
    """How the variable that a plain assignment gives its answer to is written where it is used."""
    given = statement.node.assignments if not statement.node.words else ()
    return re.compile(rf"\$\{{?{re.escape(given[-1].name)}\b") if given else None


def _looks_at(command: Written, node: object, name: re.Pattern[str] | None) -> bool:
    if name is None or not isinstance(node, Test | Simple):
        return False
    text = command.script.text[node.start : node.end]
    return bool(re.match(r"\[|test\s", text) and name.search(text))


def _handed_on(command: Written, taker: Written) -> Finding:
    return Finding(
        severity="warning",
        confidence=0.95,
        claim=claim(
            "dies_before_recovery.handed_on",
            "where {name} fails, set -e ends the script here: {taker} in line {line} is only ever given a 0",
            name=command.name,
            taker=taker.name,
            line=taker.span.line,
        ),
        evidence=(Evidence(command.span, "its failure ends the script"), Evidence(taker.span, "never sees a failure")),
        would_refute=claim("dies_before_recovery.refute", "a run with the service stopped that goes on past this line"),
        subject=command.script.span.path,
        measured={"test_line": taker.span.line},
        fix=claim("dies_before_recovery.keep", "keep the status: {name} … && status=0 || status=$?", name=command.name),
    )


def _finding(command: Written, test: Span, severity: str) -> Finding:
    return Finding(
        severity=severity,
        confidence=0.95,
        claim=claim(
            "dies_before_recovery.found",
            "where {name} fails, set -e ends the script here: line {line}, which looks at the answer, is never reached",
            name=command.name,
            line=test.line,
        ),
        evidence=(Evidence(command.span, "its failure ends the script"), Evidence(test, "never sees a failure")),
        would_refute=claim("dies_before_recovery.refute", "a run with the service stopped that goes on past this line"),
        subject=command.script.span.path,
        measured={"test_line": test.line},
        fix=claim("dies_before_recovery.fix", "put the check itself into the if, or end its line with || true"),
    )
