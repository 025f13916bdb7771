"""The links that chains of every kind share: what set it off, who started it again, how it was felt.

Each is a small unit: it looks at the case, and yields a link only where something shows it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

from logcorr.causes.follow import SLACK_S, Ends, Following, following, of_times
from logcorr.lazily import pl, regex
from logcorr.model.behaviour import Reach
from logcorr.model.case import Behaviour, Case, Schedule
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Unit
from logcorr.model.result import Link
from logcorr.model.source import Span
from logcorr.timeline.lifecycles import Downtime, listened_at, stopped_for_good
from logcorr.timeline.select import cite, lines_like, seconds, spans, texts

CLOSED = (("client.disconnected", "upstream.closed_early", "upstream.reset"),)
LACKED = ("dependency.failed", "dependency.timeout")
REFUSED = (("upstream.refused", "upstream.none_live"), ("client.connect_failed",), LACKED)
FELT = (
    ("http.5xx", "client.connect_failed", "client.reconnecting"),
    ("client.disconnected", "upstream.refused", "upstream.closed_early", "upstream.reset", "upstream.none_live",
     "upstream.timeout", "permission.denied", "file.missing"),
    ("probe.failed", "tls.failed"),
    LACKED,
)  # fmt: skip
"""Kinds by which it is felt: what clients say or are answered; the proxy's word on their requests; a monitor's; an application's
that lacks what it needs for them."""

LAST, REFUSES = "failure_reaches_clients", "termination_refuses_connections"
EFFECTS = {
    "termination_closes_connections": CLOSED,
    REFUSES: REFUSED,
    LAST: FELT,
}
DOWN = tuple(EFFECTS)
"""How it is felt that a process is gone."""

OFTEN = 3
"""Starts right after an end that are no coincidence."""

STARTED_AGAIN_S = 120.0
"""A supervisor starts again what died within this time, back-off included."""

NEVER = ("no", "never", '"no"')

ITS_OWN = r"HTTP/[\d.]+\"? 500\b"

PORT = regex(r"(?:upstream: \"\w+://|ECONNREFUSED |refused\b\D{0,20})[^\s\"/]*?:(?P<port>\d{2,5})\b")
"""How a line tells at which port it was refused."""

AT_ONCE, JUST_BEFORE = timedelta(seconds=2), timedelta(minutes=10)
"""A stop and the first refusal after it belong together when they lie so close."""


def set_off(case: Case, places: Collection[Span]) -> Iterator[Link]:
    """From the schedule that leads to one of these places to that place; none where two schedules do, or nobody's."""
    found = [(schedule, place) for schedule in case.schedules for place in places if _leads_to(case, schedule, place)]
    named = [pair for pair in found if pair[0].job.span in places] or found
    if not named or len({id(schedule) for schedule, _ in named}) > 1:
        return
    schedule, place = min(named, key=lambda pair: pair[1] == pair[0].job.span)
    job = schedule.job
    yield runs(case, source=job.span, command=job.command, scheduler=job.scheduler, on=job.schedule, target=place)
    for behaviour in schedule.behaviours:
        yield from calls(behaviour, job.span.path, place, Reach.MUST)


def _leads_to(case: Case, schedule: Schedule, place: Span) -> bool:
    if place == schedule.job.span:
        return True
    called = {call.path.rpartition("/")[2] for one in schedule.behaviours for call in one.calls if call.path}
    files = {one.script.span.path for one in schedule.behaviours} - {schedule.job.span.path}
    return place.path in files or (place.path in case.files and place.path.rpartition("/")[2] in called)


def put_in_force(case: Case, place: Span, service: str) -> Iterator[Link]:
    """The command of the same script that makes the service take what the script changed, if it has one."""
    proved = (one for behaviour in case.behaviours for one in behaviour.proved)
    told = next((one for one in proved if one.effect.span.path == place.path and service in one.hits), None)
    if told:
        yield Link(
            mechanism="effect_hits_service",
            source=place,
            target=told.effect.span,
            claim=claim("hop.put_in_force", "the same script makes {service} take it", service=service),
            evidence=(Evidence(told.effect.span, f"{told.effect.action}s {service}"),),
            proof=told.proof.reach.value,
        )


