"""A health check waits for an answer that the server, as configured, never gives."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.behaviour import Answer, Probe, Reach
from logcorr.model.case import Configuration, ProbeAnswer, ProvedEffect
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule


@rule(code="SH006", title="A probe can never get the answer it expects", role="defect", severity="error")
def check(case: Configuration) -> Iterator[Finding]:
    """Compares what a script expects of a probe's status with every answer that the configuration allows."""
    seen = set()
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            for answered in proved.probes:
                place = answered.probe.url_span or answered.probe.span
                if place not in seen and _never_satisfied(answered) and _taken_for_failure(proved, answered):
                    seen.add(place)
                    yield _finding(answered)


def _never_satisfied(answered: ProbeAnswer) -> bool:
    probe, answers = answered.probe, answered.answers
    if probe.yields != "status" or not probe.expects or not answers:
        return False
    return all(answer.status is not None and str(answer.status) not in probe.expects for answer in answers)


def _taken_for_failure(proved: ProvedEffect, answered: ProbeAnswer) -> bool:
    """Whether each answer lets the effect run, as far as is known: one that waits for a failure is not misled by a redirect."""
    if proved.proof.reach in (Reach.MUST, Reach.NEVER):
        return proved.proof.reach is Reach.MUST
    probe = answered.probe
    told = [f"{probe.tool} at {probe.span}: HTTP {answer.status}" for answer in answered.answers]
    cases = [(outcomes.split("; "), runs) for outcomes, runs in proved.proof.cases]
    return all(any(runs is not False for outcomes, runs in cases if one in outcomes) for one in told)


def _expected(probe: Probe) -> str:
    """The good answers that the script names; of a range, a pattern or failures only that the answer is none it wants."""
    good = [value for value in probe.expects if value.isdigit() and 200 <= int(value) < 400]
    return " or ".join(good) if all(value.isdigit() for value in probe.expects) and good else "something else"


def _finding(answered: ProbeAnswer) -> Finding:
    probe, answer = answered.probe, answered.answers[0]
    place = probe.url_span or probe.span
    return Finding(
        confidence=0.99 if len(answered.answers) == 1 else 0.95,
        claim=_claim(answered, answer),
        evidence=(
            Evidence(place, "the address asked"),
            *([Evidence(probe.span, "the probe")] if probe.span != place else []),
            Evidence(answer.at, f"answers {answer.status}"),
            *(Evidence(span, text) for text, span in (*answered.path, *answer.trace) if span != answer.at),
        ),
        would_refute=claim(
            "unsatisfiable_probe.refute",
            "a run of the probe on the host that prints {expects}",
            expects=_expected(probe),
        ),
        subject=place.path,
        measured={"status": answer.status or 0, "expects": ", ".join(probe.expects)},
        fix=claim(
            "unsatisfiable_probe.fix",
            "ask the service itself, or an address that answers {expects}",
            expects=_expected(probe),
        ),
    )


def _claim(answered: ProbeAnswer, answer: Answer) -> Claim:
    url, status, expects = str(answered.probe.url), answer.status or 0, _expected(answered.probe)
    if answer.location:
        return claim(
            "unsatisfiable_probe.redirect",
            "the probe of {url} takes the redirect {status} to {location} for a failure: it expects {expects}",
            url=url,
            status=status,
            location=answer.location,
            expects=expects,
        )
    return claim(
        "unsatisfiable_probe.status",
        "the probe of {url} always gets {status}, but expects {expects}",
        url=url,
        status=status,
        expects=expects,
    )
