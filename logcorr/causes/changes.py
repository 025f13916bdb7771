"""What began a story: a change shortly before, tied to what failed by what it touches, never by its time alone.

A change is a script that somebody ran, a reload, or an entry in a record of changes. It touches a service that it acts on or
names, or a setting, a path, an address or a file that it names and that the chain of the cause rests on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from logcorr.causes.ties import ties
from logcorr.causes.touched import Tie, texts_at, touched_by
from logcorr.causes.versions import CHANGES, VERSION, another_version, notes_of, older_copies
from logcorr.causes.weighing import Hypothesis
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Cause, Finding, Link

MOST, MOST_IN_ALL = 4, 6
"""So many lines of records are cited, and so many with what stands beside them."""


def begun(case: Case, causes: Sequence[Cause], hypotheses: Sequence[Hypothesis], findings: Sequence[Finding]) -> list[Cause]:
    """The causes, each with the change that began it, where something ties one to it."""
    struck = {one.cause.culprit: one for one in sorted(hypotheses, key=lambda one: one.cause.confidence)}
    subjects = {one.id: one.subject for one in findings}
    return [_begun(case, one, struck[one.culprit], subjects) for one in causes]


def _begun(case: Case, cause: Cause, struck: Hypothesis, subjects: Mapping[str, str]) -> Cause:
    if not len(struck.ends.times):
        return cause
    named = {struck.service, *subjects.get(struck.finding, "").split(", ")} - {""}
    touched = touched_by(case, cause, named, float(struck.ends.times[0]))
    cited = {(one.span.path, one.span.line) for link in cause.chain for one in link.evidence}
    recorded = _new(ties(case, touched), cited)[:MOST]
    known = [one for link in cause.chain if link.mechanism == CHANGES for one in link.evidence]
    told = [*(one.evidence for one in recorded), *known]
    versions = {version for one in told for text in texts_at(case, one.span) for version in VERSION.findall(text)}
    beside = (
        *another_version(case, touched.services, touched.released, touched.until),
        *older_copies(case, touched.lines),
        *notes_of(case, versions, touched.names),
    )
    found = _new((*recorded, *(Tie(*one) for one in beside)), cited)[:MOST_IN_ALL]
    return replace(cause, chain=tuple(_with(cause.chain, found))) if found else cause


def _new(ties: Iterable[Tie], cited: set[tuple[str, int]]) -> list[Tie]:
    """Those whose line the chain does not cite yet, each line once."""
    firsts: dict[tuple[str, int], Tie] = {}
    for one in ties:
        firsts.setdefault((one.evidence.span.path, one.evidence.span.line), one)
    return [one for place, one in firsts.items() if place not in cited]


def _with(chain: Sequence[Link], found: Sequence[Tie]) -> Iterator[Link]:
    """The chain with a first link to the change, or with what was found added to the one it has."""
    evidence = tuple(one.evidence for one in found)
    if any(link.mechanism == CHANGES for link in chain):
        for link in chain:
            yield replace(link, evidence=(*link.evidence, *evidence)) if link.mechanism == CHANGES else link
        return
    yield Link(
        mechanism=CHANGES,
        source=evidence[0].span,
        target=chain[0].source if chain else evidence[0].span,
        claim=claim(
            "hop.changed_before",
            "before the first sign of it there was a change that touches {what}",
            what=", ".join(dict.fromkeys(one.what for one in found)),
        ),
        evidence=evidence,
        proof="observed",
    )
    yield from chain
