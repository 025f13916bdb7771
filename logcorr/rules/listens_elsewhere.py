"""A service listens on another port than the one on which it is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import NginxFile
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import by_service, rule
from logcorr.rules._moves import FIELD
from logcorr.rules._ports import DUMP, is_overridden, ports_set, restored
from logcorr.rules._settings import settings
from logcorr.rules._targets import target
from logcorr.timeline.select import cite, instants, texts

PORT = (
    r"(?:(?i:ports?|puerto|porta|poort|порту|端口|埠|ポート)\D{0,3}|(?:(?:\d+\.){3}\d+|localhost|[\]*]|https?://[\w.-]+|^|\s):)"
    r"(?P<port>\d{2,5})\b(?:[^:.\d]|[:.]\D|[:.]?$)"
)
"""The port in a line that tells where a process listens; no time of day."""

FEWEST = 3
AT_ONCE = timedelta(seconds=2)
SOON = timedelta(minutes=15)
"""Who asks a service that is down notices within this time of its start."""

COMES_UP = timedelta(seconds=30)
"""So long a start may take: what is refused meanwhile tells nothing of ports."""

FOREIGN = frozenset((53, 389, 1433, 1521, 2181, 3306, 4222, 5432, 5672, 6379, 6432, 9042, 9092, 9200, 11211, 27017))
"""Ports of databases, caches, brokers and directories: https://www.iana.org/assignments/service-names-port-numbers."""

ASKS = (
    r"(?:proxy_pass|reverse_proxy|ProxyPass|\w+cgi_pass|grpc_pass|(?:^|[{{;])\s*server\s|(?i:url|host|addr)).*:{port}\b"
    r"|\bloadbalancer\.server\.port\W{{1,4}}{port}\b"
)
"""How a line names a port that is asked: nginx's, Caddy's, Apache's, HAProxy's, applications', and Traefik's label."""

TOLD = regex(r"(?i)^\W*\w*(?:url|host|addr)\w*\W")
"""A setting of another application, which is no proxy's."""

CHANGES = "deploy_changes_configuration"
PROVED, REACHED, SAID, LIKELY, UNEXPLAINED = 0.95, 0.92, 0.9, 0.85, 0.7
MOST_OF = 0.9
CODE = (".js", ".mjs", ".cjs", ".ts", ".py", ".rb", ".go", ".php", ".java")

FIX = claim(
    "listens_elsewhere.fix", "let both read the port from one place, and ask the service where it listens before a restart ends"
)


class _Asked(Struct, frozen=True, kw_only=True):
    """A port on which nobody answers, and the rows that say so."""

    port: int
    rows: pl.DataFrame

    @property
    def since(self) -> datetime:
        first: datetime = self.rows["time"].drop_nulls()[0]
        return first


class _Starts(Struct, frozen=True, kw_only=True):
    """What one service says at its starts: the ports it listens on by its last one, and those it did before."""

    service: str
    rows: pl.DataFrame
    now: frozenset[int]
    before: frozenset[int]
    cured: bool
    """Whether it was then started where it is asked, and refused no more."""

    @property
    def began(self) -> datetime:
        first: datetime = self.rows["time"][0]
        return first


