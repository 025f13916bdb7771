"""A database came up without its data: on a volume that was empty."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.events import REQUEST_LOGS
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._began_anew import began_anew
from logcorr.rules._requests import requests_of
from logcorr.rules._volumes import another_volume, made
from logcorr.rules._words import sought, telling
from logcorr.timeline.select import cite, instants

FIRST_START = (
    r"(?i)\b(?:PostgreSQL|MySQL|MariaDB|MongoDB) init process (?:complete|done)\b"
    r"|\bThe files belonging to this database system will be owned\b|\bInitializing database files\b"
    r"|\bDatabase files initialized\b|\binitializing of server in progress\b"
    r"|\bA temporary password is generated for root@|\bDeploying \w+ from scratch\b"
)
"""What PostgreSQL's initdb, mysqld --initialize, the official images and Bitnami's say once in the life of a data directory."""

SAYS_FIRST = sought(
    FIRST_START,
    "init process",
    "files belonging",
    "database files",
    "initializing of server",
    "temporary password",
    "from scratch",
)

MISSING = (
    r"\b(?:relation|database|role) \\*\"[^\"\\]+\\*\" does not exist|\b[Tt]able \\*['`][^'`\\]+\\*['`] does(?:n\\*'t| not) exist"
    r"|\bUnknown database \\*'[^'\\]+|\bCould not find user\b|\bUserNotFound\b"
)
"""How databases and their clients say that there is no such table, database or user."""

ONE_OF_MANY = r"(?i)relation|table"
"""A new version may lack a table that is to come; where the database or its user is missing, nothing is there."""

LOGS_ERRORS = "postgresql"
"""The format of a database's log that holds every statement's error."""

FEWEST, CALM, SOON = 3, timedelta(minutes=10), timedelta(minutes=30)
ONE_START, AT_ONCE = timedelta(minutes=5), "2s"
MOST_OF = 0.5
NEAR = 40
"""So many lines initdb writes at most before the server starts."""

PLACED, UNPLACED, UNFELT = 0.93, 0.85, 0.7
SHOWS = "data_is_missing"


class _Begun(Struct, frozen=True):
    """A database that said it initialised itself, the last time it did."""

    rows: pl.DataFrame
    file: str
    service: str
    since: datetime


@rule(code="DB004", title="A database began empty that others had used", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """A database's first start within what was collected, and what is missing in it since that was there before."""
    begun = list(_begun(case))
    missing = _missing(case) if begun else case.happened()
    for one in begun:
        since = missing.filter(pl.col("time") >= one.since)
        if since.height < FEWEST or since["time"][0] > one.since + SOON or not _its_own(case, one, since, begun):
            continue
        felt, told = _failed(case, one, since), _changed(case, one, missing)
        if felt.height >= FEWEST or (told.height >= FEWEST and not _proxied(case, one)):
            yield _finding(case, one, since, felt)
            return
    yield from began_anew(case)


def _begun(case: Case) -> Iterator[_Begun]:
    """The latest first, as which of two databases is asked the latest one tells best."""
    told = telling(case, SAYS_FIRST)
    told = pl.concat([told, *_continued(case, set(told["file"]))]).sort("time", "file", "line")
    first = case.window[0] if case.window else None
    found = []
    for (file,), rows in told.group_by("file", maintain_order=True):
        start = rows.filter(pl.col("time") >= rows["time"][-1] - ONE_START)
        if first and start["time"][0] - first >= CALM:
            service = str(start["service"][0] or file)
            found.append(_Begun(start, str(file), service, start["time"][0]))
    yield from sorted(found, key=lambda one: one.since, reverse=True)


def _continued(case: Case, known: set[str]) -> Iterator[pl.DataFrame]:
    """PostgreSQL's starts right after initdb's words, which bear no time: in a log that goes on they follow its end."""
    begins = pl.col("message").str.contains("starting PostgreSQL") & pl.col("time").is_not_null()
    started = case.happened("process.started").filter(begins)
    for source in case.sources:
        starts = started.filter((pl.col("file") == source.path) & (pl.col("line") > 1))
        if source.format == LOGS_ERRORS and source.path not in known and starts.height:
            said = case.lines(source.path).filter(pl.col("text").str.contains(FIRST_START)).select("line").collect()["line"]
            near = [any(line - NEAR <= one < line for one in said) for line in starts["line"]]
            yield starts.filter(pl.Series(near, dtype=pl.Boolean))