def runs(case: Case, *, source: Span, command: str, scheduler: str, on: str, target: Span) -> Link:
    """A scheduler, or a loop of its own, runs a script; `target` is where the script begins to matter."""
    script = command if target.path == source.path else target.path
    started = case.happened("job.started").filter(pl.col("message").str.contains(command.strip(), literal=True))
    said = (
        claim("chain.runs", "{scheduler} runs {script} on {schedule}", scheduler=scheduler, script=script, schedule=on)
        if scheduler
        else claim("chain.loops", "{script} runs on {schedule}", script=target.path, schedule=on)
    )
    return Link(
        mechanism="job_runs_script",
        source=source,
        target=target,
        claim=said,
        evidence=(Evidence(source, "what sets it off"), *cite(started, "a logged run", most=3)),
        proof=Reach.MUST.value,
    )


def calls(behaviour: Behaviour, above: str, place: Span, reach: Reach) -> Iterator[Link]:
    """From the script that a job runs to the one that holds the place, if that is another; `above` is the job's own file."""
    for call in behaviour.calls:
        if call.path and call.span.path not in (above, place.path) and _same_name(call.path, place.path):
            yield Link(
                mechanism="script_calls_script",
                source=call.span,
                target=place,
                claim=claim("chain.calls", "{caller} calls {callee}", caller=call.span.path, callee=place.path),
                evidence=(Evidence(call.span, "the call"),),
                proof=reach.value,
            )
            return


def _same_name(path: str, collected: str) -> bool:
    return path.rpartition("/")[2] == collected.rpartition("/")[2]


def dies_again(case: Case, service: str, ends: Ends, source: Span) -> Iterator[Link]:
    """Once ended, it does not come up at first: what ended it may have taken its place."""
    died = case.happened("process.crashed").filter((pl.col("service") == service) & pl.col("time").is_not_null())
    after = died.filter(pl.Series(ends.felt(seconds(died)), dtype=pl.Boolean))
    if after.height:
        taken = case.happened("address.in_use").filter(pl.col("service") == service)
        yield Link(
            mechanism="crash_ends_process",
            source=source,
            target=spans(after)[0],
            claim=claim("hop.dies_again", "started again, it dies {count} times before it is up", count=after.height),
            evidence=(*cite(after, most=3), *cite(taken, "its address is taken", most=2)),
            proof="observed",
        )


def restarted(case: Case, services: Collection[str], ends: Ends, source: Span) -> Iterator[Link]:
    """A supervisor starts again what ended of its own: its policy says so, or it does, or nobody else is so quick so often."""
    policies = tuple(_policies(case, services))
    told = _soon(case, services, ends, "service.restarting")
    started = _soon(case, services, ends, "process.started")
    if not policies and not told.height and started.height < OFTEN:
        return
    shown = (*policies, *_each(told, "the supervisor says so"), *_each(started, "it runs again"))
    yield Link(
        mechanism="supervisor_restarts_process",
        source=source,
        target=next(iter(spans(started)), shown[-1].span),
        claim=claim("hop.supervisor_restarts_process", "it is started again"),
        evidence=shown,
        proof="observed",
    )


def _each(rows: pl.DataFrame, note: str) -> tuple[Evidence, ...]:
    """The first and the last row, and the first of each service."""
    firsts = cite(rows.unique("service", keep="first", maintain_order=True), note, most=3)
    return tuple(dict.fromkeys((*cite(rows, note, most=2), *firsts)))


def _soon(case: Case, services: Collection[str], ends: Ends, kind: str) -> pl.DataFrame:
    rows = case.happened(kind).filter(pl.col("service").is_in(list(services)) & pl.col("time").is_not_null())
    return rows.filter(pl.Series(of_times(ends.times, STARTED_AGAIN_S).felt(seconds(rows)), dtype=pl.Boolean))


def _policies(case: Case, services: Collection[str]) -> Iterator[Evidence]:
    """The lines that say who is started again: `restart:` of compose, `Restart=` of systemd, and what others are told."""
    composed = case.stack.services if case.stack else ()
    for one in composed:
        if {one.name, one.container_name} & set(services) and one.restart not in (None, *NEVER):
            yield from (Evidence(*line) for line in lines_like(case, one.span, r"^\s*restart\s*:"))
    for unit in case.of(Unit):
        if unit.name.removesuffix(".service") in services and unit.restart not in (None, *NEVER):
            pattern = r"restart(?:_delay|s)?['\"]?\s*:" if unit.manager == "pm2" else r"^\s*(?:auto)?[rR]estart\s*="
            yield from (Evidence(*line) for line in lines_like(case, unit.span, pattern))


def left(case: Case, ends: Ends) -> Iterator[Link]:
    """What is refused since then was stopped for good just before, at the port that is asked for; and who stopped it."""
    refused = case.happened("upstream.refused", "dependency.failed").filter(pl.col("time").dt.epoch("us") / 1e6 >= ends.times[0])
    first = refused.drop_nulls("time").head(1)
    asked = PORT.search(texts(case, first)[0]) if first.height else None
    for stop in stopped_for_good(case) if asked else ():
        lag = first["time"][0] - stop.ended
        if asked and -AT_ONCE <= lag <= JUST_BEFORE and listened_at(case, stop.service, asked["port"]):
            yield _stopped(case, stop)
            return


