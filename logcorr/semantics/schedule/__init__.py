"""When does a schedule run its job? Times of cron tables, systemd timers, health checks and rotations."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from logcorr.grammar.calendar import NotCalendar, calendar
from logcorr.grammar.crontab import Dialect, NotCron, Times, times
from logcorr.grammar.duration import systemd_seconds
from logcorr.lazily import np, regex
from logcorr.model.facts import Healthcheck, ScheduledJob
from logcorr.semantics.paths import collected
from logcorr.semantics.schedule import clock, cron, systemd
from logcorr.semantics.schedule.clock import Seconds

_DAY_S = 86400
# next_runs looks this far ahead, in growing steps: 29 February on a Monday comes every 28 years, at worst 40.
_HORIZONS_DAYS = (2, 60, 800, 14700)
_MONOTONIC = regex(r"(OnUnitActiveSec|OnUnitInactiveSec)=(.*)")
_EVERY = regex(r"every (\d+(?:\.\d+)?(?:e[+-]?\d+)?) s")
_LIKE_CRON = (
    *("github", "pm2", "kubernetes", "laravel"),
    *("node-cron", "node-schedule", "cron package", "agenda", "bullmq", "apscheduler", "celery", "schedule"),
)
"""Schedulers that read cron's five fields, and follow the clock; a sixth, seconds in front, gives no times here."""
_RUN_PARTS_NAME = regex(r"[A-Za-z0-9_-]+")


class Repeat(NamedTuple):
    """A job that is started some time after its last run, by no clock: starts lie `shortest_s` to `longest_s` apart.

    `longest_s` is None where a run may take any time.
    """

    shortest_s: float
    longest_s: float | None


def ticks(job: ScheduledJob, start: datetime, end: datetime, zone: tzinfo, *, dialect: Dialect | None = None) -> Seconds:
    """The instants from `start` to `end`, both included, at which a job is due: sorted epoch seconds.

    Empty for jobs that no clock starts (`@reboot`, OnBootSec=, a logrotate stanza) and for schedules that cannot be read.
    `zone` is the host's; a table's own zone (CRON_TZ) or a timer's goes before it. `dialect` says which cron reads the
    table; where it is None the table's own words decide.
    """
    first, last = start.timestamp(), end.timestamp()
    if last < first:
        return np.empty(0)
    found = (
        _calendar_ticks(job, first, last, zone) if job.scheduler == "systemd" else _cron_ticks(job, first, last, zone, dialect)
    )
    return found[(found >= first) & (found <= last)]


def _cron_ticks(job: ScheduledJob, first: float, last: float, zone: tzinfo, dialect: Dialect | None) -> Seconds:
    if job.scheduler not in ("cron", *_LIKE_CRON):
        return np.empty(0)
    dialect = dialect or dialect_of(job)
    own_zone = job.zone if dialect == "cronie" or job.scheduler in _LIKE_CRON else None
    found, there = _times(job.schedule, dialect), _zone(own_zone) if own_zone else zone
    if found is None or there is None:
        return np.empty(0)
    parts = _stretches(there, first, last)
    walls = cron.walls(found, *_wall_bounds(parts))
    # cronie follows its own zone's changes of the clock, not those of a table's CRON_TZ; the others make up for none.
    plain = found.wild or dialect == "busybox" or own_zone or job.scheduler in _LIKE_CRON
    return clock.every_showing(walls, parts) if plain else clock.made_up(walls, parts)


def _times(schedule: str, dialect: Dialect) -> Times | None:
    try:
        return times(schedule, dialect)
    except NotCron:
        return None


def _calendar_ticks(job: ScheduledJob, first: float, last: float, zone: tzinfo) -> Seconds:
    try:
        found = calendar(job.schedule)
    except NotCalendar:
        return np.empty(0)
    own_zone = _zone(found.zone) if found.zone else zone
    if own_zone is None:
        return np.empty(0)
    parts = _stretches(own_zone, first, last)
    return clock.first_showing(systemd.walls(found, *_wall_bounds(parts)), parts)


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _stretches(zone: tzinfo, first: float, last: float) -> list[clock.Stretch]:
    """From a day before: a wall that the clock shows for the second time has been shown before."""
    return clock.stretches(zone, int(first) - _DAY_S, int(last) + 61)


