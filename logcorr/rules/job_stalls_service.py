"""While a scheduled job runs, requests wait until the proxy gives them up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from logcorr.lazily import np, npt, pl
from logcorr.model.case import Case, Schedule
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Script
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._blocking import HEAVY, LOCKS, asking, ending
from logcorr.rules._jobs import each_minute, scripts_of
from logcorr.rules._slow_disk import slow_disk
from logcorr.rules._waiting import waiting as unanswered
from logcorr.statistics import Group, Job, attribute
from logcorr.statistics import Schedule as Ticks
from logcorr.timeline.lifecycles import stopped
from logcorr.timeline.scripts import code_of, said
from logcorr.timeline.select import cite, instants, seconds, spans

LOCK_WEIGHT, HEAVY_WEIGHT, ASKS_WEIGHT, UNKNOWN_WEIGHT, LIGHT_WEIGHT, OVER_WEIGHT = 30.0, 10.0, 3.0, 1.0, 0.05, 0.001
FEWEST_BURSTS = 3
ONE_BURST_S, EACH_MINUTE_S, AT_ITS_START_S = 120.0, 30.0, 3.0
"""Requests that came so close together waited for the same; where all would have, they may wait for a run of each minute. A line
with so early a stamp bears the time at which a run began, and tells nothing of its end."""
LEAST_SHARE = 0.6
LEAST_WITHIN = 0.8
MOST_PROVED, MOST_ASKED, MOST_PLAUSIBLE, MOST_UNKNOWN = 0.95, 0.92, 0.85, 0.7
FEWEST_SLOW = 2
"""In so many runs the disk was told to be slow."""
ENOUGH_BURSTS = 4
"""So many bursts, and not one without a run: what the job asks of that very service is what keeps the others waiting."""

BRIEFLY = claim(
    "job_stalls_service.fix",
    "let the job take a snapshot, or the lock for a moment only, so that requests need not wait for all of its run",
)
ASIDE = claim(
    "job_stalls_service.aside",
    "let the program do this beside its requests (asynchronously, in a worker or a queue), and answer the job at once",
)

ONCE = claim("job_stalls_service.once", "give the job its minute: it starts every minute of the hour")
Times: TypeAlias = "npt.NDArray[np.float64]"


class _Suspect(Struct, frozen=True, kw_only=True):
    """A job, the line of its script that may make others wait, and how its runs lie to the waiting requests.

    Where it `asks` the service for something, `blocks` is the line of that one's program by which it keeps everybody waiting.
    `within` is the share of the requests that came while it ran, None where no log tells how long it runs, and `bursts` how many
    bursts of them began so; `last` is the line that tells of its first end.
    """

    schedule: Schedule
    line: Span | None
    locks: bool
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
            return LOCK_WEIGHT if self.locks else HEAVY_WEIGHT
        if self.asks:
            return ASKS_WEIGHT
        understood = all(behaviour.understood for behaviour in self.schedule.behaviours)
        return LIGHT_WEIGHT if understood and self.schedule.behaviours else UNKNOWN_WEIGHT

    @property
    def most(self) -> float:
        """How sure one can be of it: that it holds a lock while they wait, or that it is busy, or only that it runs."""
        if self.blocks or (self.line and self.locks and self.within is not None):
            return MOST_PROVED
        return MOST_PLAUSIBLE if self.line or self.asks else MOST_UNKNOWN

    @property
    def lines(self) -> Iterator[Evidence]:
        """What keeps others waiting, the line to change first."""
        if self.blocks:
            yield Evidence(self.blocks, "nobody else is answered meanwhile", shows="job_stalls_service")
        if self.line and not self.blocks:
            busy = "makes others wait" if self.locks else "keeps the machine busy"
            yield Evidence(self.line, busy, shows="job_stalls_service")
        elif self.asks:
            yield Evidence(self.asks, "asks the service", shows="job_stalls_service")


@rule(code="CRON011", title="A scheduled job keeps a service from answering", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Compares when requests that got no answer came with the runs of every job; nothing restarts."""
    scheduled = [schedule for schedule in case.schedules if len(schedule.ticks)]
    if not scheduled:
        return
    waiting = unanswered(case)
    came = np.sort(waiting["came"].to_numpy())
    if waiting.height < FEWEST_BURSTS or _restarted(case, came):
        return
    suspects = [_suspect(case, schedule, waiting, came) for schedule in scheduled]
    found = _attributed(case, waiting, came, suspects)
    if found:
        yield _finding(case, waiting, *found)


