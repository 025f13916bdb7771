"""Did a scheduled job stop the service? Timing and configuration in one posterior over all listed jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from logcorr.causes import words
from logcorr.causes.follow import Times
from logcorr.model.behaviour import ENDING_ACTIONS, Reach
from logcorr.model.case import Behaviour, Case, ProvedEffect, Schedule
from logcorr.model.claim import Claim, claim
from logcorr.statistics import Attribution, Group, attribute
from logcorr.statistics import Schedule as Ticks
from logcorr.timeline.select import seconds

REACH_WEIGHT = {
    Reach.MUST: words.PROVED_MUST,
    Reach.CONDITIONAL: words.CONDITIONAL,
    Reach.MAY: words.POSSIBLE,
    Reach.NEVER: words.PROVED_NEVER,
}
ENOUGH_TICKS = 4
"""So many runs without the effect refute that every run has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """One job, what it could do to the service, and the weight this gives it. `refuted` says what in the logs contradicts it."""

    schedule: Schedule
    weight: float
    effect: ProvedEffect | None = None
    behaviour: Behaviour | None = None
    refuted: Claim | None = None

    @property
    def name(self) -> str:
        """How the statistics call it: where the job stands."""
        return str(self.schedule.job.span)

    @property
    def opaque(self) -> bool:
        """Whether what the job runs was not collected."""
        return self.behaviour is None or self.weight == words.NOT_COLLECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributed:
    """One service's stops, and how they spread over the suspects."""

    service: str
    stops: pl.DataFrame
    times: Times
    suspects: tuple[Suspect, ...]
    posterior: Attribution

    @property
    def leading(self) -> Group | None:
        """The most probable group of jobs."""
        return self.posterior.groups[0] if self.posterior.groups else None

    def suspect(self, name: str) -> Suspect:
        """The suspect that the statistics call by this name."""
        return next(suspect for suspect in self.suspects if suspect.name == name)


def attributed(case: Case, service: str, stops: pl.DataFrame) -> Attributed:
    """Weigh every scheduled job against one service's stops."""
    start, end = _window(case, stops)
    times = seconds(stops)
    suspects = tuple(_suspect(case, schedule, service, times, (start, end)) for schedule in case.schedules)
    ticks = [Ticks(name=suspect.name, ticks=suspect.schedule.ticks, weight=suspect.weight) for suspect in suspects]
    return Attributed(
        service=service,
        stops=stops,
        times=times,
        suspects=suspects,
        posterior=attribute(times, ticks, start=start, end=end),
    )


def _window(case: Case, stops: pl.DataFrame) -> tuple[float, float]:
    """What the logs that tell of the stops cover, in epoch seconds."""
    files = set(stops["file"])
    told = [source for source in case.sources if source.path in files and source.first and source.last]
    return min(s.first.timestamp() for s in told if s.first), max(s.last.timestamp() for s in told if s.last)


def _suspect(case: Case, schedule: Schedule, service: str, stops: Times, window: tuple[float, float]) -> Suspect:
    """The job's effect on this service that is reached furthest, or that it has none, or that nobody can tell."""
    effects = sorted(_ending(schedule, service), key=lambda pair: REACH_WEIGHT[pair[1].proof.reach], reverse=True)
    if not effects:
        known = any(behaviour.understood for behaviour in schedule.behaviours)
        return Suspect(
            schedule=schedule,
            weight=words.STOPS_NOTHING_HERE if known else words.NOT_COLLECTED,
            behaviour=schedule.behaviours[0] if known else None,
        )
    behaviour, effect = effects[0]
    refuted = _failed(case, effect) or _missed(schedule, effect, stops, window)
    weight = words.CONTRADICTED if refuted else REACH_WEIGHT[effect.proof.reach]
    return Suspect(schedule=schedule, weight=weight, effect=effect, behaviour=behaviour, refuted=refuted)


def _ending(schedule: Schedule, service: str) -> Iterator[tuple[Behaviour, ProvedEffect]]:
    for behaviour in schedule.behaviours:
        for proved in behaviour.proved:
            hits = service in proved.hits or (not proved.hits and not proved.certain)
            if proved.effect.action in ENDING_ACTIONS and hits:
                yield behaviour, proved


def _failed(case: Case, proved: ProvedEffect) -> Claim | None:
    """Whether the logs say that the effect's command could not be run."""
    words_of_failure = f"{proved.effect.argv0}: command not found"
    rows = case.happened("job.failed").filter(pl.col("message").str.contains(words_of_failure, literal=True))
    if not proved.effect.argv0 or not rows.height:
        return None
    return claim(
        "scheduled.command_failed",
        "its command {command} was not found, {count} times: it did nothing",
        command=proved.effect.argv0,
        count=rows.height,
    )


def _missed(schedule: Schedule, proved: ProvedEffect, stops: Times, window: tuple[float, float]) -> Claim | None:
    """Whether runs went by without the effect that every run should have had."""
    start, end = window
    ticks = schedule.ticks[(schedule.ticks >= start) & (schedule.ticks <= end)]
    if proved.proof.reach is not Reach.MUST or len(ticks) < ENOUGH_TICKS:
        return None
    gap = float((ticks[1:] - ticks[:-1]).min())
    hit = sum(bool(((stops >= tick) & (stops < tick + gap)).any()) for tick in ticks)
    if hit * 2 >= len(ticks):
        return None
    return claim(
        "scheduled.runs_without_effect",
        "{missed} of its {count} runs went by without a stop",
        missed=len(ticks) - hit,
        count=len(ticks),
    )
