"""Containers that were replaced, and the address of the one before at which the proxy goes on asking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case, Entity
from logcorr.model.claim import Evidence
from logcorr.model.facts import Container
from logcorr.model.source import Span
from logcorr.rules._deeds import ran
from logcorr.rules._proxying import asked_once, server_of
from logcorr.semantics.topology import find
from logcorr.timeline.lifecycles import stopped
from logcorr.timeline.select import cite

NEAR = timedelta(minutes=10)
ENDS = timedelta(seconds=5)
UP_SINCE = timedelta(minutes=1)
"""A container that is up so long is found at its address, if that is its own."""

FEWEST = 5
EMPTY = "(113:"
"""No host is at an address: nobody has it."""

ADDRESS = r"\b((?:\d{1,3}\.){3}\d{1,3})\b"
STARTS = ("start", "restart", "up", "recreate")
UNKNOWN = "<"
"""How the name of a target begins that only who calls the script knows."""

STARTED = regex(r"(?P<second>20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z$")
"""`StartedAt` of `docker inspect`."""

ITS_LINES = 5
"""So many lines of an inspected network speak of one container."""

DAEMON = "docker"
"""The source of `docker events`: what it tells of a container, the container does not say."""

PUTS = r"(?i)\b(?:re)?creat|\bstopping\b|\breplac|\bimage\b|\bdeploy"


class Replaced(Struct, frozen=True):
    """A service, the `host` at which the proxy asks in vain since its container is another one, and the line that names it.

    `failed` are the attempts since it was up again; `told` what shows that it was replaced, `elsewhere` where it is now. `cured`
    is the line by which nginx read its configuration again, where only that tells that the address was an old one.
    """

    service: str
    host: str
    where: Span
    failed: pl.DataFrame
    told: tuple[Evidence, ...]
    elsewhere: tuple[Evidence, ...]
    cured: tuple[Evidence, ...] = ()


def replaced(case: Case, refused: pl.DataFrame) -> Iterator[Replaced]:
    """Services of whose addresses nginx asks but once, that came up again and are not found there by `refused`."""
    for name, place in asked_once(case).items() if refused.height else ():
        where, port = server_of(case, place, name)
        thing = find(name, case.entities) or Entity(name=name, names=frozenset({name}))
        own = refused.filter((pl.col("port") == port) & pl.col("host").str.contains(f"^{ADDRESS}$"))
        start = _start(case, thing, own["time"][0]) if own.height >= FEWEST else None
        failed = _since(case, thing, own, start[0]) if start else None
        if start and failed is not None:
            elsewhere = tuple(_elsewhere(case, thing, failed["host"][0]))
            seen = elsewhere or failed["nobody"].any()
            cured = () if seen else _cured(case, thing, own, start[0])
            since, listens = start
            told = (*_told(case, thing, since), *islice(_commands(case, thing, since + UP_SINCE), 1))
            if seen or (cured and told):
                yield Replaced(name, failed["host"][0], where, failed, (*told, listens), (*elsewhere, listens), cured)


def _start(case: Case, thing: Entity, first: datetime) -> tuple[datetime, Evidence] | None:
    """Its last start near the first failure, and the line that tells of it: of a log, or of a capture by its age."""
    near = pl.col("service").is_in(sorted(thing.names)) & pl.col("time").is_between(first - NEAR, first + NEAR)
    start = case.happened("process.started").filter(near).tail(1)
    if start.height:
        return start["time"][0], cite(start, "it is up again")[0]
    proxies = [at for one in case.of(Container) if "nginx" in f"{one.image} {one.service}" and (at := _up_since(case, one))]
    for one in case.of(Container):
        since = _up_since(case, one) if {one.name, one.service} & thing.names else None
        if since and abs(since - first) <= NEAR and all(at < since for at in proxies):
            return min(since, first), Evidence(one.span, "it is up since")
    return None


def _up_since(case: Case, container: Container) -> datetime | None:
    """When a captured container started; where the capture tells its age, it was taken as the logs end."""
    told = STARTED.match(container.started_at or "")
    if told:
        return datetime.fromisoformat(told["second"]).replace(tzinfo=UTC)
    return case.window[1] - timedelta(seconds=container.up_s) if case.window and container.up_s is not None else None


def _since(case: Case, thing: Entity, own: pl.DataFrame, since: datetime) -> pl.DataFrame | None:
    """The failures since then, if they go on at one address, it did not stop again, and nginx did not ask anew."""
    failed = own.filter((pl.col("host") == own["host"][-1]) & (pl.col("time") > since + UP_SINCE))
    again = any(stop.service in thing.names and stop.ended > since for stop in case.once(stopped))
    lasts = failed.height >= FEWEST and not again and not _dies(case, thing, since)
    return failed if lasts and not _asked_anew(case, since, failed["time"][-1] - UP_SINCE) else None


def _cured(case: Case, thing: Entity, failed: pl.DataFrame, since: datetime) -> tuple[Evidence, ...]:
    """The line by which nginx read its configuration again as the failures ended, though the service did not start again.

    The log goes on, so that no failure is known to follow.
    """
    last = failed["time"][-1]
    own = pl.col("service").is_in(sorted(thing.names))
    later = case.happened("process.started").filter(own & pl.col("time").is_between(since + UP_SINCE, last + UP_SINCE))
    near = pl.col("time").is_between(last - ENDS, last + UP_SINCE) & (pl.col("source") == "nginx")
    told = case.logged.filter(near & pl.col("message").str.ends_with("reconfiguring")).collect()
    log = [one for one in case.sources if one.source == "nginx" and one.first and one.last]
    known = any(one.first < since - NEAR and one.last > last + NEAR for one in log if one.first and one.last)
    return cite(told.head(1), "nginx asks again", shows="configuration_mismatch") if known and later.is_empty() else ()


def _asked_anew(case: Case, since: datetime, until: datetime) -> bool:
    """Whether nginx read its configuration between: then the address is not one it kept."""
    between = pl.col("time").is_between(since, until) & (pl.col("source") == "nginx")
    told = case.logged.filter(between & pl.col("message").str.ends_with("reconfiguring"))
    return bool(told.select(pl.len()).collect().item())


def _dies(case: Case, thing: Entity, since: datetime) -> bool:
    """Whether it crashed since, or a capture shows it not up: then it is not for its address that nobody answers."""
    down = any(
        {one.name, one.service} & thing.names and not one.status.lower().startswith(("up", "running"))
        for one in case.of(Container)
    )
    later = pl.col("time").is_null() | (pl.col("time") >= since)
    crashed = case.happened("process.crashed").filter(pl.col("service").is_in(sorted(thing.names)) & later)
    return down or not crashed.is_empty()


def _told(case: Case, thing: Entity, start: datetime) -> Iterator[Evidence]:
    """The lines by which somebody else tells that its container is replaced."""
    near = pl.col("time").is_between(start - NEAR, start + UP_SINCE)
    named = pl.col("message").str.contains(_named(case, thing))
    itself = pl.col("service").is_in(sorted(thing.names)).fill_null(False) & (pl.col("source") != DAEMON)
    others = pl.col("message").str.contains(PUTS) & ~itself
    yield from cite(case.timeline.filter(near & named & others).collect(), "its container is replaced", most=3)


def _commands(case: Case, thing: Entity, since: datetime) -> Iterator[Evidence]:
    """The commands that replace it, of scripts that ran shortly before: it is what they name, or what they are told."""
    for behaviour in case.behaviours:
        effects = [one for one in behaviour.effects if one.action in STARTS]
        acts = [one for one in effects if any(name in thing.names or name.startswith(UNKNOWN) for name in one.targets)]
        if acts and ran(case, behaviour.script, since) is not None:
            yield from (Evidence(one.span, f"{one.action} {thing.name}") for one in acts)


def _elsewhere(case: Case, thing: Entity, host: str) -> Iterator[Evidence]:
    """The captured lines that give its container another address."""
    logs = {source.path for source in case.sources if source.first}
    for path in sorted(case.files - logs):
        text = case.lines(path).with_columns(own=pl.col("text").str.contains(_named(case, thing)))
        shown = text.with_columns(addresses=pl.col("text").str.extract_all(ADDRESS)).collect()
        for line, addresses in _addresses(shown) if shown["own"].any() else ():
            if host not in addresses and len(addresses) == 1 and addresses[0].rpartition(".")[0] == host.rpartition(".")[0]:
                yield Evidence(Span(path, line), "where it is now")


def _addresses(shown: pl.DataFrame) -> Iterator[tuple[int, list[str]]]:
    """The addresses on each line that names it; else on the first of the next few that has any (`docker inspect`)."""
    lines = list(shown.select("line", "addresses").iter_rows())
    for at in shown["own"].arg_true():
        yield next((one for one in lines[at : at + ITS_LINES] if one[1]), lines[at])


def _named(case: Case, thing: Entity) -> str:
    """A pattern for the names of its containers: as captured, or as compose makes them of project, service and number."""
    captured = {one.name for one in case.of(Container) if {one.service, one.name} & thing.names}
    made = (rf"(?:[\w.-]+[-_])?{re.escape(name)}[-_]\d+" for name in sorted(thing.names))
    return rf"(?:^|[^\w.-])(?:{'|'.join([*map(re.escape, sorted(captured)), *made])})(?:$|[^\w.-])"