def _restarted(case: Case, came: Times) -> bool:
    """Whether processes end while the requests wait: then it is that, and not a job that keeps them waiting."""
    bursts = _onsets(came)
    ended = np.array([stop.ended.timestamp() for stop in case.once(stopped)])
    near = sum(bool(((ended > onset - 30) & (ended < onset + 60)).any()) for onset in bursts)
    return 2 * near >= len(bursts)


def _begins(came: Times) -> npt.NDArray[np.bool_]:
    """Which are the first of a burst."""
    pauses = np.diff(came, prepend=-np.inf)
    begins = pauses > ONE_BURST_S
    return begins if begins.sum() >= FEWEST_BURSTS else pauses > EACH_MINUTE_S


def _onsets(came: Times) -> Times:
    """The first of each burst."""
    return came[_begins(came)]


def _suspect(case: Case, schedule: Schedule, waiting: pl.DataFrame, came: Times) -> _Suspect:
    scripts = scripts_of(case, schedule)
    locking = _first(scripts, LOCKS) or ending(schedule)
    heavy = _first(scripts, HEAVY)
    inside, last = _within(case, schedule, came)
    upstreams = set(waiting["upstream"]) if "upstream" in waiting.columns else set()
    asks, blocks = asking(case, schedule, upstreams)
    return _Suspect(
        schedule=schedule,
        line=locking or heavy,
        locks=bool(locking),
        asks=asks,
        blocks=blocks,
        within=float(inside.mean()) if last else None,
        bursts=int(inside[_begins(came)].sum()),
        last=last,
    )


def _first(scripts: Sequence[Script], pattern: re.Pattern[str]) -> Span | None:
    return next((place for script in scripts for place, line in code_of(script) if pattern.search(line)), None)


def _within(case: Case, schedule: Schedule, came: Times) -> tuple[npt.NDArray[np.bool_], Span | None]:
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
    files = [path for path in told["file"].unique() if _writes(case, schedule, path)]
    others = [path for path in files if any(one is not schedule and _writes(case, one, path) for one in case.schedules)]
    its_own = pl.col("file").is_in([path for path in files if path not in others]) & pl.col("time").is_not_null()
    rows = case.timeline.filter(its_own).collect() if len(files) > len(others) else told.clear()
    return pl.concat([told, rows]).unique(["file", "line"]).sort("time", "line")


def _writes(case: Case, schedule: Schedule, path: str) -> bool:
    """Whether its line or one of its scripts names a log of this name."""
    name = path.rpartition("/")[2]
    return any(name in script.text for script in scripts_of(case, schedule)) or name in schedule.job.command


def _attributed(
    case: Case, waiting: pl.DataFrame, came: Times, suspects: Sequence[_Suspect]
) -> tuple[_Suspect, Group, Job] | None:
    """The one job that explains when they came, if most bursts follow its runs and no other is as likely."""
    files = set(waiting["file"])
    told = [source for source in case.sources if source.path in files and source.first and source.last]
    start = min([came[0], *(source.first.timestamp() for source in told if source.first)])
    end = max([came[-1], *(source.last.timestamp() for source in told if source.last)])
    ticks = [Ticks(name=str(one.schedule.job.span), ticks=one.schedule.ticks, weight=one.weight) for one in suspects]
    leading = next(iter(attribute(_onsets(came), ticks, start=start, end=end).groups), None)
    if not leading:
        return None
    job = max(leading.jobs, key=lambda one: one.probability)
    suspect = next(one for one in suspects if str(one.schedule.job.span) == job.name)
    seen = leading.evidence
    enough = min(seen.hits, seen.explained) >= FEWEST_BURSTS and seen.explained >= LEAST_SHARE * seen.events
    enough = enough or suspect.bursts >= max(FEWEST_BURSTS, LEAST_SHARE * seen.events)
    return (suspect, leading, job) if enough and job.probability >= 0.5 and suspect.weight >= UNKNOWN_WEIGHT else None


