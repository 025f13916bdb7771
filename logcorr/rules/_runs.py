"""What the rules on scheduled runs share: when cron says that it ran a job."""

from __future__ import annotations

import re

from logcorr.lazily import pl
from logcorr.model.case import Case, Schedule

ON_TIME_S = 90.0
"""cron starts a job within its minute; a busy host is a little late."""


def runs(case: Case, schedule: Schedule) -> pl.DataFrame:
    """cron's own lines of this job's runs, in time order, of one log; blanks before the command are in them as in the table."""
    told = case.happened("job.started").drop_nulls("time")
    own = told.filter(pl.col("message").str.contains(rf"\(\s*{re.escape(schedule.job.command.strip())}\s*\)"))
    return own.filter(pl.col("file") == pl.col("file").first())
