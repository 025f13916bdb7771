"""A log stops long before the others do, though nothing in it says why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from logcorr.lazily import pl
from logcorr.model.case import Case, Source
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.rotation import part_of
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.timeline.signs import ENDS

STEADY = ("app", "nginx")
"""Sources that log as long as they live."""

FEWEST = 50
LONG = timedelta(minutes=30)
TIMES = 50
"""Silence of so many usual pauses between two lines."""


@rule(code="LOG001", title="A log ends long before the others", role="signal", severity="info")
def check(case: Case) -> Iterator[Finding]:
    """Looks for logs of services that end early against their own rate, while another that is as steady goes on."""
    steady = [source for source in case.sources if source.source in STEADY and source.lines >= FEWEST and _pause(source)]
    newest = {part_of(source.path)[0]: source for source in sorted(steady, key=lambda source: part_of(source.path))}
    for source in newest.values():
        other = max(steady, key=lambda one: _after(source, one))
        silent = _after(source, other)
        if silent > max(LONG, TIMES * _pause(source), TIMES * _pause(other)) and not _ended(case, source):
            yield _finding(source, other, silent)


def _pause(source: Source) -> timedelta:
    """The usual time between two lines; none where no times are known."""
    if source.first is None or source.last is None or source.lines < 2:
        return timedelta(0)
    return (source.last - source.first) / (source.lines - 1)


def _after(source: Source, other: Source) -> timedelta:
    return other.last - source.last if other.last and source.last else timedelta(0)


def _ended(case: Case, source: Source) -> bool:
    """Whether something tells that the service came to its end then."""
    assert source.last is not None
    about = pl.col("time").is_between(source.last - timedelta(minutes=1), source.last + timedelta(minutes=1))
    own = (pl.col("file") == source.path) | (pl.col("service") == source.service).fill_null(False)
    return not case.happened(*ENDS).filter(about & own).is_empty()


def _finding(source: Source, other: Source, silent: timedelta) -> Finding:
    usual_s = round(_pause(source).total_seconds(), 3)
    return Finding(
        confidence=0.7,
        claim=claim(
            "log_ends_early.found",
            "{path} ends {silent_s:g} s before {other}, though it has a line every {usual_s:g} s: it proves nothing after that",
            path=source.path,
            other=other.path,
            silent_s=silent.total_seconds(),
            usual_s=usual_s,
        ),
        evidence=(
            Evidence(Span(source.path, source.lines), "its last line"),
            Evidence(Span(other.path, other.lines), "the other's"),
        ),
        would_refute=claim("log_ends_early.refute", "the rest of this log in another file, or a host in another time zone"),
        subject=source.path,
        measured={"silent_s": silent.total_seconds(), "usual_s": usual_s},
    )
