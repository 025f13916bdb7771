"""While a scheduled job runs, requests wait: until the proxy gives them up, or far longer than ever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ScheduledJob
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._jobs import each_minute
from logcorr.rules._slow import slow
from logcorr.rules._slow_disk import slow_disk
from logcorr.rules._stalls import FEWEST_BURSTS, LEAST_WITHIN, UNKNOWN_WEIGHT, Suspect, Times, Waits, during, of_jobs, suspect_of
from logcorr.rules._waiting import waiting
from logcorr.statistics import Group, Job, attribute
from logcorr.statistics import Schedule as Ticks
from logcorr.timeline.lifecycles import stopped
from logcorr.timeline.select import cite, instants, seconds

ONE_BURST_S, ONE_PHASE_S = 120.0, 600.0
"""Requests that came so close together waited for the same; there are more of those that are answered late."""
LEAST_SHARE, LEAST_PROBABLE = 0.6, 0.55
"""Of the bursts the job explains so many; and no other is as likely."""
MOST_SEEN, NEARLY_ALL = 0.92, 0.95
FEWEST_SLOW = 2
"""In so many runs the disk was told to be slow."""

ARTISAN = "php artisan "
"""How a task of Laravel's schedule is run; its log tells of it as `Running ['artisan' NAME]`."""

BRIEFLY = claim(
    "job_stalls_service.fix",
    "let the job take a snapshot, or the lock for a moment only, so that requests need not wait for all of its run",
)
ASIDE = claim(
    "job_stalls_service.aside",
    "let the program do this beside its requests (asynchronously, in a worker or a queue), and answer the job at once",
)

ONCE = claim("job_stalls_service.once", "give the job its minute: it starts every minute of the hour")
REFILL = claim(
    "job_stalls_service.refill",
    "let what has changed alone be forgotten, or fill the cache anew before the old one goes; keep sessions in another store",
)


