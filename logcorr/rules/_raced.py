"""An application sends a request on a connection that it keeps just as the server of it closes that for being idle."""

from __future__ import annotations

import math
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
from logcorr.model.source import Span
from logcorr.rules._kept_open import Idle, by_themselves, told_to_keep
from logcorr.rules._settings import settings
from logcorr.rules._words import sought, telling
from logcorr.timeline.lifecycles import stopped
from logcorr.timeline.select import cite, instants, seconds, texts

RESET = (
    *("ECONNRESET", "socket hang up", "other side closed", "RemoteDisconnected", "ServerDisconnectedError"),
    *("Server disconnected", "onnection reset by peer", "NoHttpResponseException", "server closed idle connection"),
)
"""How clients of HTTP word it that a connection was closed before any answer: those of Node, Python, Java and Go."""

SAYS_RESET = sought("|".join(map(re.escape, RESET)), *RESET)

KEEPS = (
    r"(?i)keep_?alive['\"]?\s*[:=]\s*['\"]?(?:true|1|on|yes)\b|\b(?:pool_connections|max_keepalive_connections|agentkeepalive)\b"
)
"""How a client is told to keep its connections."""

HOST = regex(r"https?://(?P<host>[\w.-]+)(?::(?P<port>\d+))?")

NUMBER = regex(r"(?<!\d)\d{2,5}(?!\d)")

FEWEST, QUIET_S, AT_ONCE_S = 5, 1.0, 2.0
BEFORE_S, AFTER_S, SPREAD = 0.3, 1.3, 0.03
"""A server looks now and then for what is idle, and closes it a moment late; so much of a longer limit, too."""

MATCHING, MANY, CHANCE, LEAST_LONGER = 0.6, 0.8, 0.001, 3
STOPS_S, LEAST_ALONE = 30.0, 0.8
SET, ASSUMED, UNKNOWN = 0.85, 0.7, 0.55
"""How sure it is: the limit is set; it is the server's own; only the silences speak. That connections are kept no log tells."""

Times: TypeAlias = "npt.NDArray[np.float64]"


class _Silences(Struct, frozen=True):
    """The silences in an application's log before what failed, and before what went well."""

    failed: Times
    well: Times

    def matching(self, limit_s: float) -> float:
        """The share of failures after a silence of about that length."""
        return float(_about(self.failed, limit_s).mean()) if len(self.failed) else 0.0

    def telling(self, limit_s: float) -> bool:
        """Whether so many would hardly come after such a silence by chance, and what followed a longer one went well."""
        every = np.concatenate([self.failed, self.well])
        usual, after = float(_about(every, limit_s).mean()), int(_about(self.failed, limit_s).sum())
        count = len(self.failed)
        chance = sum(math.comb(count, some) * usual**some * (1 - usual) ** (count - some) for some in range(after, count + 1))
        return chance <= CHANCE and self.longer(limit_s) >= LEAST_LONGER and after >= MATCHING * count

    def longer(self, limit_s: float) -> int:
        """How often all went well after a longer silence."""
        return int((self.well > limit_s + _late(limit_s)).sum())


def _late(limit_s: float) -> float:
    return max(AFTER_S, SPREAD * limit_s)


def _about(silences: Times, limit_s: float) -> npt.NDArray[np.bool_]:
    return (silences >= limit_s - BEFORE_S) & (silences <= limit_s + _late(limit_s))


def raced(case: Case) -> Iterator[Finding]:
    """Uses of connections that were reset one by one, each after a silence as long as the server keeps what is idle."""
    found = _reset(case)
    for (path,), rows in found.group_by("file", maintain_order=True) if found.height >= FEWEST else ():
        if rows.height < FEWEST or not _alone(case, seconds(rows)):
            continue
        silences = _silences(case, str(path), rows)
        limits = _limits(case, texts(case, rows))
        idle = next((one for one in limits if silences.telling(one.seconds)), None)
        usual = float(np.median(silences.failed)) if len(silences.failed) else 0.0
        if idle is None and usual >= 2 * QUIET_S and silences.telling(usual) and silences.matching(usual) >= MANY:
            idle = Idle(usual, None, False)
        if idle:
            yield _finding(case, rows, silences, idle)


