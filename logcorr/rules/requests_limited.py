"""A limit, of the proxy or of an application, turns away requests that were meant to be served."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import NginxFile
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._askers import BROWSER, Maker, access, maker
from logcorr.rules._intruders import of_others
from logcorr.rules._limiters import answering, places, told_alone, turned_away, unavailable, words
from logcorr.rules._outside_limits import FEWEST, FIX, MADE_BY_SCRIPT, MADE_BY_VISITORS, MADE_HERE, REFUTE, makers, told_by_asker
from logcorr.rules._requests import asked
from logcorr.timeline.select import cite, instants

ZONE = r'by zone "([^"]+)"'
DELAYED = "delaying requests"
TOO_MANY = 429
"""What `limit_req_status` and `limit_conn_status` are set to, if not left at 503."""

MOST_BY_PROXY = 0.5
"""Where nginx itself tells of so many rejections, the answers are its own."""

CROWD, FEW, ITS_SHARE, SHARED = 5, 4, 0.25, 0.92
"""So many browsers behind one of few addresses, which has so great a share of what is turned away, are many people."""

LEAST_OF_ALL = 0.02
"""A limit that turns away less of what visitors ask does what it is for."""


@rule(code="NGX013", title="A limit turns requests away", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Rejections by nginx's limits or an application's, of visitors or of a script of ours; a scanner kept out is no defect."""
    limited = case.happened(
        "client.limited", where=~pl.col("message").str.contains(DELAYED, literal=True) & pl.col("time").is_not_null()
    )
    rows = asked(case, limited).with_columns(zone=pl.col("message").str.extract(ZONE, 1)).drop_nulls("zone")
    for (zone,), rejected in of_others(case, rows).group_by("zone", maintain_order=True):
        limits = tuple(_places(case, str(zone)))
        who = maker(case, rejected) if rejected.height >= FEWEST else None
        if who:
            yield _finding(case, str(zone), rejected, limits, who)
    yield from _by_application(case, limited, by_proxy=rows.height)


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


def _turned_away(case: Case, rejected: pl.DataFrame) -> Iterator[Evidence]:
    """The first lines of the access log by which these clients were told so; a 5xx counts as harm anyway."""
    logged = access(case)
    if "status" in logged.collect_schema():
        told = logged.filter((pl.col("status") == TOO_MANY) & pl.col("client").is_in(rejected["client"].unique().implode()))
        for file, line in told.select("file", "line").head(2).collect().iter_rows():
            yield Evidence(Span(file, line), "the answer", shows="failure_reaches_clients")


def _by_application(case: Case, limited: pl.DataFrame, *, by_proxy: int) -> Iterator[Finding]:
    """What is answered with 429, and not by nginx's own limits; or, where no log of requests is there, what the asker says."""
    said = words(case, limited)
    rejected = of_others(case, _rejected(case, limited, said))
    if rejected.height < FEWEST:
        yield from told_by_asker(case) if by_proxy < FEWEST and turned_away(case, limited).height < FEWEST else ()
        return
    who = maker(case, rejected) if by_proxy < MOST_BY_PROXY * rejected.height else None
    logged = sum(source.lines for source in case.sources if source.path in set(rejected["file"]))
    if who and (who.line or rejected.height >= LEAST_OF_ALL * logged):
        yield _of_application(case, rejected, said, who)