@rule(code="CRON011", title="A scheduled job keeps a service from answering", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Compares when requests that got no answer, or a late one, came with the runs of every job; nothing restarts."""
    if any(len(schedule.ticks) for schedule in case.schedules):
        found = [finding for waits in _waits(case) for finding in _found(case, waits)]
        yield from sorted(found, key=lambda one: -one.confidence)[:1]


def _found(case: Case, waits: Waits) -> Iterator[Finding]:
    suspects = [suspect_of(case, schedule, waits) for schedule in case.schedules if len(schedule.ticks)]
    found = _attributed(case, waits, suspects)
    if found:
        yield _finding(case, waits, *found)


def _waits(case: Case) -> Iterator[Waits]:
    """Those who were given up, and those who were answered late."""
    for waits in (
        Waits(rows=waiting(case).filter(~pl.col("file").is_in(of_jobs(case))), apart_s=ONE_BURST_S),
        Waits(rows=case.once(slow), apart_s=ONE_PHASE_S, late=True),
    ):
        if waits.rows.height >= FEWEST_BURSTS and not _restarted(case, waits.onsets):
            yield waits


def _restarted(case: Case, onsets: Times) -> bool:
    """Whether processes end while the requests wait: then it is that, and not a job that keeps them waiting."""
    ended = np.array([stop.ended.timestamp() for stop in case.once(stopped)])
    near = sum(bool(((ended > onset - 30) & (ended < onset + 60)).any()) for onset in onsets)
    return 2 * near >= len(onsets)


def _attributed(case: Case, waits: Waits, suspects: Sequence[Suspect]) -> tuple[Suspect, Group, Job] | None:
    """The one job that explains when they came, if most bursts follow its runs and no other is as likely."""
    files, came = set(waits.rows["file"]), waits.came
    told = [source for source in case.sources if source.path in files and source.first and source.last]
    start = min([came[0], *(source.first.timestamp() for source in told if source.first)])
    end = max([came[-1], *(source.last.timestamp() for source in told if source.last)])
    ticks = [Ticks(name=str(one.schedule.job.span), ticks=one.schedule.ticks, weight=one.weight) for one in suspects]
    leading = next(iter(attribute(waits.onsets, ticks, start=start, end=end).groups), None)
    if not leading:
        return None
    job = max(leading.jobs, key=lambda one: one.probability)
    suspect = next(one for one in suspects if str(one.schedule.job.span) == job.name)
    seen = leading.evidence
    enough = min(seen.hits, seen.explained) >= FEWEST_BURSTS and seen.explained >= LEAST_SHARE * seen.events
    enough = enough or suspect.bursts >= max(FEWEST_BURSTS, LEAST_SHARE * seen.events)
    likely = job.probability >= LEAST_PROBABLE and suspect.weight >= UNKNOWN_WEIGHT
    return (suspect, leading, job) if enough and likely else None


def _finding(case: Case, waits: Waits, suspect: Suspect, group: Group, job: Job) -> Finding:
    scheduled, rows = suspect.schedule.job, waits.rows
    once = each_minute(scheduled)
    run = _runs(case, scheduled)
    slow = _slow_meanwhile(case, suspect)
    exhausted = _exhausted(case, suspect, group)
    takes_all = suspect.line and not exhausted.is_empty()
    seen = takes_all or slow.height or _throughout(waits, suspect)
    return Finding(
        confidence=min(job.probability, max(suspect.most, MOST_SEEN) if seen else suspect.most),
        claim=_claim(waits, suspect, group),
        evidence=(
            *(() if once else suspect.lines),
            Evidence(scheduled.span, f"runs on {scheduled.schedule}"),
            *(suspect.lines if once else ()),
            *([Evidence(suspect.last, "the job's own message", shows="job_stalls_service")] if suspect.last else []),
            *cite(run, "a logged run", most=2),
            *cite(exhausted, shows="resource_exhausted"),
            *cite(slow, "the disk does not keep up", most=3, shows="resource_exhausted"),
            *cite(rows.filter(_after_a_run(rows["came"].to_numpy(), suspect, group)), shows="timeout_closes_connection"),
        ),
        would_refute=claim("job_stalls_service.refute", "a run of the job during which these requests were answered as ever"),
        subject=str(scheduled.span),
        measured={
            "count": rows.height,
            "bursts": group.evidence.events,
            "runs_followed": max(group.evidence.hits, suspect.bursts),
            "lag_s": round(group.evidence.lag_median_s or 0.0, 1),
            **({"slow_disk": slow.height} if slow.height else {}),
        },
        times=instants(rows),
        fix=_fix(suspect, once),
    )


def _fix(suspect: Suspect, once: bool) -> Claim:
    if once:
        return ONCE
    return ASIDE if suspect.blocks else REFILL if suspect.clears else BRIEFLY


def _runs(case: Case, job: ScheduledJob) -> pl.DataFrame:
    """What the log of its scheduler tells of its runs."""
    if job.command.startswith(ARTISAN):
        told = pl.col("message").str.contains(f"'artisan' {job.command.removeprefix(ARTISAN)}]", literal=True)
        return case.timeline.filter(told & pl.col("time").is_not_null()).collect()
    return case.happened("job.started").filter(pl.col("message").str.contains(job.command.strip(), literal=True))


def _throughout(waits: Waits, suspect: Suspect) -> bool:
    """Whether requests are late exactly while it does what is hard on the machine, as its own log tells."""
    return waits.late and bool(suspect.line) and suspect.within is not None and suspect.within >= NEARLY_ALL


def _slow_meanwhile(case: Case, suspect: Suspect) -> pl.DataFrame:
    """What tells of a slow disk, if the job is hard on it and nearly all of that is told while it runs."""
    told = slow_disk(case) if suspect.line and not suspect.locks else case.happened()
    inside, last = during(case, suspect.schedule, seconds(told))
    runs = np.unique(np.searchsorted(suspect.schedule.ticks, seconds(told)[inside], side="right")) if last else ()
    enough = len(runs) >= FEWEST_SLOW and bool(inside.mean() >= LEAST_WITHIN)
    return told.filter(pl.Series(inside, dtype=pl.Boolean)) if enough else told.clear()


def _exhausted(case: Case, suspect: Suspect, group: Group) -> pl.DataFrame:
    """What is told to have run out between a run and the requests that waited for it."""
    told = case.happened("limit.reached").drop_nulls("time")
    return told.filter(_after_a_run(seconds(told), suspect, group))


def _after_a_run(times: Times, suspect: Suspect, group: Group) -> pl.Series:
    """Which of the times come so soon after a run as its bursts do."""
    ticks = suspect.schedule.ticks
    last = times - ticks[np.maximum(np.searchsorted(ticks, times, side="right") - 1, 0)]
    return pl.Series((last >= 0) & (last <= (group.evidence.lag_high_s or 0.0) + ONE_BURST_S), dtype=pl.Boolean)


def _claim(waits: Waits, suspect: Suspect, group: Group) -> Claim:
    numbers: dict[str, str | int] = {
        "schedule": suspect.schedule.job.schedule,
        "count": waits.rows.height,
        "hits": max(group.evidence.explained, suspect.bursts),
        "bursts": group.evidence.events,
    }
    if suspect.clears:
        return claim(
            "job_stalls_service.clears",
            "the job on {schedule} empties the cache, and until it is filled again requests wait: {count} took far longer than "
            "usual, in {bursts} phases of which {hits} began after one of its runs",
            **numbers,
        )
    if waits.late:
        return claim(
            "job_stalls_service.late",
            "requests are slow while the job on {schedule} runs: {count} took far longer than usual, in {bursts} phases "
            "of which {hits} began in one of its runs",
            **numbers,
        )
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
