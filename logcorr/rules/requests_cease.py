"""No request is logged for minutes, though before and after one came nearly each minute."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TypeAlias

from logcorr.lazily import np, npt, pl
from logcorr.model.case import Case, Source
from logcorr.model.claim import Evidence, claim
from logcorr.model.events import REQUEST_LOGS
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule

Minutes: TypeAlias = "npt.NDArray[np.int64]"

BESIDE, FEWEST, LONGEST = 60, 20, 180
"""Minutes on both sides of a silence in which it is seen how dense requests are, at most and at least, and how long it may last:
longer ones are nights, or parts that were not collected."""

USUAL, MOST_USUAL = 0.8, 0.95
CHANCE = 1e-9
"""So seldom would so many minutes be without a request, if each minute had one with the share that those around have."""

FEWEST_OTHERS = 5
"""So many lines of other logs in that time show that it was collected."""


@rule(code="NGX031", title="Requests cease for minutes", role="signal", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Each log of requests, minute by minute, where other logs go on."""
    for source in sorted((one for one in case.sources if one.format in REQUEST_LOGS), key=lambda one: one.path):
        minutes = _minutes(case, source)
        for at in np.flatnonzero(np.diff(minutes) > 1).tolist():
            last, following = int(minutes[at]), int(minutes[at + 1])
            if following - last <= LONGEST and _is_rare(minutes, last, following):
                yield from filter(None, [_finding(case, source, last, following)])


def _minutes(case: Case, source: Source) -> Minutes:
    """The minutes since the epoch in which requests were logged, in order."""
    own = case.timeline.filter((pl.col("file") == source.path) & pl.col("time").is_not_null())
    minutes = own.select((pl.col("time").dt.epoch("s") // 60).unique().sort().alias("minute")).collect(engine="streaming")
    return np.asarray(minutes["minute"].to_numpy(), dtype=np.int64)


def _is_rare(minutes: Minutes, last: int, following: int) -> bool:
    """Whether so many silent minutes would hardly come by chance amid the minutes on both sides."""
    first, end = max(last - BESIDE, int(minutes[0]) - 1), min(following + BESIDE, int(minutes[-1]) + 1)
    if min(last - first, end - following) < FEWEST:
        return False
    before = np.searchsorted(minutes, last, side="right") - np.searchsorted(minutes, first, side="right")
    after = np.searchsorted(minutes, end) - np.searchsorted(minutes, following)
    usual = min(int(before) / (last - first), int(after) / (end - following))
    return usual >= USUAL and bool((1 - min(usual, MOST_USUAL)) ** (following - last - 1) <= CHANCE)


def _finding(case: Case, source: Source, last: int, following: int) -> Finding | None:
    begin, end = (datetime.fromtimestamp(60 * minute, UTC) for minute in (last + 1, following))
    dated = case.timeline.filter(pl.col("time").is_not_null())
    others = dated.filter(pl.col("time").is_between(begin, end, closed="left") & (pl.col("file") != source.path))
    if others.select(pl.len()).collect().item() < FEWEST_OTHERS:
        return None
    own = dated.filter(pl.col("file") == source.path)
    lines = own.select(
        last=pl.col("line").filter(pl.col("time") < begin).last(), first=pl.col("line").filter(pl.col("time") >= end).first()
    ).collect()
    return Finding(
        confidence=0.85,
        claim=claim(
            "requests_cease.found",
            "{path} tells of no request for {minutes} minutes, though before and after one came nearly each minute: "
            "nothing was served, or that part of it is missing",
            path=source.path,
            minutes=following - last - 1,
        ),
        evidence=(
            Evidence(Span(source.path, lines["last"][0]), "the last before"),
            Evidence(Span(source.path, lines["first"][0]), "the first after"),
        ),
        would_refute=claim("requests_cease.refute", "requests that another log or another server tells of in this time"),
        subject=source.path,
        measured={"minutes": following - last - 1},
        times=(begin,),
    )
