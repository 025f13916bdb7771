"""A daily job runs twice in the hour that comes twice, when clocks go back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case, Source
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._settings import settings
from logcorr.timeline.select import cite, instants

NONE, HOUR = timedelta(0), timedelta(hours=1)
LEAST_BACK, MOST_BACK = timedelta(minutes=30), timedelta(minutes=65)
"""By so much a log's stamps go back where clocks are set back by an hour, and it says something every few minutes."""

NEAR = timedelta(minutes=2)
FEWEST_DAYS = 2
MONTHS = (3, 4, 10, 11)
SUNDAY = 6
DIGITS = r"[0-9a-f]{8}[0-9a-f-]*|\d+"
ZONE = regex(r"['\"=\s](?P<zone>(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[A-Za-z_/]+)")
NAMED = r"[\w.-]*\d[\w.-]*"
LONG_RUN = timedelta(minutes=10)
FEWEST_SAME, LEAST_NAME = 3, 4
PROVED, UNPLACED = 0.95, 0.85


class _Twice(Struct, frozen=True, kw_only=True):
    """The first lines of both runs, on how many other days it ran once, and what shows that it did harm."""

    first: pl.DataFrame
    second: pl.DataFrame
    days: int
    wall: datetime
    harm: pl.DataFrame


@rule(code="CRON024", title="A job ran twice when clocks went back", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Looks for what is told once a day at one time, and twice, an hour apart, on the day on which clocks go back."""
    sundays = list(_sundays(case))
    zones = sorted(_zones(case)) if sundays else []
    for source in sorted(case.sources, key=lambda one: one.path) if sundays else ():
        found = next((one for rows in _doubled(case, source, sundays, zones) if (one := _twice(rows))), None)
        if found:
            yield _finding(case, found)
            return


def _sundays(case: Case) -> Iterator[date]:
    """The days within the logs' window on which clocks may be changed."""
    if not case.window:
        return
    day, last = case.window[0].date(), case.window[1].date()
    while day <= last:
        if day.month in MONTHS and day.weekday() == SUNDAY:
            yield day
        day += timedelta(days=1)


def _zones(case: Case) -> set[str]:
    """The zones that configuration, code and logs name."""
    known = available_timezones()
    written = {found["zone"] for _, text in settings(case, ZONE.pattern) for found in ZONE.finditer(text)}
    return (written | {source.zone for source in case.sources if "/" in source.zone}) & known


def _doubled(case: Case, source: Source, sundays: list[date], zones: list[str]) -> Iterator[pl.DataFrame]:
    """The log with `wall`, the time that clocks showed, and `part`: 1 in the hour that came twice, 2 when it came again."""
    rows = case.timeline.filter((pl.col("file") == source.path) & pl.col("time").is_not_null())
    clock = source.zone if "/" in source.zone else "UTC"
    local = pl.col("time").dt.convert_time_zone(clock).dt.replace_time_zone(None, ambiguous="earliest")
    on_sunday = pl.col("time").dt.date().is_in([day + timedelta(days=more) for day in sundays for more in (-1, 0, 1)])
    back = rows.filter(on_sunday).sort("line").select("line", wall=local).with_columns(step=pl.col("wall").diff())
    sets = back.filter(pl.col("step").is_between(-MOST_BACK, -LEAST_BACK)).collect()
    if sets.height == 1:
        line, began = sets["line"][0], sets["wall"][0].replace(minute=0, second=0, microsecond=0)
        in_it = pl.col("wall").is_between(began, began + HOUR, closed="left")
        part = pl.when(in_it).then(pl.when(pl.col("line") < line).then(1).otherwise(2)).otherwise(0)
        yield rows.with_columns(wall=local).with_columns(part=part).sort("line").collect()
    for zone in zones if not sets.height else ():
        for change in _changes(zone, sundays):
            wall = pl.col("time").dt.convert_time_zone(zone).dt.replace_time_zone(None)
            since = pl.col("time") - pl.lit(change, pl.Datetime("us", "UTC"))
            before, again = since.is_between(-HOUR, NONE, closed="left"), since.is_between(NONE, HOUR, closed="left")
            part = pl.when(before).then(1).when(again).then(2).otherwise(0)
            yield rows.with_columns(wall=wall, part=part).sort("line").collect()


def _changes(zone: str, sundays: list[date]) -> Iterator[datetime]:
    """The instants at which an hour begins to come again."""
    place, utc = ZoneInfo(zone), ZoneInfo("UTC")
    for day in sundays:
        for half in range(-28, 40):
            at = datetime(day.year, day.month, day.day, tzinfo=utc) + half * HOUR / 2
            before, after = (one.astimezone(place).utcoffset() for one in (at - timedelta(seconds=1), at))
            if before and after and before - after == HOUR:
                yield at


def _twice(rows: pl.DataFrame) -> _Twice | None:
    """What is told once on other days and once in each of both hours, at the same time of day; the first such line."""
    told = rows.with_columns(sort=pl.col("message").str.replace_all(DIGITS, "#"), day=pl.col("wall").dt.date())
    changed = told.filter(pl.col("part") > 0)
    if changed.is_empty():
        return None
    today = changed["day"][0]
    once = changed.group_by("sort").agg(
        pl.len(), pl.col("part").n_unique().alias("parts"), pl.col("wall").min().alias("at"), pl.col("wall").max().alias("to")
    )
    both = once.filter((pl.col("len") == 2) & (pl.col("parts") == 2) & (pl.col("to") - pl.col("at") <= NEAR))
    of_day = pl.col("wall").dt.time().cast(pl.Duration("us"))
    others = (
        told.filter(pl.col("day") != today)
        .join(both, on="sort")
        .group_by("sort")
        .agg(
            pl.len(),
            pl.col("day").n_unique().alias("days"),
            ((of_day - pl.col("at").dt.time().cast(pl.Duration("us"))).abs()).max().alias("off"),
        )
    )
    daily = others.filter((pl.col("len") == pl.col("days")) & (pl.col("days") >= FEWEST_DAYS) & (pl.col("off") <= NEAR))
    runs = changed.join(daily.select("sort", "days"), on="sort").sort("line")
    if runs.is_empty():
        return None
    first = runs.head(1)
    second = runs.filter((pl.col("sort") == first["sort"][0]) & (pl.col("part") == 2))
    return _Twice(first=first, second=second, days=first["days"][0], wall=first["wall"][0], harm=_harm(told, first, second))


def _harm(told: pl.DataFrame, first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """What only the second run complains of; else what it names that the first one had, and no run of another day."""
    line, at = second["line"][0], second["wall"][0]
    during = told.filter((pl.col("line") > line) & (pl.col("part") == 2) & (pl.col("wall") <= at + LONG_RUN))
    bad = during.filter((pl.col("severity") >= "warn").fill_null(False))
    new = bad.join(told.filter(pl.col("line") < line), on="sort", how="anti").sort("line")
    return new if new.height else _again(told, first, during)


def _again(told: pl.DataFrame, first: pl.DataFrame, during: pl.DataFrame) -> pl.DataFrame:
    began, at = first["line"][0], first["wall"][0]
    before = told.filter((pl.col("line") > began) & (pl.col("part") == 1) & (pl.col("wall") <= at + LONG_RUN))
    elsewhere = _names(told.filter(pl.col("line") < began))
    same = (_names(before) & _names(during)) - elsewhere
    if len(same) < FEWEST_SAME:
        return during.clear()
    return during.filter(pl.Series([bool(same & _of(text)) for text in during["message"]], dtype=pl.Boolean))


def _names(rows: pl.DataFrame) -> set[str]:
    return {name for text in rows["message"] for name in _of(text)}


def _of(text: str) -> set[str]:
    """The words with a letter and a digit: what a line is about."""
    return {word for word in re.findall(NAMED, text) if len(word) >= LEAST_NAME and re.search(r"[A-Za-z]", word)}


def _finding(case: Case, found: _Twice) -> Finding:
    lines = list(_schedule(case, found.wall))
    place = lines[0] if len(lines) == 1 else None
    harmed = found.harm.height > 0
    shows = "schedule_fires_twice"
    numbers: dict[str, str | int] = {"message": str(found.first["message"][0]).partition("\n")[0], "days": found.days}
    return Finding(
        role="defect" if harmed else "signal",
        severity="error" if harmed else "warning",
        confidence=PROVED if place else UNPLACED,
        claim=claim(
            "job_ran_twice.harmed",
            "“{message}” came twice on the day on which clocks went back, and once on {days} others: it did its work again",
            **numbers,
        )
        if harmed
        else claim(
            "job_ran_twice.found",
            "“{message}” came twice on the day on which clocks went back, and once on {days} others",
            **numbers,
        ),
        evidence=(
            *([Evidence(place, "in the hour that comes twice", shows=shows)] if place else []),
            *cite(found.first, "the first run", shows=shows),
            *cite(found.second, "an hour later", shows=shows),
            *cite(found.harm, "done a second time", most=3, shows="failure_reaches_clients"),
        ),
        would_refute=claim("job_ran_twice.refute", "somebody who started the second run by hand"),
        subject=str(found.first["service"][0] or found.first["file"][0]),
        measured={"runs": 2, "days": found.days},
        times=instants(found.second),
        fix=claim(
            "job_ran_twice.fix",
            "let it run at an hour that comes once, or by UTC; and let it know what it has done that day, and do it only once",
        ),
    )


def _schedule(case: Case, wall: datetime) -> Iterator[Span]:
    """The lines that set this time of day: a cron line, an expression or a time in code."""
    hour, minute = wall.hour, wall.minute
    jobs = [one.job for one in case.schedules if one.job.schedule.split()[:2] == [str(minute), str(hour)]]
    yield from (job.span for job in jobs)
    fields = rf"(?:^|[^\d*/,-])0?{minute} 0?{hour} [\d*?/,-]+ [\d*?/,-]+ "
    named = rf"(?i)\bhour['\"]?\s*[=:]\s*['\"]?0?{hour}\b.*\bminute['\"]?\s*[=:]\s*['\"]?0?{minute}\b"
    clock = rf"(?:^|[^\d:.])0?{hour}:{minute:02}(?::00)?(?:[^\d:]|$)"
    known = {job.span.path for job in jobs}
    yield from (span for span, _ in settings(case, f"{fields}|{named}|{clock}") if span.path not in known)
