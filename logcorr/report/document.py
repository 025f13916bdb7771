"""The Result document (`logcorr.result/1`): everything that any report shows, as JSON can hold it.

Renderers take only this and compute nothing, so that a saved result can be rendered later. docs/result.md says what each
field means.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from logcorr.lazily import regex
from logcorr.model.case import Case, Source
from logcorr.model.claim import Claim, Evidence
from logcorr.model.events import KINDS
from logcorr.model.result import Action, Cause, Check, Explained, Finding, Judgement, Link, Missing, Patch, Rival
from logcorr.model.source import Artifact, Problem, Span
from logcorr.report import excerpts, headline, keyevents, lanes
from logcorr.report.cite import Document, Quote, Quotes, cite_all, clean, instant, locate, number, plain, state, state_all

__all__ = ["SCHEMA", "Document", "Quote", "Quotes", "build", "to_json"]

SCHEMA = "logcorr.result/1"

INVISIBLE = regex("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""What a terminal could obey, or a reader not see; JSON itself escapes only the controls below a space."""


def build(
    case: Case,
    findings: Sequence[Finding],
    judgement: Judgement,
    *,
    artifacts: Sequence[Artifact],
    problems: Sequence[Problem],
    rules_run: Sequence[tuple[str, str]],
    quote: Callable[[set[Span]], Quotes],
    assumptions: Sequence[Claim],
    version: str,
) -> Document:
    """The document of one analysis; `quote` reads all spans that it quotes in one go."""
    shown = excerpts.choose(case, findings, judgement, artifacts)
    events, left_out = keyevents.choose(case, judgement)
    harms = lanes.harms(case)
    cited = {one.span for one in _evidence(findings, judgement)} | {one.span for one in shown}
    spans = cited | {one.span for one in events} | {one.span for one in harms}
    quotes = quote(spans)
    return {
        "schema": SCHEMA,
        "tool": {"name": "logcorr", "version": version},
        "verdict": judgement.verdict,
        "title": state(headline.title(case, findings, judgement)),
        "status": state(headline.status(case, findings, judgement)),
        "window": {"first": instant(case.window[0]), "last": instant(case.window[1])} if case.window else None,
        "inputs": inputs(case.sources, artifacts),
        "findings": [write_finding(finding, quotes) for finding in findings],
        **_judged(judgement, quotes),
        "impact": [lanes.write(harm, quotes) for harm in harms],
        "timeline": [keyevents.write(event, quotes) for event in events],
        "timeline_left_out": left_out,
        "kinds": _kinds({event.kind for event in events} | {harm.kind for harm in harms}),
        "lanes": lanes.lanes(case),
        "overlays": lanes.overlays(case, findings, judgement),
        "excerpts": [excerpts.write(excerpt, quotes) for excerpt in shown],
        "related": _related(case, findings, judgement),
        "rules_run": [{"rule": rule, "outcome": outcome} for rule, outcome in rules_run],
        "comparison": None,
        "assumptions": state_all(assumptions),
        "problems": state_problems(problems),
    }


def state_problems(problems: Iterable[Problem]) -> list[Document]:
    """What could not be read, in order."""
    return [{"path": clean(problem.path), "line": problem.line, "message": clean(problem.message)} for problem in problems]


