"""Requests of one session reach several servers, of which only one knows it."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import NginxFile
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._deeds import JUST_BEFORE, just_before
from logcorr.rules._requests import prefix
from logcorr.rules._words import sought, telling
from logcorr.semantics.nginx import Nginx
from logcorr.semantics.nginx.facts import Proxied, Upstream
from logcorr.timeline.notes import entries
from logcorr.timeline.select import cite, instants, seconds

UNKNOWN = sought(r"\bSession ID unknown\b", "Session ID unknown")
"""How Socket.IO's server tells it (engine.io's error 1): https://socket.io/docs/v4/troubleshooting-connection-issues/."""

POLL = r"[?&]transport=polling\b.*[?&]sid=|[?&]sid=.*[?&]transport=polling\b"
STICKY = regex(r"(?:ip_hash|hash|sticky)\b")
REFUSED = 400

FEWEST, LEAST_SHARE = 5, 0.1
"""So many polls of sessions are refused, and so much of all."""

STARTED_S = 60.0
"""Clients of before a start come back within this time."""

SAID, SEEN = 0.95, 0.9
"""How sure it is, with the server's own words and without."""

CHANGES, MISMATCH = "deploy_changes_configuration", "configuration_mismatch"


@rule(
    code="NGX033", title="Requests of one session are spread over servers that do not share it", role="defect", severity="error"
)
def check(case: Case) -> Iterator[Finding]:
    """Long polls of Socket.IO that are refused, where the group that they are handed to keeps nobody to one server."""
    access = case.records("nginx_access")
    if not {"request", "status", "time"} <= set(access.collect_schema()):
        return
    spread = list(_spread(case))
    polls = access.filter(pl.col("request").str.contains(POLL)) if spread else access.clear()
    asked = polls.select("file", "line", "status", uri=pl.col("request").str.extract(r"^\S+ (\S+)", 1)).drop_nulls().collect()
    for group, place in spread:
        own = asked.filter(pl.col("uri").str.starts_with(prefix(place)))
        asked = asked.join(own, on=["file", "line"], how="anti")
        refused = own.filter(pl.col("status") == REFUSED)
        if refused.height >= max(FEWEST, LEAST_SHARE * own.height) and not _lost(case, refused):
            yield _finding(case, group, place, refused)


def _lost(case: Case, refused: pl.DataFrame) -> bool:
    """Whether most of them come soon after a start: what was lost with the process before nobody knows, either."""
    times = case.timeline.join(refused.lazy().select("file", "line"), on=["file", "line"]).select("time").collect()["time"]
    starts = seconds(case.happened("process.started").drop_nulls("time"))
    at = times.drop_nulls().dt.epoch("us").to_numpy() / 1e6
    near = [bool(((one - starts >= 0) & (one - starts <= STARTED_S)).any()) for one in at]
    return sum(near) > len(near) / 2


def _spread(case: Case) -> Iterator[tuple[Upstream, Proxied]]:
    """The groups of several servers that keep nobody to one, and what is handed to them, the longest path first."""
    for nginx in Nginx.every(tuple(case.of(NginxFile))):
        groups = {group.name: group for group in nginx.upstreams() if _alive(group) > 1 and not _keeps(group)}
        for place in sorted(nginx.proxied(), key=lambda place: -len(prefix(place))):
            name = place.target.rpartition("//")[2].partition("/")[0]
            if name in groups:
                yield groups[name], place


def _alive(group: Upstream) -> int:
    return sum(not {"backup", "down"} & set(server.parameters) for server in group.servers)


def _keeps(group: Upstream) -> bool:
    return any(STICKY.match(text) for text, _ in group.settings)


def _finding(case: Case, group: Upstream, place: Proxied, refused: pl.DataFrame) -> Finding:
    rows = case.timeline.join(refused.lazy().select("file", "line"), on=["file", "line"]).sort("time", "file", "line").collect()
    said = telling(case, UNKNOWN)
    first = rows["time"].drop_nulls().to_list()[:1]
    calm = first and case.window and first[0] - case.window[0] >= 2 * JUST_BEFORE
    methods = [span for text, span in group.settings if text.split()[0] in ("least_conn", "random", "least_time")]
    where = methods[0] if methods else group.span
    return Finding(
        confidence=SAID if said.height else SEEN,
        claim=claim(
            "sessions_not_sticky.found",
            "{group} spreads the requests of one Socket.IO session over {servers} servers, of which one knows it: {count} were "
            "refused",
            group=group.name,
            servers=_alive(group),
            count=refused.height,
        ),
        evidence=(
            Evidence(where, "keeps nobody to one server", shows=MISMATCH),
            *((Evidence(span, "written down", shows=CHANGES) for span in _noted(case, first[0].timestamp())) if calm else ()),
            *(just_before(case, first[0]) if calm else ()),
            Evidence(place.location, "hands them to the group", shows=MISMATCH),
            *cite(said, "of no session that it knows", most=3, shows=MISMATCH),
            *cite(rows, "refused", most=4, shows="failure_reaches_clients"),
        ),
        would_refute=claim(
            "sessions_not_sticky.refute", "that these servers share their sessions, or that all of these had ended"
        ),
        subject=str(where),
        measured={"count": refused.height, "servers": _alive(group)},
        times=instants(rows),
        fix=claim(
            "sessions_not_sticky.fix",
            "keep each client to one server (ip_hash, hash $remote_addr consistent), or let clients use WebSockets alone",
        ),
    )


def _noted(case: Case, first: float) -> Iterator[Span]:
    """What was written down of the minutes before."""
    for entry in case.once(entries):
        if any(first - JUST_BEFORE.total_seconds() <= time <= first for time in entry.times):
            yield entry.place
