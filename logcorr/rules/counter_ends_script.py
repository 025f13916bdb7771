"""`((n++))` fails where n is 0, and `set -e` ends the script there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from logcorr.lazily import regex
from logcorr.model.case import Configuration
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._errexit import ends_script
from logcorr.semantics.written import Arithmetic, function_of, placed, spanned, switched_on

COUNTS = regex(r"\(\(\s*(\w+)\s*\+\+\s*\)\)")


@rule(code="SH025", title="Counting from 0 ends a script under set -e", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for `((n++))` that is no condition, of a counter that begins at 0, where `set -e` is on."""
    for script in case.of(Script):
        places = list(_fatal(script))
        if places:
            yield _finding(script, places)


def _fatal(script: Script) -> Iterator[tuple[str, Arithmetic]]:
    """The steps that end the script where their counter is 0."""
    for node, around in placed(script, Arithmetic):
        step = COUNTS.fullmatch(script.text[node.start : node.end].strip())
        counted = step and _from_zero(script, step[1]) and switched_on(script, node, function_of(around), "e")
        if step and counted and ends_script(script, node, around):
            yield step[1], node


def _from_zero(script: Script, counter: str) -> bool:
    """Whether all that is ever put into it is 0."""
    given = re.findall(rf"(?<![\w$]){counter}=([^\s;)]*)", script.text)
    otherwise = re.search(
        rf"(?<![\w$]){counter}(?:\s*[-+*/%]=|\s*--)|\(\(\s*(?:\+\+|--)\s*{counter}\b"
        rf"|\b(?:read|printf\s+-v|mapfile|readarray|getopts|for)\b[^\n;|]*(?<![\w$]){counter}\b",
        script.text,
    )
    return bool(given) and all(value.strip("\"'") == "0" for value in given) and not otherwise


def _finding(script: Script, places: Sequence[tuple[str, Arithmetic]]) -> Finding:
    counter = places[0][0]
    return Finding(
        confidence=0.97,
        claim=claim(
            "counter_ends_script.found",
            "(({counter}++)) fails where {counter} is 0, as it is at first: set -e ends the script there (such places: {places})",
            counter=counter,
            places=len(places),
        ),
        evidence=tuple(Evidence(spanned(script, node), "fails the first time") for _, node in places[:3]),
        would_refute=claim("counter_ends_script.refute", "a run that goes on after the first {counter}", counter=counter),
        subject=script.span.path,
        measured={"counter": counter, "places": len(places)},
        fix=claim("counter_ends_script.fix", "{counter}=$(({counter} + 1)), which never fails", counter=counter),
    )
