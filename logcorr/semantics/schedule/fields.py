"""A cron job's schedule by its fields, for those who ask how it is written."""

from __future__ import annotations

from logcorr.grammar.crontab import NotCron, Times, times
from logcorr.model.facts import ScheduledJob

__all__ = ["Times", "fields_of", "shortest_gap_s"]


def fields_of(job: ScheduledJob) -> Times | None:
    """The values of its fields; None for another scheduler's, for `@reboot`, and for what cron refuses."""
    try:
        return times(job.schedule) if job.scheduler == "cron" else None
    except NotCron:
        return None


def shortest_gap_s(schedule: Times) -> float:
    """The least seconds between two of its runs on one day; a day where there is one run a day."""
    minutes = sorted(hour * 60 + minute for hour in schedule.hours for minute in schedule.minutes)
    around = [*minutes, minutes[0] + 24 * 60]
    return 60.0 * min(later - earlier for earlier, later in zip(minutes, around[1:], strict=True))
