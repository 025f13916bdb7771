"""A log was rotated, and what writes it goes on in the old file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from logcorr.lazily import regex
from logcorr.model.case import Case, Source
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ExistingFile
from logcorr.model.result import Finding
from logcorr.model.rotation import part_of
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.timeline.offsets import zone_of

LATE = timedelta(seconds=60)
"""Workers that end may still write so long into the file they have open."""

WRITTEN = regex(r"\b([A-Z][a-z]{2}) +(\d{1,2}) +(\d\d:\d\d)\b")
"""When `ls -l` says that a file was last written, in the host's time."""


@rule(code="NGX011", title="A rotated log is still written", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Looks for parts of one log of which the older one goes on after the newer one began, or while that is empty."""
    parts = sorted((source for source in case.sources if source.first), key=lambda source: (part_of(source.path), source.path))
    for old, new in pairwise(parts):
        same = part_of(old.path)[0] == part_of(new.path)[0] and part_of(old.path) != part_of(new.path)
        if same and old.format == new.format and old.last and new.first and old.last - new.first > LATE:
            yield _goes_on(old, new, (old.last - new.first).total_seconds())
    for source in parts:
        live = next((file for file in case.of(ExistingFile) if _is_empty_live(case, source, file)), None)
        if live and part_of(source.path)[0] not in {one.path for one in parts}:
            yield _empty(source, live)


def _is_empty_live(case: Case, source: Source, file: ExistingFile) -> bool:
    """Whether a listing shows the log's live file empty, and older than the last line of this rotated part."""
    base = part_of(source.path)[0]
    name = base.rpartition("/")[2]
    if file.size != 0 or base == source.path or file.host_path.rpartition("/")[2] != name or not source.last:
        return False
    text = case.lines(file.span.path).collect().filter(line=file.span.line)["text"]
    local = source.last.astimezone(zone_of(source.zone)).replace(tzinfo=None)
    written = _written(text[0], local.year) if len(text) else None
    return written is not None and local - written > timedelta(minutes=1) + LATE


def _written(listed: str, year: int) -> datetime | None:
    found = WRITTEN.search(listed)
    if not found:
        return None
    try:
        return datetime.strptime(f"{year} {found[1]} {found[2]} {found[3]}", "%Y %b %d %H:%M")  # noqa: DTZ007 - the host's time
    except ValueError:  # another language's month, or no day of this year
        return None


def _goes_on(old: Source, new: Source, overlap_s: float) -> Finding:
    return Finding(
        confidence=0.85,
        claim=claim(
            "rotation_not_reopened.goes_on",
            "{old} was still written {overlap_s:g} s after {new} began: something was not told of the rotation",
            old=old.path,
            new=new.path,
            overlap_s=overlap_s,
        ),
        evidence=(
            Evidence(Span(old.path, old.lines), "the rotated file's last line"),
            Evidence(Span(new.path, 1), "the new file's first"),
        ),
        would_refute=claim("rotation_not_reopened.refute", "two programs that each write one of the files"),
        subject=new.path,
        measured={"overlap_s": overlap_s},
        fix=_fix(),
    )


def _empty(source: Source, live: ExistingFile) -> Finding:
    return Finding(
        confidence=0.8,
        claim=claim(
            "rotation_not_reopened.empty",
            "{path} is still written, and the live file beside it is empty: something was not told of the rotation",
            path=source.path,
        ),
        evidence=(Evidence(Span(source.path, source.lines), "its last line"), Evidence(live.span, "the empty live file")),
        would_refute=claim("rotation_not_reopened.refute", "two programs that each write one of the files"),
        subject=source.path,
        fix=_fix(),
    )


def _fix() -> Claim:
    return claim(
        "rotation_not_reopened.fix",
        "have logrotate's postrotate tell it to open its log again (nginx: `nginx -s reopen`), or use copytruncate",
    )
