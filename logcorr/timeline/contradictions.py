"""What in a case shows that a job did not do what its script says."""

from __future__ import annotations

import re

from logcorr.lazily import np, pl
from logcorr.model.behaviour import Effect
from logcorr.model.case import Case, Schedule
from logcorr.model.facts import Container

MUCH_LONGER = 2.0
"""A container that is up for so many times the longest pause between runs was not ended by the last of them."""

SHELL = r"(?:^|[\s/])(?:ba|da|a|z|k)?sh: (?:(?:line )?\d+: )?"


def not_found(case: Case, effect: Effect, schedule: Schedule) -> int:
    """How many times a shell said, of this very line, that there is no such program: then the command did nothing.

    bash words it `x.sh: line 6: docker-compose: command not found`, dash `x.sh: 6: docker-compose: not found`; for a command
    in the job's own line the shell's name stands in the script's place.
    """
    script, line = effect.span.path.rpartition("/")[2], effect.span.line
    place = SHELL if effect.span == schedule.job.span else rf"(?:^|[\s/]){re.escape(script)}: (?:line )?{line}: "
    said = rf"{place}{re.escape(effect.argv0)}: (?:command )?not found"
    failed = case.happened("job.failed").filter(pl.col("message").str.contains(said))
    return failed.height if effect.argv0 else 0


def outlived(case: Case, service: str, schedule: Schedule) -> Container | None:
    """A container of the service that a capture shows to be up for longer than any run would have let it be."""
    pause = _longest_pause_s(schedule)
    names = {name for thing in case.entities if service in thing.names for name in thing.names}
    aged = (container for container in case.of(Container) if container.name in names and container.up_s is not None)
    return next((one for one in aged if pause and (one.up_s or 0.0) >= MUCH_LONGER * pause), None)


def _longest_pause_s(schedule: Schedule) -> float | None:
    """Seconds between two runs, the longest there are among those in the logs' window and the next ones."""
    runs = np.concatenate([schedule.ticks, [time.timestamp() for time in schedule.next]])
    return float(np.diff(runs).max()) if len(runs) > 1 else None