def to_json(document: Document) -> str:
    """The document as text: keys sorted, two spaces, UTF-8, a newline at the end; the same bytes for the same document."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, sort_keys=True, indent=2)
    return _visible(text) + "\n"


def to_json_lines(document: Document) -> str:
    """Every finding of a document as one line of JSON."""
    lines = (json.dumps(finding, ensure_ascii=False, allow_nan=False, sort_keys=True) for finding in document["findings"])
    return "".join(f"{_visible(line)}\n" for line in lines)


def _visible(text: str) -> str:
    return INVISIBLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def _judged(judgement: Judgement, quotes: Quotes) -> Document:
    """What the causes stage concludes."""
    return {
        "causes": [_cause(rank, cause, quotes) for rank, cause in enumerate(judgement.causes, 1)],
        "rivals": [_rival(rival, quotes) for rival in judgement.rivals],
        "missing": [_missing(missing) for missing in judgement.missing],
        "withdrawn": state_all(judgement.withdrawn),
        "checks": [_check(check) for check in judgement.checks],
        "actions": [_action(action) for action in judgement.actions],
        "lessons": state_all(judgement.lessons),
        "diffs": [{"path": clean(path), "diff": clean(diff)} for path, diff in judgement.diffs],
    }


def inputs(read: Sequence[Source], artifacts: Sequence[Artifact]) -> list[Document]:
    """Every collected file, by path, and how it was read if it is a log."""
    sources = {source.path: source for source in read}
    return [
        {
            "path": clean(artifact.path),
            "sha256": artifact.sha256,
            "size": artifact.size,
            "encoding": artifact.encoding,
            "format": artifact.format,
            "envelopes": list(artifact.envelopes),
            "lines": artifact.line_count,
            "unparsed": source.unparsed if source else 0,
            "first": instant(source.first) if source else None,
            "last": instant(source.last) if source else None,
            "source": source.source if source else None,
            "service": clean(source.service) if source and source.service else None,
            "zone": source.zone if source else None,
            "zone_reason": clean(source.zone_reason) if source else None,
        }
        for artifact in sorted(artifacts, key=lambda artifact: artifact.path)
        for source in [sources.get(artifact.path)]
    ]


def write_finding(finding: Finding, quotes: Quotes) -> Document:
    """A finding as the document holds it."""
    ends = finding.at.ends if finding.times else None
    return {
        "id": finding.id,
        "rule": finding.rule,
        "code": finding.code,
        "role": finding.role,
        "severity": finding.severity,
        "confidence": number(finding.confidence),
        "subject": clean(finding.subject),
        "claim": state(finding.claim),
        "measured": {name: plain(value) for name, value in finding.measured.items()},
        "times": {"count": len(finding.times), "first": instant(ends[0]), "last": instant(ends[1])} if ends else None,
        "evidence": cite_all(finding.evidence, quotes),
        "would_refute": state(finding.would_refute),
        "fix": state(finding.fix) if finding.fix else None,
    }


def _cause(rank: int, cause: Cause, quotes: Quotes) -> Document:
    return {
        "id": cause.id,
        "rank": rank,
        "kind": cause.kind,
        "claim": state(cause.claim),
        "confidence": number(cause.confidence),
        "proof": cause.proof,
        "culprit": locate(cause.culprit),
        "trigger": locate(cause.trigger) if cause.trigger else None,
        "contributing": list(cause.contributing),
        "period_s": number(cause.period_s),
        "lag_s": number(cause.lag_s),
        "chain": [_link(link, quotes) for link in cause.chain],
        "explains": [_explained(explained) for explained in cause.explains if explained.count],
        "score": [{"part": part, "log10_bf": number(log10)} for part, log10 in cause.score],
        "against": state_all(cause.against),
        "recurrence": [instant(time) for time in cause.recurrence],
    }


def _link(link: Link, quotes: Quotes) -> Document:
    return {
        "mechanism": link.mechanism,
        "from": locate(link.source),
        "to": locate(link.target),
        "lag_s": number(link.lag_s),
        "proof": link.proof,
        "claim": state(link.claim),
        "evidence": cite_all(link.evidence, quotes),
    }


def _explained(explained: Explained) -> Document:
    return {"finding": explained.finding, "count": explained.count, "total": explained.total, "share": number(explained.share)}


def _rival(rival: Rival, quotes: Quotes) -> Document:
    return {
        "path": clean(rival.span.path) if rival.span else None,
        "line": rival.span.line if rival.span else None,
        "claim": state(rival.claim),
        "why_rejected": state(rival.why_rejected),
        "evidence": cite_all(rival.evidence, quotes),
    }


def _missing(missing: Missing) -> Document:
    return {"what": state(missing.what), "why": state(missing.why), "would_decide": state(missing.would_decide)}


def _check(check: Check) -> Document:
    return {
        "when": check.when,
        "claim": state(check.claim),
        "command": clean(check.command) if check.command else None,
        "expect": state(check.expect) if check.expect else None,
    }


def _action(action: Action) -> Document:
    return {
        "kind": action.kind,
        "claim": state(action.claim),
        "path": clean(action.span.path) if action.span else None,
        "line": action.span.line if action.span else None,
        "patch": _patch(action.patch) if action.patch else None,
    }


def _patch(patch: Patch) -> Document:
    return {
        "finding": patch.finding,
        "change": state(patch.change),
        "diff": clean(patch.diff),
        "safe": patch.safe,
        "reach_before": patch.reach_before,
        "reach_after": patch.reach_after,
    }


def _kinds(kinds: Iterable[str]) -> Document:
    """What each kind of event means, as claims named `kind.KIND`."""
    return {kind: {"id": f"kind.{kind}", "params": {}, "text": KINDS[kind]} for kind in sorted(kinds)}


def _evidence(findings: Sequence[Finding], judgement: Judgement) -> Iterator[Evidence]:
    for finding in findings:
        yield from finding.evidence
    for cause in judgement.causes:
        for link in cause.chain:
            yield from link.evidence
    for rival in judgement.rivals:
        yield from rival.evidence


def _related(case: Case, findings: Sequence[Finding], judgement: Judgement) -> list[Document]:
    """Files of configuration that evidence stands on, with the lines."""
    logs = {source.path for source in case.sources}
    named = [span for cause in judgement.causes for span in (cause.culprit, cause.trigger) if span]
    cited = {evidence.span for evidence in _evidence(findings, judgement)} | set(named)
    files = groupby(sorted(span for span in cited if span.path not in logs), key=lambda span: span.path)
    return [{"path": clean(path), "lines": [[span.line, span.end_line] for span in group]} for path, group in files]