def _reset(case: Case) -> pl.DataFrame:
    """The events of applications that tell of it, by their words or in the whole of their lines."""
    logs = [source.path for source in case.sources if source.format in REQUEST_LOGS]
    failed = case.happened("dependency.failed").drop_nulls("time")
    held = [any(word in text for word in RESET) for text in texts(case, failed)] if failed.height else []
    told = telling(case, SAYS_RESET)
    rows = pl.concat([told, failed.filter(pl.Series(held, dtype=pl.Boolean)).select(told.columns)]).unique(["file", "line"])
    own = ~pl.col("source").is_in(PROXIES) & ~pl.col("file").is_in(logs)
    return rows.filter(own).sort("time", "file", "line")


def _alone(case: Case, times: Times) -> bool:
    """Whether nearly none of them is near the end of a process."""
    ends = np.sort([one.ended.timestamp() for one in case.once(stopped)])
    near = np.searchsorted(ends, times + STOPS_S) - np.searchsorted(ends, times - STOPS_S)
    return float((near == 0).mean()) >= LEAST_ALONE


def _silences(case: Case, path: str, rows: pl.DataFrame) -> _Silences:
    """How long the log was silent before what led to each failure, and before each other piece of work."""
    told = case.timeline.filter((pl.col("file") == path) & pl.col("time").is_not_null())
    lines = told.select("line", at=pl.col("time").dt.epoch("us") / 1e6).collect().sort("at", "line")
    at, failed = lines["at"].to_numpy(), lines["line"].is_in(rows["line"].implode()).to_numpy()
    gaps = np.diff(at, prepend=at[:1])
    begins = np.flatnonzero(gaps >= QUIET_S)
    piece = np.searchsorted(begins, np.arange(len(at)), side="right") - 1
    at_once = failed & (piece >= 0) & (at - at[begins[np.maximum(piece, 0)]] <= AT_ONCE_S) if len(begins) else failed & False
    broken = np.isin(np.arange(len(begins)), piece[at_once])
    return _Silences(gaps[begins[broken]], gaps[begins[~broken]])


def _limits(case: Case, lines: Sequence[str]) -> list[Idle]:
    """What is set, what the servers do of themselves that the lines name, and what any server here does."""
    asked = [found for line in lines[:FEWEST] if (found := HOST.search(line))]
    hosts, ports = {found["host"] for found in asked}, {found["port"] for found in asked if found["port"]}
    services = case.stack.services if case.stack else ()
    homes = [one.span for one in services if hosts & {one.name, one.container_name}]
    own = [(replace(one, known=False), text) for one, text, _ in by_themselves(case)]
    there = [
        one
        for one, text in own
        if (one.span and any(_within(one.span, home) for home in homes)) or (not homes and ports & set(NUMBER.findall(text)))
    ]
    return [*told_to_keep(case), *(there or (replace(one, span=None) for one, _ in own))]


def _within(span: Span, place: Span) -> bool:
    return span.path == place.path and place.line <= span.line <= place.end_line


def _finding(case: Case, rows: pl.DataFrame, silences: _Silences, idle: Idle) -> Finding:
    shows = "configuration_mismatch"
    keeps = [span for span, _ in settings(case, KEEPS)][:2]
    note = f"closed after {idle.seconds:g} s" if idle.known else f"by itself it closes them after {idle.seconds:g} s"
    return Finding(
        confidence=SET if idle.known else ASSUMED if idle.span else UNKNOWN,
        claim=_claim(rows, silences, idle),
        evidence=(
            *([Evidence(idle.span, note, shows=shows)] if idle.span else []),
            *(Evidence(span, "keeps connections", shows=shows) for span in keeps),
            *cite(rows, shows="timeout_closes_connection"),
        ),
        would_refute=claim(
            "keepalive_race.refute_application",
            "a log of the server that tells of these requests, or such failures where no connection is kept",
        ),
        subject=str(rows["service"][0] or rows["file"][0]),
        measured={"count": rows.height, "limit_s": round(idle.seconds, 1), "longer": silences.longer(idle.seconds)},
        times=instants(rows),
        fix=claim(
            "keepalive_race.fix_application",
            "let the client give up idle connections before {limit:g} s, or the server keep them longer than the client does; "
            "ask again where nothing was answered and to ask twice does no harm",
            limit=idle.seconds,
        ),
    )


def _claim(rows: pl.DataFrame, silences: _Silences, idle: Idle) -> Claim:
    return claim(
        "keepalive_race.application",
        "{service} met a closed connection {count} times, {matching:.0%} of them after a silence of about {limit:g} s, and not "
        "after longer ones: it probably uses kept connections just as the server closes them",
        service=str(rows["service"][0] or rows["file"][0]),
        count=rows.height,
        matching=silences.matching(idle.seconds),
        limit=idle.seconds,
    )
