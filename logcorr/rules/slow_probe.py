"""A probe gives up sooner than what it asks for takes, and its script acts on that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct

from logcorr.lazily import np, npt, pl
from logcorr.model.behaviour import Probe, Reach
from logcorr.model.case import Case, ProvedEffect, Schedule
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._durations import worked
from logcorr.timeline.scripts import said
from logcorr.timeline.select import cite, instants, seconds

FEWEST = 4
LEAST_SHARE = 0.8
LEAST_RUNS = 0.6
RUN_S = 60.0
"""A script asks within a minute of its start; asking again after a pause counts as well."""

Times: TypeAlias = "npt.NDArray[np.float64]"


class _Slow(Struct, frozen=True, kw_only=True):
    """Work of one sort that begins when the probe asks: its lines with their `run`, and the median of how long it takes."""

    rows: pl.DataFrame
    median_s: float
    runs: int
    of_runs: int


@rule(code="SH009", title="A probe gives up before it is answered", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Compares the time limit of a scheduled probe with how long the service, by its own log, works when it asks."""
    seen = set()
    for schedule in case.schedules:
        for behaviour in schedule.behaviours:
            for proved in behaviour.proved:
                for probe in (one.probe for one in proved.probes if one.probe.timeout_s and one.probe.url):
                    acts = proved.effect.ends_processes and proved.proof.reach is not Reach.NEVER
                    slow = _slow(case, schedule, probe.timeout_s or 0.0) if acts and probe.span not in seen else None
                    if slow:
                        seen.add(probe.span)
                        yield _finding(case, schedule, proved, probe, slow)


def _slow(case: Case, schedule: Schedule, limit: float) -> _Slow | None:
    """The sort of work that nearly always begins just after a run of the job, and takes longer than the limit."""
    if not _rare(schedule.ticks):
        return None
    for _, rows in case.once(worked).group_by("file", "sort", maintain_order=True):
        began = rows["began"].to_numpy()
        last = np.searchsorted(schedule.ticks, began + 1.0, side="right") - 1
        after = (last >= 0) & (began - schedule.ticks[np.maximum(last, 0)] <= RUN_S)
        late = rows["took"].to_numpy() > limit
        covered = _ticks(case, schedule, str(rows["file"][0]))
        runs = len(np.unique(last[after & late]))
        enough = (after & late).sum() >= FEWEST and (after & late).mean() >= LEAST_SHARE
        if enough and runs >= LEAST_RUNS * covered:
            hit = rows.with_columns(run=pl.Series(last)).filter(pl.Series(after & late))
            return _Slow(rows=hit, median_s=float(np.median(hit["took"].to_numpy())), runs=runs, of_runs=covered)
    return None


def _rare(ticks: Times) -> bool:
    """Whether a minute after each run is so little of the time that work at any time would not lie there."""
    return len(ticks) > 1 and float(np.median(np.diff(ticks))) >= 3 * RUN_S


def _ticks(case: Case, schedule: Schedule, file: str) -> int:
    """How many of the job's runs this log covers."""
    source = next((one for one in case.sources if one.path == file), None)
    if not source or not source.first or not source.last:
        return len(schedule.ticks)
    return int(((schedule.ticks >= source.first.timestamp()) & (schedule.ticks <= source.last.timestamp())).sum())


def _ended(case: Case, proved: ProvedEffect, slow: _Slow) -> pl.DataFrame:
    """What the services that it acts on say of their ends, within minutes of a check that gave up."""
    told = case.happened("process.terminating").filter(pl.col("service").is_in(list(proved.hits))).drop_nulls("time")
    began = slow.rows["began"].to_numpy()
    return told.filter(pl.Series([bool(((began <= at) & (began > at - RUN_S)).any()) for at in seconds(told)], dtype=pl.Boolean))


def _finding(case: Case, schedule: Schedule, proved: ProvedEffect, probe: Probe, slow: _Slow) -> Finding:
    acted = said(case, schedule.behaviours, near=proved.effect.span)
    limit, took = probe.timeout_s or 0.0, round(slow.median_s, 1)
    places = dict.fromkeys([probe.span, probe.url_span or probe.span])
    last = slow.rows.unique("run", keep="last", maintain_order=True)
    return Finding(
        confidence=0.92 if acted.height >= FEWEST else 0.8,
        claim=claim(
            "slow_probe.found",
            "the probe of {url} waits {limit:g} s, but what it asks for takes {took:g} s: "
            "on {runs} of {total} runs it gave up before the answer",
            url=str(probe.url),
            limit=limit,
            took=took,
            runs=slow.runs,
            total=slow.of_runs,
        ),
        evidence=(
            *(Evidence(at, f"waits {limit:g} s", shows="probe_gets_answer") for at in places),
            Evidence(schedule.job.span, f"runs on {schedule.job.schedule}"),
            *cite(slow.rows, "how long it took", most=4, shows="probe_gets_answer"),
            *(Evidence(span, f"condition: {text}", shows="answer_takes_branch") for text, span in proved.effect.guard),
            Evidence(proved.effect.span, proved.effect.action, shows="effect_hits_service"),
            *cite(acted, "the script acts", most=2, shows="effect_hits_service"),
            *cite(_ended(case, proved, slow), shows="process_terminates"),
        ),
        would_refute=claim(
            "slow_probe.refute",
            "an answer within {limit:g} s to a probe of this job, or other work at these times",
            limit=probe.timeout_s or 0.0,
        ),
        subject=str(probe.span),
        measured={
            "limit_s": probe.timeout_s or 0.0,
            "took_s": round(slow.median_s, 1),
            "runs": slow.runs,
            "of_runs": slow.of_runs,
        },
        times=instants(last.with_columns(time=(pl.col("began") * 1e6).cast(pl.Int64).cast(pl.Datetime("us", "UTC")))),
        fix=claim(
            "slow_probe.fix",
            "ask something that is answered at once (a liveness endpoint), or wait longer than {took:g} s",
            took=round(slow.median_s, 1),
        ),
    )
