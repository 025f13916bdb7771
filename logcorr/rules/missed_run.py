"""A scheduled run did not take place, though cron's log covers its time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from logcorr.lazily import np, npt, pl
from logcorr.model.case import Case, Schedule
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._jobs import cron_jobs
from logcorr.rules._runs import ON_TIME_S, runs
from logcorr.timeline.select import seconds, spans

FEWEST = 4
MOST_MISSED = 0.5
"""Where more slots than this are empty the schedule was probably another one then."""


@rule(code="CRON007", title="A scheduled run did not take place", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Looks for slots of a job without a line of cron's, between two runs that it logged."""
    for schedule in cron_jobs(case):
        told = runs(case, schedule)
        if told.height < FEWEST:
            continue
        times = seconds(told)
        slots = schedule.ticks[(schedule.ticks >= times[0] - ON_TIME_S) & (schedule.ticks <= times[-1])]
        missed = slots[~_kept(slots, times)]
        if missed.size and missed.size <= MOST_MISSED * slots.size and _kept(times - ON_TIME_S, slots).all():
            yield _finding(schedule, told, slots.size, missed)


def _kept(slots: npt.NDArray[np.float64], times: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether one of the times lies within a run's delay after each slot."""
    first = np.searchsorted(times, slots)
    return first < np.searchsorted(times, slots + ON_TIME_S, side="right")


def _finding(schedule: Schedule, told: pl.DataFrame, slots: int, missed: npt.NDArray[np.float64]) -> Finding:
    times = tuple(datetime.fromtimestamp(tick, UTC) for tick in missed)
    before = told.filter(pl.col("time") < times[0])[-1]
    after = told.filter(pl.col("time") > times[0])[:1]
    return Finding(
        confidence=0.8,
        claim=claim(
            "missed_run.found",
            "the job on {schedule} did not run in {missed} of its {slots} slots, though cron's log goes on",
            schedule=schedule.job.schedule,
            missed=len(times),
            slots=slots,
        ),
        evidence=(
            *(Evidence(span, "the last run before") for span in spans(before)),
            *(Evidence(span, "the next run") for span in spans(after)),
            Evidence(schedule.job.span, "its schedule"),
        ),
        would_refute=claim("missed_run.refute", "cron's lines of these minutes in another log, or a host that slept"),
        subject=str(schedule.job.span),
        measured={"missed": len(times), "slots": slots},
        times=times,
    )
