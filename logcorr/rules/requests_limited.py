"""A limit of the proxy turns away requests that were meant to be served."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import NginxFile, ScheduledJob, Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._jobs import programs_of
from logcorr.rules._requests import asked
from logcorr.rules._settings import COMMENT
from logcorr.timeline.select import cite, instants

ZONE = r'by zone "([^"]+)"'
DELAYED = "delaying requests"
NUMBERED = regex(r"/(?:\d+|[0-9a-f-]{16,})(?:[/.]|$)")
"""Where a path begins to name one thing of many."""

LOOPBACK = ("127.", "::1")
LOCAL = regex(r"https?://(?:127\.[\d.]+|localhost|\[::1\])(?=[:/\s\"']|$)")
TOOL = regex(r"\b(?:curl|[wW]get)\b")
AGENT = regex(r"(?:-A|--user-agent)[ =]*(?P<quote>[\"']?)(?P<agent>[^\"'\s]+)")

TOO_MANY = 429
"""What `limit_req_status` and `limit_conn_status` are set to, if not left at 503."""

FEWEST = 10
MOST_OF = 0.5
CROWD = 5
"""So many clients, none with most of it, are visitors and no scanner."""

CODE = (
    r"\b(?:fetch|axios|got|ky|undici|superagent|requests?|https?|httpx|urlopen|session|client|Net::HTTP)\b(?:\.\w+)*(?:<\w+>)?\("
)
"""The calls by which programs in other languages than the shell ask."""

SCRIPTED, JVM = ("node", "undici", "axios", "got"), ("java", "okhttp")
RUNTIMES = {
    **dict.fromkeys(("js", "mjs", "cjs", "ts", "mts"), SCRIPTED),
    **dict.fromkeys(("java", "kt", "jar"), JVM),
    "py": ("python", "aiohttp", "httpx"),
    "rb": ("ruby",),
    "go": ("go-http",),
    "php": ("php",),
    "pl": ("perl", "libwww-perl"),
}
"""Names by which programs ask that give none, by how files of their language end."""

SHARED = 0.8
"""One address that makes so much of all traffic is a proxy or a gateway in front of this one."""

MADE_BY_SCRIPT, MADE_BY_VISITORS, MADE_HERE = 0.9, 0.85, 0.6


class _Maker(Struct, frozen=True, kw_only=True):
    """Who asks too much: a line of a script with its job, or visitors (`client` is the address they all come from, if one).

    `here`: an unknown program of the proxy's own host.
    """

    here: bool = False
    line: Span | None = None
    job: ScheduledJob | None = None
    client: str = ""


@rule(code="NGX013", title="A limit turns requests away", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Rejections by `limit_req` and `limit_conn`, of visitors or of a script of ours; a scanner that is kept out is no defect."""
    limited = case.happened("client.limited").filter(
        ~pl.col("message").str.contains(DELAYED, literal=True) & pl.col("time").is_not_null()
    )
    rows = asked(case, limited).with_columns(zone=pl.col("message").str.extract(ZONE, 1)).drop_nulls("zone")
    for (zone,), rejected in rows.group_by("zone", maintain_order=True):
        places = tuple(_places(case, str(zone)))
        maker = _maker(case, rejected) if rejected.height >= FEWEST and places else None
        if maker:
            yield _finding(case, str(zone), rejected, places, maker)


def _places(case: Case, zone: str) -> Iterator[Span]:
    """Where the limit is applied, then where its zone is defined."""
    every = [one for file in case.of(NginxFile) for top in file.directives for one in top.walk()]
    applied = [one.span for one in every if one.name in ("limit_req", "limit_conn") and {f"zone={zone}", zone} & set(one.args)]
    defined = [
        one.span
        for one in every
        if one.name in ("limit_req_zone", "limit_conn_zone") and any(arg.startswith(f"zone={zone}:") for arg in one.args)
    ]
    yield from (*defined, *applied)


def _maker(case: Case, rejected: pl.DataFrame) -> _Maker | None:
    """A script that asks for what was rejected, a crowd, everybody behind one address, or something on the host itself.

    None for a stranger.
    """
    clients = Counter(rejected["client"].to_list())
    (client, count), *_ = clients.most_common(1)
    if count < MOST_OF * rejected.height:
        return _Maker() if len(clients) >= CROWD else None
    of_client = rejected.filter(pl.col("client") == client)
    line = _line(case, of_client)
    if line:
        return _Maker(line=line, job=_job(case, line), client=client)
    if _share(case, client) >= SHARED and _visitors(case, client):
        return _Maker(client=client)
    return _Maker(client=client, here=True) if client.startswith(LOOPBACK) else None


def _line(case: Case, rows: pl.DataFrame) -> Span | None:
    """The line of a collected script that asks for most of these paths."""
    paths = [uri.partition("?")[0] for uri in rows["uri"].to_list()]
    (prefix, count), *_ = Counter(NUMBERED.split(path)[0] for path in paths).most_common(1)
    if len(prefix) < 4 or count < MOST_OF * len(paths):
        return None
    asks = re.compile(rf"\b(?:curl|wget|http|xh|ab|hey|wrk)\b.*{re.escape(prefix)}|https?://\S*{re.escape(prefix)}")
    client, agents = str(rows["client"][0]), _agents(case, str(rows["client"][0]))
    for script in case.of(Script):
        for number, line in enumerate(script.text.split("\n")):
            if asks.search(line) and not line.lstrip().startswith("#") and _may_be(line, client, agents):
                return Span(script.span.path, script.span.line + number)
    return _line_of_code(case, prefix, agents)


