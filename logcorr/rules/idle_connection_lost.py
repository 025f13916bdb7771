"""What an application keeps open to something it needs is closed while nothing moves on it, and the next one to use it fails."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.events import PROXIES, REQUEST_LOGS
from logcorr.model.result import Finding
from logcorr.rules import counted, rule
from logcorr.rules._idle_closers import FIX, REFUTE, told_by_closers
from logcorr.rules._idle_lowered import lowered
from logcorr.rules._limits import Limit, limits
from logcorr.rules._settings import settings
from logcorr.rules._words import sought, telling
from logcorr.timeline.select import cite, seconds

LOST = (
    *("closed state", "has gone away", "Lost connection to MySQL server", "PROTOCOL_CONNECTION_LOST"),
    *("Connection lost: The server closed", "server closed the connection unexpectedly", "Connection terminated unexpectedly"),
    *("SSL connection has been closed unexpectedly", "connection already closed", "Communications link failure"),
    *("last packet successfully received", "roken pipe", "EPIPE", "ECONNRESET", "onnection reset by peer", "socket hang up"),
    *("driver: bad connection", "invalid connection", "Socket closed unexpectedly", "Connection is closed", "ORA-03113"),
    *("ORA-03135", "ORA-02396", "server has closed the connection", "onnection closed by server", "socket has been ended"),
)
"""How drivers word it that a connection is dead: of MySQL, PostgreSQL, Redis, Oracle, and of the system."""

SAYS_LOST = sought("|".join(map(re.escape, LOST)), *LOST)

OF_CLIENTS = r"could not (?:receive data from|send data to) client|unexpected EOF on client connection"
"""How PostgreSQL tells the same of those who use it: they are not its own uses."""

AGO = r"received from the server was ([\d.,]+) milli ?seconds ago"
"""MySQL's driver for Java tells how long it had been quiet."""

FEWEST, SHORTEST_S, MOST_LINES = 4, 10.0, 5000
AT_ONCE_S = 2.0
MOST_AGAIN, MOST_OVER = 0.5, 0.25
"""So many of those that fail may follow each other; and for so many of them one may have gone well though it was quiet as long:
another connection, or a new one."""

WELL = 3
"""So many times as often it must have gone well, unless the driver itself tells how long it was quiet: a log of errors alone is
always quiet before one."""

SLACK, FAR = 1.02, 10
IDLE = (
    r"(?i)idle|\b(?:wait|interactive)_timeout\b|conntrack_tcp_timeout_established|^\s*timeout\s+(?:client|server|tunnel)\s"
    r"|^\s*timeout\s+\d"
)
"""What settings are called by which somebody closes what is idle: databases, stores, proxies, firewalls, pools."""
HAPROXY = ("client", "server", "tunnel")
"""Second words of its directives."""
OTHERS = regex(r"(?i)transaction|keepalives?_idle|min_?idle|max_?idle(?!_?time)|idleTimeoutMillis|maxIdleTimeMS|hikari")
"""Other settings; and those by which a pool itself gives up what is idle: then nobody uses it next."""

MINUTES = regex(r"(?i)minutes?$")
SURE, SEVERAL, UNKNOWN, DOWN = 0.92, 0.8, 0.6, 0.3
SHOWS = "timeout_closes_connection"

Times: TypeAlias = "npt.NDArray[np.float64]"


class _Quiet(Struct, frozen=True):
    """The rows that tell of dead connections, how long it had been quiet before them, and before what went well.

    `again` of them came right after another one.
    """

    rows: pl.DataFrame
    failed: Times
    well: Times
    again: int = 0

    @property
    def least(self) -> float:
        """After so long nearly all of them were dead."""
        return float(np.quantile(self.failed, 0.1, method="lower"))

    @property
    def is_idleness(self) -> bool:
        """Whether it is the silence that makes the difference."""
        enough = len(self.failed) >= FEWEST and self.least >= SHORTEST_S
        return enough and self.over(self.least) <= MOST_OVER * len(self.failed)

    @property
    def is_down(self) -> bool:
        """Whether most of them failed right after another one: what is opened anew is not dead, whoever is down fails on."""
        return self.again > MOST_AGAIN * len(self.failed)

    def over(self, limit_s: float) -> int:
        """How many went well though it had been quiet for longer."""
        return int((self.well > SLACK * limit_s).sum())


