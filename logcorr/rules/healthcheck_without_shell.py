"""A health check in exec form holds what only a shell understands."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ComposeFile, Healthcheck, Service
from logcorr.model.result import Finding
from logcorr.rules import rule

OPERATORS = frozenset({"||", "&&", "|", ";", ">", ">>", "2>&1", ">/dev/null", "<"})
VARIABLE = regex(r"\$(?:[A-Z_][A-Z0-9_]+|\{[A-Z_][A-Z0-9_]+\})")
SHELLS = frozenset({"sh", "bash", "ash", "/bin/sh", "/bin/bash", "cmd", "powershell", "busybox"})


@rule(code="COMP011", title="A health check needs a shell and has none", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for tests of the form CMD with a shell's operators among their words, or with the whole command as one word."""
    for file in case.of(ComposeFile):
        for service in file.services:
            said = _wrong(service.healthcheck, file) if service.healthcheck else None
            if said and service.healthcheck:
                yield _finding(service, service.healthcheck, said)


def _wrong(test: Healthcheck, file: ComposeFile) -> Claim | None:
    words = test.test[1:] if test.test[:1] == ("CMD",) else ()
    if not words or words[0] in SHELLS:
        return None
    operator = next((word for word in words if word in OPERATORS), None)
    if operator:
        return claim(
            "healthcheck_without_shell.operator",
            "no shell runs this test: {program} gets {operator} and what follows as its arguments",
            program=words[0],
            operator=operator,
        )
    if len(words) == 1 and " " in words[0].strip() and "$" not in words[0]:
        return claim(
            "healthcheck_without_shell.one_word",
            "no shell runs this test: Docker looks for a program whose name is the whole line {line}, and finds none",
            line=words[0],
        )
    variable = next((word for word in words[1:] if _left_as_text(word, test, file)), None)
    if variable:
        return claim(
            "healthcheck_without_shell.variable",
            "no shell runs this test: {program} gets the text {word}, not the value of the variable",
            program=words[0],
            word=variable,
        )
    return None


def _left_as_text(word: str, test: Healthcheck, file: ComposeFile) -> bool:
    """Whether it holds a variable that compose was told to leave to a shell (`$$NAME`)."""
    found = VARIABLE.search(word)
    written = "\n".join(file.text.split("\n")[test.span.line - 1 : test.span.end_line])
    return found is not None and f"${found[0]}" in written


def _finding(service: Service, test: Healthcheck, said: Claim) -> Finding:
    return Finding(
        severity="warning" if said.id.endswith("variable") else "error",
        confidence=0.95,
        claim=said,
        evidence=(Evidence(test.span, "runs without a shell"),),
        would_refute=claim("healthcheck_without_shell.refute", "docker inspect with the state healthy for this service"),
        subject=service.name,
        fix=claim("healthcheck_without_shell.fix", "write CMD-SHELL and the command as one text, or only words of one program"),
    )