def _line_of_code(case: Case, prefix: str, agents: set[str]) -> Span | None:
    """The line of a program that a job runs, which asks for paths that end so, under one of those names."""
    asks = rf"{CODE}.*/{re.escape(prefix.strip('/').rpartition('/')[2])}(?:[^\w-]|$)"
    for path in sorted({path for schedule in case.schedules for path in programs_of(case, schedule)}):
        lines = case.lines(path).select("line", "text").collect()
        whole = "\n".join(lines["text"])
        runtimes = RUNTIMES.get(path.rpartition(".")[2], ())
        named = any(agent in whole or agent.lower().startswith(runtimes) for agent in agents) or not agents
        asking = lines.filter(pl.col("text").str.contains(asks) & ~pl.col("text").str.contains(COMMENT))
        if named and asking.height:
            return Span(path, int(asking["line"][0]))
    return None


def _may_be(line: str, client: str, agents: set[str]) -> bool:
    """Whether requests of this line can come from that address, under one of those names.

    What asks the own machine by its loopback address comes from there; a tool goes by its own name, or by the one it is given.
    """
    local = LOCAL.search(line) is not None
    if local and not client.startswith(LOOPBACK):
        return False
    tool, given = TOOL.search(line), AGENT.search(line)
    named = given["agent"] if given else tool[0] if tool else ""
    return not agents or "$" in named or any(named.lower() in agent.lower() for agent in agents)


def _job(case: Case, line: Span) -> ScheduledJob | None:
    name = line.path.rpartition("/")[2]
    return next((one.job for one in case.schedules if name in one.job.command or one.job.span == line), None)


def _access(case: Case) -> pl.LazyFrame:
    told = case.records("nginx_access")
    return told if "client" in told.collect_schema() else pl.LazyFrame(schema={"client": pl.String(), "user_agent": pl.String()})


def _agents(case: Case, client: str) -> set[str]:
    """By which names this address asks; empty where no log tells."""
    access = _access(case)
    if "user_agent" not in access.collect_schema():
        return set()
    return set(access.filter(pl.col("client") == client).select("user_agent").unique().collect()["user_agent"].drop_nulls())


def _share(case: Case, client: str) -> float:
    """How much of all requests this address makes."""
    shares = _access(case).select((pl.col("client") == client).mean()).collect(engine="streaming")
    return float(shares.item() or 0.0)


def _visitors(case: Case, client: str) -> bool:
    """Whether several sorts of browsers come from this address."""
    access = _access(case)
    if "user_agent" not in access.collect_schema():
        return False
    return int(access.filter(pl.col("client") == client).select(pl.col("user_agent").n_unique()).collect().item()) >= 3


def _turned_away(case: Case, rejected: pl.DataFrame) -> Iterator[Evidence]:
    """The first lines of the access log by which these clients were told so; a 5xx counts as harm anyway."""
    access = _access(case)
    if "status" in access.collect_schema():
        told = access.filter((pl.col("status") == TOO_MANY) & pl.col("client").is_in(rejected["client"].unique().implode()))
        for file, line in told.select("file", "line").head(2).collect().iter_rows():
            yield Evidence(Span(file, line), "the answer", shows="failure_reaches_clients")


def _finding(case: Case, zone: str, rejected: pl.DataFrame, places: tuple[Span, ...], maker: _Maker) -> Finding:
    clients = Counter(rejected["client"].to_list())
    return Finding(
        confidence=MADE_BY_SCRIPT if maker.line else MADE_HERE if maker.here else MADE_BY_VISITORS,
        claim=_claim(zone, rejected, maker, clients),
        evidence=(
            *([Evidence(maker.line, "asks for what is turned away", shows="limit_rejects_requests")] if maker.line else []),
            *([Evidence(maker.job.span, f"runs on {maker.job.schedule}")] if maker.job else []),
            *(Evidence(place, "the limit", shows="limit_rejects_requests") for place in places),
            *cite(rejected, shows="limit_rejects_requests"),
            *_turned_away(case, rejected),
        ),
        would_refute=claim("requests_limited.refute", "that these requests were unwanted: then the limit does what it is for"),
        subject=str(places[0]),
        measured={"count": rejected.height, "clients": len(clients), "zone": zone},
        times=instants(rejected),
        fix=claim(
            "requests_limited.fix",
            "let the one who asks keep below the rate (pauses, fewer at a time), exempt it, or raise rate and burst",
        ),
    )


def _claim(zone: str, rejected: pl.DataFrame, maker: _Maker, clients: Counter[str]) -> Claim:
    (client, most), *_ = clients.most_common(1)
    if maker.job:
        return claim(
            "requests_limited.by_job",
            "the limit of zone {zone} turned {count} requests away, {most:.0%} of them those of the job on {schedule}",
            zone=zone,
            count=rejected.height,
            most=most / rejected.height,
            schedule=maker.job.schedule,
        )
    if maker.here:
        return claim(
            "requests_limited.here",
            "the limit of zone {zone} turned {count} requests away, {most:.0%} of them from {client}: "
            "something on the proxy's own host asks too much",
            zone=zone,
            count=rejected.height,
            most=most / rejected.height,
            client=client,
        )
    return claim(
        "requests_limited.found",
        "the limit of zone {zone} turned {count} requests of {clients} clients away, {most:.0%} of them from {client}",
        zone=zone,
        count=rejected.height,
        clients=len(clients),
        most=most / rejected.height,
        client=client,
    )
