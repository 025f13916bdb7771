"""What to change, and how to see that it helped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.causes.scheduled import Attributed
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.result import Action, Cause, Check, Finding


def actions(findings: Sequence[Finding], causes: Sequence[Cause]) -> tuple[Action, ...]:
    """The fixes of the defects on the causes' way, then how to stop it now and how to notice it sooner."""
    if not causes:
        return ()
    return (*_prevent(findings, causes), *_mitigate(causes), *_detect(causes))


def _prevent(findings: Sequence[Finding], causes: Sequence[Cause]) -> Iterator[Action]:
    culprits = {one.culprit for one in causes}
    contributing = {finding for one in causes for finding in one.contributing}
    guilty = [finding for finding in findings if finding.evidence[0].span in culprits]
    worsening = [finding for finding in findings if finding.id in contributing]
    for finding in (*guilty, *worsening):
        if finding.fix:
            yield Action(kind="prevent", claim=finding.fix, span=finding.evidence[0].span, finding=finding.id)


def _mitigate(causes: Sequence[Cause]) -> Iterator[Action]:
    trigger = causes[0].trigger
    if trigger:
        yield Action(kind="mitigate", claim=claim("action.pause_job", "comment the job out until it is mended"), span=trigger)


def _detect(causes: Sequence[Cause]) -> Iterator[Action]:
    if causes[0].period_s:
        yield Action(
            kind="detect",
            claim=claim("action.alert_restarts", "raise an alarm when a service stops more than twice within an hour"),
        )


def checks(case: Case, told: Sequence[Attributed], causes: Sequence[Cause]) -> tuple[Check, ...]:
    """Within minutes, over a day, by hand: what to look at, and what to see."""
    if not causes or not told:
        return ()
    return (*_by_hand(case, causes[0]), *_minutes(told[0], causes[0]), *_day(told[0]))


def _by_hand(case: Case, cause: Cause) -> Iterator[Check]:
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            for answered in proved.probes:
                place = answered.probe.url_span or answered.probe.span
                if place == cause.culprit and answered.answers:
                    yield Check(
                        when="by-hand",
                        claim=claim("check.probe", "run the probe on the host, before and after the change"),
                        command=f"curl -s -o /dev/null -w '%{{http_code}}\\n' {answered.probe.url}",
                        expect=claim(
                            "check.probe_expect",
                            "{status} before the change; after it, what the script expects",
                            status=answered.answers[0].status or 0,
                        ),
                    )
                    return


def _minutes(told: Attributed, cause: Cause) -> Iterator[Check]:
    if cause.recurrence:
        yield Check(
            when="minutes",
            claim=claim(
                "check.next_run",
                "wait for the next run ({time}) and look at the log of {service}",
                time=cause.recurrence[0].strftime("%H:%M:%S"),
                service=told.service,
            ),
            expect=claim("check.next_run_expect", "no line like those of the stops after it"),
        )


def _day(told: Attributed) -> Iterator[Check]:
    yield Check(
        when="day",
        claim=claim("check.uptime", "look at the uptime of {service} after a day", service=told.service),
        expect=claim("check.uptime_expect", "it has grown by a day"),
    )
