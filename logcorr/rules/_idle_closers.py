"""Who stands between tells that it closed what was idle: proxies and databases say so themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import counted
from logcorr.rules._diffs import brought
from logcorr.rules._haproxy import in_sections
from logcorr.rules._limits import SECONDS
from logcorr.rules._settings import settings
from logcorr.timeline.select import cite, seconds

SHOWS, CHANGES = "timeout_closes_connection", "deploy_changes_configuration"

CUT = r"^[cs]D"
"""How HAProxy writes that a session, in the middle of its data, was closed for its client's or its server's timeout (8.5)."""

SAYS = (
    ("PostgreSQL", r"terminating connection due to idle-session timeout", r"^\s*(?:ALTER .*\bSET\s+)?idle_session_timeout\b"),
    (
        "MySQL",
        r"Aborted connection \d+ to .*\(Got timeout reading communication packets\)",
        r"^\s*(?:wait|interactive)_timeout\b",
    ),
    ("ProxySQL", r"Killing client connection \d+ because inactive for", r"^\s*(?:mysql-)?wait_timeout\b"),
    ("MaxScale", r"Timing out \S+, idle for [\d.]+ seconds", r"^\s*(?:connection_timeout|wait_timeout|idle_session_pool_time)\b"),
    ("PgBouncer", r"closing because: client_idle_timeout\b", r"^\s*client_idle_timeout\b"),
    ("Redis", r"\bClosing idle client\b", r"^\s*timeout\s+\d"),
)
"""Who says so, in which words, and which setting it is."""

KEEPS = (
    r"(?i)\b(?:pool_?recycle|pool_?pre_?ping|conn_?max_?(?:age|lifetime)|max_?life_?time|max_?idle_?time|idle_?timeout(?:_?millis)?"
    r"|setConnMaxLifetime|setConnMaxIdleTime|maxConnLifetime)\b"
)
"""How pools are told for how long to keep a connection."""

VALUE = regex(r"\s(?:=\s*)?['\"]?(?P<number>\d+(?:\.\d+)?)\s?(?P<unit>ms|us|sec|seconds|s|min|m|h|d)?\b")
LONGER = {**SECONDS, "us": 1e-6, "d": 86400.0}

FEWEST, SPREAD, NEARLY_ALL = 4, 3, 0.8
BEFORE = 0.25
"""So many closings, and so many different minutes in which uses fail; nearly each of these after as many closings; and no more
than so many of the closings before the first: what was closed for long and missed by nobody is not why."""

SURE, UNSET = 0.92, 0.85


REFUTE = claim("idle_connection_lost.refute", "a use that went well after a longer silence, or one that failed amid others")
FIX = claim(
    "idle_connection_lost.fix",
    "let a pool give connections up, or test them, before the other side does (shorter than its limit, or TCP keepalive)"
    ", and open a new one where the first use fails",
)


class _Closer(Struct, frozen=True, kw_only=True):
    """Who closed, when, what tells of it, and the lines that set after how long."""

    name: str
    at: npt.NDArray[np.float64]
    rows: pl.DataFrame
    limits: Sequence[tuple[Span, str]]


def told_by_closers(case: Case, lost: pl.DataFrame) -> Finding | None:
    """`lost` are the uses of dead connections that an application tells of."""
    own = lost["file"].unique().to_list()
    for one in (*_balanced(case), *_saying(case, own)):
        if _precedes(one.at, seconds(lost)):
            return _finding(case, lost, one)
    return None


def _precedes(closed: npt.NDArray[np.float64], lost: npt.NDArray[np.float64]) -> bool:
    """Whether each use that fails may be of a connection that was closed before, and these not all at one moment."""
    if len(closed) < FEWEST or len(np.unique(lost // 60)) < SPREAD:
        return False
    until = np.searchsorted(closed, lost + 1.0, side="right")
    enough = until >= np.arange(1, len(lost) + 1)
    return bool(enough.mean() >= NEARLY_ALL and until[0] <= max(FEWEST, BEFORE * len(closed)))


def _balanced(case: Case) -> Iterator[_Closer]:
    """HAProxy's own log of sessions, of those without HTTP."""
    told = case.records("haproxy")
    if not {"times", "ended", "status", "frontend", "backend", "time"} <= set(told.collect_schema()):
        return
    took = pl.col("times").str.extract(r"(\d+)$", 1).cast(pl.Float64) / 1000
    cut = told.filter(pl.col("ended").str.contains(CUT) & pl.col("status").is_null() & pl.col("time").is_not_null())
    rows = cut.with_columns(at=pl.col("time").dt.epoch("us") / 1e6 + took).collect().sort("at", "line")
    if rows.height < FEWEST:
        return
    side = "client" if 2 * int(rows["ended"].str.starts_with("c").sum()) >= rows.height else "server"
    names = {str(rows["frontend"][0]).rstrip("~"), str(rows["backend"][0])}
    shown = case.timeline.join(rows.lazy().select("file", "line"), on=["file", "line"], how="semi").collect()
    yield _Closer(name="HAProxy", at=rows["at"].to_numpy(), rows=shown, limits=_of_section(case, side, names))


