"""A service only warns from some moment on, and no longer does what it did until then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec.structs import replace

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.events import REQUEST_LOGS
from logcorr.model.result import Finding
from logcorr.rules import by_service, counted, rule
from logcorr.rules._failures import HEAD, sort_of

FEWEST = 10
UNUSUAL = 1e-3
"""What came as often as until then would be away for so long no oftener than this."""

MOST_GAPS = 5
"""So many of its usual pauses before that moment it came last, at most: what is only said at the start is no use."""

CONFIDENCE = 0.9


@rule(code="LOG007", title="A service only warns, and no longer does what it did", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Ten warnings of one sort or more, since whose first a line that had come as often, and is no warning, never came again."""
    own = _own(case)
    warned = own.filter(pl.col("severity") == "warn").collect()
    for service, rows in by_service(warned):
        many = rows.filter(pl.len().over(sort_of()) >= FEWEST)
        usual = _usual(own.filter(pl.col("service") == service)) if many.height else many
        for _, same in many.group_by(sort_of(), maintain_order=True):
            away = _away(usual, same["time"][0])
            if away:
                yield _finding(service, same, *away)


def _own(case: Case) -> pl.LazyFrame:
    """What programs write that no kind fits, but for logs of requests."""
    requests = [source.path for source in case.sources if source.format in REQUEST_LOGS]
    untold = pl.col("kind").is_null() & pl.col("time").is_not_null() & ~pl.col("file").is_in(requests)
    return case.timeline.filter(untold).with_columns(pl.col("service").fill_null(pl.col("source")))


def _usual(own: pl.LazyFrame) -> pl.DataFrame:
    """What its lines that are no warnings say, the most frequent first: how often, from when to when, and all its time."""
    quiet = (pl.col("severity") < "warn").fill_null(True)
    time = pl.col("time")
    whole = own.select(start=time.min(), end=time.max())
    sorts = own.filter(quiet).group_by(sort_of()).agg(pl.len(), pl.col("message").first(), first=time.min(), last=time.max())
    return sorts.filter(pl.col("len") >= FEWEST).join(whole, how="cross").sort("len", "sort", descending=True).collect()


def _away(usual: pl.DataFrame, since: datetime) -> tuple[str, int] | None:
    """The line that came most often until shortly before that moment and never since, though it should; how often it came."""
    gap = (pl.col("last") - pl.col("first")) / (pl.col("len") - 1)
    until_then = (pl.col("last") < since) & (since - pl.col("last") <= MOST_GAPS * gap)
    for gone in usual.filter(until_then).head(1).iter_rows(named=True):
        expected = gone["len"] * (gone["end"] - since) / (since - gone["start"])
        if np.exp(-expected) < UNUSUAL:
            return str(gone["message"]), int(gone["len"])
    return None


def _finding(service: str, same: pl.DataFrame, usual: str, before: int) -> Finding:
    found = counted(
        same,
        service,
        claim(
            "warnings_instead.found",
            "{service} logs “{words}” ({count}×), and no longer “{usual}” ({before}× until then)",
            service=service,
            words=str(same["message"][0]).strip()[:HEAD],
            count=same.height,
            usual=usual.strip()[:HEAD],
            before=before,
        ),
        claim("warnings_instead.refute", "that nobody asked for what it did until then"),
    )
    return replace(found, confidence=CONFIDENCE, measured={**found.measured, "before": before})