def _missing(case: Case) -> pl.DataFrame:
    """The events of logs that tell of something missing, in whatever member of theirs, in time order, and `what` is missing."""
    found = [case.happened().with_columns(what=pl.lit(""))]
    for source in case.sources:
        if source.format not in REQUEST_LOGS:
            what = pl.col("text").str.extract(f"({MISSING})", 1)
            lines = case.lines(source.path).select("line", what=what).drop_nulls().collect()
            at = (pl.col("file") == source.path) & pl.col("line").is_in(lines["line"].implode()) & pl.col("time").is_not_null()
            if lines.height:
                found.append(case.timeline.filter(at).collect().join(lines, on="line", maintain_order="left"))
    return pl.concat(found).sort("time", "file", "line")


def _its_own(case: Case, one: _Begun, missing: pl.DataFrame, begun: Sequence[_Begun]) -> bool:
    """Whether it is this database that lacks it: by its own log; or as much is missing, and no other's log says so."""
    logging = {source.path for source in case.sources if source.format == LOGS_ERRORS}
    if one.file in logging:
        return missing.filter(pl.col("file") == one.file).height >= FEWEST
    others = logging - {each.file for each in begun}
    several = missing["what"].n_unique() > 1 or not re.match(ONE_OF_MANY, missing["what"][0])
    return several and not others & set(missing["file"])


def _proxied(case: Case, one: _Begun) -> bool:
    """Whether a log of requests tells of the time before and after."""
    requests = requests_of(case)
    if requests is None:
        return False
    first, last = requests.select(pl.col("time").min(), last=pl.col("time").max()).collect().row(0)
    return first is not None and first <= one.since - CALM and last > one.since


def _failed(case: Case, one: _Begun, missing: pl.DataFrame) -> pl.DataFrame:
    """The requests that fail since where something is missing, and were answered well before."""
    requests = requests_of(case)
    if requests is None:
        return pl.DataFrame()
    well = requests.filter((pl.col("time") < one.since) & (pl.col("status") < 400)).group_by("endpoint").agg(well=pl.len())
    failed = requests.filter((pl.col("time") >= one.since) & (pl.col("status") >= 500))
    rows = failed.join(well.filter(pl.col("well") >= FEWEST), on="endpoint", how="semi").sort("time").collect()
    at = missing.select("time", there="time").sort("time")
    return rows.join_asof(at, on="time", strategy="nearest", tolerance=AT_ONCE).drop_nulls("there")


def _changed(case: Case, one: _Begun, missing: pl.DataFrame) -> pl.DataFrame:
    """What is told to be missing by whoever was there well before, and never missed anything until then."""
    begins = {source.path: source.first for source in case.sources}
    before = set(missing.filter(pl.col("time") < one.since)["file"])
    long = [path for path, first in begins.items() if first and first <= one.since - CALM and path not in before]
    return missing.filter(pl.col("file").is_in(long))


def _finding(case: Case, one: _Begun, missing: pl.DataFrame, felt: pl.DataFrame) -> Finding:
    places, new = another_volume(case, one.since), made(case, one.since)
    sure = bool(places) or felt.height >= MOST_OF * missing["time"].dt.truncate("1s").n_unique()
    return Finding(
        confidence=(PLACED if places or new else UNPLACED) if sure else UNFELT,
        claim=claim(
            "database_began_empty.found",
            "{service} initialised itself anew and came up empty, and what was used before is missing since ({count}×): "
            "“{words}”",
            service=one.service,
            count=missing.height,
            words=re.sub(r"\\+", "", missing["what"][0])[:70],
        ),
        evidence=tuple(_evidence([*places, *new], one, missing)),
        would_refute=claim(
            "database_began_empty.refute", "that it was new, or a database for tests; or the same missing before it was started"
        ),
        subject=one.service,
        measured={"count": missing.height},
        times=instants(pl.concat([one.rows, missing.drop("what")])),
        fix=claim(
            "database_began_empty.fix",
            "stop who writes, and give it its old volume back (docker volume ls), or restore the last backup; "
            "do not delete anything",
        ),
    )


def _evidence(places: Sequence[Evidence], one: _Begun, missing: pl.DataFrame) -> Iterator[Evidence]:
    yield from places
    yield from cite(one.rows[::-1], "its first start", most=2, shows=SHOWS)
    yield from cite(missing, "what is missing", shows=SHOWS)
