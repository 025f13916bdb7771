"""Requests fail because the code that serves them throws: on something that it takes for granted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.model.times import Times
from logcorr.rules import rule
from logcorr.rules._exceptions import Thrown, of_logs, own_line
from logcorr.timeline.lifecycles import Downtime, stopped
from logcorr.timeline.notes import DAY_S, entries
from logcorr.timeline.select import moments

TAKEN = regex(
    r"\b(?:NoMethod|Name|Type|Attribute|Key|Index|Reference|Range|UnboundLocal|ZeroDivision|Argument|Assertion)Error\b"
    r"|\b(?:NullPointer|NullReference|IndexOutOfRange|(?:Array)?IndexOutOfBounds|ClassCast|KeyNotFound|InvalidCast"
    r"|ArgumentNull|NoSuchElement|DivideByZero|Arithmetic)Exception\b"
    r"|undefined method|nil pointer dereference|index out of range|on null\b|Undefined (?:variable|index|array key|property)"
    r"|Cannot read propert|is not a function|is not defined|object is not"
)
"""What languages call it where code takes something for granted; not what is thrown because somebody else fails."""

OUTSIDE = regex(
    r"(?i)timed? ?out|refused|unreachable|ECONN|ENOTFOUND|\bdatabase\b|\bSQL|connection|permission|no space|certificate"
    r"|\b429\b|\b50\d\b"
)
"""Words by which something else is what failed."""

FEWEST = 3
BEFORE_S, AFTER_S, FELT_SHARE = 2.0, 3.0, 0.6
"""A request fails within so long of what is thrown, and nearly each does."""

SHORTEST = 4
"""A file's name of fewer letters (`db`, `app`) is a word of any note."""

SOON_S = 3600.0
SINCE, SEEN = 0.92, 0.85
"""How sure it is: just before it was thrown for the first time, somebody wrote down a change that names the same; or none did."""

Moments: TypeAlias = "npt.NDArray[np.float64]"


@rule(code="APP001", title="Code that serves requests throws", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Exceptions with a stack into collected code, by the line that throws, where requests fail at the time, and nothing dies."""
    failed = moments(case, "http.5xx")
    if len(failed) < FEWEST:
        return
    crashes = [stop for stop in case.once(stopped) if stop.kind == "process.crashed"]
    for path, exceptions in case.once(of_logs).items():
        if crashes and not all(_is_others(case, path, stop) for stop in crashes):
            continue
        for place, alike in _by_line(case, exceptions).items():
            times = _times(case, path, alike)
            if len(times) >= FEWEST and _felt(times, failed):
                yield _finding(case, place, alike, times)


def _is_others(case: Case, path: str, crash: Downtime) -> bool:
    """Whether another service than the one that writes a log crashed, by a log that is its alone."""
    files = case.timeline.filter(pl.col("file").is_in([path, crash.end.path])).select("file", "service").unique().collect()
    own, others = (set(files.filter(pl.col("file") == file)["service"].drop_nulls()) for file in (path, crash.end.path))
    return crash.end.path != path and crash.service not in own and others <= {crash.service}


def _by_line(case: Case, exceptions: Sequence[Thrown]) -> Mapping[Span, list[Thrown]]:
    """The exceptions by the innermost line of the application's own code."""
    found: dict[Span, list[Thrown]] = {}
    known: dict[object, Span | None] = {}
    for one in exceptions:
        if TAKEN.search(one.message) and not OUTSIDE.search(one.message):
            place = known.setdefault(one.frames, own_line(case, one))
            if place:
                found.setdefault(place, []).append(one)
    return found


def _times(case: Case, path: str, exceptions: Sequence[Thrown]) -> Moments:
    """When they were thrown, in epoch seconds: by the stamp of their line, or of the last before it."""
    stamps = case.timeline.filter((pl.col("file") == path) & pl.col("time").is_not_null()).select("line", "time").collect()
    lines = pl.DataFrame({"line": [one.span.line for one in exceptions]}, schema={"line": pl.UInt32}).sort("line")
    told = lines.join_asof(stamps.sort("line"), on="line", strategy="backward").drop_nulls("time")
    return np.asarray(told["time"].dt.epoch("us").to_numpy() / 1e6)


def _felt(times: Moments, failed: Moments) -> bool:
    near = np.searchsorted(failed, times + AFTER_S, side="right") > np.searchsorted(failed, times - BEFORE_S)
    return bool(near.mean() >= FELT_SHARE)


def _changes(case: Case, place: Span, exceptions: Sequence[Thrown], since: float) -> Iterator[Evidence]:
    """What people and releases wrote down shortly before, that names an own file of the stack."""
    files = {path for path, _ in _collected(case, exceptions[0])} | {place.path}
    stems = {path.rpartition("/")[2].partition(".")[0].lower() for path in files}
    names = "|".join(re.escape(stem) for stem in sorted(stems) if len(stem) >= SHORTEST)
    named = re.compile(rf"(?<![a-z0-9])(?:{names})(?![a-z0-9])")
    logs = {one.span.path for one in exceptions}
    for entry in case.once(entries):
        before = any(0 < since - time <= SOON_S for time in entry.times)
        if (
            names
            and before
            and entry.within_s < DAY_S
            and entry.place.path not in logs
            and named.search(" ".join(entry.texts).lower())
        ):
            yield Evidence(entry.place, "it was changed", shows="deploy_changes_configuration")


def _finding(case: Case, place: Span, exceptions: Sequence[Thrown], times: Moments) -> Finding:
    changed = tuple(_changes(case, place, exceptions, float(times.min())))[-1:]
    first, last = exceptions[0], exceptions[-1]
    callers = [Span(file, line) for file, line in _collected(case, first) if Span(file, line) != place]
    return Finding(
        confidence=SINCE if changed else SEEN,
        claim=claim(
            "request_raises.found",
            "{count} requests failed as {place} throws: {words}",
            count=len(times),
            place=str(place),
            words=first.message[:80],
        ),
        evidence=(
            Evidence(place, "throws", shows="request_raises"),
            *(Evidence(span, "leads to it", shows="request_raises") for span in callers[:2]),
            *changed,
            *(Evidence(one.span, "", shows="request_raises") for one in dict.fromkeys((first, exceptions[1], last))),
        ),
        would_refute=claim("request_raises.refute", "a request that met the same line and was answered"),
        subject=str(place),
        measured={"count": len(times)},
        times=Times(pl.from_epoch(pl.Series(times * 1e6).cast(pl.Int64), time_unit="us").dt.replace_time_zone("UTC")),
        fix=claim(
            "request_raises.fix",
            "take the change back, handle what the line takes for granted, and try it with such data before it is on for all",
        ),
    )


def _collected(case: Case, exception: Thrown) -> Iterator[tuple[str, int]]:
    """The frames of its stack that stand in collected files."""
    from logcorr.semantics.paths import collected  # few findings ask

    for path, line in exception.frames:
        file = collected(path, case.files)
        if file:
            yield file, line
