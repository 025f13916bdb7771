"""Transactions lock the same rows in different orders, wait for each other, and the database ends one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.case import Case, Schedule
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.events import REQUEST_LOGS
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._jobs import programs_of, scripts_of
from logcorr.rules._statements import sender
from logcorr.timeline.select import cite, instants, moments, seconds

KIND = "transaction.deadlock"
FEWEST = 2
HEAD = 60
SHOWS = "transactions_deadlock"

TOLD = r"Process \d+: |^\s*(?i:select|update|insert|delete|replace|merge)\b"
POSTGRESQL = regex(r"""Process \d+: ((?:(?!\\n|",)[^\n])+)""")
DUMPED = r"LATEST DETECTED DEADLOCK"
"""How PostgreSQL's DETAIL and InnoDB's report tell the statements; a report may have been captured by hand."""

REPORT_LINES = 80

FELT_S, FELT_SHARE = 3.0, 0.3
"""Who tries again does no harm: so many must be felt, where a log of requests would tell of it."""

JOB, PAIR, ITSELF, UNPLACED, UNFELT = 0.92, 0.85, 0.85, 0.6, 0.5
"""How sure it is what to change: a job's statement among those of requests; one of two; one that meets itself; none found; and
that it does harm, where only the database tells of it."""

DATABASES = r"(?i)postgres|mysql|maria|innodb"
"""How logs of databases are called, and what reads them."""


class _Told(Struct, frozen=True):
    """A statement that took part, where a log tells it, and the line of a program that sends it, if just one does."""

    text: str
    told: Span
    sent: Span | None


@rule(code="DB001", title="Transactions wait for each other", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Deadlocks that a database or its clients tell of, with the statements of both sides and the lines that send them."""
    rows = case.happened(KIND).drop_nulls("time")
    told = _statements(case, rows) if rows.height >= FEWEST and _is_felt(case, rows) else []
    if told:
        files = {one.told.path for one in told} & set(rows["file"])
        own = rows.filter(pl.col("file").is_in(sorted(files))) if files else rows
        found = _finding(case, own if own.height >= FEWEST else rows, told)
        harmless = not _is_asked(case) and not _is_told_by_others(case, rows)
        yield replace(found, confidence=min(found.confidence, UNFELT), severity="warning") if harmless else found


def _is_asked(case: Case) -> bool:
    """Whether a log of requests would tell of failures."""
    return any(source.format in REQUEST_LOGS for source in case.sources)


def _is_told_by_others(case: Case, rows: pl.DataFrame) -> bool:
    """Whether others than databases tell of an error at these moments."""
    others = ~pl.col("file").str.contains(DATABASES) & ~pl.col("source").str.contains(DATABASES)
    told = case.timeline.filter(others & (pl.col("severity") >= "error") & pl.col("time").is_not_null())
    return _are_near(seconds(told.collect().sort("time")), rows)


def _is_felt(case: Case, rows: pl.DataFrame) -> bool:
    return not _is_asked(case) or _are_near(moments(case, "http.5xx"), rows)


def _are_near(failed: npt.NDArray[np.float64], rows: pl.DataFrame) -> bool:
    """Whether failures come near enough of them."""
    at = seconds(rows)
    near = np.searchsorted(failed, at + FELT_S, side="right") > np.searchsorted(failed, at - FELT_S)
    return bool(near.mean() >= FELT_SHARE)


def _statements(case: Case, rows: pl.DataFrame) -> list[_Told]:
    """Every statement of a report, in the order of logs; those that are told again and again once each time."""
    known: dict[str, Span | None] = {}
    found = []
    for path, starts in _reports(case, rows):
        lines = case.lines(path).filter(pl.col("text").str.contains(TOLD)).select("line", "text").collect()
        for line, text in lines.iter_rows():
            if any(start <= line <= start + REPORT_LINES for start in starts):
                for statement in POSTGRESQL.findall(text) or [text.strip()]:
                    if statement not in known:
                        known[statement] = sender(case, statement)
                    found.append(_Told(statement, Span(path, line), known[statement]))
    return found


def _reports(case: Case, rows: pl.DataFrame) -> Iterator[tuple[str, Sequence[int]]]:
    """Where reports begin: the lines that tell of a deadlock, and those of captures."""
    logs = set(rows["file"])
    for path in sorted(logs):
        yield path, rows.filter(pl.col("file") == path)["line"].to_list()
    for path in sorted(case.files - {source.path for source in case.sources}):
        starts = case.lines(path).filter(pl.col("text").str.contains(DUMPED)).collect()["line"].to_list()
        if starts:
            yield path, starts


def _finding(case: Case, rows: pl.DataFrame, told: Sequence[_Told]) -> Finding:
    sides = [span for span, _ in Counter(one.sent for one in told if one.sent).most_common(2)]
    jobs = [(side, job) for side in sides if (job := _job(case, side))]
    side, job = jobs[0] if len(jobs) == 1 else (sides[0] if sides else None, None)
    places = [place for place in (side, *sides) if place]
    return Finding(
        confidence=JOB if job and len(sides) > 1 else (PAIR if len(sides) > 1 else ITSELF) if _complete(told) else UNPLACED,
        claim=_claim(rows, told, list(dict.fromkeys(places)), job),
        evidence=(
            *(Evidence(place, "locks rows that the other locks too", shows=SHOWS) for place in dict.fromkeys(places)),
            *([Evidence(job.job.span, f"runs on {job.job.schedule}")] if job else []),
            *cite(rows, shows=SHOWS),
            *(Evidence(one.told, "takes part", shows=SHOWS) for one in _first(told)),
        ),
        would_refute=claim("deadlock.refute", "programs that lock these rows in one and the same order"),
        subject=str(rows["service"][0] or rows["source"][0]),
        measured={"count": rows.height},
        times=instants(rows),
        fix=claim(
            "deadlock.fix",
            "lock the rows in one order everywhere (sorted by their key, or all of them first with ORDER BY … FOR UPDATE), "
            "in short transactions, and try again what was ended",
        ),
    )


def _complete(told: Sequence[_Told]) -> bool:
    """Whether the line that sends it is known of nearly every statement."""
    return sum(bool(one.sent) for one in told) >= 0.9 * len(told)


def _first(told: Sequence[_Told]) -> list[_Told]:
    """Where each sort of statement is told first, of two sorts at most."""
    sorts: dict[object, _Told] = {}
    for one in told:
        sorts.setdefault(one.sent or one.text[:HEAD], one)
    return list(sorts.values())[:2]


def _job(case: Case, place: Span) -> Schedule | None:
    """The one schedule that leads to the file."""
    found = [
        one
        for one in case.schedules
        if place.path in {*programs_of(case, one), *(script.span.path for script in scripts_of(case, one))}
    ]
    return found[0] if len(found) == 1 else None


def _claim(rows: pl.DataFrame, told: Sequence[_Told], places: Sequence[Span], job: Schedule | None) -> Claim:
    count = rows.height
    if not places:
        first, *others = _first(told)
        return claim(
            "deadlock.found",
            "transactions lock the same rows in different orders and wait for each other: {count} deadlocks, "
            "of “{one}” and “{other}”",
            count=count,
            one=first.text[:HEAD],
            other=others[0].text[:HEAD] if others else first.text[:HEAD],
        )
    if len(places) == 1:
        return claim(
            "deadlock.itself",
            "{one} locks rows in whatever order they come, and transactions that do so wait for each other: {count} deadlocks",
            one=str(places[0]),
            count=count,
        )
    if not job:
        return claim(
            "deadlock.pair",
            "{one} and {other} lock the same rows in different orders and wait for each other: {count} deadlocks",
            one=str(places[0]),
            other=str(places[1]),
            count=count,
        )
    return claim(
        "deadlock.job",
        "the job on {schedule} locks the same rows as others in another order, and they wait for each other: {count} deadlocks, "
        "of {one} and {other}",
        schedule=job.job.schedule,
        one=str(places[0]),
        other=str(places[1]),
        count=count,
    )
