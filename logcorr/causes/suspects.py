"""Who could have stopped a service: scheduled jobs, and scripts that say in a log when they act."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction
from math import comb

from msgspec import Struct
from msgspec.structs import replace

from logcorr.causes import aims, words
from logcorr.causes.follow import Times, as_fine
from logcorr.causes.observed import Observed
from logcorr.lazily import np, pl
from logcorr.model.behaviour import Reach
from logcorr.model.case import Behaviour, Case, ProvedEffect, Schedule
from logcorr.model.claim import Claim, claim
from logcorr.model.facts import ScheduledJob
from logcorr.model.source import Span
from logcorr.timeline.contradictions import held_back, not_found, outlived, said_otherwise
from logcorr.timeline.orders import ordered, renewals, typed
from logcorr.timeline.scripts import messages, said
from logcorr.timeline.select import seconds

Window = tuple[float, float]

ENOUGH_TICKS = 4
"""So many runs without the effect refute that every run has it."""

AT_ONCE_S, NEARLY_ALL = 120.0, 0.9

SOON_S = 900.0
"""A hook runs so soon after the job that leads to it has begun: first every certificate is looked at."""

MOST_TYPED = 0.5

LEAST_TELLING, MOST_TELLING = 5, 100
"""What a message is worth, at least and at most, that is written only in runs after which the service was stopped."""


class Suspect(Struct, frozen=True, kw_only=True):
    """One thing that runs, when it ran, what it could do to the service, and the weight this gives it.

    `span` is where it is set off: a job's line, a loop's. `runs` tells when (on `*/5 * * * *`, on `a 90 s loop`).
    `scheduler` is empty for what runs by itself. `reach` is that of the effect on this very service.
    `ticks` are its runs, epoch seconds, `coming` the next ones; `due` is how many of them the logs of the stops cover. `refuted`
    says what in the case contradicts its effect. `told` are lines that it wrote only in runs after which the service was stopped,
    `acted` those runs. `answer` is what logs say that its check was answered, once that was asked. `ordered` are lines by which
    another program tells that it was run, `job` what sets that program off.
    """

    span: Span
    runs: str
    command: str
    scheduler: str
    ticks: Times
    weight: float
    coming: tuple[datetime, ...] = ()
    effect: ProvedEffect | None = None
    reach: Reach | None = None
    behaviour: Behaviour | None = None
    refuted: Claim | None = None
    due: int
    told: pl.DataFrame | None = None
    acted: Times | None = None
    answer: Observed | None = None
    ordered: pl.DataFrame | None = None
    job: ScheduledJob | None = None

    @property
    def name(self) -> str:
        """How the statistics call it: where it is set off."""
        return str(self.span)


def suspects(case: Case, service: str, stops: Times, window: Window) -> tuple[Suspect, ...]:
    """Every scheduled job, and every other script that could stop the service and was seen at work."""
    jobs = (_scheduled(case, schedule, service, stops, window) for schedule in case.schedules)
    return (*jobs, *_at_work(case, service, stops))


def _scheduled(case: Case, schedule: Schedule, service: str, stops: Times, window: Window) -> Suspect:
    """The job with that effect on this service which is reached furthest; or with none; or with nobody knows what."""
    job = schedule.job
    effects = [pair for behaviour in schedule.behaviours for pair in aims.ending(case, behaviour, service)]
    behaviour, effect = max(effects, key=lambda pair: aims.weight(pair[1], service), default=(None, None))
    refuted = None
    if effect:
        schedule = replace(schedule, runs=_in_force(schedule.ticks, effect, stops, window))
        refuted = _contradicted(case, schedule, service, effect) or _missed(schedule.ticks, effect, stops, window)
        refuted = refuted or _by_hand(case, service, stops)
        refuted = refuted or (_did_not(case, behaviour, effect, schedule.ticks, stops) if behaviour else None)
    ticks = schedule.ticks[(schedule.ticks >= window[0]) & (schedule.ticks <= window[1])]
    telling = _telling(case, schedule.behaviours, service, stops, ticks) if effect else None
    if effect:
        known = aims.weight(effect, service) * aims.together(case, effect, service, stops)
        weight = words.CONTRADICTED if refuted else known * (telling.worth if telling else 1.0)
    else:
        understood = any(one.understood for one in schedule.behaviours)
        weight = words.STOPS_NOTHING_HERE if understood else words.NOT_COLLECTED
    return Suspect(
        span=job.span,
        runs=job.schedule,
        command=job.command,
        scheduler=job.scheduler,
        ticks=schedule.ticks,
        coming=schedule.next,
        weight=weight,
        effect=effect,
        reach=aims.reach(effect, service) if effect else None,
        behaviour=behaviour,
        refuted=refuted,
        due=len(ticks),
        told=telling.rows if telling else None,
        acted=telling.runs if telling else None,
    )


class _Telling(Struct, frozen=True):
    """Lines of a message that a job wrote in some of its `runs` (their ticks), and what it is worth that a stop followed."""

    rows: pl.DataFrame
    runs: Times
    worth: float


def _telling(case: Case, behaviours: Sequence[Behaviour], service: str, stops: Times, ticks: Times) -> _Telling | None:
    """The message that was written only in runs after which the service was stopped, and in most of those.

    The lines that tell of those very stops may be in like words (“Stopping web”), whoever stops it: they are not the job's.
    That k of n runs are all among s by chance has the probability C(s, k) / C(n, k); every message that was tried lessens it.
    """
    stopped = _runs(ticks, stops)
    sorts = [pieces for behaviour in behaviours for pieces, _ in messages(behaviour)]
    if not sorts or not 0 < len(stopped) < len(ticks):
        return None
    its_own = (pl.col("service") == service) & pl.col("kind").str.starts_with("process.")
    rows = said(case, behaviours).filter(~its_own.fill_null(False))
    found = []
    for pieces in sorts:
        same = rows.filter(pl.all_horizontal(pl.col("message").str.contains(piece, literal=True) for piece in pieces))
        runs = _runs(ticks, seconds(same))
        if runs <= stopped and 2 * len(runs) > len(stopped):
            odds = Fraction(comb(len(ticks), len(runs)), comb(len(stopped), len(runs)) * len(sorts))
            found.append(_Telling(same, ticks[sorted(runs)], float(min(odds, Fraction(MOST_TELLING)))))
    best = max(found, key=lambda one: one.worth, default=None)
    return best if best and best.worth >= LEAST_TELLING else None


def _runs(ticks: Times, times: Times) -> set[int]:
    """In which of the runs these times lie; what comes before the first is left out."""
    return set((np.searchsorted(ticks, times, side="right") - 1).tolist()) - {-1}


def _at_work(case: Case, service: str, stops: Times) -> Iterator[Suspect]:
    """Scripts of which no schedule tells when they ran, but a log: it tells that they were run, or holds what they write."""
    scheduled = {id(behaviour) for schedule in case.schedules if len(schedule.ticks) for behaviour in schedule.behaviours}
    for behaviour in case.behaviours:
        effects = [pair[1] for pair in aims.ending(case, behaviour, service)]
        if not effects:
            continue
        effect = max(effects, key=lambda one: aims.weight(one, service))
        run = ordered(case, behaviour, effect.effect)
        begun = case.once(renewals) if effect.proof.once_run and not run.height else run
        if begun.height:
            one = _ordered(case, service, behaviour, _once_run(effect) if run.height else effect, begun)
            yield replace(one, ticks=as_fine(one.ticks, stops))
        elif id(behaviour) not in scheduled:
            yield from _speaking(case, service, behaviour, effect, stops)


def _speaking(case: Case, service: str, behaviour: Behaviour, effect: ProvedEffect, stops: Times) -> Iterator[Suspect]:
    """A script whose runs are the times at which a log holds what it writes; in whole seconds, where the stops are."""
    ticks = as_fine(_told(case, behaviour, effect.effect.span), stops)
    if len(ticks):
        telling = _telling(case, (behaviour,), service, stops, ticks)
        runs = f"a {behaviour.pause_s:g} s loop" if behaviour.pause_s else "demand"
        yield replace(
            _unscheduled(service, behaviour, effect, ticks, runs),
            due=len(telling.runs) if telling else len(ticks),
            told=telling.rows if telling else None,
            acted=telling.runs if telling else None,
        )


def _unscheduled(service: str, behaviour: Behaviour, effect: ProvedEffect, ticks: Times, runs: str) -> Suspect:
    return Suspect(
        span=behaviour.loop or behaviour.script.span,
        runs=runs,
        command=behaviour.script.name,
        scheduler="",
        ticks=ticks,
        due=len(ticks),
        weight=aims.weight(effect, service),
        effect=effect,
        reach=aims.reach(effect, service),
        behaviour=behaviour,
    )


def _ordered(case: Case, service: str, behaviour: Behaviour, effect: ProvedEffect, run: pl.DataFrame) -> Suspect:
    """What a log tells that it was run: by the job whose runs that follows each time, if there is one."""
    ticks = seconds(run)
    one = _unscheduled(service, behaviour, effect, ticks, "each renewal" if effect.proof.once_run else "demand")
    leading = (each for each in case.schedules if any(other is behaviour for other in each.behaviours))
    return replace(one, ordered=run, job=next((each.job for each in leading if _sets_off(each.ticks, ticks)), None))


def _once_run(effect: ProvedEffect) -> ProvedEffect:
    return replace(effect, proof=replace(effect.proof, reach=effect.proof.once_run or effect.proof.reach))


def _sets_off(ticks: Times, runs: Times) -> bool:
    """Whether nearly all of the runs come soon after one of the ticks."""
    last = np.searchsorted(ticks, runs + 1.0, side="right") - 1
    return len(ticks) > 0 and bool(((last >= 0) & (runs - ticks[np.maximum(last, 0)] <= SOON_S)).mean() >= NEARLY_ALL)


def _told(case: Case, behaviour: Behaviour, acts: Span) -> Times:
    """When a log holds a message by which the script tells of trouble or of what it does about it: by its words, or its place."""
    words = said(case, (behaviour,)).filter(pl.col("kind").is_in(["probe.failed", "service.restarting"]))
    return seconds(words if words.height else said(case, (behaviour,), near=acts))


def _contradicted(case: Case, schedule: Schedule, service: str, proved: ProvedEffect) -> Claim | None:
    """What the case holds against the job's having this effect: its command is not there, or the service was not ended."""
    failures = not_found(case, proved.effect, schedule)
    if failures:
        return claim(
            "scheduled.command_failed",
            "its command {command} was not found, {count} times: it did nothing",
            command=proved.effect.argv0,
            count=failures,
        )
    container = outlived(case, service, schedule) if aims.reach(proved, service) is Reach.MUST else None
    if not container:
        return None
    return claim(
        "scheduled.outlived",
        "each of its runs should end {service}, but {container} was not ended by the last of them: {status}",
        service=service,
        container=container.name,
        status=container.status,
    )


