"""How much a job asks for, as its own log tells, and the line that sets it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case, Schedule
from logcorr.model.source import Span
from logcorr.rules._jobs import programs_of
from logcorr.rules._settings import notes, settings
from logcorr.timeline.notes import entries
from logcorr.timeline.select import spans, texts

AMOUNT = r"\b([A-Za-z][\w-]*)[\"']? ?[=:] ?(\d+)\b"
MOST_LINES = 5000
FEWEST_RUNS = 3
"""So many runs told of the former amount; where a note or a diff tells of the change, any do."""


class Amount(Struct, frozen=True, kw_only=True):
    """What a job's log tells of how much it asks for, which has changed: where it is set now, and its first and last words."""

    name: str
    value: int
    was: Span
    now: Span
    place: Span


def amounts(case: Case, told: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The numbers that a job's log tells under each name until it is turned away first."""
    own = pl.col("file").is_in(told["file"].unique().implode()) & (pl.col("time") <= told["time"].min())
    rows = case.timeline.filter(own).collect().join(told.select("file", "line"), on=["file", "line"], how="anti").tail(MOST_LINES)
    found = rows.with_columns(amount=pl.Series(texts(case, rows), dtype=pl.String).str.extract_all(AMOUNT)).explode("amount")
    named = pl.col("amount").str.extract_groups(AMOUNT).struct
    rows = found.with_columns(name=named.field("1"), value=named.field("2").cast(pl.Int64, strict=False)).drop_nulls("value")
    for (name,), same in rows.sort("file", "line").group_by("name", maintain_order=True):
        yield str(name), same


def amount_of(case: Case, schedule: Schedule, told: pl.DataFrame) -> Amount | None:
    """A number that its runs told alike, and then, before the first of these, a greater one that stands in its program."""
    for name, same in amounts(case, told):
        values = same["value"].to_list()
        former = [value for value in values if value != values[-1]]
        steady = values[: len(former)] == former and len(set(former)) == 1 and values[-1] > former[0]
        known = steady and (len(former) >= FEWEST_RUNS or any(_of_change(case, name, values[-1], same["file"][-1])))
        if known and (place := _set(case, schedule, name, values[-1])):
            was, now = spans(same[len(former) - 1 : len(former) + 1])
            return Amount(name=name, value=values[-1], was=was, now=now, place=place)
    return None


def _set(case: Case, schedule: Schedule, name: str, value: int) -> Span | None:
    """The line that sets it, one of the job's programs first."""
    own = set(programs_of(case, schedule))
    pattern = rf"(?i)\b\w*{re.escape(name)}\w*['\"]?\s*[:=]\s*['\"]?{value}\b"
    found = sorted((span for span, _ in settings(case, pattern)), key=lambda span: span.path not in own)
    return next(iter(found), None)


def noted(case: Case, amount: Amount | None) -> Iterator[Span]:
    """Where the change is told: in notes, then in the job's own words after it and before."""
    if amount:
        yield from list(_of_change(case, amount.name, amount.value, amount.now.path))[:1]
        yield from (amount.now, amount.was)


def _of_change(case: Case, name: str, value: int, own: str) -> Iterator[Span]:
    """Where a note, a diff or a record of changes tells of this amount, the job's own log apart."""
    for written in dict.fromkeys((name, name.upper(), name.lower())):
        yield from notes(case, written, str(value))
    told = re.compile(rf"(?i)\b{re.escape(name)}\b.*\b{value}\b")
    for entry in case.once(entries):
        lines = enumerate(entry.texts, entry.place.line)
        yield from (Span(entry.place.path, line) for line, text in lines if entry.place.path != own and told.search(text))
