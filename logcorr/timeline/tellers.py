"""In which zone a log's stamps are that do not say so, told from stops of which another log tells too.

A supervisor tells when it ended a service, and the service says itself when it was told to end; certbot tells when it ran a hook
that may have ended it. Where the two never agree in the zones that were taken for them, and nearly always do in one other, one is
in that one: the one that refusals do not bear out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from logcorr.lazily import np, npt, pl
from logcorr.timeline.clocks import Placement, Reading
from logcorr.timeline.lifecycles import downtimes
from logcorr.timeline.offsets import offset_of
from logcorr.timeline.select import seconds
from logcorr.timeline.signs import ENDS
from logcorr.timeline.zones import AFTER_S, BEFORE_S, FEWEST, LEAST_SHARE, MOST_MET, OFFSETS_S, REFUSED, Placed, Times, near

TOLD = "assumed: only so do its stops agree with what another log tells of them"

TOGETHER_S = 10.0
"""A supervisor and its service tell of one stop so close together."""

CLEARLY = 0.5
"""In any other zone no more than this share of the stops may agree."""


def by_tellers(readings: Sequence[Reading], of: Sequence[Placement], telling: Callable[[], pl.DataFrame]) -> list[Placement]:
    """The placements, those of logs corrected that agree with another one on a service's stops in one other zone only."""
    logs = [Placed(*one) for one in zip(readings, of, strict=True)]
    if sum(log.reading.first is not None and log.reading.source != "nginx" for log in logs) < 2 or not any(
        log.guessed for log in logs
    ):
        return list(of)
    events = telling()
    refused = seconds(events.filter(pl.col("kind").is_in(REFUSED)))
    moved: dict[str, Placement] = {}
    for own, others in _told_twice(events):
        guessed = next((log for log in logs if log.reading.path == own and log.guessed), None)
        if guessed and own not in moved and not others.keys() & moved.keys():
            offset = _offset(guessed, others.pop(own), np.sort(np.concatenate(list(others.values()))), refused)
            moved |= {} if offset is None else {own: guessed.moved(offset, TOLD)}
    return [moved.get(log.reading.path, log.where) for log in logs]


def _told_twice(events: pl.DataFrame) -> Iterator[tuple[str, dict[str, Times]]]:
    """Each log that tells of a service's stops, with all that do so, where there are several."""
    ends = events.filter(pl.col("kind").is_in(ENDS)).drop_nulls(["time", "service"])
    run = events.filter(pl.col("kind") == "hook.started").drop_nulls("time")
    hooks = {str(path): np.sort(seconds(own)) for (path,), own in run.group_by("file", maintain_order=True)}
    for _, rows in ends.group_by("service", maintain_order=True):
        stops = {str(path): _stops(own) for (path,), own in rows.group_by("file", maintain_order=True)}
        told = {path: times for path, times in {**hooks, **stops}.items() if len(times) >= FEWEST}
        if len(told) > 1:
            yield from ((path, dict(told)) for path in sorted(told))


def _stops(rows: pl.DataFrame) -> Times:
    return np.array(sorted(stop.ended.timestamp() for stop in downtimes(rows)))


def _offset(log: Placed, stops: Times, others: Times, refused: Times) -> int | None:
    """The offset from UTC in which its stops agree with the others, if they do in no other, and refusals follow the others."""
    now = offset_of(log.where.zone, datetime.fromtimestamp(log.window[0], UTC))
    shares = {offset: _agreeing(stops + now - offset, others) for offset in OFFSETS_S}
    best = max(shares, key=lambda offset: (shares[offset], -abs(offset - now)))
    alone = all(share <= CLEARLY for offset, share in shares.items() if offset != best)
    if best == now or _agreeing(stops, others) > MOST_MET or shares[best] < LEAST_SHARE or not alone:
        return None
    return best if _followed(others, refused) > _followed(stops, refused) else None


def _agreeing(stops: Times, others: Times) -> float:
    """The share of the stops in the time of which the others tell that they tell too."""
    inside = stops[(stops >= others[0] - TOGETHER_S) & (stops <= others[-1] + TOGETHER_S)]
    return float(near(inside, others, TOGETHER_S, TOGETHER_S).mean()) if 2 * len(inside) >= len(stops) else 0.0


def _followed(stops: Times, refused: Times) -> int:
    """How many refusals follow them."""
    after: npt.NDArray[np.bool_] = near(refused, stops, AFTER_S, BEFORE_S)
    return int(after.sum())
