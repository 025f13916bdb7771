"""What the collected configuration would do: read, interpreted, and shown as it was understood (`logcorr facts`).

These are the first stages of an analysis; of the logs, nothing matters here but when they end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from logcorr import timeline
from logcorr.errors import LogcorrError, NothingRecognised
from logcorr.model.behaviour import Probe
from logcorr.model.case import ProbeAnswer, Schedule, Source
from logcorr.model.facts import ComposeFile, Container, Fact, Healthcheck, ScheduledJob, Service, Setting, Unit, of_kind
from logcorr.model.source import Problem, Span
from logcorr.reading import Paths, Zones, read
from logcorr.report import understood as document
from logcorr.report.document import to_json
from logcorr.semantics import probing, schedule
from logcorr.semantics.hooks import ROTATION
from logcorr.semantics.stack import effective, whole
from logcorr.semantics.understanding import Understanding, understand
from logcorr.timeline.offsets import is_zone, zone_of

BEFORE = timedelta(seconds=900)
"""How far before the logs a job's runs still matter: their effects may be the first thing logged."""
NEXT_RUNS = 3
HOST_LOGS = ("cron", "syslog", "script", "nginx")
"""Logs written in the host's local time, the surest first: nginx may run in a container, which has a zone of its own."""

Window = tuple[datetime, datetime]


class Facts(Struct, frozen=True, kw_only=True):
    """What was understood of some configuration.

    `result` is the document `logcorr.facts/1` (`docs/facts.md`); the rest is the same as values: the `facts` as read, what they
    come to (`understanding`), each job with its next runs, what nginx answers to the request that was asked about, and what
    could not be understood.
    """

    result: dict[str, Any]
    facts: tuple[Fact, ...]
    understanding: Understanding
    schedules: tuple[Schedule, ...]
    answer: ProbeAnswer | None
    problems: tuple[Problem, ...]

    def to_json(self) -> str:
        """The document `logcorr.facts/1`."""
        return to_json(self.result)


def facts(paths: Paths, *, at: datetime | None = None, tz: str | None = None, request: str | None = None) -> Facts:
    """Read and interpret the configuration in folders, files and archives.

    The jobs' next runs are those after `at`, or else after the end of the logs; where there are none, no runs are told. `tz` is
    the zone of the host. `request` (`GET http://localhost/health`) asks what nginx would answer; then no log is read.

    Raises LogcorrError for a path that does not exist, an unknown zone or what is no request, NothingRecognised if there is no
    configuration.
    """
    asked = _asked(request) if request is not None else None
    given = read(paths)
    found = given.facts
    if not found:
        raise NothingRecognised("nothing here is configuration that logcorr knows", "`logcorr sources PATH` says what was seen")
    understood = understand(found, given.files)
    zones: Zones = {None: tz} if tz else {}
    logged = not (at or asked) and any(artifact.format in given.logs for artifact in given.artifacts)
    sources = timeline.build(given.artifacts, given.logs, found, zones=zones).sources if logged else ()
    now = at or max((source.last for source in sources if source.last), default=None)
    return _shown(
        found,
        understood,
        schedules=schedules(understood, (now, now) if now else None, host_zone(zones, found, sources)),
        answer=probing.ask(asked, understood.world, any_host=True) if asked else None,
        problems=(
            *given.problems,
            *understood.problems,
            *given.parsers.problems,
        ),
        now=now,
    )


