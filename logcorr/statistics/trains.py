"""A train of event times: checked, with its window and stamp resolution, and with bursts collapsed to their onsets."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from logcorr.errors import LogcorrError
from logcorr.lazily import np, npt

FloatArray: TypeAlias = "npt.NDArray[np.float64]"
IntArray: TypeAlias = "npt.NDArray[np.int64]"
BoolArray: TypeAlias = "npt.NDArray[np.bool_]"

# Stamps are cut to one of these units (seconds); between them nothing is in use. The last is a date without a time.
_UNITS_S = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 60.0, 3600.0, 86400.0)
# Epoch seconds beyond this (in the year 5138) are milliseconds by mistake; they would also outgrow whole microseconds.
_LATEST_S = 1e11
# Intervals within a burst are at most this long, and at least this many times shorter than those between bursts.
LONGEST_BURST_GAP_S = 45.0
_SCALE_JUMP = 6.0
# Below half a second the ratio of two intervals says nothing about scale.
_SHORTEST_SCALE_S = 0.5
# At least this share of the intervals lies inside bursts, or the train has none.
_INSIDE_SHARE = 0.25
_MOST_INTERVALS = 100_000


class Bursts(Struct, frozen=True):
    """A train with each burst (one cause, many lines) collapsed to its first event.

    onsets: time of the first event of each burst, epoch seconds, ascending. sizes: events in each burst. gap_s: a
    longer silence than this starts a new burst; 0 where the train has one time scale: only equal stamps fall
    together.
    """

    onsets: tuple[float, ...]
    sizes: tuple[int, ...]
    gap_s: float


class Train(Struct, frozen=True, eq=False):
    """Events seen in the window start..end (ascending epoch seconds), stamps cut to multiples of resolution seconds.

    onsets: the first event of each burst. Trains of the same numbers are equal, and can be keys.
    """

    events: FloatArray
    onsets: FloatArray
    start: float
    end: float
    resolution: float

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Train) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[bytes, bytes, float, float, float]:
        return self.events.tobytes(), self.onsets.tobytes(), self.start, self.end, self.resolution

    @property
    def count(self) -> int:
        """Number of onsets."""
        return len(self.onsets)

    @property
    def window_s(self) -> float:
        """Length of the observed window in seconds, never zero."""
        return max(self.end - self.start, self.resolution, 1e-6)


def sorted_times(times: npt.ArrayLike) -> FloatArray:
    """Return the times as an ascending float64 vector; LogcorrError unless they are one row of finite numbers."""
    array = np.asarray(times, dtype=np.float64)
    if array.ndim != 1:
        raise LogcorrError(f"event times must be one row of numbers, not an array of {array.ndim} dimensions")
    if not np.isfinite(array).all():
        raise LogcorrError("an event time is not finite", "drop events without a time before measuring")
    if len(array) and np.abs(array).max() > _LATEST_S:
        raise LogcorrError("an event time lies beyond the year 5000", "give epoch seconds, not milliseconds")
    return np.sort(array)


def checked_window(start: float, end: float) -> tuple[float, float]:
    """Return the observed window as floats; LogcorrError when it is not finite or runs backwards."""
    if not (np.isfinite(start) and np.isfinite(end) and start <= end):
        raise LogcorrError(
            f"the observed window {start}..{end} is not an interval", "give the first and last time the log covers"
        )
    return float(start), float(end)


def runs(ascending: IntArray) -> tuple[IntArray, IntArray]:
    """Return the distinct values of an ascending row of whole numbers, and how often each occurs."""
    first = np.flatnonzero(np.diff(ascending, prepend=ascending[:1] - 1))
    return ascending[first], np.diff(first, append=len(ascending))


def resolution(times: npt.ArrayLike) -> float:
    """Return the unit in seconds that a source's stamps are cut to: the coarsest usual unit of which every stamp is a
    multiple.

    Give it all stamps of the source, not one train. A unit above 1 s needs two stamps that differ in it modulo the
    next coarser unit: events which all fall at :20 past the minute are periodic, not cut to 10 s. One stamp or none:
    1 s at most.
    """
    microseconds = np.round(sorted_times(times) * 1e6).astype(np.int64)
    found = _UNITS_S[0]
    for index, unit in enumerate(_UNITS_S):
        step = round(unit * 1e6)
        if (microseconds % step).any():
            break
        if unit <= 1 or _varies(microseconds // step, index):
            found = unit
    return found


def _varies(multiples: IntArray, index: int) -> bool:
    """Whether stamps, counted in the unit at index, differ modulo the next coarser unit (the coarsest: differ at
    all).
    """
    if index + 1 < len(_UNITS_S):
        multiples = multiples % round(_UNITS_S[index + 1] / _UNITS_S[index])
    return bool(len(multiples) > 1 and (multiples != multiples[0]).any())


def collapse(times: npt.ArrayLike) -> Bursts:
    """Collapse bursts to their onsets where the intervals clearly have two scales; else only what has the very same
    stamp.
    """
    array = sorted_times(times)
    first, gap = _burst_starts(array)
    sizes = np.diff(first, append=len(array))
    return Bursts(tuple(array[first].tolist()), tuple(sizes.tolist()), gap)


def _burst_starts(array: FloatArray) -> tuple[IntArray, float]:
    """Return the index of the first event of each burst, and the silence that separates bursts."""
    intervals = np.diff(array)
    gap = _burst_gap(intervals)
    begins = np.ones(len(array), dtype=bool)
    begins[1:] = intervals > gap
    return np.flatnonzero(begins), gap


def _burst_gap(intervals: FloatArray) -> float:
    """Return the silence that separates bursts: the geometric mean of the two scales at the widest jump, 0 for one
    scale.
    """
    if len(intervals) < 3:
        return 0.0
    ordered = np.sort(intervals[:: max(1, len(intervals) // _MOST_INTERVALS)])
    ordered = np.maximum(ordered, _SHORTEST_SCALE_S)
    jumps = ordered[1:] / ordered[:-1]
    jumps[: max(0, int(np.ceil(_INSIDE_SHARE * len(ordered))) - 1)] = 0
    widest = int(np.argmax(jumps))
    inside, between = ordered[widest], ordered[widest + 1]
    if jumps[widest] < _SCALE_JUMP or inside > LONGEST_BURST_GAP_S:
        return 0.0
    return float(np.sqrt(inside * between))


def observed(times: npt.ArrayLike, start: float, end: float, stamp_resolution: float | None) -> tuple[Train, IntArray]:
    """Return the train of onsets inside start..end and, for each time inside (ascending), the index of its burst."""
    start, end = checked_window(start, end)
    array = sorted_times(times)
    unit = resolution(array) if stamp_resolution is None else float(stamp_resolution)
    array = array[(array >= start - unit) & (array <= end + unit)]
    first, _ = _burst_starts(array)
    burst_of = np.repeat(np.arange(len(first)), np.diff(first, append=len(array)))
    return Train(array, array[first], start, end, unit), burst_of


def thinned(train: Train, most: int) -> Train:
    """Return a train with about so many onsets, picked as if at random but always alike: for evidence that is ample
    anyway.
    """
    if train.count <= most:
        return train
    scattered = np.arange(train.count, dtype=np.uint64) * np.uint64(2654435761) % np.uint64(1 << 32)
    kept = train.onsets[scattered < np.uint64((1 << 32) * most // train.count)]
    return replace(train, events=kept, onsets=kept)
