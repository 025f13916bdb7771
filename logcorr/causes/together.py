"""The stops that one command makes: those of one service, or of several at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.causes.follow import Ends, of_stops, together
from logcorr.causes.scheduled import Attributed
from logcorr.causes.suspects import Suspect
from logcorr.lazily import pl
from logcorr.model.source import Span
from logcorr.statistics import Group


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
    """What the suspect stops: the service that is spoken of, and the others whose stops are put down to the same command."""
    return Stopped(
        tuple((one, matched_stops(one, one.leading)) for one in (told, *_likewise(suspect, told, services)) if one.leading)
    )


def _likewise(suspect: Suspect, told: Attributed, services: Sequence[Attributed]) -> Iterator[Attributed]:
    for one in services:
        other = one.possible[0] if one is not told and one.possible else None
        if other and other.span == suspect.span and _command(other) == _command(suspect) is not None:
            yield one


def _command(suspect: Suspect) -> Span | None:
    return suspect.effect.effect.span if suspect.effect else None


def matched_stops(told: Attributed, group: Group) -> pl.DataFrame:
    """The stops that fall in the schedule's lag window."""
    timed = told.stops.sort("time", maintain_order=True)
    return timed.filter(pl.Series([tick >= 0 for tick in group.evidence.tick_of], dtype=pl.Boolean))
