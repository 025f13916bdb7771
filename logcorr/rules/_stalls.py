"""Jobs that may keep a service from answering: what of them makes others wait, and when they ran."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.case import Case, Schedule
from logcorr.model.claim import Evidence
from logcorr.model.facts import Script
from logcorr.model.source import Span
from logcorr.rules._blocking import CLEARS, HEAVY, LOCKS, asking, ending
from logcorr.rules._jobs import scripts_of
from logcorr.timeline.scripts import code_of, said
from logcorr.timeline.select import seconds, spans

LOCK_WEIGHT, HEAVY_WEIGHT, ASKS_WEIGHT, UNKNOWN_WEIGHT, LIGHT_WEIGHT, OVER_WEIGHT = 30.0, 10.0, 3.0, 1.0, 0.05, 0.001
LEAST_WITHIN = 0.8
FEWEST_BURSTS, EACH_MINUTE_S, AT_ITS_START_S = 3, 30.0, 3.0
"""Where all would have waited for the same, they may wait for a run of each minute. A line with so early a stamp bears the time
at which a run began, and tells nothing of its end."""

MOST_PROVED, MOST_PLAUSIBLE, MOST_UNKNOWN = 0.95, 0.85, 0.7

SENT = regex(r"(?:>>?|\btee (?:-a )?)\s*[\"']?([^\s\"';|&<>]+)")

Times: TypeAlias = "npt.NDArray[np.float64]"


class Waits(Struct, frozen=True, kw_only=True):
    """Requests that waited, with the epoch second at which each `came`; those that came within `apart_s` waited for the same.

    They were given up, or `late`: answered in the end.
    """

    rows: pl.DataFrame
    apart_s: float
    late: bool = False

    @property
    def came(self) -> Times:
        return np.sort(self.rows["came"].to_numpy())

    @property
    def begins(self) -> npt.NDArray[np.bool_]:
        """Which are the first of a burst."""
        pauses = np.diff(self.came, prepend=-np.inf)
        begins = pauses > self.apart_s
        return begins if begins.sum() >= FEWEST_BURSTS else pauses > EACH_MINUTE_S

    @property
    def onsets(self) -> Times:
        """The first of each burst."""
        return self.came[self.begins]


class Suspect(Struct, frozen=True, kw_only=True):
    """A job, the line of its script that may make others wait, and how its runs lie to the waiting requests.

    It `locks`, or `clears` a cache, or is hard on the machine. Where it `asks` the service for something, `blocks` is the line
    of that one's program by which it keeps everybody waiting. `within` is the share of the requests that came while it ran, None
    where no log tells how long it runs, and `bursts` how many bursts of them began so; `last` is the line that tells of its
    first end.
    """

    schedule: Schedule
    line: Span | None
    locks: bool
    clears: bool
    asks: Span | None
    blocks: Span | None
    within: float | None
    bursts: int
    last: Span | None

    @property
    def weight(self) -> float:
        if self.within is not None and self.within < LEAST_WITHIN:
            return OVER_WEIGHT
        if self.blocks:
            return LOCK_WEIGHT
        if self.line:
            return LOCK_WEIGHT if self.locks or self.clears else HEAVY_WEIGHT
        if self.asks:
            return ASKS_WEIGHT
        understood = all(behaviour.understood for behaviour in self.schedule.behaviours)
        return LIGHT_WEIGHT if understood and self.schedule.behaviours else UNKNOWN_WEIGHT

    @property
    def most(self) -> float:
        """How sure one can be of it: that it holds a lock while they wait, or that it is busy, or only that it runs.

        What else runs at its minutes fits as well, where no log tells how long it runs and it makes nobody wait by itself.
        """
        if self.blocks or self.clears or (self.line and self.locks and self.within is not None):
            return MOST_PROVED
        plausible = self.line and (self.locks or self.within is not None)
        return MOST_PLAUSIBLE if plausible else MOST_UNKNOWN

    @property
    def lines(self) -> Iterator[Evidence]:
        """What keeps others waiting, the line to change first."""
        if self.blocks:
            yield Evidence(self.blocks, "nobody else is answered meanwhile", shows="job_stalls_service")
        if self.line and not self.blocks:
            busy = "empties the cache" if self.clears else "makes others wait" if self.locks else "keeps the machine busy"
            yield Evidence(self.line, busy, shows="job_stalls_service")
        elif self.asks:
            yield Evidence(self.asks, "asks the service", shows="job_stalls_service")


def suspect_of(case: Case, schedule: Schedule, waits: Waits) -> Suspect:
    """What a job may be blamed for, and how its runs lie to those who waited."""
    scripts = scripts_of(case, schedule)
    clearing = _first(schedule, scripts, CLEARS) if waits.late else None
    locking = _first(schedule, scripts, LOCKS) or ending(schedule)
    heavy = _first(schedule, scripts, HEAVY)
    inside, last = during(case, schedule, waits.came)
    upstreams = set(waits.rows["upstream"]) if "upstream" in waits.rows.columns else set()
    asks, blocks = asking(case, schedule, upstreams)
    return Suspect(
        schedule=schedule,
        line=clearing or locking or heavy,
        locks=bool(locking),
        clears=bool(clearing),
        asks=asks,
        blocks=blocks,
        within=float(inside.mean()) if last and not clearing else None,
        bursts=int(inside[waits.begins].sum()),
        last=last,
    )


def _first(schedule: Schedule, scripts: Sequence[Script], pattern: re.Pattern[str]) -> Span | None:
    lines = ((place, line) for script in scripts for place, line in code_of(script))
    found = next((place for place, line in lines if pattern.search(line)), None)
    return found or (schedule.job.span if pattern.search(schedule.job.command) else None)


def during(case: Case, schedule: Schedule, came: Times) -> tuple[npt.NDArray[np.bool_], Span | None]:
    """Which requests came in the time of a run, by its messages, and where the first run's last message stands, if there is any.

    Who was kept waiting may need as long again to get on.
    """
    lines = _logged(case, schedule)
    times = seconds(lines)
    run = np.searchsorted(schedule.ticks, times, side="right") - 1
    ends = {int(tick): row for row, tick in enumerate(run) if tick >= 0}
    if not ends or all(times[row] - schedule.ticks[tick] <= AT_ITS_START_S for tick, row in ends.items()):
        return np.zeros(len(came), dtype=bool), None
    last = np.array([times[ends[tick]] if tick in ends else -np.inf for tick in range(len(schedule.ticks))])
    of = np.searchsorted(schedule.ticks, came, side="right") - 1
    over = 2 * last - schedule.ticks
    inside = (of >= 0) & (came <= over[np.maximum(of, 0)])
    return inside, spans(lines)[min(ends.values())]


def _logged(case: Case, schedule: Schedule) -> pl.DataFrame:
    """What logs hold of its runs: its messages, and every line of a file that it alone writes."""
    told = said(case, schedule.behaviours)
    files = [path for path in told["file"].unique(maintain_order=True) if _writes(case, schedule, path)]
    others = [path for path in files if any(one is not schedule and _writes(case, one, path) for one in case.schedules)]
    its_own = pl.col("file").is_in([path for path in files if path not in others]) & pl.col("time").is_not_null()
    rows = case.timeline.filter(its_own).collect() if len(files) > len(others) else told.clear()
    return pl.concat([told, rows]).unique(["file", "line"]).sort("time", "file", "line")


def of_jobs(case: Case) -> set[str]:
    """The logs into which a job's line or script sends what it prints: who calls in vain there is the job itself."""
    said = [text for one in case.schedules for text in (one.job.command, *(script.text for script in scripts_of(case, one)))]
    names = {name.rpartition("/")[2] for text in said for name in SENT.findall(text)}
    return {source.path for source in case.sources if source.path.rpartition("/")[2] in names}


def _writes(case: Case, schedule: Schedule, path: str) -> bool:
    """Whether its line or one of its scripts names a log of this name."""
    name = path.rpartition("/")[2]
    return any(name in script.text for script in scripts_of(case, schedule)) or name in schedule.job.command
