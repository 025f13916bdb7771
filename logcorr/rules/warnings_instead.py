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

CONFIDENCE = 0.9


@rule(code="LOG007", title="A service only warns, and no longer does what it did", role="symptom", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Ten warnings of one sort or more, since whose first a line that had come as often, and is no warning, never came again."""
    own = _own(case)
    warned = own.filter(pl.col("severity") == "warn").collect()
    for service, rows in by_service(warned):
        many = rows.filter(pl.len().over(sort_of()) >= FEWEST)
        for _, same in many.group_by(sort_of(), maintain_order=True):
            away = _away(own, str(service), same["time"][0])
            if away:
                yield _finding(service, same, *away)


def _own(case: Case) -> pl.LazyFrame:
    """What programs write that no kind fits, but for logs of requests."""
    requests = [source.path for source in case.sources if source.format in REQUEST_LOGS]
    untold = pl.col("kind").is_null() & pl.col("time").is_not_null() & ~pl.col("file").is_in(requests)
    return case.timeline.filter(untold).with_columns(pl.col("service").fill_null(pl.col("source")))


def _away(own: pl.LazyFrame, service: str, since: datetime) -> tuple[str, int] | None:
    """The line that came most often before that moment and never since, though it should have; and how often it came."""
    quiet = (pl.col("severity") < "warn").fill_null(True) & (pl.col("service") == service)
    rows = own.filter(pl.col("service") == service).select(start=pl.col("time").min(), end=pl.col("time").max()).collect()
    start, end = rows["start"][0], rows["end"][0]
    sorts = own.filter(quiet).group_by(sort_of()).agg(pl.len(), pl.col("time").max().alias("last"), pl.col("message").first())
    gone = (
        sorts.filter((pl.col("last") < since) & (pl.col("len") >= FEWEST)).sort("len", "sort", descending=True).head(1).collect()
    )
    if not gone.height or since <= start:
        return None
    expected = gone["len"][0] * (end - since) / (since - start)
    return (str(gone["message"][0]), int(gone["len"][0])) if np.exp(-expected) < UNUSUAL else None


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
