"""Signs of starts and ends, and which of those in several logs tell of the same."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, takewhile

from msgspec import Struct
from msgspec.structs import replace

from logcorr.model.source import Span

ENDS = ("process.out_of_memory", "process.crashed", "process.killed", "process.terminating", "process.exited")
"""Kinds that end a process, the most telling first."""

STARTS = ("process.started",)

OWN = ("app", "log", "console")
"""Sources of programs' own logs; the others tell of ends at once."""


class Sign(Struct, frozen=True):
    service: str
    time: datetime
    kind: str
    span: Span
    source: str


def agreed(signs: list[Sign]) -> list[Sign]:
    """The signs, those in a program's own log beside those of who watches it that tell of the same.

    Between two of its starts a program ends once: a crash that its own log tells of without a time is told too early or too late.
    """
    watched = sorted(
        (sign for sign in signs if sign.source not in OWN), key=lambda sign: (sign.time, sign.span.path, sign.span.line)
    )
    moved: dict[Span, datetime] = {}
    for told in _by_file(sign for sign in signs if sign.source in OWN):
        for before, crash, start in zip([None, *told], told, told[1:], strict=False):
            if crash.kind == "process.crashed" and start.kind in STARTS and (before is None or before.kind in STARTS):
                moved |= _ended(crash, before, start, watched)
    return _beside(
        sorted((replace(sign, time=moved.get(sign.span, sign.time)) for sign in signs), key=_order) if moved else signs
    )


def _ended(crash: Sign, before: Sign | None, start: Sign, watched: Sequence[Sign]) -> dict[Span, datetime]:
    """When the program ended that was started `before`, by what its watcher tells until the next start; `watched` is in order.

    A watcher's stamp of whole seconds may seem to precede what it followed: the order of its own lines tells which end is meant.
    """
    if before and (meant := _next_end(before, start, crash.kind, watched)):
        at = max(meant.time, before.time + timedelta.resolution)
        return {meant.span: at, crash.span: at} if at <= start.time else {}
    since = bisect_right(watched, before.time, key=_time) if before else 0
    ends = [sign for sign in watched[since : bisect_right(watched, start.time, key=_time)] if sign.kind in ENDS]
    own = [sign for sign in ends if sign.kind == crash.kind]
    earlier = [sign for sign in own if sign.time < start.time.replace(microsecond=0)]
    return {crash.span: (earlier or own or ends)[-1].time} if ends else {}


def _next_end(before: Sign, start: Sign, kind: str, watched: Sequence[Sign]) -> Sign | None:
    """The end of this kind that the watcher tells next after its own last start until `before`, if not before that second."""
    last = bisect_right(watched, before.time, key=_time)
    led = next((watched[place] for place in range(last - 1, -1, -1) if watched[place].kind in STARTS), None)
    if not led:
        return None
    until = bisect_right(watched, start.time, key=_time)
    window = (one for one in watched[bisect_left(watched, led.time, key=_time) : until] if one.span.path == led.span.path)
    after = sorted((one for one in window if one.span.line > led.span.line), key=lambda one: one.span.line)
    ends = (one for one in takewhile(lambda one: one.kind in ENDS, after) if one.kind == kind)
    return next((one for one in ends if one.time >= before.time.replace(microsecond=0)), None)


def _time(sign: Sign) -> datetime:
    return sign.time


def _beside(signs: list[Sign]) -> list[Sign]:
    """The signs in order, those of one kind and instant together: stamps of whole seconds do not tell what came first."""
    beside: dict[tuple[str, datetime, int], list[Sign]] = {}
    for of_file in _by_file(signs):
        often: Counter[tuple[str, datetime]] = Counter()
        for sign in of_file:
            often[sign.kind, sign.time] += 1
            beside.setdefault((sign.kind, sign.time, often[sign.kind, sign.time]), []).append(sign)
    led = {min(together, key=lambda sign: sign.source in OWN).span: together for together in beside.values()}
    return [one for sign in signs if sign.span in led for one in sorted(led[sign.span], key=lambda one: one.source in OWN)]


def _by_file(signs: Iterable[Sign]) -> Iterator[list[Sign]]:
    """The signs of each log, in their order."""
    by_path = sorted(signs, key=lambda sign: sign.span.path)
    return (list(of_file) for _, of_file in groupby(by_path, lambda sign: sign.span.path))


def _order(sign: Sign) -> tuple[datetime, bool, datetime]:
    """Of one second, a coarse stamp of the start may seem to precede a fine one of the order to end."""
    return sign.time.replace(microsecond=0), sign.kind != "process.terminating", sign.time