@rule(code="NET006", title="A service listens on another port than it is asked on", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Compares the port of refused connections with the one that the only service which it may be says that it listens on."""
    told = list(by_service(_told(case)))
    for asked in _asked(case) if told else ():
        starts = [one for name, rows in told if (one := _starts(name, rows, asked))]
        others = [one for one in starts if _may_be(case, one, asked)]
        if asked.port in FOREIGN or any(asked.port in one.now for one in starts):
            continue
        moved = [one for one in others if _moved(one, asked)]
        known = [one for one in moved if asked.port in one.before] or moved
        if _is_stale(case, known, asked):
            continue
        if len(known) == 1:
            yield _finding(case, asked, known[0], _set(case, known[0]), moved=True)
        elif (
            not moved
            and len(others) == 1 == len(starts)
            and _proxys(case, others[0], asked)
            and (lines := _asks(case, asked.port))
        ):
            yield _finding(case, asked, others[0], lines, moved=False)


def _may_be(case: Case, one: _Starts, asked: _Asked) -> bool:
    """Whether it can be the one that is asked: nobody asks itself, and who is asked where it listens is asked well."""
    itself = one.service in set(asked.rows["service"])
    return not itself and (asked.port in one.before or not any(_proxied(case, port) for port in one.now))


def _is_stale(case: Case, known: Sequence[_Starts], asked: _Asked) -> bool:
    """Whether its own starts tell the move: then the proxy's line is the stale one, as `stale_upstream_address` says."""
    left = [one for one in known if asked.port in one.before and not one.cured]
    told = any(not is_overridden(case, one.now - one.before, one.began) for one in left)
    return told and _proxied(case, asked.port)


def _told(case: Case) -> pl.DataFrame:
    """The starts of which a line names a port, or a field beside the message does."""
    started = case.happened("process.started").drop_nulls("time")
    named = started["message"].str.extract(PORT, 1)
    fields = [field["port"] if (field := FIELD.search(text)) else None for text in texts(case, started)]
    ports = named.fill_null(pl.Series(fields, dtype=pl.String)).cast(pl.Int64)
    return started.with_columns(port=ports).drop_nulls("port")


def _starts(service: str, told: pl.DataFrame, asked: _Asked) -> _Starts | None:
    """Its starts up to the last refusal, if the next one says the port on which it is asked; else all of them."""
    over = pl.lit(asked.rows["time"].max()) - AT_ONCE
    after = told.filter(pl.col("time") > over).sort("time", maintain_order=True)
    cured = after["port"].head(1).to_list() == [asked.port]
    rows = told.filter(pl.col("time") < after["time"][0]) if cured else told
    if rows.is_empty():
        return None
    last = rows.filter(pl.col("time") >= pl.col("time").max() - COMES_UP)
    before = rows.filter(pl.col("time") < pl.col("time").max() - COMES_UP)
    return _Starts(service=service, rows=last, now=frozenset(last["port"]), before=frozenset(before["port"]), cured=cured)


def _asked(case: Case) -> Iterator[_Asked]:
    """The ports of refused connections, as the lines name them."""
    rows = case.happened("upstream.refused", "dependency.failed").drop_nulls("time")
    ports = [_port(text) for text in texts(case, rows)]
    for (port,), told in (
        rows.with_columns(port=pl.Series(ports, dtype=pl.Int64)).drop_nulls("port").group_by("port", maintain_order=True)
    ):
        if told.height >= FEWEST:
            yield _Asked(port=int(str(port)), rows=told.drop("port"))


def _port(text: str) -> int | None:
    port = target(text).rpartition(":")[2] if "efused" in text or "ECONNREFUSED" in text else ""
    return int(port) if port.isdecimal() else None


def _moved(one: _Starts, asked: _Asked) -> bool:
    """Whether it is refused since this start, and for longer than a start takes."""
    times = asked.rows["time"].drop_nulls()
    since = times.filter(times >= one.began - AT_ONCE)
    new = not one.before or not one.now <= one.before
    return new and len(since) >= MOST_OF * len(times) and since[0] <= one.began + SOON and since[-1] > one.began + COMES_UP


def _set(case: Case, one: _Starts) -> list[Span]:
    """The lines that set the port it has now; those of configuration, where code names it, too."""
    found = ports_set(case, one.now - one.before)
    if (dumped := [span for span in found if DUMP.search(span.path)]) and restored(case, one.began).height:
        return dumped[:1]
    return [span for span in found if not span.path.endswith(CODE)] or found


def _asks(case: Case, port: int) -> list[Span]:
    """The lines by which a port is asked."""
    return [span for span, _ in settings(case, ASKS.format(port=port))]


def _asks_it(case: Case, one: _Starts, port: int) -> list[Span]:
    """The lines by which a proxy asks the port and that name the service, if there are such."""
    name = rf"(?:^|[^\w-]){re.escape(one.service)}(?:[^\w-]|$)"
    return [span for span, text in settings(case, ASKS.format(port=port)) if re.search(name, text) and not TOLD.search(text)]


def _proxied(case: Case, port: int) -> bool:
    """Whether nginx is configured to ask there."""
    proxies = {file.span.path for file in case.of(NginxFile)}
    return any(span.path in proxies for span in _asks(case, port))


def _proxys(case: Case, one: _Starts, asked: _Asked) -> bool:
    """Whether the proxy took a configuration just before, while the service went on."""
    loaded = case.happened("process.reloaded", "process.started").drop_nulls("time")
    proxy = pl.col("service").is_in(asked.rows["service"].unique().to_list())
    loaded = loaded.filter(pl.col("time").is_between(asked.since - COMES_UP, asked.since) & proxy)
    files = set(one.rows["file"])
    goes_on = any(source.last and source.last > asked.since for source in case.sources if source.path in files)
    return bool(loaded.height) and goes_on and one.rows["time"][-1] < asked.since - SOON


def _finding(case: Case, asked: _Asked, one: _Starts, lines: Sequence[Span], *, moved: bool) -> Finding:
    told = cite(one.rows, "says where it listens", most=2, shows=CHANGES if moved else "configuration_mismatch")
    place = [Evidence(span, "sets the port", shows=CHANGES) for span in lines] if len(lines) == 1 or not moved else []
    unsaid = moved and not place and not one.cured and asked.port not in one.before
    asking = _asks_it(case, one, asked.port) if unsaid else []
    if place and DUMP.search(place[0].span.path):
        place += cite(restored(case, one.began), "pm2 starts what it had saved", most=1, shows=CHANGES)
    asks = [Evidence(span, "asks there", shows="configuration_mismatch") for span in _asks(case, asked.port)] if moved else []
    return Finding(
        confidence=_confidence(case, asked, one, place=bool(place), asking=bool(asking), moved=moved),
        claim=_claim(asked, one, moved=moved),
        evidence=(*(asks if asking else place), *told, *asks, *cite(asked.rows, shows="configuration_mismatch")),
        would_refute=claim("listens_elsewhere.refute", "a connection to port {asked} that was accepted since", asked=asked.port),
        subject=one.service,
        measured={"asked": asked.port, "told": min(one.now - one.before or one.now), "count": asked.rows.height},
        times=instants(asked.rows),
        fix=FIX,
    )


def _confidence(case: Case, asked: _Asked, one: _Starts, *, place: bool, asking: bool, moved: bool) -> float:
    """Where it said the port at the start before, or the next, or was reached there, it is but to be told who set this one."""
    if not moved or ((asked.port in one.before or one.cured) and not place):
        return SAID
    if asked.port in one.before or one.cured:
        return PROVED
    if not (asking or _proxied(case, asked.port)):
        return UNEXPLAINED
    known = {source.path for source in case.sources if source.first and source.first < one.began - SOON}
    well = known & set(asked.rows["file"]) and asked.since >= one.began - COMES_UP
    return REACHED if (place or asking) and well else LIKELY if place else UNEXPLAINED


def _claim(asked: _Asked, one: _Starts, *, moved: bool) -> Claim:
    numbers: dict[str, str | int] = {"service": one.service, "told": min(one.now - one.before or one.now), "asked": asked.port}
    if moved and one.cured:
        return claim(
            "listens_elsewhere.cured",
            "{service} listened on port {told} since a start, but was asked on {asked}: {count} connections were refused, until "
            "it was started on that",
            **numbers,
            count=asked.rows.height,
        )
    if moved:
        return claim(
            "listens_elsewhere.moved",
            "{service} listens on port {told} since its last start, but is asked on {asked}: {count} connections were refused",
            **numbers,
            count=asked.rows.height,
        )
    return claim(
        "listens_elsewhere.asked",
        "{service} is asked on port {asked} since the proxy's reload, but listens on {told}: {count} connections were refused",
        **numbers,
        count=asked.rows.height,
    )
