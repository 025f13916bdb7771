"""Containers that were replaced, and the address of the one before at which the proxy goes on asking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case, Entity
from logcorr.model.claim import Evidence
from logcorr.model.facts import Container
from logcorr.model.source import Span
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
    """Services of whose addresses nginx asks but once, that came up again and are not found; `refused` has `host` and `port`."""
    for name, place in asked_once(case).items() if refused.height else ():
        where, port = server_of(case, place, name)
        thing = find(name, case.entities)
        own = refused.filter((pl.col("port") == port) & pl.col("host").str.contains(f"^{ADDRESS}$"))
        if thing and own.height >= FEWEST and (found := _found(case, thing, own)):
            start, failed = found
            elsewhere = tuple(_elsewhere(case, thing, failed["host"][0]))
            if elsewhere or failed["message"].str.contains(EMPTY, literal=True).any():
                listens = cite(start, "it is up again")
                told = tuple(_told(case, thing, start))
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


def _elsewhere(case: Case, thing: Entity, host: str) -> Iterator[Evidence]:
    """The captured lines that give its container another address."""
    logs = {source.path for source in case.sources if source.first}
    for path in sorted(case.files - logs):
        text = pl.col("text")
        shown = case.lines(path).filter(text.str.contains(_named(case, thing)) & text.str.contains(ADDRESS))
        for line, addresses in shown.select("line", text.str.extract_all(ADDRESS)).collect().iter_rows():
            if host not in addresses and len(addresses) == 1 and addresses[0].rpartition(".")[0] == host.rpartition(".")[0]:
                yield Evidence(Span(path, line), "where it is now")


def _named(case: Case, thing: Entity) -> str:
    """A pattern for the names of its containers: as captured, or as compose makes them of project, service and number."""
    captured = {one.name for one in case.of(Container) if {one.service, one.name} & thing.names}
    made = (rf"(?:[\w.-]+[-_])?{re.escape(name)}[-_]\d+" for name in sorted(thing.names))
    return rf"(?:^|[^\w.-])(?:{'|'.join([*map(re.escape, sorted(captured)), *made])})(?:$|[^\w.-])"
