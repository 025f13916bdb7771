"""A job's runs fit its schedule only when moved by whole hours."""

from __future__ import annotations

from collections.abc import Iterator

from logcorr.lazily import np, npt, pl
from logcorr.model.case import Case, Schedule
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._jobs import cron_jobs
from logcorr.rules._runs import ON_TIME_S, runs
from logcorr.timeline.select import cite, instants, seconds

FEWEST = 3
HALF_HOURS = sorted((half for half in range(-28, 29) if half), key=abs)
"""Offsets between zones, nearest first: up to 14 hours, some by the half hour."""


@rule(code="CRON008", title="A job runs by the clock of another time zone", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Compares cron's own lines of a job's runs with the slots of its schedule, as the case reads both."""
    for schedule in cron_jobs(case):
        told = runs(case, schedule)
        if told.height < FEWEST or not schedule.ticks.size:
            continue
        began, ticks = seconds(told), np.sort(schedule.ticks)
        if _on_time(began, ticks).any():
            continue
        shift = next((half for half in HALF_HOURS if _on_time(began - half * 1800.0, ticks).all()), None)
        if shift:
            yield _finding(schedule, told, shift / 2)


def _on_time(began: npt.NDArray[np.float64], ticks: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which of these runs begin right after some slot."""
    there: npt.NDArray[np.bool_] = np.searchsorted(ticks, began + 1.0, "right") > np.searchsorted(ticks, began - ON_TIME_S)
    return there


def _finding(schedule: Schedule, told: pl.DataFrame, shift_h: float) -> Finding:
    return Finding(
        confidence=0.85,
        claim=claim(
            "schedule_in_another_zone.found",
            "all {runs} runs of the job on {schedule} are {shift:+g} h off its slots: cron, or its log, keeps another time zone",
            runs=told.height,
            schedule=schedule.job.schedule,
            shift=shift_h,
        ),
        evidence=(Evidence(schedule.job.span, "its schedule"), *cite(told, most=3)),
        would_refute=claim(
            "schedule_in_another_zone.refute", "the same zone in timedatectl and in cron's environment, and an older schedule"
        ),
        subject=str(schedule.job.span),
        measured={"runs": told.height, "shift_h": shift_h},
        times=instants(told),
        fix=claim(
            "schedule_in_another_zone.fix",
            "restart cron after a change of the zone, or set CRON_TZ; give the analysis the zone of the logs (--tz)",
        ),
    )
