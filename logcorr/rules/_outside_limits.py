"""Jobs that the limit of what they ask turns away, and that use up what others of ours need of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from logcorr.lazily import pl
from logcorr.model.case import Case, Schedule
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules._askers import Maker, asking_line
from logcorr.rules._jobs import logs_of, programs_of
from logcorr.rules._recovered import recovered
from logcorr.rules._settings import notes, settings
from logcorr.timeline.select import cite, instants, spans

FEWEST = 10
MADE_BY_SCRIPT, MADE_BY_VISITORS, MADE_HERE, MADE_SINCE = 0.9, 0.85, 0.6, 0.92
"""How sure it is who asks too much; the last, where it asks for more just since nothing is answered any more."""

REFUSED = (
    r"(?i)\b(?:http|status|code|error)\b\D{0,12}\b429\b|\b429 client error|too many requests|\bquota (?:is )?exceeded\b"
    r"|\b(?:over|exceeded)(?: \w+){0,3} quota\b|rate[- ]?limit(?: \w+)? (?:exceeded|reached|hit)|\brate[- ]limited\b"
)
"""How one who asks tells that it is turned away."""

HOST = r"\b((?:[a-z0-9-]+\.)+[a-z]{2,})\b"
AMOUNT = r"\b([A-Za-z][\w-]*) ?[=:] ?(\d+)\b"
FEWEST_RUNS = 3
"""So many runs told of the former amount."""

REFUTE = claim("requests_limited.refute", "that these requests were unwanted: then the limit does what it is for")
FIX = claim(
    "requests_limited.fix",
    "let the one who asks keep below the rate (pauses, fewer at a time), exempt it, or raise rate and burst",
)
APART = claim(
    "requests_limited.apart",
    "let the job ask for less at a time, stop when it is turned away, and have a key of its own, so that others keep theirs",
)


class Amount(Struct, frozen=True, kw_only=True):
    """What a job's log tells of how much it asks for, which has changed: where it is set now, and its first and last words."""

    name: str
    value: int
    was: Span
    now: Span
    place: Span


def told_by_asker(case: Case) -> Iterator[Finding]:
    """A job whose own log tells that it is turned away, and the line of its program that asks, or says for how much.

    What goes well at the next try, as the log tells, is left out, and so is what bears no time.
    """
    for schedule in case.schedules:
        files = [path for path in logs_of(case, schedule) if _tells(case, path)]
        if not files:
            continue
        refused = pl.col("message").str.contains(REFUSED) & pl.col("time").is_not_null()
        every = case.timeline.filter(pl.col("file").is_in(files) & refused).collect()
        told = every.join(recovered(case, every), on=["file", "line"], how="anti", maintain_order="left")
        if told.height < FEWEST:
            continue
        amount = _amount(case, schedule, told)
        line = amount.place if amount else asking_line(case, schedule)
        if line:
            yield _of_asker(case, told, _others(case, files, told), Maker(line=line, job=schedule.job), amount)


def _tells(case: Case, path: str) -> bool:
    lines = case.lines(path).select(pl.col("text").str.contains(REFUSED).sum())
    return int(lines.collect(engine="streaming").item() or 0) >= FEWEST


def _others(case: Case, files: Sequence[str], told: pl.DataFrame) -> pl.DataFrame:
    """What others tell of being turned away by the same host."""
    hosts = told["message"].str.extract(HOST, 1).drop_nulls().unique().to_list()
    if not hosts:
        return told.clear()
    same = pl.col("message").str.contains(REFUSED) & pl.col("message").str.contains_any(hosts)
    return (
        case.timeline.filter(same & pl.col("time").is_not_null() & ~pl.col("file").is_in(files))
        .collect()
        .sort("time", "file", "line")
    )


