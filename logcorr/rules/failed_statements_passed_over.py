"""psql goes on where a statement fails, and ends with success: who asks for its status learns nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._embedded import everywhere
from logcorr.rules._errexit import ends_script
from logcorr.rules._idioms import excused, forgiven, next_test
from logcorr.semantics.written import Redirect, Redirected, Written, commands, in_program

CARRIERS = frozenset({"docker", "docker-compose", "podman", "podman-compose", "kubectl"})
"""Programs that run psql elsewhere."""

READERS = frozenset(
    {"cat", "zcat", "gunzip", "gzip", "bzcat", "bunzip2", "xzcat", "unxz", "zstdcat", "unzstd", "zstd", "xz", "pv", "envsubst"}
)
"""Programs that hand on what stands in a file."""

OPTIONS_ELSEWHERE = regex(r"^\$\{?\w*(opt|arg|flag)|^\$\{?\w+\[[@*]\]", re.IGNORECASE)
"""A word that may hold options."""


@rule(code="SH022", title="psql passes over statements that fail", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for psql with a file of statements and without ON_ERROR_STOP, whose status decides something.

    Where it decides no more than whether a message is printed, a script's places are one note.
    """
    told: dict[str, list[Written]] = {}
    for command in everywhere(case):
        options = _psql(command)
        if options and _whole_file(command, options) and not _stops(command) and _decides(command):
            if forgiven(command):
                told.setdefault(command.script.span.path, []).append(command)
            else:
                yield _finding((command,), _undone() if _given(options, "1", "single-transaction") else _passing())
    for places in told.values():
        yield _finding(places, _untold(len(places)), "info")


def _psql(command: Written) -> tuple[str, ...] | None:
    """psql and the words behind it, called directly or in a container."""
    if command.name == "psql":
        return ("psql", *command.words)
    carried = command.name in CARRIERS or command.name.startswith("$")
    return command.words[command.words.index("psql") :] if carried and "psql" in command.words else None


def _whole_file(command: Written, options: tuple[str, ...]) -> bool:
    """Whether it runs a file: by its name, redirected, or read by what stands before it in the pipe."""
    if _given(options, "f", "file"):
        return True
    pipeline = command.pipeline
    if pipeline and pipeline.commands[0] is not command.node:
        first = next((one for one in commands(command.script) if one.node is pipeline.commands[0]), None)
        return first is not None and first.name in READERS and not _given(options, "c", "command")
    return any(redirect.operator == "<" for redirect in _redirects(command))


def _given(options: Sequence[str], letter: str, name: str) -> bool:
    """Whether the option is given, maybe in one word with others that take no value."""
    return any(re.match(rf"-[AabEeHlnqSstwWXxz01]*{letter}|--{name}\b", word) for word in options)


def _redirects(command: Written) -> list[Redirect]:
    outer = command.around[-1] if command.around else None
    return [*command.node.redirects, *(outer.redirects if isinstance(outer, Redirected) else ())]


def _stops(command: Written) -> bool:
    """Whether it stops at the first failure, may do so by options kept elsewhere, or goes on because somebody wants it to."""
    if "ON_ERROR_STOP" in command.text:
        return True
    return "ON_ERROR_STOP" in command.script.text and any(map(OPTIONS_ELSEWHERE.search, command.words))


def _decides(command: Written) -> bool:
    """Whether its status is asked for, by a test or by `set -e`."""
    pipeline = command.pipeline
    if pipeline and pipeline.commands[-1] is not command.node:
        return False
    if command.asked():
        return not excused(command)
    ends = in_program(command, "e") and ends_script(command.script, command.node, command.around)
    return ends or next_test(command) is not None


def _finding(places: Sequence[Written], said: Claim, severity: str = "") -> Finding:
    return Finding(
        severity=severity,
        confidence=0.85,
        claim=said,
        evidence=tuple(Evidence(one.span, "does not stop at errors") for one in places),
        would_refute=claim(
            "failed_statements_passed_over.refute",
            "a run with a statement that fails and that the script notices (a .psqlrc, or a file that sets ON_ERROR_STOP itself)",
        ),
        subject=places[0].script.span.path,
        fix=claim(
            "failed_statements_passed_over.fix",
            "psql -v ON_ERROR_STOP=1 -f -, with --single-transaction where all or none is wanted",
        ),
    )


def _undone() -> Claim:
    return claim(
        "failed_statements_passed_over.undone",
        "where a statement fails, psql takes everything back and ends with success: what was not loaded counts as loaded",
    )


def _passing() -> Claim:
    return claim(
        "failed_statements_passed_over.found",
        "where a statement fails, psql goes on with the next and ends with success: what was loaded in part counts as loaded",
    )


def _untold(places: int) -> Claim:
    return claim(
        "failed_statements_passed_over.untold",
        "where a statement fails, psql goes on and succeeds at last: what stands behind || is never said (such places: {places})",
        places=places,
    )
