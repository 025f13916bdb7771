"""What to change, what would have told sooner, and what can be learnt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.causes.checks import WATCHDOGS
from logcorr.model.claim import Claim, claim
from logcorr.model.result import Action, Cause, Finding

REFUSING = {"upstream_refused", "upstream_closed_early", "upstream_timeout", "no_live_upstreams", "server_errors"}
"""Rules whose findings clients see as 5xx."""

ALARMS = {
    "certificate_failed": claim("action.alert_certificate", "raise an alarm two weeks before a certificate expires"),
    "disk_full": claim("action.alert_disk", "raise an alarm while a tenth of each disk is still free"),
    "memory_exhausted": claim("action.alert_memory", "raise an alarm when a process comes near its memory limit"),
    "heap_exhausted": claim("action.alert_memory", "raise an alarm when a process comes near its memory limit"),
    "limit_reached": claim("action.alert_limit", "raise an alarm at four fifths of the limit that was reached"),
    "idle_timeout": claim(
        "action.alert_reconnections", "count how often clients connect again, and raise an alarm above the usual"
    ),
    "keepalive_race": claim(
        "action.alert_reconnections", "count how often clients connect again, and raise an alarm above the usual"
    ),
    "requests_limited": claim("action.alert_limited", "count the requests that the limit turns away, by client"),
    "larger_than_allowed": claim("action.alert_size", "count what is refused for its size, by directive"),
    "clock_off": claim(
        "action.alert_clock", "raise an alarm when a host's clock is off by more than a second, or not synchronised"
    ),
    "crash_after_deploy": claim("action.alert_deploy", "let the deployment wait for health, and end with a failure without it"),
}
"""What would have told sooner, by the kind of the cause."""

LESSONS = {
    "probe_never_satisfied": claim(
        "lesson.probe", "a check should ask what it is about, and know “starting” from “failed”; a redirect is neither"
    ),
    "healthy_taken_out": claim(
        "lesson.probe", "a check should ask what it is about, and know “starting” from “failed”; a redirect is neither"
    ),
    "slow_probe": claim("lesson.slow_probe", "a check's patience must be longer than the slowest good answer"),
    "strict_healthcheck": claim("lesson.slow_probe", "a check's patience must be longer than the slowest good answer"),
    "idle_timeout": claim(
        "lesson.timeouts", "timeouts on one path belong together: who speaks seldom needs the longest, or a heartbeat"
    ),
    "keepalive_race": claim(
        "lesson.timeouts", "timeouts on one path belong together: who speaks seldom needs the longest, or a heartbeat"
    ),
    "stale_upstream_address": claim("lesson.addresses", "addresses of services change: who asks them must look them up again"),
    "crash_after_deploy": claim(
        "lesson.deploy", "a deployment is done when the service is healthy, not when the command has ended"
    ),
    "unproven_schedule": claim(
        "lesson.collect", "what runs by the clock belongs to what is collected: its scripts as well as its table"
    ),
    "whole_stack_restart": claim("lesson.scope", "what acts on a failure should act on as little as possible"),
    "acts_on_first_failure": claim("lesson.retries", "one failure is no verdict: ask again before acting"),
    "job_output_discarded": claim("lesson.log", "what acts on its own must write down that it did, when and why"),
    "compose_file_not_deployed": claim("lesson.one_place", "which file is deployed should be said in one place"),
    "unescaped_percent": claim("lesson.cron", "a command that works in a shell must be tried as cron runs it"),
    "command_not_on_cron_path": claim("lesson.cron", "a command that works in a shell must be tried as cron runs it"),
}
"""What can be learnt, by the kind of a cause, or the rule of what contributes."""

FAILING_JOBS = ("certificate_failed",)
"""Kinds of causes in which a job does no harm, but fails to do what it is for."""


def actions(findings: Sequence[Finding], causes: Sequence[Cause]) -> tuple[Action, ...]:
    """The fixes of the defects on the causes' way, then how to stop it now and how to notice it sooner."""
    if not causes:
        return ()
    return (*_prevent(findings, causes), *_mitigate(causes), *_detect(findings, causes))


def lessons(findings: Sequence[Finding], causes: Sequence[Cause]) -> tuple[Claim, ...]:
    """What the causes and what contributes to them teach beyond this incident."""
    contributing = {finding for one in causes for finding in one.contributing}
    told = [one.kind for one in causes] + [finding.rule for finding in findings if finding.id in contributing]
    return tuple(dict.fromkeys(LESSONS[name] for name in told if name in LESSONS))


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
    if trigger and causes[0].kind not in FAILING_JOBS:
        yield Action(kind="mitigate", claim=claim("action.pause_job", "comment the job out until it is mended"), span=trigger)


def _detect(findings: Sequence[Finding], causes: Sequence[Cause]) -> Iterator[Action]:
    kinds = {one.kind for one in causes}
    if causes[0].period_s:
        yield Action(
            kind="detect",
            claim=claim("action.alert_restarts", "raise an alarm when a service stops more than twice within an hour"),
        )
    if any(finding.rule in REFUSING for finding in findings):
        yield Action(
            kind="detect",
            claim=claim("action.alert_errors", "raise an alarm when the proxy's share of 5xx answers leaves its usual range"),
        )
    if kinds & set(WATCHDOGS):
        yield Action(
            kind="detect",
            claim=claim(
                "action.tell_before_acting", "let the check write down what it saw and did, and tell somebody before it acts"
            ),
        )
    yield from (
        Action(kind="detect", claim=alarm) for alarm in dict.fromkeys(ALARMS[kind] for kind in sorted(kinds & ALARMS.keys()))
    )
