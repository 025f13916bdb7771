"""How to see that a change took effect, that it helped, and that what it is there for still works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote

from logcorr.causes.scheduled import Attributed
from logcorr.lazily import regex
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.facts import ComposeFile, Container, NginxFile, ScheduledJob, Script
from logcorr.model.result import Cause, Check

PLAIN = regex(r"[\w./~-]+")
"""A command without arguments: anything else is not proposed to be run, as its text may come from anybody."""

WATCHDOGS = ("probe_never_satisfied", "slow_probe", "check_always_fails", "scheduled_check_acts")
"""Causes that are checks, which must still act on what is dead."""


def checks(case: Case, told: Sequence[Attributed], causes: Sequence[Cause]) -> tuple[Check, ...]:
    """Within minutes, over a day, by hand: what to look at, and what to see."""
    if not causes:
        return ()
    cause = causes[0]
    stopped = told[0].service if told and cause.trigger else None
    return (*_effective(case, cause), *_running(case, cause, stopped), *_by_hand(case, cause, stopped), *_compared())


def _effective(case: Case, cause: Cause) -> Iterator[Check]:
    """The changed file is well-formed and in force."""
    path = cause.culprit.path
    name = quote(path)
    if any(file.span.path == path for file in case.of(NginxFile)):
        yield Check(
            when="minutes",
            claim=claim("check.nginx", "test the changed configuration, and load it"),
            command="nginx -t && nginx -s reload",
            expect=claim("check.nginx_expect", "the test is successful"),
        )
    elif any(file.span.path == path for file in case.of(ComposeFile)):
        yield Check(
            when="minutes",
            claim=claim("check.compose", "check the changed file, and bring the services to what it says"),
            command=f"docker compose -f {name} config -q && docker compose -f {name} up -d",
            expect=claim("check.compose_expect", "no complaint, and only the changed services are created anew"),
        )
    elif script := next((one for one in case.of(Script) if one.span.path == path and not one.column), None):
        yield Check(
            when="minutes",
            claim=claim("check.script", "check the changed script's syntax"),
            command=f"{'bash' if script.interpreter == 'bash' else 'sh'} -n {name}",
            expect=claim("check.script_expect", "nothing is printed"),
        )
    elif any(job.span.path == path for job in case.of(ScheduledJob)):
        yield Check(
            when="minutes",
            claim=claim("check.table", "look whether the scheduler has the changed line"),
            command="crontab -l; cat /etc/crontab /etc/cron.d/*; systemctl list-timers --all",
            expect=claim("check.table_expect", "the new line, once, in the right table"),
        )


def _running(case: Case, cause: Cause, service: str | None) -> Iterator[Check]:
    """The service outlives the next run, and then the day."""
    container = _container(case, service)
    if service and cause.recurrence:
        yield Check(
            when="minutes",
            claim=claim(
                "check.next_run",
                "wait for the next run ({time}) and look at the log of {service}",
                time=cause.recurrence[0].strftime("%H:%M:%S"),
                service=service,
            ),
            command=f"docker logs --since 10m {quote(container)}" if container else None,
            expect=claim("check.next_run_expect", "no line like those of the stops after it"),
        )
    if service:
        yield Check(
            when="day",
            claim=claim("check.uptime", "look at the uptime of {service} after a day", service=service),
            command=f"docker ps --filter {quote(f'name={container}')} --format '{{{{.Names}}}} {{{{.Status}}}}'"
            if container
            else None,
            expect=claim("check.uptime_expect", "it has grown by a day"),
        )


def _by_hand(case: Case, cause: Cause, service: str | None) -> Iterator[Check]:
    yield from _probe(case, cause)
    container = _container(case, service)
    if not service or cause.kind not in WATCHDOGS:
        return
    job = next((one for one in case.of(ScheduledJob) if one.span == cause.trigger), None)
    yield Check(
        when="by-hand",
        claim=claim("check.healthy_run", "after the change, run the check while {service} is well", service=service),
        command=job.command if job and PLAIN.fullmatch(job.command) else None,
        expect=claim("check.healthy_run_expect", "nothing is stopped or restarted"),
    )
    yield Check(
        when="by-hand",
        claim=claim("check.dead_run", "stop {service} where that hurts nobody, and wait for the next run", service=service),
        command=f"docker stop {quote(container)}" if container else None,
        expect=claim("check.dead_run_expect", "the check starts it again: it must still do what it is there for"),
    )


def _probe(case: Case, cause: Cause) -> Iterator[Check]:
    """The first probe that stands at the culprit, as a command."""
    for behaviour in case.behaviours:
        for proved in behaviour.proved:
            for answered in proved.probes:
                place = answered.probe.url_span or answered.probe.span
                if place == cause.culprit and answered.answers:
                    yield Check(
                        when="by-hand",
                        claim=claim("check.probe", "run the probe on the host, before and after the change"),
                        command=f"curl -s -o /dev/null -w '%{{http_code}}\\n' {quote(answered.probe.url or '')}",
                        expect=claim(
                            "check.probe_expect",
                            "{status} before the change; after it, what the script expects",
                            status=answered.answers[0].status or 0,
                        ),
                    )
                    return


def _compared() -> Iterator[Check]:
    yield Check(
        when="day",
        claim=claim("check.compare", "collect the same files again, and compare"),
        command="logcorr analyze BEFORE --after AFTER",
        expect=claim("check.compare_expect", "the symptoms are gone; where the time is too short to tell, it says so"),
    )


def _container(case: Case, service: str | None) -> str | None:
    """The name of the container that a service runs in, as a capture or the compose file has it."""
    seen = (one.name for one in case.of(Container) if service and service in (one.service, one.name))
    named = (
        one.container_name
        for one in (case.stack.services if case.stack else ())
        if one.container_name and service in (one.name, one.container_name)
    )
    return next(seen, None) or next(named, None)
