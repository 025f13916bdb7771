"""What a service does at an hour of the day moves by whole hours, as a change took its time zone away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._settings import settings
from logcorr.timeline.offsets import is_zone
from logcorr.timeline.select import cite, instants

NAMES = r"(?:TZ|TIME_?ZONE|user\.timezone)"
TAKEN = regex(rf"(?i)^-\s*(?:- ?)?(?:ENV |export |-D)?[\"']?{NAMES}[\"']?\s*[:= ]\s*[\"']?(?P<zone>[A-Z][A-Za-z]+/[\w/+-]+)")
"""The line of a diff that takes it away; the one that sets it anew may stand in any file."""

SIGNED = rf"(?i)^(?:@@ |[-+].*{NAMES})"
DIFF = regex(r"@@ ")
"""How the parts of a diff begin: the items of a list bear the same sign."""

SET = rf"(?i)\b{NAMES}[\"']?\s*[:= ]\s*[\"']?{{zone}}\b"
FEWEST, FEWEST_BEFORE = 2, 2
SLACK, LASTS = timedelta(minutes=2), timedelta(hours=1)
MOVED = 0.92


class _Taken(Struct, frozen=True):
    """The line of a diff, and the zone that it took away."""

    span: Span
    zone: str


@rule(code="NET012", title="A service lost its time zone", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """A diff that takes a zone away, what a log tells once a day and that moved by its offset, and errors there."""
    for taken in _taken(case):
        for rows in _daily(case):
            moved = _moved(rows, ZoneInfo(taken.zone))
            failed = _failed(case, moved) if moved is not None else None
            if moved is not None and failed is not None and failed.height >= FEWEST:
                yield _finding(taken, rows.head(FEWEST_BEFORE), moved, failed)
                return


def _taken(case: Case) -> Iterator[_Taken]:
    """The lines that took a zone away which is set nowhere now, nor by the same diff."""
    logs = {source.path for source in case.sources}
    for path in sorted(case.files - logs):
        lines = case.lines(path).filter(pl.col("text").str.contains(SIGNED)).select("line", "text").collect()
        of_diff = any(DIFF.match(text) for text in lines["text"])
        for line, text in lines.iter_rows():
            found = TAKEN.match(text)
            if of_diff and found and is_zone(found["zone"]):
                again = re.compile(SET.replace("{zone}", re.escape(found["zone"])))
                added = any(one.startswith("+") and again.search(one) for one in lines["text"])
                now = (text for span, text in settings(case, again.pattern) if span.path != path)
                if not added and next(now, None) is None:
                    yield _Taken(Span(path, line), found["zone"])


def _daily(case: Case) -> Iterator[pl.DataFrame]:
    """What applications tell with the same words on different days, and no more than once on any."""
    files = [source.path for source in case.sources if source.source == "app"]
    told = case.timeline.filter(pl.col("file").is_in(files) & pl.col("time").is_not_null())
    days = pl.col("time").dt.date()
    often = told.group_by("file", "message").agg(pl.len().alias("count"), days.n_unique().alias("days"))
    seldom = often.filter((pl.col("count") == pl.col("days")) & (pl.col("count") >= FEWEST + FEWEST_BEFORE))
    rows = told.join(seldom.select("file", "message"), on=["file", "message"], how="semi").collect()
    for _, same in rows.sort("time", "line", maintain_order=True).group_by("file", "message", maintain_order=True):
        yield same


def _moved(rows: pl.DataFrame, zone: ZoneInfo) -> pl.DataFrame | None:
    """Those from when on it comes at an hour that is off by the zone's offset, if before it came at the same hour every day."""
    times: list[datetime] = rows["time"].to_list()
    of_day = [timedelta(hours=at.hour, minutes=at.minute, seconds=at.second) for at in times]
    offset = times[0].astimezone(zone).utcoffset() or timedelta()
    kept = [abs(one - of_day[0]) <= SLACK for one in of_day]
    number = kept.index(False) if False in kept else len(kept)
    off = [abs((one - of_day[0] - offset) % timedelta(days=1)) for one in of_day[number:]]
    fits = all(min(one, timedelta(days=1) - one) <= SLACK for one in off)
    enough = number >= FEWEST_BEFORE and len(off) >= FEWEST
    return rows[number:] if offset and enough and fits else None


def _failed(case: Case, moved: pl.DataFrame) -> pl.DataFrame:
    """The errors of the hour after each."""
    near = pl.any_horizontal(pl.col("time").is_between(at, at + LASTS) for at in moved["time"])
    return case.happened("http.5xx").drop_nulls("time").filter(near)


def _finding(taken: _Taken, before: pl.DataFrame, moved: pl.DataFrame, failed: pl.DataFrame) -> Finding:
    return Finding(
        confidence=MOVED,
        claim=claim(
            "zone_lost.found",
            "the zone {zone} was taken away at {place}: since then what {service} does by the hour comes at another one, "
            "and {count} requests failed there",
            zone=taken.zone,
            place=str(taken.span),
            service=str(moved["service"][0]),
            count=failed.height,
        ),
        evidence=(
            Evidence(taken.span, "the zone that was taken away", shows="deploy_changes_configuration"),
            *cite(moved, "since then", most=2, shows="clocks_disagree"),
            *cite(before, "until then", most=2, shows="clocks_disagree"),
            *cite(failed, most=3),
        ),
        would_refute=claim("zone_lost.refute", "the date that the service itself prints, with the zone it had before"),
        subject=str(moved["service"][0]),
        measured={"count": failed.height, "zone": taken.zone},
        times=instants(failed),
        fix=claim("zone_lost.fix", "set TZ again where the service is started, or let the program name the zone of its hours"),
    )
