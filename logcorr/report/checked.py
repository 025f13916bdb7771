"""The document of `logcorr check` (`logcorr.check/1`): findings as in the Result document, and what is accepted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from logcorr.model.result import Finding
from logcorr.model.source import Artifact, Problem, Span
from logcorr.report.cite import Document, Quotes, clean, locate
from logcorr.report.document import inputs, state_problems, write_finding

SCHEMA = "logcorr.check/1"


class Excuse(NamedTuple):
    """A finding that a comment or the configuration accepts, where that is said, and why."""

    finding: Finding
    said: Span
    reason: str


def spans(findings: Iterable[Finding], excuses: Iterable[Excuse]) -> set[Span]:
    """All spans that the document will quote."""
    every = (*findings, *(excuse.finding for excuse in excuses))
    return {evidence.span for finding in every for evidence in finding.evidence}


def build(
    findings: Sequence[Finding],
    excuses: Sequence[Excuse],
    *,
    artifacts: Sequence[Artifact],
    problems: Sequence[Problem],
    rules_run: Sequence[tuple[str, str]],
    quotes: Quotes,
    version: str,
) -> Document:
    """The document of one check; `quotes` holds what `spans` asked for."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "logcorr", "version": version},
        "inputs": inputs((), artifacts),
        "findings": [write_finding(finding, quotes) for finding in findings],
        "accepted": [
            {
                "finding": write_finding(excuse.finding, quotes),
                "comment": locate(excuse.said),
                "reason": clean(excuse.reason),
            }
            for excuse in excuses
        ],
        "rules_run": [{"rule": rule, "outcome": outcome} for rule, outcome in rules_run],
        "problems": state_problems(problems),
    }
