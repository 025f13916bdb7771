"""An address without quotes holds what ends a command: the shell cuts it there."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import ComposeFile, Healthcheck
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._idioms import written
from logcorr.semantics.written import Written

GOES_ON = regex(r"&[\w.%\[\]-]+=|;(?:-?\d|[\w.-]+=)")
"""What follows a cut address and can only be its rest: `&limit=10`, `;-100.31,25.67`."""

ADDRESS = regex(r"\w+://[^\s\"'|&;<>()]+")
IN_A_LINE = regex(
    r"\b(?:curl|wget)\b(?:[^\"'|;&\n]|\"[^\"]*\"|'[^']*')*?\s(\w+://[^\s\"'|&;<>()]+)(&[\w.%\[\]-]+=|;(?:-?\d|[\w.-]+=))"
)


@rule(code="SH020", title="The shell cuts an address", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for curl and wget whose address stands without quotes and goes on behind a `&` or `;`."""
    for command in written(case):
        rest = _rest(command)
        if rest:
            yield _finding(command.span, command.words[-1], rest)
    for test in case.of(Healthcheck):
        yield from _in_a_check(test, test.span)
    for file in case.of(ComposeFile):
        for service in file.services:
            if service.healthcheck:
                yield from _in_a_check(service.healthcheck, _line(file, service.healthcheck))


def _line(file: ComposeFile, test: Healthcheck) -> Span:
    """The line of the check that holds the command."""
    lines = file.text.split("\n")
    named = (number for number in range(test.span.line, test.span.end_line + 1) if "://" in lines[number - 1])
    return Span(file.span.path, next(named, test.span.line))


def _in_a_check(test: Healthcheck, at: Span) -> Iterator[Finding]:
    found = IN_A_LINE.search(test.test[1]) if test.test[:1] == ("CMD-SHELL",) and len(test.test) > 1 else None
    if found:
        yield _finding(at, found[1], found[2][0])


def _rest(command: Written) -> str | None:
    """The character that cuts the address, where that ends the command and what follows is its rest."""
    if command.name not in ("curl", "wget") or not command.words or not ADDRESS.fullmatch(command.words[-1]):
        return None
    found = GOES_ON.match(command.script.text, command.node.end)
    return found[0][0] if found and command.text.endswith(command.words[-1]) else None


def _finding(span: Span, address: str, cut: str) -> Finding:
    return Finding(
        confidence=0.97,
        claim=claim(
            "address_cut_by_shell.found",
            "the shell cuts the address at {cut}: it asks for {address}, and takes the rest for another command",
            cut=cut,
            address=address,
        ),
        evidence=(Evidence(span, "no quotes around the address"),),
        would_refute=claim("address_cut_by_shell.refute", "the server's access log, which holds the whole address"),
        subject=span.path,
        fix=claim("address_cut_by_shell.fix", "put the address in quotes"),
    )
