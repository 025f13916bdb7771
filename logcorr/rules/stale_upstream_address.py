"""The proxy still asks for an address that the service has left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import islice

from msgspec.structs import replace

from logcorr.lazily import pl
from logcorr.model.behaviour import Reach
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import NginxFile
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._moves import ADDRESS, Move, moves
from logcorr.rules._ports import is_overridden
from logcorr.rules._proxying import asked_once
from logcorr.rules._replaced import EMPTY, STARTS, Replaced, replaced
from logcorr.rules._requests import troubles
from logcorr.semantics.nginx import Nginx
from logcorr.timeline.lifecycles import Downtime, listened_at, stopped_for_good
from logcorr.timeline.select import cite, instants

REFUSED = ("upstream.refused", "upstream.unreachable", "upstream.timeout")
CONNECTING = "while connecting to upstream"
STOPS = ("stop", "down", "disable", "kill", "delete")
CHANGES = "deploy_changes_configuration"
REFUTE = claim("stale_upstream_address.refute", "an answer from the old address after the move")
FIX = claim(
    "stale_upstream_address.fix",
    "make the proxy and the service agree on one address, and reload the proxy after each move",
)
FEWEST = 5
JUST_BEFORE = timedelta(minutes=10)
"""A move and the first refusal belong together when they lie so close."""

COMES_UP = timedelta(seconds=30)
"""What is refused no longer than so after a start tells of the start, and not of a move."""

PROVED, LIKELY = 0.95, 0.85


@rule(code="NGX005", title="An upstream's configured address is one its service has left", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Compares refused upstream addresses with those at which services said that they listen, before and after."""
    lines = _configured(case)
    if not lines and not asked_once(case):  # nothing tells where the proxy's addresses stand
        return
    refused = _refused(case)
    found = list(_left(case, refused, lines))
    seen = {place.path for place, _ in found}
    yield from (finding for _, finding in found)
    for place, finding in (*_moved(case, refused, lines), *((one.where, _kept(one)) for one in replaced(case, refused))):
        if place.path not in seen:
            seen.add(place.path)
            yield finding


def _left(case: Case, refused: pl.DataFrame, lines: Mapping[int | str, Span]) -> Iterator[tuple[Span, Finding]]:
    """Addresses of services that were stopped for good: another one was started in their place."""
    for stop in list(stopped_for_good(case)):
        for (port,), here in refused.filter(pl.col("time") >= stop.ended).group_by("port", maintain_order=True):
            where = lines.get(int(str(port))) if listened_at(case, stop.service, str(port)) else None
            soon = where and here.height >= FEWEST and here["time"][0] - stop.ended <= JUST_BEFORE
            if soon and where and _followed(case, stop, where, refused, here.height):
                yield where, _left_behind(case, here, stop, where)


def _moved(case: Case, refused: pl.DataFrame, lines: Mapping[int | str, Span]) -> Iterator[tuple[Span, Finding]]:
    """Addresses at which services listened until their next start."""
    for move in moves(case):
        other_port = move.old.host is None or 0 != move.old.port != move.new.port
        here = refused.filter(
            (pl.col("port") == move.old.port)
            & (pl.col("host").eq(move.old.host or "") | pl.lit(other_port))
            & (pl.col("time") >= move.new.time - JUST_BEFORE)
        )
        goes_on = here.filter(pl.col("time") > move.new.time + COMES_UP).height
        where = lines.get(move.old.port or str(move.old.host))
        stale = here.height >= FEWEST and goes_on and where and not is_overridden(case, [move.new.port], move.new.time)
        if stale and where and here["time"][0] - move.new.time <= JUST_BEFORE:
            yield where, _finding(here, move, where, tuple(_mover(case, move)))


def _refused(case: Case) -> pl.DataFrame:
    """Connections that were refused or not taken with the `host` and `port` that were asked for, as `Listening` has them, and
    whether `nobody` has the address."""
    message = pl.col("message")
    connecting = (pl.col("kind") != "upstream.timeout") | message.str.contains(CONNECTING, literal=True)
    told = troubles(case).filter(pl.col("kind").is_in(REFUSED) & pl.col("time").is_not_null() & connecting)
    address = pl.col("upstream").str.extract_groups(r"^\w+://(?P<host>unix:[^:]+|[^/:]+|\[[^\]]+\]):(?P<port>\d*)")
    host, port = address.struct[0], address.struct[1].cast(pl.Int64, strict=False).fill_null(0)
    nobody = message.str.contains(EMPTY, literal=True)
    rows = told.select("time", "file", "line", "lines", host.alias("host"), port.alias("port"), nobody=nobody).drop_nulls("host")
    return rows.collect(engine="streaming").sort("time", maintain_order=True)


def _mover(case: Case, move: Move) -> Iterator[Evidence]:
    """The command that moved it: of a job that ran just before, or of a script that nobody schedules."""
    new = move.new
    ran = [
        behaviour
        for schedule in case.schedules
        for behaviour in schedule.behaviours
        if any(0 <= new.time.timestamp() - tick <= JUST_BEFORE.total_seconds() for tick in schedule.ticks)
    ]
    scheduled = {id(behaviour) for schedule in case.schedules for behaviour in schedule.behaviours}
    for behaviour in (*ran, *(one for one in case.behaviours if id(one) not in scheduled)):
        for proved in behaviour.proved:
            if proved.effect.action in STARTS and new.service in proved.hits and proved.proof.reach is not Reach.NEVER:
                note = f"{proved.effect.action} {new.service}"
                yield Evidence(proved.effect.span, note, shows=CHANGES)
                return


