"""A zone's wall clock as stretches of constant offset, and what each kind of scheduler makes of its jumps.

Walls are local times counted in seconds as if the zone were UTC; instants are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple, TypeAlias

from logcorr.lazily import np, npt

Seconds: TypeAlias = "npt.NDArray[np.float64]"

_SAMPLING_S = 12 * 3600
_CATCH_UP_S = 3 * 3600


class Stretch(NamedTuple):
    """From instant `start` up to `end` the wall clock runs `offset` seconds ahead of UTC."""

    start: int
    end: int
    offset: int


def stretches(zone: tzinfo, start: int, end: int) -> list[Stretch]:
    """The stretches that cover `start` to `end`, in order. Offsets are sampled twice a day, changes then bisected."""
    found: list[Stretch] = []
    begin, offset = start, _offset(zone, start)
    for after in [*range(start + _SAMPLING_S, end, _SAMPLING_S), end]:
        while _offset(zone, after) != offset:
            change = _change(zone, begin, after, offset)
            found.append(Stretch(begin, change, offset))
            begin, offset = change, _offset(zone, change)
    return [*found, Stretch(begin, end, offset)]


def _offset(zone: tzinfo, instant: int) -> int:
    offset = datetime.fromtimestamp(instant, UTC).astimezone(zone).utcoffset()
    return round(offset.total_seconds()) if offset else 0


def _change(zone: tzinfo, low: int, high: int, offset: int) -> int:
    """The first instant after `low` at which the offset is another one, given that it is at `high`."""
    low = max(low, high - _SAMPLING_S)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
    return high


def every_showing(walls: Seconds, parts: Sequence[Stretch]) -> Seconds:
    """Each wall at every instant that shows it: none if the clock skips it, two if it shows it twice (busybox)."""
    return _joined([_within(walls, part, part.start + part.offset) for part in parts])


def first_showing(walls: Seconds, parts: Sequence[Stretch]) -> Seconds:
    """Each wall once, when the clock first shows it; skipped ones never (systemd)."""
    found, shown = [], float("-inf")
    for part in parts:
        begin = part.start + part.offset
        found.append(_within(walls, part, max(begin, shown)))
        shown = max(shown, part.end + part.offset)
    return _joined(found)


def made_up(walls: Seconds, parts: Sequence[Stretch]) -> Seconds:
    """Each wall once; skipped ones as soon as the clock has jumped (cron's jobs at fixed times, cron(8)).

    Jumps of three hours and more count as corrections of the clock: nothing is made up for, nothing held back.
    """
    found: list[Seconds] = []
    done = parts[0].start + parts[0].offset
    for part in parts:
        begin = part.start + part.offset
        skipped = walls[(walls >= done) & (walls < begin)]
        if 0 < begin - done < _CATCH_UP_S and len(skipped):
            found.append(np.array([float(part.start)]))
        if done - begin > _CATCH_UP_S:
            done = begin
        found.append(_within(walls, part, max(begin, done)))
        done = max(done, part.end + part.offset)
    return _joined(found)


def _within(walls: Seconds, part: Stretch, begin: float) -> Seconds:
    low, high = np.searchsorted(walls, [begin, part.end + part.offset])
    return walls[low:high] - part.offset


def _joined(found: Sequence[Seconds]) -> Seconds:
    return np.unique(np.concatenate(found)) if found else np.empty(0)
