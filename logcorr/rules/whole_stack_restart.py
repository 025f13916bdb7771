"""One failed check of one thing restarts everything."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.model.behaviour import Reach
from logcorr.model.case import Behaviour, Configuration, ProvedEffect
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule


@rule(code="SH007", title="One failed check restarts the whole stack", role="defect", severity="warning")
def check(case: Configuration) -> Iterator[Finding]:
    """Looks for effects without a target, reached through a probe, that hit more than one service."""
    seen = set()
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            effect = proved.effect
            whole = effect.ends_processes and not effect.targets and len(proved.hits) > 1 and not _tears_down(behaviour, proved)
            if whole and proved.probes and _for_want_of_success(proved) and effect.span not in seen:
                seen.add(effect.span)
                yield _finding(proved)


def _tears_down(behaviour: Behaviour, proved: ProvedEffect) -> bool:
    """Whether it takes down what the same script has brought up, as a test does."""
    brought = (one for one in behaviour.proved if one.effect.action == "up" and one.compose_paths == proved.compose_paths)
    return proved.effect.action == "down" and any(one.effect.span.line < proved.effect.span.line for one in brought)


def _for_want_of_success(proved: ProvedEffect) -> bool:
    """Whether a check that passes would prevent it; a release that goes on while all is well is something else."""
    return proved.proof.reach is Reach.MUST or False in proved.proof.if_well


def _finding(proved: ProvedEffect) -> Finding:
    return Finding(
        confidence=0.95,
        claim=claim(
            "whole_stack_restart.found",
            "one failed check is enough to {action} {count} services: {services}",
            action=proved.effect.action,
            count=len(proved.hits),
            services=", ".join(proved.hits),
        ),
        evidence=(
            Evidence(proved.effect.span, "names no service"),
            *(Evidence(answered.probe.span, "the only check") for answered in proved.probes),
        ),
        would_refute=claim("whole_stack_restart.refute", "a run of this command that leaves a service of the project running"),
        subject=proved.effect.span.path,
        measured={"services": len(proved.hits)},
        fix=claim("whole_stack_restart.fix", "name the service that failed, and act only after several failed checks"),
    )
