"""From what stamps say to instants: zones, missing years, missing dates.

Evidence only, never the machine's own zone or clock. In this order: what the stamps say themselves; what the user says; a TZ
setting of the service; a TZ setting collected; offsets that other local logs carry; else UTC. Between several candidates, the one
under which the source's times best overlap the times already known decides.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import pl
from logcorr.model.events import YEARLESS
from logcorr.model.facts import Fact
from logcorr.timeline.abbreviations import called
from logcorr.timeline.offsets import between, offset, told_by, written, zone_of

Window = tuple[datetime, datetime]

AGREED = "assumed: only so does it cover the same time as the other logs"

SERVERS = ("nginx", "apache", "haproxy")
"""Sources whose logs are all written by one program, in one zone."""

CENTURY = 2000
"""To which years of two figures belong."""

CUT = timedelta(minutes=15)

SAME_TIME, CLEARLY = 0.6, 0.2
"""Two logs of one incident share this part of their time; the next hour must share so much less to be ruled out."""


class Reading(Struct, frozen=True):
    """What one pass over a source's stamps found.

    `kind` is `instant`, `local`, `yearless` or `day`. `first` and `last` are as the stamps say: naive, but for instants;
    a time of day counts from 1970-01-01, midnights passed included. `offsets` are the least and the greatest offset
    from UTC that the stamps carry, in seconds. `stamped` names the envelope whose stamps these are; `leap`, that
    some stamp without a year is of 29 February; `turnable`, that nothing tells the day from the `month`, or from the `year`, in
    any of them. `names` are the abbreviations of zones behind them.
    """

    path: str
    source: str
    service: str | None
    kind: str
    first: datetime | None
    last: datetime | None
    offsets: tuple[int, int] | None = None
    stamped: str | None = None
    leap: bool = False
    turnable: str = ""
    names: tuple[str, ...] = ()


class Placement(Struct, frozen=True):
    """How a source's stamps become instants: years and days to add, and the zone they are in, with the reason.

    `turned`: what was read as the `month`, or as the `year`, is the day. `assumed`: nothing in the case tells the zone.
    """

    zone: str
    reason: str
    years: int = 0
    days: int = 0
    assumed: bool = False
    turned: str = ""

    def after(self, before: Placement, last: datetime, first: datetime, turn: timedelta | None) -> Placement:
        """This placement of a log that begins with `first` and goes on from another that ends with `last`.

        Only years or days that nothing tells are chosen so: the same as before, or the next where the stamps begin again.
        """
        if turn is None or self.years or self.days:
            return self
        later = int(_moved(first, before) < _moved(last, before) - turn / 2)
        if turn == timedelta(days=1):
            return replace(self, days=before.days + later)
        return replace(self, years=before.years + later)

    def utc(self, stamp: datetime) -> datetime:
        """One stamp as an instant."""
        if stamp.tzinfo is not None:
            return stamp
        return _moved(stamp, self).replace(tzinfo=zone_of(self.zone)).astimezone(UTC)

    def expression(self, clock: pl.Expr) -> pl.Expr:
        """A column of naive stamps as instants."""
        read = _turned(clock, self.turned)
        moved = read.dt.offset_by(f"{self.years}y{self.days}d") if self.years or self.days else read
        ahead = offset(self.zone)
        if ahead is not None:
            return (moved - ahead).dt.replace_time_zone("UTC")
        hour = timedelta(hours=1)  # stamps in the hour that summer time leaves out are read as before the change
        known = moved.dt.replace_time_zone(self.zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
        skipped = (moved - hour).dt.replace_time_zone(self.zone, ambiguous="earliest", non_existent="null")
        return pl.coalesce(known, skipped.dt.convert_time_zone("UTC") + hour)


def _turned(clock: pl.Expr, turned: str) -> pl.Expr:
    """The clock with its day in the other place."""
    if turned == "month":
        return clock.dt.replace(month=clock.dt.day(), day=clock.dt.month())
    return clock.dt.replace(year=clock.dt.day() + CENTURY, day=clock.dt.year() - CENTURY) if turned else clock


def place(readings: Sequence[Reading], facts: Iterable[Fact], zones: Mapping[str | None, str]) -> list[Placement]:
    """A placement for each source, in their order. `zones` is what the user says: a zone by path or source, None for all."""
    for zone in zones.values():
        zone_of(zone)
    placed: dict[Reading, Placement] = {}
    windows: list[Window] = []
    settings = list(told_by(facts))
    kinds = ("instant", "local", "yearless", "day")
    order = sorted(readings, key=lambda reading: (kinds.index(reading.kind), not reading.names, reading.path))
    offsets = [reading for reading in order if reading.offsets]
    for reading in order:
        if reading.kind == "instant" or reading.first is None or reading.last is None:
            placed[reading] = _aswritten(reading)
        else:
            said = [replace(placed[one], reason=f"the stamps of {one.path} say so") for one in placed if one.names]
            candidates = _candidates(reading, zones, settings, offsets, said)
            placed[reading] = _best(reading, candidates, windows)
        if reading.first and reading.last and _counts(reading, placed[reading], windows):
            windows.append((placed[reading].utc(reading.first), placed[reading].utc(reading.last)))
    return [_with_the_others(reading, placed, windows) for reading in readings]


def _with_the_others(reading: Reading, placed: Mapping[Reading, Placement], windows: Sequence[Window]) -> Placement:
    """A placement that agrees with no other log gives way to the offset that a longer log without a zone was found to have."""
    own, known = placed[reading], _union(windows)
    agreed = next((one for one in placed.values() if one.reason.startswith(AGREED)), None)
    if not (agreed and known and own.assumed and reading.first and reading.last) or _agreement(own, reading, known)[0] > 0:
        return own
    others = list(_dated(reading, Placement(agreed.zone, "assumed: another log shows the offset", assumed=True), windows))
    best = max(others, key=lambda one: _agreement(one, reading, known))
    return best if _agreement(best, reading, known)[0] > 0 else own


def _counts(reading: Reading, placement: Placement, windows: Sequence[Window]) -> bool:
    """Whether a source's time tells about the others': not if its zone is a guess that agrees with none of them."""
    known = _union(windows)
    return known is None or reading.kind == "instant" or _agreement(placement, reading, known)[0] > 0


def _aswritten(reading: Reading) -> Placement:
    if reading.first is None:
        return Placement("UTC", "no line carries a time")
    if reading.stamped:
        return Placement("UTC", f"{reading.stamped} stamps each line in UTC")
    if reading.offsets is None:
        return Placement("UTC", "the stamps are in UTC")
    least, greatest = reading.offsets
    if least == greatest:
        return Placement(written(least), "the stamps carry their offset")
    return Placement("UTC", f"the stamps carry their offsets, from {written(least)} to {written(greatest)}")


def _candidates(
    reading: Reading,
    zones: Mapping[str | None, str],
    settings: Sequence[tuple[str | None, str, str]],
    offsets: Sequence[Reading],
    said: Sequence[Placement],
) -> list[Placement]:
    """Zones that the source may be in, the best founded first; one alone where the user decides."""
    for key in (reading.path, reading.source, None):
        if key in zones:
            return [Placement(zones[key], "given by --tz")]
    found = [
        Placement(zone, f"TZ of service {service} in {span}")
        for service, zone, span in settings
        if service and service == reading.service
    ]
    steady = [one for one in offsets if one.offsets and one.offsets[0] == one.offsets[1]]
    its_own = [one for one in offsets if one.source == reading.source and reading.source in SERVERS]
    host = [Placement(zone, f"TZ in {span}") for service, zone, span in settings if service is None]
    found += [*filter(None, map(_stated, its_own)), *host, *filter(None, (_stated(one) for one in steady if one not in its_own))]
    if reading.first and (own := called(reading.names, reading.first, [one.zone for one in found])):
        return [Placement(zone, f"the stamps say {'/'.join(reading.names)}") for zone in own]
    found += [Placement("UTC", "assumed: nothing tells the zone", assumed=True), *said]
    return list({candidate.zone: candidate for candidate in reversed(found)}.values())[::-1]


def _stated(other: Reading) -> Placement | None:
    """The zone that the stamps of another log carry, be it that summer time begins or ends in it."""
    assert other.offsets is not None
    least, greatest = other.offsets
    if least == greatest:
        return Placement(written(least), f"the stamps of {other.path} say so")
    zone = other.first and other.last and between(least, greatest, other.first, other.last)
    return Placement(zone, f"the stamps of {other.path} change as in {zone}") if zone else None


def _best(reading: Reading, zones: Sequence[Placement], windows: Sequence[Window]) -> Placement:
    """The candidate under which the source overlaps the others most; the better founded one unless another is clearly better."""
    candidates = [dated for zone in zones for dated in _dated(reading, zone, windows)]
    known = _union(windows)
    if known is None:
        return candidates[0]
    scores = [_agreement(candidate, reading, known) for candidate in candidates]
    best = max(scores)
    stated = any(candidate.reason.startswith(("given", "TZ", "the stamps say")) for candidate in candidates)
    if best[0] == 0 and reading.kind in ("local", "yearless") and not stated:
        shifted = _shifted(reading, known, windows)
        if shifted or reading.kind == "local":
            return shifted or candidates[0]
    good = [candidate for candidate, score in zip(candidates, scores, strict=True) if _as_good(score, best)]
    chosen = next((one for one in good if _cut_alike(one, reading, windows)), good[0])
    first = candidates[0]
    if chosen.zone != first.zone:
        chosen = replace(chosen, reason=f"{chosen.reason}; under {first.zone} ({first.reason}) the times would not agree")
    return chosen


def _cut_alike(candidate: Placement, reading: Reading, windows: Sequence[Window]) -> bool:
    """Whether it begins and ends when another log does: what is collected together is cut at the same times."""
    assert reading.first is not None
    assert reading.last is not None
    first, last = candidate.utc(reading.first), candidate.utc(reading.last)
    return any(abs(first - one[0]) <= CUT and abs(last - one[1]) <= CUT for one in windows)


def _shifted(reading: Reading, known: Window, windows: Sequence[Window]) -> Placement | None:
    """The one whole-hour offset under which the source covers the same time as the others, where none that is founded does."""
    hours = (Placement(written(3600 * hour), AGREED, assumed=True) for hour in range(-12, 15))
    dated = [max(_dated(reading, hour, windows), key=lambda one: _agreement(one, reading, known)) for hour in hours]
    best, second = sorted(dated, key=lambda one: _agreement(one, reading, known)[0], reverse=True)[:2]
    score = _agreement(best, reading, known)[0]
    clear = score >= SAME_TIME and _agreement(second, reading, known)[0] <= score - CLEARLY
    return best if clear else None


def _as_good(score: tuple[float, float], best: tuple[float, float]) -> bool:
    """Overlap within a tenth of the best; without any overlap, a distance within a day of it."""
    return score[0] >= 0.9 * best[0] if best[0] else score[1] >= best[1] - 86400


def _dated(reading: Reading, zone: Placement, windows: Sequence[Window]) -> Iterator[Placement]:
    """The candidate with each year or day that the source may belong to, the latest first."""
    known = _union(windows)
    if reading.kind == "yearless":
        if known is None:
            yield replace(zone, reason=f"{zone.reason}; the year is not known and shown as {YEARLESS}")
            return
        years = range(known[1].year + 1, known[0].year - 2 - 8 * reading.leap, -1)
        for year in filter(isleap, years) if reading.leap else years:
            yield replace(zone, years=year - YEARLESS, reason=f"{zone.reason}; the year is that of the other logs")
    elif reading.kind == "day":
        if known is None:
            yield replace(zone, reason=f"{zone.reason}; the date is not known and shown as 1970-01-01")
            return
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        last, first = ((known[1] - epoch).days + 1, (known[0] - epoch).days - 1)
        for day in range(last, max(first, last - 400) - 1, -1):
            yield replace(
                zone, days=day, reason=f"{zone.reason}; the date is the last on which the times agree with the other logs"
            )
    else:
        yield zone
        if reading.turnable:
            what = f"; day and {reading.turnable} are in the order that agrees with the other logs"
            yield replace(zone, turned=reading.turnable, reason=f"{zone.reason}{what}")


def _agreement(candidate: Placement, reading: Reading, known: Window) -> tuple[float, float]:
    """Shared seconds over all seconds from the others' first on; and, without any, how near they are.

    How far a log goes back tells nothing: old lines stay in a file that is seldom written to.
    """
    assert reading.first is not None
    assert reading.last is not None
    first, last = candidate.utc(reading.first), candidate.utc(reading.last)
    shared = (min(last, known[1]) - max(first, known[0])).total_seconds()
    covered = (max(last, known[1]) - known[0]).total_seconds()
    return max(shared + 1, 0.0) / (covered + 1), min(shared, 0.0)


def _union(windows: Sequence[Window]) -> Window | None:
    return (min(first for first, _ in windows), max(last for _, last in windows)) if windows else None


def _moved(stamp: datetime, placement: Placement) -> datetime:
    if placement.turned == "month":
        stamp = stamp.replace(month=stamp.day, day=stamp.month)
    elif placement.turned:
        stamp = stamp.replace(year=CENTURY + stamp.day, day=stamp.year - CENTURY)
    if placement.years:
        year = stamp.year + placement.years
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        stamp = stamp.replace(year=year, day=28 if stamp.month == 2 and stamp.day == 29 and not leap else stamp.day)
    return stamp + timedelta(days=placement.days)
