"""Jobs that lock the tables of a database while they read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from msgspec import Struct

from logcorr.lazily import np, pl
from logcorr.model.case import Case, Schedule
from logcorr.model.source import Span
from logcorr.rules._jobs import jobs_commands
from logcorr.rules._runs import ON_TIME_S, runs
from logcorr.semantics.written import Written
from logcorr.timeline.select import seconds, spans

FEWEST, NEARLY_ALL = 3, 0.9
SOON, LONGEST_S = timedelta(minutes=2), 7200.0
"""Others wait so soon after it begins, and so long at most."""

LEAST_S, MOST_OF = 1.0, 0.5
"""A statement waited for a lock if so long, and for so much of its time."""

DUMPS = ("mysqldump", "mariadb-dump")
UNLOCKED = ("--single-transaction", "--skip-lock-tables", "--skip-opt", "--lock-tables=false", "--no-data")
"""Dumps lock the tables that they read, unless they are told so: https://dev.mysql.com/doc/refman/8.4/en/mysqldump.html"""


WAITING = r"\bWaiting for (?:global read lock|table (?:metadata |level )?lock|backup lock)\b"
"""MySQL's SHOW PROCESSLIST: https://dev.mysql.com/doc/refman/8.4/en/general-thread-states.html"""


class Locking(Struct, frozen=True, kw_only=True):
    """A job's command that locks tables, the `waits` in one of its runs, how long after its beginning the first came, and the
    lines by which cron tells of that run."""

    schedule: Schedule
    command: Written
    waits: pl.DataFrame
    lag_s: float
    told: Sequence[Span]


def locking(case: Case, waits: pl.DataFrame) -> Iterator[Locking]:
    """The jobs in whose runs nearly all of these waits for locks come, the first of a run soon after it begins."""
    for schedule in case.schedules:
        command = next(filter(_locks, jobs_commands(case, schedule)), None)
        found = _in_runs(case, schedule, command, waits) if command and len(schedule.ticks) else None
        if found and found.waits.height >= max(FEWEST, NEARLY_ALL * waits.height):
            yield found


def waiting(case: Case) -> Iterator[Span]:
    """The lines of captured lists of processes that show statements which wait for a lock on tables."""
    logs = {source.path for source in case.sources}
    for path in sorted(case.files - logs):
        lines = case.lines(path).filter(pl.col("text").str.contains(WAITING)).select("line").collect()["line"]
        yield from (Span(path, line) for line in lines)


def slow_for_locks(case: Case) -> pl.DataFrame:
    """The statements in MySQL's slow log most of whose time went into waiting for a lock, at the time when the wait began."""
    slow = case.records("mysql_slow")
    if not {"query_time_s", "lock_time_s"} <= set(slow.collect_schema()):
        return case.timeline.clear().collect()
    locked = pl.col("lock_time_s")
    held = slow.filter((locked >= LEAST_S) & (locked >= MOST_OF * pl.col("query_time_s"))).select("file", "line", locked)
    rows = case.timeline.drop_nulls("time").join(held, on=["file", "line"]).collect()
    return rows.with_columns(pl.col("time") - pl.duration(seconds="lock_time_s")).drop("lock_time_s")


def _locks(command: Written) -> bool:
    return command.name in DUMPS and not any(word.startswith(UNLOCKED) for word in command.words)


def _in_runs(case: Case, schedule: Schedule, command: Written, waits: pl.DataFrame) -> Locking | None:
    """The waits in runs of which the first came soon after the run had begun."""
    ticks, times = schedule.ticks, seconds(waits)
    run = np.searchsorted(ticks, times, side="right") - 1
    since = times - ticks[np.maximum(run, 0)]
    first = {number: since[run == number].min() for number in set(run.tolist()) - {-1}}
    soon = [number >= 0 and first[number] <= SOON.total_seconds() for number in run.tolist()]
    held = np.array(soon, dtype=bool) & (since <= LONGEST_S)
    if not held.any():
        return None
    begun = float(ticks[run[held][0]])
    told = runs(case, schedule)
    near = told.filter((told["time"].dt.epoch("us") / 1e6).is_between(begun - 1, begun + ON_TIME_S))
    within = waits.filter(pl.Series(held))
    return Locking(schedule=schedule, command=command, waits=within, lag_s=float(since[held].min()), told=spans(near)[:1])
