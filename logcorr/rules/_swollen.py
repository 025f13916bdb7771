"""A run of a job that has far more to do than any before it, by its own words, and in which services are killed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case, Schedule
from logcorr.model.claim import Evidence
from logcorr.model.source import Span
from logcorr.rules._jobs import logs_of, scripts_of
from logcorr.timeline.jobs import unit_of
from logcorr.timeline.scripts import appended_to, expanded
from logcorr.timeline.signs import OWN

AMOUNT = regex(
    r"(?<![\w.,:/-])(?P<number>\d+(?:[.,]\d+)?)\s?(?:(?P<size>[KMGTkmgt])i?[Bb]\b|(?!(?:sec|min|hour|day|pid|port)s?(?:ond|ute)?s?\b)[^\W\d_]{3,})"
)
"""An amount of data or of things: a number with a unit of size, or with a word of three letters that is none of time."""

NUMBER = regex(r"\d+(?:[.,]\d+)*")
KERNEL = r"\bkernel(?:\[\d+\])?: "
FEWEST, ALIKE, FAR_MORE = 3, 2.0, 4.0
"""So many runs before it had about the same to do, and this one so many times as much as any."""

LEAST, LEAST_BYTES = 1000, 64 << 20
"""So many things, or bytes, may take memory."""

LONGEST = timedelta(hours=3)
LINGERS = timedelta(minutes=10)
"""What took the memory may go on for so long after its last word, and then be killed itself."""

ORDERED = timedelta(minutes=5)
"""Who is told to end is killed when its grace is over."""


class Swollen(Struct, frozen=True, kw_only=True):
    """The line that tells how much there is, its amount, and the most that there ever was before; the job, if known."""

    said: Evidence
    job: Span | None
    amount: float
    usual: float


class _Told(Struct, frozen=True):
    time: datetime
    line: int
    amount: float
    much: bool


def swollen(case: Case, killed: pl.DataFrame) -> Swollen | None:
    """The run in which all were killed, where nobody ordered that and no kernel's log of that time denies it."""
    if killed.is_empty() or _ordered(case, killed):
        return None
    first, last = killed["time"].min(), killed["time"].max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    found = [one for job in case.schedules for rows in _own(case, job) for one in _runs(job.job.span, rows, first, last)]
    found = found or [one for rows in _others(case, killed) for one in _runs(None, rows, first, last)]
    return found[0] if found and not _denied(case, first, last) else None


def _ordered(case: Case, killed: pl.DataFrame) -> bool:
    """Whether somebody killed them: they were told to end before, Docker was asked to, or a collected script may."""
    told = case.happened("process.terminating").drop_nulls("time")
    names = set(killed["service"])
    scripts = any(
        proved.effect.action in ("kill", "stop") and names & set(proved.hits)
        for behaviour in case.behaviours
        for proved in behaviour.proved
    )
    near = (
        told.filter((pl.col("service") == service) & pl.col("time").is_between(time - ORDERED, time)).height
        for service, time in killed.select("service", "time").iter_rows()
    )
    return scripts or killed["message"].str.contains("^container kill").any() or any(near)


def _denied(case: Case, first: datetime, last: datetime) -> bool:
    """Whether the kernel's own words of that time were collected: they would tell that memory ran out."""
    covering = [one for one in case.sources if one.first and one.last and one.first <= first and one.last >= last]
    return any(
        one.source == "kernel" or case.lines(one.path).filter(pl.col("text").str.contains(KERNEL)).head(1).collect().height
        for one in covering
        if one.source in ("kernel", "syslog")
    )


def _own(case: Case, job: Schedule) -> Iterator[pl.DataFrame]:
    """What a job says: in the logs that its line or its scripts write to, or by the name of the unit that a timer starts."""
    names = {name for script in scripts_of(case, job) for name in appended_to("\n".join(expanded(script)))}
    logs = {*logs_of(case, job), *(path for path in case.files if path.rpartition("/")[2] in names)}
    of_unit = pl.col("service") == unit_of(job.job) if job.job.scheduler == "systemd" else pl.lit(value=False)
    own = case.timeline.filter((pl.col("file").is_in(sorted(logs)) | of_unit) & pl.col("time").is_not_null())
    told = own.select("file", "time", "line", "message").sort("file", "line").collect()
    yield from (rows for _, rows in told.group_by("file", maintain_order=True))


def _others(case: Case, killed: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """What programs' own logs tell that are of none of those killed: a job's, of which no table was collected."""
    mine = case.timeline.filter(pl.col("service").is_in(killed["service"].unique().to_list())).select("file").unique()
    ended = set(mine.collect()["file"])
    for source in case.sources:
        if source.source in (*OWN, "script") and source.path not in ended:
            log = case.timeline.filter((pl.col("file") == source.path) & pl.col("time").is_not_null())
            yield log.select("file", "time", "line", "message").sort("line").collect()


def _runs(job: Span | None, rows: pl.DataFrame, first: datetime, last: datetime) -> Iterator[Swollen]:
    for told in _by_words(rows):
        before = [one for one in told if one.time <= first]
        *earlier, own = [one.amount for one in before] or [0.0]
        near = bool(before) and before[-1].much and first - before[-1].time <= LONGEST
        after = next((one.time for one in told if one.time > first), None)
        run = rows.filter((pl.col("time") < after) if after else pl.lit(value=True))["time"].max()
        assert isinstance(run, datetime)
        even = len(earlier) >= FEWEST and max(earlier) <= ALIKE * min(earlier)
        if near and even and own >= FAR_MORE * max(earlier) and last <= run + LINGERS:
            said = Evidence(Span(rows["file"][0], before[-1].line), "far more than ever", shows="resource_exhausted")
            yield Swollen(said=said, job=job, amount=own, usual=max(earlier))


def _by_words(rows: pl.DataFrame) -> list[list[_Told]]:
    """The amounts that lines of the same words tell, in their order."""
    found: dict[str, list[_Told]] = {}
    for time, line, message in rows.select("time", "line", "message").iter_rows():
        for amount in AMOUNT.finditer(message or ""):
            power = " kmgt".index((amount["size"] or " ").lower())
            words = NUMBER.sub("#", f"{message[: amount.start()]}\0{message[amount.end() :]}")
            value = float(amount["number"].replace(",", ".")) * 1024.0**power
            found.setdefault(words, []).append(_Told(time, line, value, value >= (LEAST_BYTES if amount["size"] else LEAST)))
    return list(found.values())
