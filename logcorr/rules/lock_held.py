"""A statement holds a lock for long, a change of a table mostly, and everybody else's statements wait for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._locking import FEWEST, NEARLY_ALL, SOON, Locking, locking, slow_for_locks, waiting
from logcorr.rules._settings import settings
from logcorr.rules._statements import sender
from logcorr.rules._words import sought, telling
from logcorr.timeline.select import cite, instants, spans

WAITS = sought(
    r"\bstill waiting for \w+Lock on (?:relation|object)\b|\bLock wait timeout exceeded\b"
    r"|\bWaiting for table (?:metadata|level) lock\b"
    r"|\bcancell?ing statement due to (?:lock|statement) timeout\b|\bcould not obtain lock on\b|\bLockNotAvailable\b"
    r"|\b(?:AccessShare|RowShare|RowExclusive|ShareUpdateExclusive|AccessExclusive)Lock\b.* \d+[.,]\d+ ms$"
    r"|\bLock request time ?out period exceeded\b|\b(?:LockWaitTimeout|StatementTimeout)\b|\bORA-(?:00054|30006)\b",
    "still waiting for ", "Lock wait timeout exceeded", "Waiting for table ", "ing statement due to ", "could not obtain lock on",
    "LockNotAvailable", "ShareLock", "ExclusiveLock", "Lock request time", "LockWaitTimeout", "StatementTimeout", "ORA-00054",
    "ORA-30006",
)  # fmt: skip
"""How PostgreSQL, MySQL, SQL Server and Oracle, and those who ask them, tell that a statement waits, or has waited too long; not
that it waits for a row."""

TWO_WORDS = (
    r"alter table|create (?:unique )?index|drop (?:index|table)|vacuum full|lock tables?|refresh materialized view"
    r"|optimize table|repair table|truncate table|reindex (?:table|index|database)"
)
HOLDS = (
    rf"(?i)^\s*(?:{TWO_WORDS})\b"
    r"|(?:\b(?:statement|instruction|Anweisung|sentencia|istruzione|comando) ?: |\bexecute [^:]*: |\bQuery\t|\bquery: )\s*"
    rf"(?:{TWO_WORDS}|cluster|reindex|truncate)\b"
)
GENTLY = r"(?i)\bconcurrently\b|\balgorithm ?= ?(?:instant|inplace)\b|\block ?= ?none\b|\bnot valid\b"
"""Statements that lock a whole table, and how they are told not to."""

MIGRATES = (
    r"(?i)\bdb:migrate\b|^==+ \d+ \w+: migrating\b|\bapplying \w+\.\d+_\w+|\brunning upgrade \S* ?-> |\bartisan migrate\b"
    r"|\bmigrat(?:e|ing|ions?)\b.*\b(?:start|begin|run)|\b(?:flyway|liquibase|alembic|prisma migrate|knex migrate|goose)\b"
)
TABLE = regex(
    r"(?i)\b(?:table|on|view|vacuum\s+full|cluster)\s+(?:(?:only|verbose|analyze|freeze|\([^)]*\)|if (?:not )?exists)\s+)*"
    r"[\"`]?(?:\w+[\"`]?\.[\"`]?)?(?P<name>\w+)"
)
COLUMN = regex(r"(?i)\b(?:column|index|constraint)\s+(?:concurrently\s+|if (?:not )?exists\s+)*[\"`]?(?P<name>\w+)")

LEAST_MS = 1000.0
"""What took less is over before anybody is told to wait."""

TOOK = r"\b(?:duration|durée|Dauer|duración|durata|duração) ?: ([\d.]+) ms\b"
"""PostgreSQL tells of a statement's duration when it has ended, in the language of its host."""

LONGEST, JUST_BEFORE = timedelta(hours=2), timedelta(minutes=5)
"""Others wait so long at most; a migration begins so shortly before."""

NAMED, UNNAMED, UNSEEN = 0.92, 0.85, 0.7
SHOWS = "statement_waits"


