"""When a line or a file was written that a cause rests on: dates in comments, listings of files, a table of jobs put in place."""

from __future__ import annotations

from collections.abc import Iterator
from operator import eq

from msgspec import Struct

from logcorr.causes.touched import Tie, Touched
from logcorr.causes.versions import CHANGES
from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.source import Span
from logcorr.timeline.dates import dated
from logcorr.timeline.notes import instants, within, zones_of
from logcorr.timeline.select import spans

LONG_BEFORE_S = 14 * 86400.0
"""A change of the very thing may show later: when it is asked for, or is full."""

ABOVE, AFTER = 5, 8
"""So many lines of a comment above a line are about it; so many lines of `stat` are about one file."""

COMMENT = regex(r"^\s*(?:#|//|;|--|/?\*)+\s*(?P<said>.*)")
KEPT = regex(r"(?i)\b(?:until|till|expires?|valid|remove after|review\w*|checked|unchanged|left as|bis|gültig|geprüft|jusqu)\b")
"""What is said of a date by which nothing was changed."""

BEHIND = regex(r"\s(?:#|//|;|--)\s+(?P<said>\S.*)")
ROW = regex(
    r"^\s*(?:\d+\s+\d+\s+)?-[-rwxsStT]{9}\S?\s+\d+\s+\S+\s+\S+\s+[\d.,]+[KMGT]?\s+"
    r"(?P<said>\S.*\s(?P<path>(?:\S*/)?[^\s/]+))$"
)
"""A file in the output of `ls -l`: what stands behind its size, which begins with its date."""

TELLS = r"^\s*(?:\d+\s+\d+\s+)?-[-rwxsStT]{9}|^\s*(?:File|Modify): "
"""What may be such a row, or be of what `stat` says."""

REPLACED, RAN = r"^\(([^)]+)\) REPLACE \(", r"^\(([^)]+)\) CMD \("


class _Row(Struct, frozen=True):
    """Where it is told of a file, by its path as listed, when it was last written: the text begins with the date."""

    place: Span
    path: str
    said: str


def edited(case: Case, touched: Touched) -> Iterator[Tie]:
    """The lines that tell when one of these lines or files was written, where that was before it began."""
    for span in touched.lines:
        yield from _commented(case, span, touched)
    yield from _listed(case, touched)
    yield from _replaced(case, touched)


def _lies(case: Case, text: str, touched: Touched) -> bool:
    """Whether the text begins with a date, not long before it began."""
    said = dated(text)
    times = instants(case, said, (), zones_of(case)) if said else ()
    return any(said and time <= touched.until and time + within(said) >= touched.since - LONG_BEFORE_S for time in times)


def _commented(case: Case, span: Span, touched: Touched) -> Iterator[Tie]:
    """The comment with a date at a line, or the one just above it."""
    near = pl.col("line").is_between(span.line - ABOVE, span.line)
    lines = case.lines(span.path).filter(near).select("line", "text").sort("line", descending=True).collect()
    for line, text in lines.iter_rows():
        said = BEHIND.search(text) if line == span.line else COMMENT.match(text)
        if line != span.line and not said:
            return
        if said and not KEPT.search(said["said"]) and _lies(case, said["said"], touched):
            yield Tie(Evidence(Span(span.path, line), "a comment with its date", CHANGES), span.path.rpartition("/")[2])


def _listed(case: Case, touched: Touched) -> Iterator[Tie]:
    """The rows of `ls -l`, and what `stat` says, that tell when one of these files was last written."""
    names = touched.files
    rows = [(row, row.path.rpartition("/")[2]) for row in case.once(_rows)]
    theirs = [(row, name) for row, name in rows if name in names and _is_one(case, row.path, name, touched)]
    for row, name in theirs:
        if _lies(case, row.said, touched):
            yield Tie(Evidence(row.place, "when it was written", CHANGES), name)


def _is_one(case: Case, listed: str, name: str, touched: Touched) -> bool:
    """Whether a path that is listed may be one of these files: as the jobs call it, or else as it was collected."""
    words = (word.strip("'\"();") for one in case.schedules for word in one.job.command.split())
    called = [word for word in words if word.endswith(f"/{name}")]
    paths = called or [span.path for span in touched.lines if span.path.rpartition("/")[2] == name]
    parts = [part for part in listed.split("/") if part not in ("", ".")]
    return any(all(map(eq, reversed(parts), reversed(path.strip("/").split("/")))) for path in paths)


def _rows(case: Case) -> tuple[_Row, ...]:
    """The rows of all collected files that no log is read from."""
    read = {source.path for source in case.sources}
    return tuple(row for path in sorted(case.files - read) for row in _rows_of(case, path))


def _rows_of(case: Case, path: str) -> Iterator[_Row]:
    lines = case.lines(path).filter(pl.col("text").str.contains(TELLS)).select("line", "text").sort("line").collect()
    stated, at = "", 0
    for line, text in lines.iter_rows():
        word, _, said = text.strip().partition(": ")
        row = ROW.match(text)
        if row:
            yield _Row(Span(path, line), row["path"], row["said"])
        elif word == "File":
            stated, at = said.split()[-1].strip("'‘’\""), line
        elif word == "Modify" and stated and line - at <= AFTER:
            yield _Row(Span(path, line), stated, said)
            stated = ""


def _replaced(case: Case, touched: Touched) -> Iterator[Tie]:
    """What crontab said when somebody put the table in place that runs the job."""
    for schedule in case.schedules:
        if schedule.job.command and schedule.job.scheduler == "cron" and schedule.job.span in touched.lines:
            ran = case.happened("job.started").filter(pl.col("message").str.contains(schedule.job.command, literal=True))
            users = {schedule.job.user, *ran["message"].str.extract(RAN, 1)}
            before = (pl.col("time").dt.epoch("us") / 1e6).is_between(touched.since - LONG_BEFORE_S, touched.until)
            for place in spans(case.once(_tables).filter(before & pl.col("user").is_in([one for one in users if one])).tail(1)):
                yield Tie(Evidence(place, "put in place", CHANGES), schedule.job.span.path.rpartition("/")[2])


def _tables(case: Case) -> pl.DataFrame:
    """What crontab logged of tables that were put in place, with their `user`."""
    logged = case.timeline.filter(pl.col("message").str.contains(REPLACED)).drop_nulls("time")
    return logged.with_columns(pl.col("message").str.extract(REPLACED, 1).alias("user")).collect()