def _finding(case: Case, waiting: pl.DataFrame, suspect: _Suspect, group: Group, job: Job) -> Finding:
    scheduled = suspect.schedule.job
    once = each_minute(scheduled)
    run = case.happened("job.started").filter(pl.col("message").str.contains(scheduled.command.strip(), literal=True))
    slow = _slow_meanwhile(case, suspect)
    always = suspect.asks and group.evidence.explained == group.evidence.events >= ENOUGH_BURSTS
    exhausted = _exhausted(case, suspect, group)
    takes_all = suspect.line and not exhausted.is_empty()
    return Finding(
        confidence=min(job.probability, max(suspect.most, MOST_ASKED) if always or takes_all or slow.height else suspect.most),
        claim=_claim(waiting, suspect, group),
        evidence=(
            *(() if once else suspect.lines),
            Evidence(scheduled.span, f"runs on {scheduled.schedule}"),
            *(suspect.lines if once else ()),
            *([Evidence(suspect.last, "the job's own message", shows="job_stalls_service")] if suspect.last else []),
            *cite(run, "a logged run", most=2),
            *cite(exhausted, shows="resource_exhausted"),
            *cite(slow, "the disk does not keep up", most=3, shows="resource_exhausted"),
            *cite(waiting.filter(_after_a_run(waiting["came"].to_numpy(), suspect, group)), shows="timeout_closes_connection"),
        ),
        would_refute=claim("job_stalls_service.refute", "a run of the job during which these requests were answered as ever"),
        subject=str(scheduled.span),
        measured={
            "count": waiting.height,
            "bursts": group.evidence.events,
            "runs_followed": max(group.evidence.hits, suspect.bursts),
            "lag_s": round(group.evidence.lag_median_s or 0.0, 1),
            **({"slow_disk": slow.height} if slow.height else {}),
        },
        times=instants(waiting),
        fix=ONCE if once else ASIDE if suspect.blocks else BRIEFLY,
    )


def _slow_meanwhile(case: Case, suspect: _Suspect) -> pl.DataFrame:
    """What tells of a slow disk, if the job is hard on it and nearly all of that is told while it runs."""
    told = slow_disk(case) if suspect.line and not suspect.locks else case.happened()
    inside, last = _within(case, suspect.schedule, seconds(told))
    runs = np.unique(np.searchsorted(suspect.schedule.ticks, seconds(told)[inside], side="right")) if last else ()
    enough = len(runs) >= FEWEST_SLOW and bool(inside.mean() >= LEAST_WITHIN)
    return told.filter(pl.Series(inside, dtype=pl.Boolean)) if enough else told.clear()


def _exhausted(case: Case, suspect: _Suspect, group: Group) -> pl.DataFrame:
    """What is told to have run out between a run and the requests that waited for it."""
    told = case.happened("limit.reached").drop_nulls("time")
    return told.filter(_after_a_run(seconds(told), suspect, group))


def _after_a_run(times: Times, suspect: _Suspect, group: Group) -> pl.Series:
    """Which of the times come so soon after a run as its bursts do."""
    ticks = suspect.schedule.ticks
    last = times - ticks[np.maximum(np.searchsorted(ticks, times, side="right") - 1, 0)]
    return pl.Series((last >= 0) & (last <= (group.evidence.lag_high_s or 0.0) + ONE_BURST_S), dtype=pl.Boolean)


def _claim(waiting: pl.DataFrame, suspect: _Suspect, group: Group) -> Claim:
    numbers: dict[str, str | int] = {
        "schedule": suspect.schedule.job.schedule,
        "count": waiting.height,
        "hits": max(group.evidence.explained, suspect.bursts),
        "bursts": group.evidence.events,
    }
    if suspect.blocks:
        return claim(
            "job_stalls_service.asks",
            "the job on {schedule} asks the service for something during which it answers nobody else: {count} requests were "
            "given up unanswered, in {bursts} bursts of which {hits} began in one of its runs",
            **numbers,
        )
    if suspect.line and suspect.locks:
        return claim(
            "job_stalls_service.locks",
            "the job on {schedule} makes others wait while it runs: {count} requests were given up unanswered, "
            "in {bursts} bursts of which {hits} began in one of its runs",
            **numbers,
        )
    return claim(
        "job_stalls_service.found",
        "requests wait while the job on {schedule} runs: {count} were given up unanswered, "
        "in {bursts} bursts of which {hits} began in one of its runs",
        **numbers,
    )
