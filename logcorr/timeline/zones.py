"""In which zone a log's stamps are that do not say so, told from outages that a proxy saw too.

A service's own log tells when it ended, the proxy's when connections to it were refused. Where a service's stops meet no refusals
in the zone that was taken for its log's, and nearly all do in one other, beyond chance, its log is in that one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import np, npt, pl
from logcorr.model.rotation import part_of
from logcorr.timeline.clocks import Placement, Reading
from logcorr.timeline.lifecycles import downtimes
from logcorr.timeline.offsets import offset_of, written
from logcorr.timeline.select import seconds
from logcorr.timeline.signs import ENDS, STARTS

Times: TypeAlias = "npt.NDArray[np.float64]"

REFUSED = ("upstream.refused", "upstream.unreachable")
TELLING = (*ENDS, *STARTS, *REFUSED, "hook.started")
"""The kinds of events that this looks at."""

MET = "assumed: only so do its stops meet the connections that a proxy was refused"

OFFSETS_S = tuple(
    round(3600 * hours) for hours in (*range(-12, 15), -9.5, -3.5, -2.5, 3.5, 4.5, 5.5, 5.75, 6.5, 8.75, 9.5, 10.5, 12.75, 13.75)
)
"""The offsets from UTC that are or lately were in use (tz database)."""

FEWEST = 3
AFTER_S, BEFORE_S = 60.0, 2.0
"""A refusal is a stop's own so soon after it; stamps of whole seconds may turn the two around."""

LEAST_SHARE, MOST_MET = 0.9, 0.2
"""So many of the stops must be met in the one zone, and no more may be in the other."""

CHANCE = 0.001
CLEARLY = 4.0
"""Of several zones that would do, the others must leave so many times as much time that only one side covers."""


class Placed(Struct, frozen=True):
    """A log's measured stamps, and where they were placed."""

    reading: Reading
    where: Placement

    @property
    def window(self) -> tuple[float, float]:
        """Its first and last time, in epoch seconds."""
        assert self.reading.first is not None
        assert self.reading.last is not None
        return self.where.utc(self.reading.first).timestamp(), self.where.utc(self.reading.last).timestamp()

    @property
    def guessed(self) -> bool:
        """Whether neither its stamps nor anybody else say its zone for sure; a host's TZ need not be a container's."""
        return self.reading.kind in ("local", "yearless") and not self.where.reason.startswith(("given", "TZ of"))

    def moved(self, offset_s: int, why: str = MET) -> Placement:
        """Its placement in another zone; what is said of its year stands."""
        year = (part for part in self.where.reason.split("; ") if part.startswith("the year"))
        return replace(self.where, zone=written(offset_s), reason="; ".join([why, *year]), assumed=True)


def by_outages(readings: Sequence[Reading], of: Sequence[Placement], telling: Callable[[], pl.DataFrame]) -> list[Placement]:
    """The placements, those of logs in another zone corrected. `telling` gives the events of these kinds, as they are placed."""
    logs = [Placed(*one) for one in zip(readings, of, strict=True)]
    proxies = [log.window for log in logs if log.reading.source == "nginx" and log.reading.first]
    groups = list(_groups(logs))
    if not proxies or not groups:
        return list(of)
    events = telling()
    seen = min(first for first, _ in proxies), max(last for _, last in proxies)
    founded = {0, *(log.reading.offsets[0] for log in logs if log.reading.offsets)}
    stops = [_ended(events, group) for group in groups]
    moved: dict[str, Placement] = {}
    for number, group in enumerate(groups):
        others = np.concatenate([np.array([]), *(one for other, one in enumerate(stops) if other != number)])
        refused = _unexplained(_refused(events), others)
        offset = _offset(stops[number], refused, group, seen, founded)
        if offset is not None:
            moved |= {log.reading.path: log.moved(offset) for log in group}
    return [moved.get(log.reading.path, log.where) for log in logs]


