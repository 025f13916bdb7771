"""The timeline as a drawing that needs no script: bars, marks and ticks, their places in percent of the width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from logcorr.report.cite import Document, instant

TICKS = 8
"""At most so many ticks."""

TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)
"""Distances between ticks; more than the last one's ticks would allow takes a multiple of it."""

ROLES = ("cause", "symptom")
"""Rows of marks above the lanes."""

DAY_S = 86400


class Bar(Struct, frozen=True):
    """A bin in which something was logged. `x` and `width` in percent of the drawing, `height` and `wrong` of the lane."""

    x: float
    width: float
    height: float
    wrong: float


class Lane(Struct, frozen=True):
    """A source with its bars."""

    source: str
    total: int
    bars: tuple[Bar, ...]


class Chart(Struct, frozen=True):
    """What is drawn. `marks` has the places of each role (`cause`, `symptom`), `ticks` a place and what is written there."""

    lanes: tuple[Lane, ...]
    marks: dict[str, list[float]]
    ticks: tuple[tuple[float, str], ...]


def chart(document: Document) -> Chart | None:
    """The drawing of a document's lanes and overlays; None without lanes."""
    if not document["lanes"]:
        return None
    first = document["lanes"][0]
    start_s, span_s = _seconds(first["start"]), first["bin_s"] * len(first["counts"])
    marks: dict[str, set[float]] = {}
    for overlay in document["overlays"]:
        at = (percent(time - start_s, span_s) for time in times(overlay))
        marks.setdefault(overlay["role"], set()).update(at)
    return Chart(
        lanes=tuple(Lane(lane["source"], lane["total"], tuple(_bars(lane))) for lane in document["lanes"]),
        marks={role: sorted(marks[role]) for role in ROLES if role in marks},
        ticks=tuple(_ticks(start_s, span_s)),
    )


class Bin(Struct, frozen=True):
    """A stretch of time in which something was logged: when it begins, and for each lane how much, and how much of it wrong."""

    time: str
    cells: tuple[tuple[int, int], ...]


def bins(lanes: Sequence[Document]) -> list[Bin]:
    """The lanes as the rows of a table; empty stretches are left out."""
    start = datetime.fromisoformat(lanes[0]["start"])
    columns = [zip(lane["counts"], lane["errors"], strict=True) for lane in lanes]
    step = timedelta(seconds=lanes[0]["bin_s"])
    rows = enumerate(zip(*columns, strict=True))
    return [Bin(instant(start + number * step) or "", cells) for number, cells in rows if any(map(any, cells))]


def times(overlay: Document) -> Iterator[float]:
    """The epoch seconds at which the filled cells of an overlay (or lane) begin."""
    at = 0
    for cell in overlay["detail"]["cells"].split():
        at += int(cell.partition("!")[0].partition("*")[0])
        yield _seconds(overlay["start"]) + at * overlay["detail"]["cell_s"]


def percent(part: float, whole: float) -> float:
    """A share of the width; a tenth of a percent is a pixel, more would only make the file larger."""
    return round(100 * part / whole, 1)


def _bars(lane: Document) -> Iterator[Bar]:
    """Heights by the square root, as in `write.sparkline`."""
    counts: Sequence[int] = lane["counts"]
    most = max(counts)
    for bin, (count, wrong) in enumerate(zip(counts, lane["errors"], strict=True)):
        if count:
            height = 100 * (count / most) ** 0.5
            yield Bar(percent(bin, len(counts)), percent(1, len(counts)), round(height, 1), round(height * wrong / count, 1))


def _ticks(start_s: float, span_s: float) -> Iterator[tuple[float, str]]:
    multiple = TICKS_S[-1] * (int(span_s) // (TICKS_S[-1] * TICKS) + 1)
    step = next(step for step in (*TICKS_S, multiple) if span_s / step <= TICKS)
    at = -(-start_s // step) * step
    while at < start_s + span_s:
        time = datetime.fromtimestamp(at, UTC)
        midnight = at % DAY_S == 0
        yield percent(at - start_s, span_s), f"{time:%m-%d}" if midnight else f"{time:%H:%M:%S}" if step < 60 else f"{time:%H:%M}"
        at += step


def _seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()
