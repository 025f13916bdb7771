"""Did one of the suspects stop the service? Timing and configuration in one posterior over all of them."""

from __future__ import annotations

from msgspec import Struct

from logcorr.causes import words
from logcorr.causes.follow import Times
from logcorr.causes.suspects import Suspect, suspects
from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.statistics import Attribution, Group, Schedule, attribute
from logcorr.timeline.select import seconds

LED_S = 60.0
"""What led to a stop came so shortly before it, mostly."""


class Attributed(Struct, frozen=True, kw_only=True):
    """One service's stops, and how they spread over the suspects."""

    service: str
    stops: pl.DataFrame
    times: Times
    suspects: tuple[Suspect, ...]
    posterior: Attribution

    @property
    def leading(self) -> Group | None:
        """The most probable group of suspects."""
        return self.posterior.groups[0] if self.posterior.groups else None

    @property
    def possible(self) -> tuple[Suspect, ...]:
        """Those of the leading group that nothing clears, the most probable first; what is known to do no harm is out."""
        jobs = sorted(self.leading.jobs, key=lambda job: -job.probability) if self.leading else []
        members = (self.suspect(job.name) for job in jobs)
        return tuple(suspect for suspect in members if suspect.weight >= words.NOT_COLLECTED)

    def suspect(self, name: str) -> Suspect:
        """The suspect that the statistics call by this name."""
        return next(suspect for suspect in self.suspects if suspect.name == name)


def attributed(case: Case, service: str, stops: pl.DataFrame) -> Attributed:
    """Weigh every suspect against one service's stops."""
    start, end = _window(case, stops)
    times = seconds(stops)
    found = suspects(case, service, times, (start, end))
    schedules = [
        Schedule(name=one.name, ticks=one.ticks if one.acted is None else one.acted, weight=one.weight, told=not one.scheduler)
        for one in found
    ]
    return Attributed(
        service=service,
        stops=stops,
        times=times,
        suspects=found,
        posterior=attribute(times, schedules, start=start, end=end),
    )


def _window(case: Case, stops: pl.DataFrame) -> tuple[float, float]:
    """What the logs that tell of the stops cover, in epoch seconds; a log that begins at a stop leaves out what led to it."""
    files = set(stops["file"])
    told = [source for source in case.sources if source.path in files and source.first and source.last]
    start, end = min(s.first.timestamp() for s in told if s.first), max(s.last.timestamp() for s in told if s.last)
    return start - LED_S if seconds(stops).min() <= start + LED_S else start, end