def _groups(logs: Sequence[Placed]) -> Iterator[list[Placed]]:
    """What one program writes: its logs are in one zone. Proxies' own are what the others are held against."""
    groups: dict[tuple[str, str], list[Placed]] = {}
    for log in logs:
        if log.guessed and log.reading.first and log.reading.source != "nginx":
            groups.setdefault((log.reading.service or part_of(log.reading.path)[0], log.where.zone), []).append(log)
    yield from groups.values()


def _refused(events: pl.DataFrame) -> Times:
    return seconds(events.filter(pl.col("kind").is_in(REFUSED)))


def _ended(events: pl.DataFrame, group: Sequence[Placed]) -> Times:
    own = events.filter(pl.col("file").is_in([log.reading.path for log in group]))
    return np.array(sorted(stop.ended.timestamp() for stop in downtimes(own)))


def _unexplained(refused: Times, stops: Times) -> Times:
    """The refusals that are in the wake of none of these stops."""
    return refused[~near(refused, stops, AFTER_S, BEFORE_S)]


def near(times: Times, others: Times, before: float, after: float) -> npt.NDArray[np.bool_]:
    """For each time whether one of the others is at most so long before or after it; the others are in order."""
    there: npt.NDArray[np.bool_] = np.searchsorted(others, times + after, "right") > np.searchsorted(others, times - before)
    return there


def _offset(stops: Times, refused: Times, group: Sequence[Placed], seen: tuple[float, float], founded: set[int]) -> int | None:
    """The offset from UTC in which the stops meet the refusals, if it is another one than theirs and but one is."""
    if len(stops) < FEWEST or not len(refused) or _met(stops, refused, seen) > MOST_MET:
        return None
    windows = [log.window for log in group]
    own = min(first for first, _ in windows), max(last for _, last in windows)
    now = offset_of(group[0].where.zone, datetime.fromtimestamp(windows[0][0], UTC))
    apart = {offset: _apart(own, now - offset, seen) for offset in OFFSETS_S}
    fitting = sorted((one for one in OFFSETS_S if _fits(stops + now - one, refused, seen)), key=lambda one: apart[one])
    if not fitting:
        return None
    best, limit = fitting[0], CLEARLY * apart[fitting[0]]
    alone = all(apart[other] >= limit for other in fitting[1:])
    return best if alone and (best in founded or _apart(own, 0.0, seen) >= limit) else None


def _met(stops: Times, refused: Times, seen: tuple[float, float]) -> float:
    """The share of the stops that the proxy could have seen which refusals follow; 0 where there are none."""
    inside = stops[(stops >= seen[0]) & (stops <= seen[1])]
    return float(near(inside, refused, BEFORE_S, AFTER_S).mean()) if len(inside) else 0.0


def _fits(stops: Times, refused: Times, seen: tuple[float, float]) -> bool:
    """Whether nearly all stops that the proxy could have seen, and enough of them, meet refusals, beyond chance."""
    from logcorr.statistics.likelihood import log_binomial_tail  # few logs ask, and `logcorr facts` never does

    inside = stops[(stops >= seen[0]) & (stops <= seen[1])]
    hits = int(near(inside, refused, BEFORE_S, AFTER_S).sum())
    if hits < FEWEST or hits < LEAST_SHARE * len(inside):
        return False
    wakes = np.minimum(np.diff(refused, append=np.inf), AFTER_S + BEFORE_S).sum()
    share = float(wakes) / max(seen[1] - seen[0], 1.0)
    return log_binomial_tail(len(inside), hits, min(share, 1.0)) + math.log(len(OFFSETS_S)) < math.log(CHANCE)


def _apart(own: tuple[float, float], shift: float, seen: tuple[float, float]) -> float:
    """The share of the time from the proxy's first line on that only one of the two covers, the log's moved by `shift`."""
    first, last = own[0] + shift, own[1] + shift
    shared = max(min(last, seen[1]) - max(first, seen[0]), 0.0)
    return 1.0 - shared / max(max(last, seen[1]) - seen[0], 1.0)