@rule(code="NET008", title="Idle connections are dead when they are used next", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Compares the silence before each request or line that met a dead connection with the silences before all others."""
    rows = _lost(case)
    if rows.height < FEWEST:
        return
    found = next((quiet for quiet in _quiet(case, rows) if quiet and quiet.is_idleness), None)
    closing = [] if not found or found.is_down else _closing(case, found)
    told = None if closing else told_by_closers(case, rows)
    waits = "upstream.timeout" in case.kinds  # then it may be answers that are given less time
    if not told and not closing and not waits and not (found and found.is_down):
        told = lowered(case, rows)
    if told:
        yield told
    elif found:
        yield _finding(found, closing)


def _lost(case: Case) -> pl.DataFrame:
    """The events that tell of one, also in the lines after their first where these are few."""
    logs = [source.path for source in case.sources if source.format in REQUEST_LOGS]
    own = case.timeline.filter(pl.col("time").is_not_null() & ~pl.col("source").is_in(PROXIES) & ~pl.col("file").is_in(logs))
    told = telling(case, SAYS_LOST).filter(~pl.col("source").is_in(PROXIES) & ~pl.col("message").str.contains(OF_CLIENTS))
    long = own.filter((pl.col("severity") >= "error") & (pl.col("lines") > 1))
    few = long.select(pl.len()).collect().item() <= MOST_LINES
    rest = long.join(told.lazy(), on=["file", "line"], how="anti").collect() if few else told.clear()
    parts = [told, *_continued(case, rest)]
    found: pl.DataFrame = pl.concat(parts).sort("time", "file", "line", maintain_order=True)
    return found


def _continued(case: Case, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    for (path,), same in rows.group_by("file", maintain_order=True):
        lines = case.lines(str(path)).filter(pl.col("text").str.contains_any(list(LOST))).collect()["line"].to_numpy()
        first = same["line"].to_numpy()
        within = np.searchsorted(lines, first + same["lines"].to_numpy()) > np.searchsorted(lines, first)
        yield same.filter(pl.Series(within, dtype=pl.Boolean))


def _quiet(case: Case, rows: pl.DataFrame) -> Iterator[_Quiet | None]:
    """As the driver says, as requests for the same come, as the application's own log tells."""
    yield _as_told(case, rows)
    yield _between_requests(case, rows)
    yield _between_lines(case, rows)


def _as_told(case: Case, rows: pl.DataFrame) -> _Quiet | None:
    told = [
        text
        for path in rows["file"].unique(maintain_order=True)
        for text in case.lines(path).select(pl.col("text").str.extract(AGO, 1)).drop_nulls().collect()["text"]
    ]
    ago = np.array([float(text.replace(",", "").replace(".", "")) / 1000 for text in told])
    return _Quiet(rows, ago, np.empty(0)) if len(ago) >= 0.5 * rows.height else None


def _between_requests(case: Case, rows: pl.DataFrame) -> _Quiet | None:
    """Requests whose path begins like those that failed at these moments."""
    access = case.records("nginx_access")
    if not {"request", "status", "time"} <= set(access.collect_schema()):
        return None
    begin = pl.col("request").str.extract(r"^\S+ (/[^/?# ]*)", 1)
    asked = access.select(at=pl.col("time").dt.epoch("us") / 1e6, status="status", begin=begin).drop_nulls().collect().sort("at")
    failed = (asked["status"] >= 500).to_numpy() & _near(seconds(rows), asked["at"].to_numpy())
    begins = asked.filter(pl.Series(failed, dtype=pl.Boolean))["begin"].unique()
    of_kind = asked["begin"].is_in(begins.implode()).to_numpy()
    return _apart(rows, asked["at"].to_numpy()[of_kind], failed[of_kind])


def _between_lines(case: Case, rows: pl.DataFrame) -> _Quiet | None:
    told = case.timeline.filter(pl.col("file").is_in(rows["file"].unique().implode()) & pl.col("time").is_not_null())
    lines = told.select("file", "line", at=pl.col("time").dt.epoch("us") / 1e6).collect().sort("at", "file", "line")
    failed = lines.join(rows.select("file", "line", lost=pl.lit(True)), on=["file", "line"], how="left", maintain_order="left")
    return _apart(rows, lines["at"].to_numpy(), failed["lost"].fill_null(False).to_numpy())


def _near(times: Times, at: Times) -> npt.NDArray[np.bool_]:
    return np.searchsorted(times, at + AT_ONCE_S, side="right") > np.searchsorted(times, at - AT_ONCE_S)


def _apart(rows: pl.DataFrame, at: Times, failed: npt.NDArray[np.bool_]) -> _Quiet | None:
    """None where nothing goes well between most failures, as it would on a new connection: what is asked is down."""
    gaps = np.diff(at)
    known = failed.any() and (~failed).sum() >= WELL * failed.sum()
    again = int((failed[1:] & failed[:-1] & (gaps >= SHORTEST_S)).sum())
    return _Quiet(rows, gaps[failed[1:]], gaps[~failed[1:]], again) if known else None


def _closing(case: Case, quiet: _Quiet) -> list[tuple[Limit, float]]:
    """The settings by which somebody closes what is idle at that age, those nearest to it first."""
    named = {span for span, text in settings(case, IDLE) if not OTHERS.search(text)}
    found = [(one, seconds) for one in limits(case) if one.span in named for seconds in _seconds(one)]
    fitting = [
        (one, value)
        for one, value in found
        if SHORTEST_S <= value <= SLACK * quiet.least
        and quiet.over(value) <= MOST_OVER * len(quiet.failed)
        and (len(quiet.well) or value >= quiet.least / 2)
    ]
    return sorted(fitting, key=lambda pair: -pair[1])


def _seconds(one: Limit) -> list[float]:
    """What the number of such a setting may mean: without a unit seconds, or milliseconds; minutes where its name says so."""
    if MINUTES.search(one.name):
        return [60 * one.value]
    return list(one.values()) if one.is_time else [one.value, one.value * 1e-3]


def _finding(quiet: _Quiet, closing: Sequence[tuple[Limit, float]]) -> Finding:
    rows = quiet.rows
    limit, value = closing[0] if closing else (None, None)
    found = counted(rows, str(rows["service"][0] or rows["source"][0]), _claim(quiet, limit, value), REFUTE)
    several = len({value for _, value in closing}) > 1 or (value is not None and quiet.least > FAR * value)
    return replace(
        found,
        confidence=(SEVERAL if several else SURE) if limit else DOWN if quiet.is_down else UNKNOWN,
        evidence=(
            *([Evidence(limit.span, "closes what is idle for so long", shows=SHOWS)] if limit else []),
            *cite(rows, shows=SHOWS),
        ),
        measured={**found.measured, "least_s": round(quiet.least, 1)} | ({"limit_s": value} if value else {}),
        fix=None if quiet.is_down else FIX,
    )


def _claim(quiet: _Quiet, limit: Limit | None, value: float | None) -> Claim:
    numbers: dict[str, str | int | float] = {
        "count": quiet.rows.height,
        "least": quiet.least,
        "over": quiet.over(quiet.least),
    }
    if quiet.is_down:
        return claim(
            "idle_connection_lost.down",
            "{count} uses of connections failed, most of them right after another one: whoever was asked was down, rather than "
            "the connection idle for too long",
            **numbers,
        )
    if limit is None or value is None:
        return claim(
            "idle_connection_lost.found",
            "connections on which nothing moved for {least:.0f} s or longer are dead when used next: {count} uses failed so, "
            "and {over} went well after such a silence",
            **numbers,
        )
    return claim(
        "idle_connection_lost.set",
        "{name} of {limit:g} s at {place} closes connections that are idle, and the next use fails: {count} did, each "
        "after a silence of {least:.0f} s or longer, and {over} went well after one",
        name=f"timeout {limit.name}" if limit.name in HAPROXY else limit.name,
        limit=value,
        place=str(limit.span),
        **numbers,
    )