@rule(code="DB003", title="A statement holds a lock that others wait for", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Waits for locks, and the statement just before them that locks a whole table."""
    message, timed = pl.col("message"), pl.col("time").is_not_null()
    waits = pl.concat([telling(case, WAITS), slow_for_locks(case)]).sort("time", "file", "line")
    if waits.height < FEWEST:
        yield from _unanswered(case)
        return
    holds = case.timeline.filter(message.str.contains(HOLDS) & ~message.str.contains(GENTLY) & timed).collect()
    holds = _lasting(case, holds).sort("time", "file", "line")
    told = _behind(waits, holds)
    if told.height >= max(FEWEST, NEARLY_ALL * waits.height):
        first = holds.join(told.head(1).select(file="held_in", line="held_at"), on=["file", "line"])
        yield _finding(case, told.select(waits.columns), first)
    else:
        yield from map(_of_job, locking(case, waits))


def _unanswered(case: Case) -> Iterator[Finding]:
    """Where no log tells of a wait for a lock, requests that are not answered do, and a capture of what statements wait for."""
    late = case.placed("upstream.timeout").drop_nulls("time")
    for found in locking(case, late) if late.height >= FEWEST else ():
        captured = [Evidence(span, "they wait for it", shows=SHOWS) for span in waiting(case)][:2]
        told = _of_job(found)
        yield replace(told, confidence=NAMED if captured else UNSEEN, evidence=(*told.evidence, *captured))


def _lasting(case: Case, holds: pl.DataFrame) -> pl.DataFrame:
    """Those that did not end at once, by their own duration or the next that the same process tells of."""
    took = pl.col("message").str.extract(TOOK, 1).cast(pl.Float64, strict=False)
    known = case.records("postgresql")
    if "pid" not in known.collect_schema():
        return _begun(holds.with_columns(took=took, later=None)).select(holds.columns)
    by_process = known.select("file", "line", "pid")
    timed = holds.lazy().with_columns(took=took).join(by_process, on=["file", "line"], how="left").sort("line")
    bare = case.timeline.filter(pl.col("message").str.contains(rf"^{TOOK}\s*$")).select("file", "line", later=took)
    ends = bare.join(by_process, on=["file", "line"]).join(timed, on=["file", "pid"], how="semi").sort("line")
    found = timed.join_asof(ends, on="line", by=["file", "pid"], strategy="forward", check_sortedness=False).collect()
    return _begun(found).select(holds.columns)


def _begun(holds: pl.DataFrame) -> pl.DataFrame:
    """Those that did not end at once, at the time at which they began: how long one took is told at its end."""
    lasted = pl.coalesce("took", pl.col("later").cast(pl.Float64))
    took = pl.duration(milliseconds=pl.col("took").fill_null(0.0))
    return holds.filter(~(lasted < LEAST_MS).fill_null(False)).with_columns(pl.col("time") - took)


def _behind(waits: pl.DataFrame, holds: pl.DataFrame) -> pl.DataFrame:
    """The waits that come after a statement that holds a lock, of those after which others wait soon."""
    known = holds.select("time", held="time", held_in="file", held_at="line")
    after = waits.join_asof(known, on="time", strategy="backward", tolerance=LONGEST).drop_nulls("held")
    soon = (pl.col("time").min().over("held_in", "held_at") - pl.col("held")) <= SOON
    return after.filter(soon)


def _finding(case: Case, waits: pl.DataFrame, held: pl.DataFrame) -> Finding:
    statement = re.sub(
        r"(?is)^.*?(?=alter table|create |drop |vacuum |cluster|reindex|lock table|truncate|refresh |optimize |repair )",
        "",
        held["message"][0],
    )
    place = _place(case, statement)
    began = case.timeline.filter(
        pl.col("message").str.contains(MIGRATES) & pl.col("time").is_between(held["time"][0] - JUST_BEFORE, held["time"][0])
    ).collect()
    return Finding(
        confidence=NAMED if _named(case, waits, statement) else UNNAMED,
        claim=claim(
            "lock_held.found",
            "“{statement}” holds a lock, and others wait for it: {count} times within {minutes:g} minutes",
            statement=statement[:70],
            count=waits.height,
            minutes=round((waits["time"][-1] - held["time"][0]).total_seconds() / 60, 1),
        ),
        evidence=(
            *([Evidence(place, "is what changes the table", shows=SHOWS)] if place else []),
            *(Evidence(span, "holds the lock", shows=SHOWS) for span in spans(held)),
            *cite(began, "it was begun", most=2, shows="deploy_changes_configuration"),
            *cite(waits, shows=SHOWS),
        ),
        would_refute=claim("lock_held.refute", "what pg_locks or performance_schema shows of who held the lock at these times"),
        subject=str(waits["service"][0] or waits["source"][0]),
        measured={"count": waits.height},
        times=instants(waits),
        fix=claim(
            "lock_held.fix",
            "change the table in steps that lock it for a moment only (an empty column, filled in batches, then its default; "
            "indexes concurrently), with a lock_timeout, and while few use it",
        ),
    )


def _of_job(found: Locking) -> Finding:
    """A job's dump locks the tables that it reads."""
    waits = found.waits
    return Finding(
        confidence=NAMED if found.told else UNNAMED,
        claim=claim(
            "lock_held.job",
            "{command}, in the job on {schedule}, locks the tables, and others wait for it: {count} times, first {lag:g} s after "
            "it began",
            command=found.command.name,
            schedule=found.schedule.job.schedule,
            count=waits.height,
            lag=round(found.lag_s, 1),
        ),
        evidence=(
            Evidence(found.command.span, "locks the tables", shows=SHOWS),
            Evidence(found.schedule.job.span, "its schedule", shows="job_runs_script"),
            *(Evidence(span, "its run", shows="job_runs_script") for span in found.told),
            *cite(waits, shows=SHOWS),
        ),
        would_refute=claim("lock_held.refute", "what pg_locks or performance_schema shows of who held the lock at these times"),
        subject=str(waits["service"][0] or waits["source"][0]),
        measured={"count": waits.height, "lag_s": round(found.lag_s, 1)},
        times=instants(waits),
        fix=claim(
            "lock_held.job_fix",
            "dump in one transaction (mysqldump --single-transaction) or from a replica, and when few write",
        ),
    )


def _named(case: Case, waits: pl.DataFrame, statement: str) -> bool:
    """Whether what waits, or a line of the same moment that tells of it, names the table."""
    table = TABLE.search(statement)
    if not table:
        return False
    same = case.timeline.join(waits.lazy().select("file", "time"), on=["file", "time"], how="semi")
    named = pl.col("message").str.contains(rf"(?i)\b{re.escape(table['name'])}\b")
    return bool(same.select(named.any()).collect().item())


def _place(case: Case, statement: str) -> Span | None:
    """The line of a program or migration that sends it: as it stands there, or by the names of table and column."""
    sent = sender(case, statement)
    table, column = TABLE.search(statement), COLUMN.search(statement)
    if sent or not table or not column:
        return sent
    quoted = rf"[\"'`:]{re.escape(column['name'])}\b"
    named = [span for span, _ in settings(case, quoted) if _speaks_of(case, span.path, table["name"])]
    return named[0] if named else None


def _speaks_of(case: Case, path: str, table: str) -> bool:
    told = case.lines(path).select(pl.col("text").str.contains(rf"\b{re.escape(table)}\b").any()).collect()
    return bool(told.item())