def _amount(case: Case, schedule: Schedule, told: pl.DataFrame) -> Amount | None:
    """A number that its runs told alike, and then, before the first of these, a greater one that stands in its program."""
    named = pl.col("message").str.extract_groups(AMOUNT).struct
    own = pl.col("file").is_in(told["file"].unique().implode()) & (pl.col("time") <= told["time"].min())
    rows = case.timeline.filter(own & pl.col("message").str.contains(AMOUNT)).collect()
    rows = rows.with_columns(name=named.field("1"), value=named.field("2").cast(pl.Int64, strict=False)).drop_nulls("value")
    for (name,), same in rows.sort("file", "line").group_by("name", maintain_order=True):
        values = same["value"].to_list()
        former = [value for value in values if value != values[-1]]
        steady = values[: len(former)] == former and len(set(former)) == 1 and len(former) >= FEWEST_RUNS
        if steady and values[-1] > former[0] and (place := _set(case, schedule, str(name), values[-1])):
            was, now = spans(same[len(former) - 1 : len(former) + 1])
            return Amount(name=str(name), value=values[-1], was=was, now=now, place=place)
    return None


def _set(case: Case, schedule: Schedule, name: str, value: int) -> Span | None:
    """The line that sets it, one of the job's programs first."""
    own = set(programs_of(case, schedule))
    pattern = rf"(?i)\b\w*{re.escape(name)}\w*['\"]?\s*[:=]\s*['\"]?{value}\b"
    found = sorted((span for span, _ in settings(case, pattern)), key=lambda span: span.path not in own)
    return next(iter(found), None)


def _of_asker(case: Case, told: pl.DataFrame, others: pl.DataFrame, who: Maker, amount: Amount | None) -> Finding:
    changed = [Evidence(span, "it was changed", shows="deploy_changes_configuration") for span in _noted(case, amount)]
    both = pl.concat([told, others]).sort("time", "file", "line")
    return Finding(
        confidence=MADE_SINCE if amount else MADE_BY_SCRIPT,
        claim=_claim(told, others, who.job.schedule if who.job else "", amount),
        evidence=(
            *makers(who),
            *changed,
            *cite(told, "it is turned away", shows="limit_rejects_requests"),
            *cite(others, "so are others of ours", most=4, shows="failure_reaches_clients"),
        ),
        would_refute=REFUTE,
        subject=str(who.line),
        measured={"count": told.height, **({"others": others.height} if others.height else {})},
        times=instants(both),
        fix=APART if others.height else FIX,
    )


def _noted(case: Case, amount: Amount | None) -> Iterator[Span]:
    """Where the change is told: in notes, then in the job's own words after it and before."""
    if amount:
        names = dict.fromkeys((amount.name, amount.name.upper(), amount.name.lower()))
        yield from [span for name in names for span in notes(case, name, str(amount.value))][:1]
        yield from (amount.now, amount.was)


def _claim(told: pl.DataFrame, others: pl.DataFrame, schedule: str, amount: Amount | None) -> Claim:
    if not others.height:
        return claim(
            "requests_limited.asker",
            "the job on {schedule} was turned away {count} times by the limit of what it asks",
            schedule=schedule,
            count=told.height,
        )
    if amount is None:
        return claim(
            "requests_limited.shared",
            "the job on {schedule} uses up the limit of what it asks: {others} requests of others of ours were turned away, too",
            schedule=schedule,
            others=others.height,
        )
    return claim(
        "requests_limited.shared_since",
        "since {name} is {value}, the job on {schedule} uses up the limit of what it asks: {others} requests of others of ours "
        "were turned away, too",
        name=amount.name,
        value=amount.value,
        schedule=schedule,
        others=others.height,
    )


def makers(who: Maker) -> Sequence[Evidence]:
    """The line that asks, and the job that it belongs to."""
    line = [Evidence(who.line, "asks for what is turned away", shows="limit_rejects_requests")] if who.line else []
    return (*line, *([Evidence(who.job.span, f"runs on {who.job.schedule}")] if who.job else []))
