"""Causes that one rule can diagnose by itself: the finding is the cause, and what followed its events is its effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from logcorr.causes.follow import LONGEST_S, Following, Times, after, following
from logcorr.model.case import Case
from logcorr.model.claim import Claim, claim
from logcorr.model.result import Cause, Explained, Finding, Link
from logcorr.model.source import Span
from logcorr.timeline.select import cite, spans

FELT_AS = {
    "termination_closes_connections": ("client.disconnected", "upstream.closed_early", "upstream.reset"),
    "termination_refuses_connections": ("upstream.refused", "upstream.none_live"),
}
"""By which events an effect shows, where not by all that is felt."""

FELT = (
    "upstream.refused", "upstream.closed_early", "upstream.reset", "upstream.none_live", "upstream.timeout",
    "client.disconnected", "client.connect_failed", "http.5xx",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How a rule's finding becomes a cause: its kind, and the mechanisms between its pieces of evidence, in order.

    `effects` names the mechanisms by which it is felt elsewhere, in order. `most` bounds the confidence of rules
    that name where it broke, but not why. Symptoms count as explained up to `within_s` after one of the finding's events, or,
    of what `lasts`, from the first of them on.
    """

    kind: str
    mechanisms: tuple[str, ...]
    effects: tuple[str, ...] = ("failure_reaches_clients",)
    most: float = 1.0
    within_s: float = LONGEST_S
    lasts: bool = False


DOWN = ("termination_refuses_connections", "failure_reaches_clients")
"""How it is felt that a process is gone."""

HOPS = {
    "crash_ends_process": claim("hop.crash_ends_process", "the process ends of its own"),
    "supervisor_restarts_process": claim("hop.supervisor_restarts_process", "it is started again"),
    "configuration_mismatch": claim("hop.configuration_mismatch", "two configurations disagree"),
    "probe_gets_answer": claim("hop.probe_gets_answer", "its probe gives up before it is answered"),
    "answer_takes_branch": claim("hop.answer_takes_branch", "the script takes that for a failure"),
    "effect_hits_service": claim("hop.effect_hits_service", "it acts on the service"),
    "job_stalls_service": claim("hop.job_stalls_service", "while it runs, requests wait"),
    "limit_rejects_requests": claim("hop.limit_rejects_requests", "the limit turns requests away"),
    "timeout_closes_connection": claim("hop.timeout_closes_connection", "each such connection is closed when the time is up"),
}
"""What a hop after the first says; the first is the finding itself."""

DIAGNOSES = {
    "heap_exhausted": Diagnosis(
        "heap_exhausted",
        ("resource_exhausted", "crash_ends_process", "supervisor_restarts_process"),
        DOWN,
    ),
    "idle_timeout": Diagnosis("idle_timeout", ("configuration_mismatch", "timeout_closes_connection"), within_s=5.0),
    "stale_upstream_address": Diagnosis(
        "stale_upstream_address", ("deploy_changes_configuration", "configuration_mismatch"), lasts=True
    ),
    "job_stalls_service": Diagnosis(
        "job_stalls_service", ("job_runs_script", "job_stalls_service", "timeout_closes_connection"), within_s=5.0
    ),
    "request_crashes_process": Diagnosis(
        "request_crashes_process",
        ("request_crashes_process", "crash_ends_process", "supervisor_restarts_process"),
        DOWN,
        within_s=30.0,
    ),
    "keepalive_race": Diagnosis("keepalive_race", ("configuration_mismatch", "timeout_closes_connection"), within_s=5.0),
    "crash_after_deploy": Diagnosis(
        "crash_after_deploy",
        ("deploy_changes_configuration", "configuration_mismatch", "crash_ends_process", "supervisor_restarts_process"),
        DOWN,
        lasts=True,
    ),
    "requests_limited.by_job": Diagnosis("requests_limited", ("job_runs_script", "limit_rejects_requests"), within_s=5.0),
    "requests_limited": Diagnosis("requests_limited", ("limit_rejects_requests",), within_s=5.0),
    "disk_full": Diagnosis("disk_full", ("resource_exhausted",), lasts=True),
    "memory_exhausted": Diagnosis(
        "memory_exhausted", ("resource_exhausted", "crash_ends_process", "supervisor_restarts_process"), DOWN
    ),
    "certificate_failed": Diagnosis("certificate_failed", ("certificate_fails",), within_s=5.0),
    "slow_probe": Diagnosis(
        "slow_probe",
        ("job_runs_script", "probe_gets_answer", "answer_takes_branch", "effect_hits_service"),
        ("termination_closes_connections", *DOWN),
    ),
    "process_crashed": Diagnosis("crash", ("crash_ends_process",), DOWN, most=0.8),
}
"""By the name of the rule, or of one of its claims. A rule that finds but a symptom of something else does not stand here."""