def _of_section(case: Case, side: str, names: set[str]) -> list[tuple[Span, str]]:
    """`timeout client` or `server` of the sections of that name, or else of the defaults; `timeout tunnel` takes their place."""
    found: dict[tuple[bool, bool], list[tuple[Span, str]]] = {}
    for kind, name, span, text in in_sections(case, rf"\s*timeout\s+(?:{side}|tunnel)\s"):
        if name in names or kind == "defaults":
            found.setdefault((text.split()[1] == "tunnel", kind != "defaults"), []).append((span, text))
    return found[max(found)] if found else []


def _saying(case: Case, own: Sequence[str]) -> Iterator[_Closer]:
    """What others than the application say of it in words."""
    words = "|".join(pattern for _, pattern, _ in SAYS)
    others = ~pl.col("file").is_in(own) & pl.col("time").is_not_null()
    rows = case.timeline.filter(others & pl.col("message").str.contains(words)).collect()
    for name, pattern, setting in SAYS if rows.height >= FEWEST else ():
        its = rows.filter(pl.col("message").str.contains(pattern))
        if its.height >= FEWEST:
            yield _Closer(name=name, at=seconds(its), rows=its, limits=list(settings(case, setting)))


def _finding(case: Case, lost: pl.DataFrame, closer: _Closer) -> Finding:
    place, text = closer.limits[-1] if closer.limits else (None, "")
    value = VALUE.search(text)
    kept = [span for span, line in settings(case, KEEPS) if place is None or span.path != place.path][:2]
    changed = list(brought(case, text))[:1] if place else []
    said = _claim(closer, lost, " ".join(text.split()), place)
    found = counted(lost, str(lost["service"][0] or lost["source"][0]), said, REFUTE)
    limit = {"limit_s": float(value["number"]) * LONGER.get(value["unit"] or "", _bare(closer.name))} if value else {}
    return replace(
        found,
        confidence=SURE if place else UNSET,
        evidence=(
            *([Evidence(place, "closes what is idle for so long", shows=SHOWS)] if place else []),
            *(Evidence(span, "the change", shows=CHANGES) for span in changed),
            *cite(closer.rows, "closed for its idleness", most=3, shows=SHOWS),
            *(Evidence(span, "how long a pool keeps it", shows=SHOWS) for span in kept),
            *cite(lost, shows=SHOWS),
        ),
        measured={**found.measured, "closed": len(closer.at), **limit},
        fix=FIX,
    )


def _bare(name: str) -> float:
    """How many seconds a number without a unit counts: HAProxy, PostgreSQL and ProxySQL count milliseconds."""
    return 1e-3 if name in ("HAProxy", "PostgreSQL", "ProxySQL") else 1.0


def _claim(closer: _Closer, lost: pl.DataFrame, text: str, place: Span | None) -> Claim:
    numbers: dict[str, str | int] = {"closer": closer.name, "closed": len(closer.at), "count": lost.height}
    if place is None:
        return claim(
            "idle_connection_lost.told",
            "{closer} closed {closed} connections because nothing moved on them, and {count} uses of dead ones failed",
            **numbers,
        )
    return claim(
        "idle_connection_lost.told_by",
        "{closer} closed {closed} connections because nothing moved on them ({setting} at {place}), and {count} uses of dead "
        "ones failed",
        setting=text,
        place=str(place),
        **numbers,
    )
