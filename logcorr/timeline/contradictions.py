"""What in a case shows that a job did not do what its script says."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TypeAlias

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.behaviour import Effect
from logcorr.model.case import Behaviour, Case, ProvedEffect, Schedule
from logcorr.model.facts import Container
from logcorr.timeline.offsets import zone_of
from logcorr.timeline.scripts import said_at
from logcorr.timeline.select import seconds

Times: TypeAlias = "npt.NDArray[np.float64]"

MUCH_LONGER = 2.0
"""A container that is up for so many times the longest pause between runs was not ended by the last of them."""

NEARLY_ALL, MOST_OF = 0.9, 0.5

HOST = regex(r"""^\[\[? ["']?\$\((?:hostname|uname -n)(?: -\w+)?\)["']? ==? ["']?(?P<name>[\w.-]+)["']? \]""")
DAY = regex(r"""^\[\[? ["']?\$\(date \+["']?\\?%(?P<code>[uwd])["']?\)["']? (?:==?|-eq) ["']?(?P<day>\d{1,2})["']? \]""")
"""Conditions that only hold on one host, or on one day."""

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
    names = case.called(service)
    aged = (container for container in case.of(Container) if container.name in names and container.up_s is not None)
    return next((one for one in aged if pause and (one.up_s or 0.0) >= MUCH_LONGER * pause), None)


def said_otherwise(case: Case, behaviour: Behaviour, proved: ProvedEffect, ticks: Times, stops: Times) -> int:
    """In how many of the runs that a stop followed it wrote what it only writes where it does not act; 0 if not in nearly all."""
    rows = said_at(case, behaviour, proved.instead)
    followed = set((np.searchsorted(ticks, stops, side="right") - 1).tolist()) - {-1}
    told = set((np.searchsorted(ticks, seconds(rows), side="right") - 1).tolist()) & followed
    return len(told) if followed and len(told) >= NEARLY_ALL * len(followed) else 0


def held_back(case: Case, proved: ProvedEffect, stops: Times) -> str:
    """The condition on the way to an effect that names another host than all logs do, or a day that most stops were not on."""
    for text, _ in proved.effect.guard:
        host, day = HOST.search(text), DAY.search(text)
        if host and _hosts(case) and host["name"] not in _hosts(case):
            return text
        if (
            day
            and len(stops)
            and np.mean([_day(case, stop, day["code"]) == int(day["day"]) for stop in stops.tolist()]) < MOST_OF
        ):
            return text
    return ""


def _hosts(case: Case) -> set[str]:
    told = case.records("syslog")
    return set(told.select("host").unique().collect()["host"].drop_nulls()) if "host" in told.collect_schema() else set()


def _day(case: Case, time: float, code: str) -> int:
    """The number of a weekday (`%u`: Sunday is 7, `%w`: 0), or of the day of the month, where the host's own log stands."""
    zone = next((source.zone for source in case.sources if source.source == "syslog"), "UTC")
    day = datetime.fromtimestamp(time, zone_of(zone))
    return {"u": day.isoweekday(), "w": day.isoweekday() % 7, "d": day.day}[code]


def _longest_pause_s(schedule: Schedule) -> float | None:
    """Seconds between two runs, the longest there are among those in the logs' window and the next ones."""
    runs = np.concatenate([schedule.ticks, [time.timestamp() for time in schedule.next]])
    return float(np.diff(runs).max()) if len(runs) > 1 else None