def _stopped(case: Case, stop: Downtime) -> Link:
    """From the command that stops a service, if a script holds one, to its last stop."""
    proved = (one.effect for behaviour in case.behaviours for one in behaviour.proved if stop.service in one.hits)
    commands = [Evidence(one.span, one.action) for one in proved if one.ends_processes][:1]
    evidence = (*commands, Evidence(stop.end, "its last stop"))
    return Link(
        mechanism="effect_terminates_process",
        source=evidence[0].span,
        target=stop.end,
        claim=claim(
            "hop.stopped_for_good", "{service}, which is asked for, was stopped, and not started again", service=stop.service
        ),
        evidence=evidence,
        proof="observed",
    )


def consequences(case: Case, ends: Ends, source: Span | pl.DataFrame, effects: Sequence[str] = DOWN) -> Iterator[Link]:
    """What follows in the logs: closed connections, refused ones, clients that notice.

    Each comes from the `source`, or from the last of the stops before it.
    """
    assert case.window is not None
    window = (case.window[0].timestamp(), case.window[1].timestamp())
    for mechanism in effects:
        found = [one for rows in _felt(case, mechanism) if (one := following(ends, rows, window))]
        if found:
            place = source if isinstance(source, Span) else _last_before(source, found[0].rows)
            yield _consequence(mechanism, place, found[:2] if mechanism == LAST else found[:1], ends)


def _last_before(stops: pl.DataFrame, rows: pl.DataFrame) -> Span:
    """The last stop before the first of these rows; stamps are cut to the second."""
    before = stops.filter(pl.col("time") <= rows["time"][0] + timedelta(seconds=SLACK_S))
    return spans(before.tail(1) if before.height else stops.head(1))[0]


def _felt(case: Case, mechanism: str) -> Iterator[pl.DataFrame]:
    """The events by which it is felt; where the proxy's own log was not collected, its answers stand for what it would have said.

    An answer of 500 is an application's own: it was reached.
    """
    yield from (case.happened(*kinds) for kinds in EFFECTS[mechanism])
    if mechanism == REFUSES and not any(one.format == "nginx_error" for one in case.sources):
        yield case.happened("http.5xx").filter(~pl.col("message").str.contains(ITS_OWN))


def _consequence(mechanism: str, source: Span, found: Sequence[Following], ends: Ends) -> Link:
    first, *others = found
    among = ends.sure and not ends.lasts and mechanism == REFUSES
    return Link(
        mechanism=mechanism,
        source=source,
        target=spans(first.rows)[0],
        claim=_among_claim(first) if among else _since_claim(first) if ends.lasts else _consequence_claim(mechanism, first),
        evidence=(*cite(first.rows), *(evidence for other in others for evidence in cite(other.rows, most=2))),
        proof="observed",
        lag_s=first.lag_s,
    )


def _among_claim(found: Following) -> Claim:
    return claim(
        "chain.refuses_there",
        "{count} of {total} refused connections were refused at that address",
        count=found.followed,
        total=found.total,
    )


def _since_claim(found: Following) -> Claim:
    return claim(
        "chain.felt_since",
        "{count} of {total} failed requests and broken connections come after it",
        count=found.followed,
        total=found.total,
    )


def _consequence_claim(mechanism: str, found: Following) -> Claim:
    numbers = {"count": found.followed, "total": found.total, "lag": round(found.lag_s, 1)}
    at_once = not numbers["lag"]
    if mechanism == "termination_closes_connections":
        if at_once:
            return claim("chain.closes_at_once", "{count} of {total} broken connections follow a stop at once", **numbers)
        return claim(
            "chain.closes", "{count} of {total} broken connections follow a stop, the first {lag:g} s after it", **numbers
        )
    if mechanism == REFUSES and "http.5xx" not in found.rows["kind"]:
        if at_once:
            return claim("chain.refuses_at_once", "{count} of {total} refused connections follow a stop at once", **numbers)
        return claim(
            "chain.refuses", "{count} of {total} refused connections follow a stop, the first {lag:g} s after it", **numbers
        )
    if at_once:
        return claim("chain.felt_at_once", "{count} of {total} failures that clients saw follow it at once", **numbers)
    return claim("chain.felt", "{count} of {total} failures that clients saw follow it, the first {lag:g} s after it", **numbers)
