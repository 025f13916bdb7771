"""Lines worth showing, with marks: the culprit, the trigger, and each hop of the chain that stands in a file other than a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from logcorr.model.case import Case
from logcorr.model.claim import Claim
from logcorr.model.result import Cause, Finding, Judgement
from logcorr.model.source import Artifact, Span
from logcorr.report.cite import QUOTED_CHARACTERS, Document, Quotes, clean, state

CONTEXT = 2
"""Lines shown above and below a mark."""

MARKED_LINES = 6
"""A mark on a longer span (a stanza) is on its first lines alone."""

ROLES = ("culprit", "trigger", "step", "contributing")
"""What a mark can say of a line, in falling weight."""


class Mark(Struct, frozen=True):
    """A label on one line."""

    path: str
    line: int
    end_line: int
    role: str
    label: Claim


class Excerpt(Struct, frozen=True):
    """Lines of one file, with the marks on them, in order of line and weight."""

    span: Span
    marks: tuple[Mark, ...]


def choose(case: Case, findings: Sequence[Finding], judgement: Judgement, artifacts: Sequence[Artifact]) -> list[Excerpt]:
    """The excerpts of all causes; the file that holds the first culprit comes first, the others by path."""
    lengths = {artifact.path: artifact.line_count for artifact in artifacts}
    logs = {source.path for source in case.sources}
    marks = {(mark.path, mark.line, mark.role, mark.label.text): mark for mark in _marks(findings, judgement)}
    shown = [mark for mark in marks.values() if mark.end_line <= lengths.get(mark.path, 0)]
    shown = [mark for mark in shown if mark.role == "culprit" or mark.path not in logs]
    first = judgement.causes[0].culprit.path if judgement.causes else ""
    shown.sort(key=lambda mark: (mark.path != first, mark.path, mark.line, ROLES.index(mark.role)))
    files = groupby(shown, key=lambda mark: mark.path)
    return [excerpt for path, group in files for excerpt in _gather(list(group), lengths[path])]


def write(excerpt: Excerpt, quotes: Quotes) -> Document:
    """An excerpt as the document holds it."""
    lines = quotes[excerpt.span].text.split("\n")
    return {
        "path": clean(excerpt.span.path),
        "line": excerpt.span.line,
        "lines": [clean(line[:QUOTED_CHARACTERS]) for line in lines],
        "marks": [
            {"line": mark.line, "end_line": mark.end_line, "role": mark.role, "label": state(mark.label)}
            for mark in excerpt.marks
        ],
    }


def _marks(findings: Sequence[Finding], judgement: Judgement) -> Iterator[Mark]:
    known = {finding.id: finding for finding in findings}
    for cause in judgement.causes:
        yield from _marks_of(cause, known)


def _marks_of(cause: Cause, known: Mapping[str, Finding]) -> Iterator[Mark]:
    """Marks where hops start, or end in a file without other marks, on culprit and trigger, and on what contributes."""
    labels: dict[Span, list[Claim]] = {}
    for link in cause.chain:
        labels.setdefault(link.source, []).append(link.claim)
    roles = {cause.culprit: "culprit"} | ({cause.trigger: "trigger"} if cause.trigger else {})
    for span in roles:
        labels.setdefault(span, [cause.claim])
    marked = {span.path for span in labels}
    for link in cause.chain:
        if link.target.path not in marked:
            labels.setdefault(link.target, [link.claim])
    for span, claims in labels.items():
        yield from (_mark(span, roles.get(span, "step"), claim) for claim in claims)
    for finding in (known[id] for id in cause.contributing if id in known):
        yield _mark(finding.evidence[0].span, "contributing", finding.claim)


def _mark(span: Span, role: str, label: Claim) -> Mark:
    return Mark(span.path, span.line, min(span.end_line, span.line + MARKED_LINES - 1), role, label)


def _gather(marks: Sequence[Mark], length: int) -> Iterator[Excerpt]:
    """One file's marks as excerpts; those whose context touches share one."""
    groups: list[list[Mark]] = []
    for mark in marks:
        if groups and mark.line - CONTEXT <= max(other.end_line for other in groups[-1]) + CONTEXT + 1:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    for group in groups:
        last = max(mark.end_line for mark in group)
        yield Excerpt(Span(group[0].path, max(1, group[0].line - CONTEXT), max(min(length, last + CONTEXT), last)), tuple(group))