def _wall_bounds(parts: list[clock.Stretch]) -> tuple[float, float]:
    return min(part.start + part.offset for part in parts), max(part.end + part.offset for part in parts)


def dialect_of(job: ScheduledJob) -> Dialect:
    """Which cron a table was written for, by what only one of them understands; Debian's where nothing tells.

    Only cronie knows CRON_TZ and `~`; only busybox keeps its tables in /etc/crontabs.
    """
    if re.search(r"(^|/)etc/crontabs/", job.span.path):
        return "busybox"
    return "cronie" if job.zone or "~" in job.schedule else "debian"


def next_runs(
    job: ScheduledJob, after: datetime, zone: tzinfo, count: int, *, dialect: Dialect | None = None
) -> tuple[datetime, ...]:
    """The next `count` times after `after` at which a job is due, in `zone`; fewer if it is due less often in 40 years."""
    begin = after.timestamp()
    due = np.empty(0)
    for days in _HORIZONS_DAYS:
        end = datetime.fromtimestamp(begin + days * _DAY_S, UTC)
        due = ticks(job, after, end, zone, dialect=dialect)
        due = due[due > begin]
        if len(due) >= count:
            break
    return tuple(datetime.fromtimestamp(float(instant), UTC).astimezone(zone) for instant in due[:count])


def repeat(job: ScheduledJob) -> Repeat | None:
    """How far apart the starts of a timer without a calendar lie (OnUnitActiveSec=, OnUnitInactiveSec=, `every N s`)."""
    if every := _EVERY.fullmatch(job.schedule):
        return Repeat(float(every[1]), float(every[1]))
    match = _MONOTONIC.fullmatch(job.schedule)
    wait = systemd_seconds(match[2]) if match else None
    if not match or wait is None:
        return None
    return Repeat(wait, wait + job.slack_s if match[1] == "OnUnitActiveSec" else None)


def healthcheck_repeat(check: Healthcheck) -> Repeat:
    """Docker waits `interval_s` between the end of a check and the start of the next: the checks drift against the clock."""
    return Repeat(check.interval_s, check.interval_s + check.timeout_s)


def unhealthy_after_s(check: Healthcheck) -> tuple[float, float]:
    """The least and the most seconds from the first moment of failure until Docker calls the container unhealthy."""
    return (check.retries - 1) * check.interval_s, check.retries * (check.interval_s + check.timeout_s)


def run_parts(folder: str, paths: Collection[str], *, asker: str = "") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The collected files that `run-parts /etc/cron.hourly` would run, and those it passes over.

    `paths` are relative to the collected root, `asker` is the one of the file that holds the command; run-parts(8) takes only
    names of letters, digits, `_` and `-`, so that `backup.sh` never runs.
    """
    home = collected(folder, {path.rpartition("/")[0] for path in paths}, asker=asker)
    inside = sorted(path for path in paths if home and path.rpartition("/")[0] == home)
    runs = tuple(path for path in inside if _RUN_PARTS_NAME.fullmatch(path.rpartition("/")[2]))
    return runs, tuple(path for path in inside if path not in runs)


def rotations(job: ScheduledJob, runs: Seconds, zone: tzinfo) -> Seconds:
    """Those of logrotate's runs at which a stanza is due: the first of each new hour, day, week or month of the zone.

    `runs` are the ticks of the job that starts logrotate; the first one is taken to be due. A stanza that goes by size
    has no such times: empty.
    """
    period = {"hourly": "%Y-%j-%H", "daily": "%Y-%j", "weekly": "%G-%V", "monthly": "%Y-%m", "yearly": "%Y"}.get(job.schedule)
    if period is None or not len(runs):
        return np.empty(0)
    words = [datetime.fromtimestamp(float(run), UTC).astimezone(zone).strftime(period) for run in runs]
    return runs[[index == 0 or word != words[index - 1] for index, word in enumerate(words)]]