def _followed(case: Case, stop: Downtime, where: Span, refused: pl.DataFrame, most: int) -> bool:
    """Whether another does its work: a server of the same group that is there, or a service of like name that listens since."""
    count = dict(refused.filter(pl.col("time") >= stop.ended).group_by("port").len().iter_rows())
    groups = [group.servers for nginx in Nginx.every(tuple(case.of(NginxFile))) for group in nginx.upstreams()]
    beside = [
        server.address
        for servers in groups
        if where in {one.span for one in servers}
        for server in servers
        if server.span != where
    ]
    ports = [int(port) for _, _, port in (address.rpartition(":") for address in beside) if port.isdecimal()]
    if any(2 * count.get(port, 0) < most for port in ports):
        return True
    near = pl.col("time").is_between(stop.ended - JUST_BEFORE, stop.ended + JUST_BEFORE)
    others = case.happened("process.started").filter(near & (pl.col("service") != stop.service)).select("service", "message")
    return any(_stem(name) == _stem(stop.service) and ADDRESS.search(f"{name} {told}") for name, told in others.iter_rows())


def _stem(service: str) -> str:
    return re.split(r"[\W\d_]", service, maxsplit=1)[0]


def _stopper(case: Case, stop: Downtime) -> Iterator[Evidence]:
    """The command that stops it, of a script that does not start it again, and the line that tells of it."""
    scripts = [[one for one in behaviour.proved if stop.service in one.hits] for behaviour in case.behaviours]
    ending = (proved for proved in scripts if not any(one.effect.action in STARTS for one in proved))
    commands = (one.effect.span for proved in ending for one in proved if one.effect.action in STOPS)
    yield from (Evidence(span, "stops it", shows=CHANGES) for span in islice(commands, 1))
    yield Evidence(stop.end, "its last stop", shows=CHANGES)


def _left_behind(case: Case, refused: pl.DataFrame, stop: Downtime, where: Span) -> Finding:
    port = int(refused["port"][0])
    stopper = tuple(_stopper(case, stop))
    return Finding(
        confidence=PROVED if len(stopper) > 1 else LIKELY,
        claim=claim(
            "stale_upstream_address.stopped",
            "{service} was stopped for good, but the proxy goes on asking port {port}: {count} connections were refused",
            service=stop.service,
            port=port,
            count=refused.height,
        ),
        evidence=(
            Evidence(where, "the address in the proxy's configuration", shows="configuration_mismatch"),
            *stopper,
            *cite(refused, shows="configuration_mismatch"),
        ),
        would_refute=REFUTE,
        subject=str(where),
        measured={"count": refused.height, "old_port": port},
        times=instants(refused),
        fix=FIX,
    )


def _kept(one: Replaced) -> Finding:
    return Finding(
        confidence=LIKELY if one.cured else PROVED if len(one.told) > 1 else 0.9,
        claim=claim(
            "stale_upstream_address.replaced",
            "{service} has another container, but the proxy goes on asking {host}, where the one before was: {count} connections "
            "failed after it was up again",
            service=one.service,
            host=one.host,
            count=one.failed.height,
        ),
        evidence=(
            Evidence(one.where, "its name is looked up once", shows="configuration_mismatch"),
            *(replace(evidence, shows=CHANGES) for evidence in one.told),
            *(replace(evidence, shows="configuration_mismatch") for evidence in (*one.elsewhere, *one.cured)),
            *cite(one.failed, shows="configuration_mismatch"),
        ),
        would_refute=REFUTE,
        subject=str(one.where),
        measured={"count": one.failed.height, "old_host": one.host},
        times=instants(one.failed),
        fix=claim(
            "stale_upstream_address.ask_again",
            "reload nginx after its container is replaced, or let it ask again: resolver 127.0.0.11 valid=10s; and the name in a "
            "variable",
        ),
    )


def _configured(case: Case) -> Mapping[int | str, Span]:
    """Where nginx names each upstream port or unix socket, in a group or straight in a pass directive; the first place each."""
    every = Nginx.every(tuple(case.of(NginxFile)))
    named = [(server.address, server.span) for nginx in every for group in nginx.upstreams() for server in group.servers]
    named += [(place.target, place.span) for nginx in every for place in nginx.proxied()]
    found: dict[int | str, Span] = {}
    for address, span in named:
        asked = re.search(r"(unix:/[^:]+)|:(\d{2,5})(?:/|$)", address)
        if asked:
            found.setdefault(asked[1] or int(asked[2]), span)
    return found


def _finding(refused: pl.DataFrame, move: Move, where: Span, mover: tuple[Evidence, ...]) -> Finding:
    old, new = move.old, move.new
    return Finding(
        confidence=PROVED,
        claim=claim(
            "stale_upstream_address.found",
            "{service} moved from {old} to {new}, but the proxy goes on asking the old address: {count} connections were refused",
            service=new.service,
            old=str(old),
            new=str(new),
            count=refused.height,
        ),
        evidence=(
            Evidence(where, "the address in the proxy's configuration", shows="configuration_mismatch"),
            *mover,
            Evidence(old.span, "where it listened", shows=CHANGES),
            Evidence(new.span, "where it listens now", shows=CHANGES),
            Evidence(new.span, "where it listens now", shows="configuration_mismatch"),
            *cite(refused, shows="configuration_mismatch"),
        ),
        would_refute=REFUTE,
        subject=str(where),
        measured={"count": refused.height, "old_port": old.port, "new_port": new.port},
        times=instants(refused),
        fix=FIX,
    )