def diagnosed(case: Case, findings: Sequence[Finding]) -> Iterator[Cause]:
    """A cause for each finding of these rules, with the symptoms that follow its events."""
    for finding in findings:
        diagnosis = DIAGNOSES.get(finding.claim.id) or DIAGNOSES.get(finding.rule)
        if diagnosis and case.window:
            yield _cause(case, findings, finding, diagnosis)


def _cause(case: Case, findings: Sequence[Finding], finding: Finding, diagnosis: Diagnosis) -> Cause:
    times: Times = np.unique([time.timestamp() for time in finding.times])
    return Cause(
        kind=diagnosis.kind,
        claim=finding.claim,
        confidence=min(finding.confidence, diagnosis.most),
        proof="observed",
        culprit=finding.evidence[0].span,
        chain=(*_hops(finding, diagnosis), *_effects(case, finding, times, diagnosis)),
        explains=tuple(_explains(findings, times, diagnosis)),
        score=(("observed", 0.0),),
    )


def _effects(case: Case, finding: Finding, times: Times, diagnosis: Diagnosis) -> Iterator[Link]:
    """How it was felt, as far as the logs show it."""
    for mechanism in diagnosis.effects:
        kinds = FELT_AS.get(mechanism, FELT)
        felt = _felt(case, case.happened(*kinds), times, diagnosis.lasts)
        if felt:
            yield _effect(finding, mechanism, felt, diagnosis.lasts)


def _felt(case: Case, events: pl.DataFrame, times: Times, lasts: bool) -> Following | None:
    assert case.window is not None
    if not len(times):
        return None
    if lasts:
        since = events.filter(pl.col("time").dt.epoch("us") >= times[0] * 1e6)
        return Following(since, since.height, events.height, 0.0, 0.0) if since.height else None
    return following(times, events, (case.window[0].timestamp(), case.window[1].timestamp()))


def _hops(finding: Finding, diagnosis: Diagnosis) -> Iterator[Link]:
    """From each piece of evidence to the next, the last to itself."""
    places = [evidence.span for evidence in finding.evidence]
    for number, mechanism in enumerate(diagnosis.mechanisms):
        source: Span = places[min(number, len(places) - 1)]
        yield Link(
            mechanism=mechanism,
            source=source,
            target=places[min(number + 1, len(places) - 1)],
            claim=HOPS[mechanism] if number else finding.claim,
            evidence=finding.evidence,
            proof="observed",
        )


def _effect(finding: Finding, mechanism: str, felt: Following, lasts: bool) -> Link:
    return Link(
        mechanism=mechanism,
        source=finding.evidence[0].span,
        target=spans(felt.rows)[0],
        claim=_felt_claim(felt, lasts),
        evidence=cite(felt.rows),
        proof="observed",
        lag_s=felt.lag_s,
    )


def _felt_claim(felt: Following, lasts: bool) -> Claim:
    if lasts:
        return claim(
            "chain.felt_since",
            "{count} of {total} failed requests and broken connections come after it",
            count=felt.followed,
            total=felt.total,
        )
    return claim(
        "chain.felt_after",
        "{count} of {total} failed requests and broken connections follow within {horizon:g} s, the first {lag:g} s after",
        count=felt.followed,
        total=felt.total,
        horizon=round(felt.horizon_s, 1),
        lag=round(felt.lag_s, 1),
    )


def _explains(findings: Sequence[Finding], times: Times, diagnosis: Diagnosis) -> Iterator[Explained]:
    for finding in findings:
        if finding.role == "symptom" and finding.times and len(times):
            felt: Times = np.array([time.timestamp() for time in finding.times])
            hit = felt >= times[0] if diagnosis.lasts else after(times, felt, diagnosis.within_s)
            yield Explained(finding=finding.id, count=int(hit.sum()), total=len(felt))
