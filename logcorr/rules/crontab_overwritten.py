"""A script installs one crontab after another; each replaces the one before."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.semantics.written import Commands, Node, Written, commands, spanned


@rule(code="CRON013", title="A script overwrites the crontab it has just installed", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for two `… | crontab -` one after the other, of which the second does not read what is there."""
    for script in case.of(Script):
        found = [command for command in commands(script) if command.name == "crontab" and _replaces(command)]
        for first, second in combinations(found, 2):
            if _user(first) == _user(second) and _one_after_the_other(first, second):
                yield _finding(first, second)
                break


def _replaces(command: Written) -> bool:
    """Whether it installs a table that was not made from the present one."""
    if "-" not in command.words or {"l", "r", "e"} & command.flags() or command.pipeline is None:
        return False
    return "crontab -l" not in _statement(command) and "crontab -u" not in _statement(command).partition("|")[0]


def _statement(command: Written) -> str:
    pipeline = command.pipeline or command.node
    return command.script.text[pipeline.start : pipeline.end]


def _user(command: Written) -> str:
    return " ".join(command.words)


def _one_after_the_other(first: Written, second: Written) -> bool:
    """Whether both run in one list of commands: not in two branches, nor in two functions."""
    return _list(first) is not None and _list(first) is _list(second)


def _list(command: Written) -> Node | None:
    return next((node for node in reversed(command.around) if isinstance(node, Commands)), None)


def _finding(first: Written, second: Written) -> Finding:
    return Finding(
        confidence=0.95,
        claim=claim(
            "crontab_overwritten.found",
            "this replaces the whole table, and with it the job that line {line} has just installed",
            line=first.span.line,
        ),
        evidence=(
            Evidence(spanned(second.script, second.pipeline or second.node), "replaces the table"),
            Evidence(spanned(first.script, first.pipeline or first.node), "is lost"),
        ),
        would_refute=claim("crontab_overwritten.refute", "a run of the script after which crontab -l shows both"),
        subject=second.script.span.path,
        measured={"first_line": first.span.line},
        fix=claim(
            "crontab_overwritten.fix", "install all lines at once, or begin with crontab -l: (crontab -l; echo …) | crontab -"
        ),
    )