def _rejected(case: Case, limited: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """The requests with status 429; else, if the application tells that it limits, those with 503; else those it tells of."""
    rejected = turned_away(case, limited)
    if rejected.height >= FEWEST or said.height < FEWEST:
        return rejected
    failed = turned_away(case, unavailable(case, said))
    return failed if failed.height >= FEWEST else told_alone(case, said)


def _of_application(case: Case, rejected: pl.DataFrame, said: pl.DataFrame, who: Maker) -> Finding:
    limits = places(case, said, who.line)
    known = bool(who.line or limits or said.height)
    clients = Counter(rejected["client"].to_list())
    return Finding(
        confidence=MADE_HERE if who.here or not known else MADE_BY_SCRIPT if who.line else MADE_BY_VISITORS,
        claim=_application_claim(rejected, who, clients),
        evidence=(
            *makers(who),
            *(Evidence(place, "the limit", shows="limit_rejects_requests") for place in limits),
            *(Evidence(place, "turns away", shows="limit_rejects_requests") for place in list(answering(case))[:1]),
            *cite(said, "the application says so", most=3, shows="limit_rejects_requests"),
            *cite(rejected, "the answer", most=3, shows="failure_reaches_clients"),
        ),
        would_refute=REFUTE,
        subject=str(limits[0]) if limits else "",
        measured={"count": rejected.height, "clients": len(clients)},
        times=instants(rejected),
        fix=FIX,
    )


def _application_claim(rejected: pl.DataFrame, who: Maker, clients: Counter[str]) -> Claim:
    (client, most), *_ = clients.most_common(1)
    if who.job:
        return claim(
            "requests_limited.application_by_job",
            "an application's limit turned {count} requests away, {most:.0%} of them those of the job on {schedule}",
            count=rejected.height,
            most=most / rejected.height,
            schedule=who.job.schedule,
        )
    return claim(
        "requests_limited.application",
        "an application's limit turned {count} requests of {clients} clients away, {most:.0%} of them from {client}",
        count=rejected.height,
        clients=len(clients),
        most=most / rejected.height,
        client=client,
    )


def _finding(case: Case, zone: str, rejected: pl.DataFrame, limits: tuple[Span, ...], who: Maker) -> Finding:
    clients = Counter(rejected["client"].to_list())
    crowd = 0 if who.here or who.line or not limits else _crowd(case, rejected)
    many = crowd >= CROWD
    return Finding(
        confidence=SHARED if many else MADE_HERE if who.here or not limits else MADE_BY_SCRIPT if who.line else MADE_BY_VISITORS,
        claim=_shared(zone, rejected, crowd) if many else _claim(zone, rejected, who, clients),
        evidence=(
            *makers(who),
            *(Evidence(place, "the limit", shows="limit_rejects_requests") for place in limits),
            *cite(rejected, shows="limit_rejects_requests"),
            *_turned_away(case, rejected),
        ),
        would_refute=REFUTE,
        subject=str(limits[0]) if limits else "",
        measured={"count": rejected.height, "clients": len(clients), "zone": zone},
        times=instants(rejected),
        fix=FIX,
    )


def _crowd(case: Case, rejected: pl.DataFrame) -> int:
    """By how many browsers the address that is turned away most asked at most within ten minutes, where few addresses are."""
    (client, most), *others = Counter(rejected["client"].to_list()).most_common()
    told = access(case)
    if len(others) >= FEW or most < ITS_SHARE * rejected.height or not {"user_agent", "time"} <= set(told.collect_schema()):
        return 0
    browsers = told.filter((pl.col("client") == client) & pl.col("user_agent").str.contains(BROWSER))
    counts = browsers.group_by(pl.col("time").dt.truncate("10m")).agg(pl.col("user_agent").n_unique()).collect()
    return int(str(counts["user_agent"].max() or 0))


def _shared(zone: str, rejected: pl.DataFrame, crowd: int) -> Claim:
    (client, _), *_ = Counter(rejected["client"].to_list()).most_common(1)
    return claim(
        "requests_limited.counted_as_one",
        "the limit of zone {zone} counts all who come from {client} as one, {crowd} browsers within ten minutes: {count} "
        "requests were turned away",
        zone=zone,
        client=client,
        crowd=crowd,
        count=rejected.height,
    )


def _claim(zone: str, rejected: pl.DataFrame, who: Maker, clients: Counter[str]) -> Claim:
    (client, most), *_ = clients.most_common(1)
    if who.job:
        return claim(
            "requests_limited.by_job",
            "the limit of zone {zone} turned {count} requests away, {most:.0%} of them those of the job on {schedule}",
            zone=zone,
            count=rejected.height,
            most=most / rejected.height,
            schedule=who.job.schedule,
        )
    if who.here:
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
