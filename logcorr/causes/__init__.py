"""From findings to causes: mechanisms, one posterior over the suspects, the verdict, what is innocent, what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from logcorr.causes.advice import actions, checks
from logcorr.causes.blame import cause
from logcorr.causes.diagnosed import diagnosed
from logcorr.causes.missing import missing
from logcorr.causes.rivals import rivals
from logcorr.causes.scheduled import Attributed, attributed
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Cause, Finding, Judgement
from logcorr.timeline.lifecycles import stops

LEAST_EXPLAINED, MOST_UNEXPLAINED = 0.5, 0.6
"""A cause that explains under half of the serious events is at most this sure: something else is going on."""
SURE = 0.9
REPEATED = 3
"""A service that is told to end so often is not just being deployed."""
LIKELY = 0.5
GROUNDED = ("must", "conditional", "may", "observed")
"""Shown from configuration or seen in the logs; timing alone never makes a root cause."""
__all__ = ["judge"]


def judge(case: Case, findings: Sequence[Finding]) -> Judgement:
    """Name the causes, most probable first, and say how sure that is; abstain where the evidence does not carry one."""
    told = _stops(case)
    scheduled = [one for one in (cause(case, findings, stops) for stops in told) if one]
    causes = _distinct([_tempered(one, findings) for one in (*scheduled, *diagnosed(case, findings))])
    ranked = tuple(replace(one, id=f"C{rank}") for rank, one in enumerate(causes, start=1))
    verdict = _verdict(ranked, findings)
    return Judgement(
        verdict=verdict,
        causes=ranked,
        rivals=rivals(case, told, ranked),
        missing=missing(case, findings, told, ranked),
        checks=checks(case, told, ranked),
        actions=actions(findings, ranked),
        withdrawn=tuple(dict.fromkeys(suspect.refuted for one in told for suspect in one.suspects if suspect.refuted)),
    )


def _stops(case: Case) -> list[Attributed]:
    """Each service's stops, weighed against every job; services with the most stops first."""
    named = case.events.filter(pl.col("service").is_not_null())
    groups = sorted(stops(named), key=lambda pair: (-pair[1].height, pair[0]))
    return [attributed(case, service, rows) for service, rows in groups]


def _tempered(cause: Cause, findings: Sequence[Finding]) -> Cause:
    """Less sure of a cause that leaves most of the serious symptoms unexplained."""
    serious = {finding.id for finding in findings if finding.severity == "error"}
    told = [one for one in cause.explains if one.finding in serious]
    total, explained = sum(one.total for one in told), sum(one.count for one in told)
    if not total or explained >= LEAST_EXPLAINED * total:
        return cause
    unexplained = claim(
        "cause.leaves_unexplained",
        "it explains {count} of {total} serious events that were logged",
        count=explained,
        total=total,
    )
    return replace(cause, confidence=min(cause.confidence, MOST_UNEXPLAINED), against=(*cause.against, unexplained))


def _distinct(causes: list[Cause]) -> list[Cause]:
    """One cause for each culprit: what ends two services at once is told once, by the surest."""
    best: dict[object, Cause] = {}
    for one in sorted(causes, key=lambda c: -c.confidence):
        best.setdefault(one.culprit, one)
    return sorted(best.values(), key=lambda c: -c.confidence)


def _verdict(causes: Sequence[Cause], findings: Sequence[Finding]) -> str:
    if causes and causes[0].confidence >= SURE and causes[0].proof in GROUNDED:
        return "root-cause"
    if causes and causes[0].confidence >= LIKELY:
        return "suspected"
    return "undetermined" if any(map(_worrying, findings)) else "healthy"


def _worrying(finding: Finding) -> bool:
    """Whether something needs explaining: serious symptoms and patterns do; one clean restart or a closed page does not."""
    repeated = finding.rule == "service_terminated" and len(finding.times) >= REPEATED
    return repeated or (finding.severity == "error" and finding.role in ("symptom", "signal"))
