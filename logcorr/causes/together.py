"""The stops that one command makes: those of one service, or of several at once."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from logcorr.causes.follow import START_TAKES_S, Ends, of_stops, of_times, together
from logcorr.causes.scheduled import Attributed
from logcorr.causes.suspects import Suspect
from logcorr.lazily import np, pl
from logcorr.model.source import Span
from logcorr.statistics import Group
from logcorr.timeline.select import seconds


class Stopped(Struct, frozen=True):
    """Services that one command stops, the first the one that is spoken of, each with those of its stops that it explains."""

    parts: tuple[tuple[Attributed, pl.DataFrame], ...]

    @property
    def told(self) -> Attributed:
        """How the stops of the first service spread over the suspects."""
        return self.parts[0][0]

    @property
    def services(self) -> tuple[str, ...]:
        """The names of all of them."""
        return tuple(told.service for told, _ in self.parts)

    @property
    def rows(self) -> pl.DataFrame:
        """The stops of all of them, in time order."""
        return pl.concat([rows for _, rows in self.parts]).sort("time", maintain_order=True)

    @property
    def ends(self) -> Ends:
        """When these stops are felt."""
        return together([of_stops(rows) for _, rows in self.parts])


def stopped_by(suspect: Suspect, told: Attributed, services: Sequence[Attributed]) -> Stopped:
    """What the suspect stops: the service that is spoken of, and the others that the same command stops about as soon."""
    found = (told, *(one for one in services if one is not told and _likewise(suspect, told, one)))
    return Stopped(tuple((one, matched_stops(one, one.leading)) for one in found if one.leading))


def _likewise(suspect: Suspect, told: Attributed, one: Attributed) -> bool:
    other = one.possible[0] if one.possible else None
    if not other or other.span != suspect.span or _command(other) is None or _command(other) != _command(suspect):
        return False
    latest = [each.leading.evidence.lag_high_s or 0.0 for each in (told, one) if each.leading]
    return max(latest) - min(latest) <= START_TAKES_S


def _command(suspect: Suspect) -> Span | None:
    return suspect.effect.effect.span if suspect.effect else None


def matched_stops(told: Attributed, group: Group) -> pl.DataFrame:
    """The stops that fall in the schedule's lag window, or come soon after a run that says that it acts."""
    timed = told.stops.sort("time", maintain_order=True)
    acted = told.possible[0].acted if told.possible else None
    said = of_times(acted, START_TAKES_S).felt(seconds(timed)) if acted is not None else np.zeros(timed.height, dtype=bool)
    return timed.filter(pl.Series(said | (np.array(group.evidence.tick_of) >= 0), dtype=pl.Boolean))


def latest_s(told: Attributed, rows: pl.DataFrame) -> float:
    """How late after a run the last of these stops comes."""
    if not told.leading:
        return 0.0
    ticks, at = np.array(told.leading.ticks), seconds(rows)
    lags = at - ticks[np.maximum(np.searchsorted(ticks, at, side="right") - 1, 0)]
    return max(told.leading.evidence.lag_high_s or 0.0, float(lags[lags <= START_TAKES_S].max(initial=0.0)))
