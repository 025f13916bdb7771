"""What the rules on scheduled runs share: when cron says that it ran a job."""

from __future__ import annotations

from logcorr.lazily import pl
from logcorr.model.case import Case, Schedule

ON_TIME_S = 90.0
"""cron starts a job within its minute; a busy host is a little late."""


def runs(case: Case, schedule: Schedule) -> pl.DataFrame:
    """cron's own lines of this job's runs, in time order, of one log."""
    told = case.happened("job.started").drop_nulls("time")
    own = told.filter(pl.col("message").str.contains(f"({schedule.job.command.strip()})", literal=True))
    return own.filter(pl.col("file") == pl.col("file").first())
