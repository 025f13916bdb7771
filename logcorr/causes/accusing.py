"""What a cause says of the job or script that ended a service."""

from __future__ import annotations

from logcorr.causes.chain import deciding
from logcorr.causes.observed import Observed
from logcorr.causes.scheduled import Attributed
from logcorr.causes.suspects import Suspect
from logcorr.model.case import ProvedEffect
from logcorr.model.claim import Claim, claim
from logcorr.statistics import Group


def claimed(kind: str, told: Attributed, suspect: Suspect, group: Group) -> Claim:
    """What a cause of this kind says of the suspect."""
    if suspect.effect is None:
        return _unproven(told, suspect)
    if kind == "probe_never_satisfied":
        return _never_satisfied(told, suspect, suspect.effect)
    if kind == "check_always_fails":
        return _always_failing(told, suspect, suspect.effect, group)
    if kind == "scheduled_check_acts":
        return _acting(told, suspect, suspect.effect)
    return claim(
        "cause.scheduled_stop",
        "{script}, run on {schedule}, {action}s {service}",
        schedule=suspect.runs,
        script=suspect.effect.effect.span.path,
        action=suspect.effect.effect.action,
        service=told.service,
    )


def _unproven(told: Attributed, suspect: Suspect) -> Claim:
    if len(told.possible) > 1:
        return claim(
            "cause.tied",
            "one of {count} jobs on {schedule} stops {service}; timing cannot tell them apart, "
            "and their scripts were not collected: {jobs}",
            count=len(told.possible),
            schedule=suspect.runs,
            service=told.service,
            jobs=", ".join(one.name for one in told.possible),
        )
    return claim(
        "cause.unproven",
        "the job on {schedule} probably stops {service}: the timing fits, but what it runs was not collected",
        schedule=suspect.runs,
        service=told.service,
    )


def _acting(told: Attributed, suspect: Suspect, proved: ProvedEffect) -> Claim:
    if not proved.effect.guard:
        probe = proved.probes[-1].probe
        return claim(
            "cause.scheduled_check_fails",
            "{script}, run on {schedule}, {action}s {service} whenever its check of {what} fails",
            schedule=suspect.runs,
            script=proved.effect.span.path,
            action=proved.effect.action,
            service=told.service,
            what=probe.url or probe.asks or probe.tool,
        )
    return claim(
        "cause.scheduled_check_acts",
        "{script}, run on {schedule}, {action}s {service} whenever {condition}",
        schedule=suspect.runs,
        script=proved.effect.span.path,
        action=proved.effect.action,
        service=told.service,
        condition=deciding(proved)[0],
    )


def _never_satisfied(told: Attributed, suspect: Suspect, proved: ProvedEffect) -> Claim:
    answered = proved.probes[-1]
    probe = suspect.answer.probe if suspect.answer else answered.probe
    if suspect.answer and (suspect.answer.by or suspect.answer.via):
        return _not_by_it(told, suspect, proved, suspect.answer)
    return claim(
        "cause.probe_never_satisfied",
        "{script}, run on {schedule}, asks {url}, gets {status} where it expects {expects}, and {action}s {hits}",
        schedule=suspect.runs,
        script=probe.span.path,
        url=str(probe.url),
        status=suspect.answer.status if suspect.answer else answered.answers[0].status or 0,
        expects=" or ".join(probe.expects) or "success",
        action=proved.effect.action,
        hits=", ".join(proved.hits) or told.service,
    )


def _not_by_it(told: Attributed, suspect: Suspect, proved: ProvedEffect, seen: Observed) -> Claim:
    """Somebody answers who stands between the check and the service."""
    said: dict[str, str | int] = {
        "schedule": suspect.runs,
        "script": seen.probe.span.path,
        "url": str(seen.probe.url),
        "status": seen.status,
    }
    does: dict[str, str | int] = {"action": proved.effect.action, "hits": ", ".join(proved.hits) or told.service}
    if seen.via:
        return claim(
            "cause.probe_by_proxy",
            "{script}, run on {schedule}, asks {url} through the proxy that {place} names, which answers {status}, "
            "and {action}s {hits}",
            place=str(seen.via[0]),
            **said,
            **does,
        )
    return claim(
        "cause.probe_closed",
        "{script}, run on {schedule}, asks {url}, is answered {status} by nginx itself ({place}), and {action}s {hits}",
        place=str(seen.by),
        **said,
        **does,
    )


def _always_failing(told: Attributed, suspect: Suspect, proved: ProvedEffect, group: Group) -> Claim:
    probe = proved.probes[-1].probe
    return claim(
        "cause.check_always_fails",
        "the check of {what} in {script}, run on {schedule}, fails on {failed} of {runs} runs, and each time {action}s {service}",
        what=probe.url or probe.asks or probe.tool,
        script=probe.span.path,
        schedule=suspect.runs,
        failed=group.evidence.hits,
        runs=suspect.due,
        action=proved.effect.action,
        service=told.service,
    )
