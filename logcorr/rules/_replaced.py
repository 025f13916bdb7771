"""Containers that were replaced, and the address of the one before at which the proxy goes on asking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from msgspec import Struct

from logcorr.lazily import pl
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
UP_SINCE = timedelta(minutes=1)
"""A container that is up so long is found at its address, if that is its own."""

FEWEST = 5
EMPTY = "(113:"
"""No host is at an address: nobody has it."""

ADDRESS = r"\b((?:\d{1,3}\.){3}\d{1,3})\b"
STARTS = ("start", "restart", "up", "recreate")
UNKNOWN = "<"
"""How the name of a target begins that only who calls the script knows."""

ITS_LINES = 5
"""So many lines of an inspected network speak of one container."""

PUTS = r"(?i)\b(?:re)?creat|\bstopping\b|\breplac|\bimage\b|\bdeploy"


class Replaced(Struct, frozen=True):
    """A service, the `host` at which the proxy asks in vain since its container is another one, and the line that names it.

    `failed` are the attempts since it was up again; `told` what shows that it was replaced, `elsewhere` where it is now.
    """

    service: str
    host: str
    where: Span
    failed: pl.DataFrame
    told: tuple[Evidence, ...]
    elsewhere: tuple[Evidence, ...]


def replaced(case: Case, refused: pl.DataFrame) -> Iterator[Replaced]:
    """Services of whose addresses nginx asks but once, that came up again and are not found there by `refused`."""
    for name, place in asked_once(case).items() if refused.height else ():
        where, port = server_of(case, place, name)
        thing = find(name, case.entities) or Entity(name=name, names=frozenset({name}))
        own = refused.filter((pl.col("port") == port) & pl.col("host").str.contains(f"^{ADDRESS}$"))
        if own.height >= FEWEST and (found := _found(case, thing, own)):
            start, failed = found
            elsewhere = tuple(_elsewhere(case, thing, failed["host"][0]))
            if elsewhere or failed["nobody"].any():
                listens = cite(start, "it is up again")
                told = (*_told(case, thing, start), *islice(_commands(case, thing, start["time"][0] + UP_SINCE), 1))
                yield Replaced(name, failed["host"][0], where, failed, (*told, *listens), (*elsewhere, *listens))


def _found(case: Case, thing: Entity, own: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """Its last start near the first failure, and the failures since, if they go on at one address and it did not stop again."""
    first = own["time"][0]
    named = pl.col("service").is_in(sorted(thing.names))
    starts = case.happened("process.started").filter(named & pl.col("time").is_between(first - NEAR, first + NEAR))
    if starts.is_empty():
        return None
    start = starts.tail(1)
    since = start["time"][0]
    failed = own.filter((pl.col("host") == own["host"][-1]) & (pl.col("time") > since + UP_SINCE))
    again = any(stop.service in thing.names and stop.ended > since for stop in case.once(stopped))
    return (start, failed) if failed.height >= FEWEST and not again and not _dies(case, thing, since) else None


def _dies(case: Case, thing: Entity, since: datetime) -> bool:
    """Whether it crashed since, or a capture shows it not up: then it is not for its address that nobody answers."""
    down = any(
        {one.name, one.service} & thing.names and not one.status.lower().startswith(("up", "running"))
        for one in case.of(Container)
    )
    later = pl.col("time").is_null() | (pl.col("time") >= since)
    crashed = case.happened("process.crashed").filter(pl.col("service").is_in(sorted(thing.names)) & later)
    return down or not crashed.is_empty()


def _told(case: Case, thing: Entity, start: pl.DataFrame) -> Iterator[Evidence]:
    """The lines by which somebody else tells that its container is replaced."""
    near = pl.col("time").is_between(start["time"][0] - NEAR, start["time"][0] + UP_SINCE)
    named = pl.col("message").str.contains(_named(case, thing))
    others = pl.col("message").str.contains(PUTS) & ~pl.col("service").is_in(sorted(thing.names)).fill_null(False)
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