def _shown(
    found: tuple[Fact, ...],
    understood: Understanding,
    *,
    schedules: tuple[Schedule, ...],
    answer: ProbeAnswer | None,
    problems: tuple[Problem, ...],
    now: datetime | None,
) -> Facts:
    nginx = understood.world.nginx
    notes = [Problem(span.path, text, span.line) for text, span in nginx.notes] if nginx else []
    result = document.build(
        behaviours=understood.behaviours,
        answer=lambda probe: probing.ask(probe, understood.world),
        schedules=[(one, schedule.repeat(one.job)) for one in schedules],
        services=[(service, _unhealthy_after(service)) for service in _services(found, understood)],
        read={
            "units": of_kind(Unit, found),
            "healthchecks": of_kind(Healthcheck, found),
            "containers": of_kind(Container, found),
            "upstreams": nginx.upstreams() if nginx else (),
            "proxied": nginx.proxied() if nginx else (),
        },
        asked=answer,
        problems=(*problems, *notes),
        now=now,
        version=version("logcorr"),
    )
    return Facts(
        result=result, facts=found, understanding=understood, schedules=schedules, answer=answer, problems=problems
    )  # fmt: skip


def _services(found: Sequence[Fact], understood: Understanding) -> Iterator[Service]:
    """The services of the running stack as merged, then those of the compose files that are no part of it, each once.

    A file that others include comes after them: what it defines is then known.
    """
    running = understood.stack.compose_paths if understood.stack else ()
    files = {file.span.path: file for file in of_kind(ComposeFile, found)}
    stacks = [understood.stack.services] if understood.stack else []
    stacks += [effective((path,), found).services for path in dict.fromkeys([*whole(files), *files]) if path not in running]
    told: dict[tuple[str, Span], Service] = {}
    for service in (one for stack in stacks for one in stack):
        told.setdefault((service.name, service.span), service)
    yield from told.values()


def _unhealthy_after(service: Service) -> tuple[float, float] | None:
    return schedule.unhealthy_after_s(service.healthcheck) if service.healthcheck else None


def _asked(request: str) -> Probe:
    """The probe that would send a request, given as `GET http://localhost/health` or as the URL alone."""
    *method, url = request.split() or [""]
    if len(method) > 1 or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise LogcorrError(f"no request: {request}", "write one as GET http://localhost/health")
    return Probe(id=0, span=Span("request", 1), tool="", url=url, method=method[0].upper() if method else "GET")


def host_zone(zones: Zones, facts: Sequence[Fact], sources: Sequence[Source]) -> str:
    """The zone in which the host's schedulers run: given, set, or that of the log nearest to them whose zone is known."""
    given = zones.get(None) or next((setting.value for setting in of_kind(Setting, facts) if setting.name == "TZ"), None)
    nearness = {one: (one.zone_assumed, HOST_LOGS.index(one.source)) for one in sources if one.source in HOST_LOGS}
    best = [one.zone for one, near in nearness.items() if near == min(nearness.values())]
    return given or (max(sorted(set(best)), key=best.count) if best else "UTC")


def schedules(understood: Understanding, window: Window | None, zone: str) -> tuple[Schedule, ...]:
    """Every job with its runs in the window, from a little before, and the next ones after; without a window, without any.

    A rotation's stanza is left out: it has no clock of its own, and what it runs is part of the job that runs logrotate.
    """
    return tuple(
        replace(_runs(job, window, _zone_of(job, understood) or zone) if window else Schedule(job=job), behaviours=behaviours)
        for job, behaviours in understood.of_job.items()
        if job.scheduler != ROTATION
    )


def _zone_of(job: ScheduledJob, understood: Understanding) -> str | None:
    """The zone of a container whose own scheduler reads the job's table, as its service sets it; None for the host's."""
    zones = {thing.zone for thing in understood.entities if job.span.path in thing.files}
    zone = zones.pop() if len(zones) == 1 else None
    return zone if zone and is_zone(zone) else None


@lru_cache(maxsize=256)
def _runs(job: ScheduledJob, window: Window, zone: str) -> Schedule:
    """Kept, because proving a patch asks again for the runs of every job, and few patches change any."""
    host = zone_of(zone)
    first, last = window
    return Schedule(
        job=job, runs=schedule.ticks(job, first - BEFORE, last, host), next=schedule.next_runs(job, last, host, NEXT_RUNS)
    )