def _by_hand(case: Case, service: str, stops: Times) -> Claim | None:
    count = typed(case, service, stops)
    said = claim("scheduled.typed", "somebody had just typed what ends it, before {count} of the stops", count=count)
    return said if count and count >= MOST_TYPED * len(stops) else None


def _did_not(case: Case, behaviour: Behaviour, proved: ProvedEffect, ticks: Times, stops: Times) -> Claim | None:
    """What shows that it did not act, though a stop followed: its own words, or the condition on which it acts."""
    told = said_otherwise(case, behaviour, proved, ticks, stops)
    if told:
        return claim(
            "scheduled.said_otherwise",
            "in {count} of the runs that a stop followed its own log says that it did not act",
            count=told,
        )
    unmet = held_back(case, proved, stops)
    return claim("scheduled.held_back", "it only acts if {condition}, which did not hold", condition=unmet) if unmet else None


def _in_force(ticks: Times, proved: ProvedEffect, stops: Times, window: Window) -> Times:
    """The runs since the job was there: from the first on that a stop follows, and nearly all after it too.

    When a line was put into a table nothing tells; but this one has its effect on every run.
    """
    seen = (ticks >= window[0]) & (ticks <= window[1])
    if proved.proof.reach is not Reach.MUST or seen.sum() < ENOUGH_TICKS:
        return ticks
    follows = np.searchsorted(stops, ticks) < np.searchsorted(stops, ticks + np.minimum(np.diff(ticks, append=np.inf), AT_ONCE_S))
    later = np.cumsum((follows & seen)[::-1])[::-1] / np.maximum(np.cumsum(seen[::-1])[::-1], 1)
    (since,) = np.nonzero(follows & seen & (later >= NEARLY_ALL))
    return ticks[since[0] :] if len(since) >= ENOUGH_TICKS else ticks


def _missed(ticks: Times, proved: ProvedEffect, stops: Times, window: Window) -> Claim | None:
    """Whether runs went by without the effect that every run should have had."""
    start, end = window
    seen = ticks[(ticks >= start) & (ticks <= end)]
    if proved.proof.reach is not Reach.MUST or len(seen) < ENOUGH_TICKS:
        return None
    gap = float((seen[1:] - seen[:-1]).min())
    hit = sum(bool(((stops >= tick) & (stops < tick + gap)).any()) for tick in seen)
    if hit * 2 >= len(seen):
        return None
    return claim(
        "scheduled.runs_without_effect",
        "{missed} of its {count} runs went by without a stop",
        missed=len(seen) - hit,
        count=len(seen),
    )
