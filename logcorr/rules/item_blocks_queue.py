"""A worker fails at one piece of work again and again, and comes to no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._exceptions import Thrown, of_logs, own_line
from logcorr.rules._items import Item, item, marked
from logcorr.timeline.select import cite, instants, seconds

FEWEST, LONGEST_S = 5, 60.0
"""It is tried so often, and for so long."""

MOST_OTHERS = 0.1
"""For each try the log tells of at most so many other things since."""

FOUND, UNSEEN = 0.92, 0.85
"""How sure it is where the line of code that throws was collected, and where it was not."""

STACK = "Traceback (most recent call last):"
SHOWS = "request_raises"


@rule(code="APP002", title="A worker is stuck at one piece of work", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Logs in which the same item stands before each of many like exceptions, others did before, and nothing else comes since."""
    for path, every in case.once(of_logs).items():
        alike: dict[str, list[Thrown]] = {}
        for one in every:
            alike.setdefault(one.message, []).append(one)
        for exceptions in alike.values():
            stuck = item(case, exceptions) or marked(case, exceptions) if len(exceptions) >= FEWEST else None
            if stuck and _alone_since(case, path, exceptions, stuck):
                yield _finding(case, exceptions, stuck)


def _alone_since(case: Case, path: str, exceptions: Sequence[Thrown], stuck: Item) -> bool:
    """Whether it is tried for long, and the log tells of hardly anything else from the first exception on."""
    tries = seconds(stuck.rows)
    if tries.max() - tries.min() < LONGEST_S:
        return False
    later = case.timeline.filter((pl.col("file") == path) & (pl.col("line") > exceptions[0].span.line))
    own = pl.col("message").str.starts_with(stuck.name) | pl.col("line").is_in(stuck.rows["line"].implode())
    told = pl.col("message").is_in([STACK, exceptions[0].message]) | (pl.col("severity") >= "warn").fill_null(False)
    others = later.select((~own & ~told).sum()).collect().item()
    return bool(others <= MOST_OTHERS * len(exceptions))


def _finding(case: Case, exceptions: Sequence[Thrown], stuck: Item) -> Finding:
    first, last = exceptions[0], exceptions[-1]
    place = own_line(case, first)
    return Finding(
        confidence=FOUND if place else UNSEEN,
        claim=claim(
            "item_blocks_queue.found",
            "“{item}” fails {count} times with “{words}”, and nothing else is worked on since: {others} others had gone well",
            item=stuck.name[:80],
            count=len(exceptions),
            words=first.message[:80],
            others=stuck.others,
        ),
        evidence=(
            *([Evidence(place, "throws", shows=SHOWS)] if place else []),
            *cite(stuck.rows, "what it was at work on", most=2, shows=SHOWS),
            *(Evidence(one.span, "", shows=SHOWS) for one in dict.fromkeys((first, exceptions[1], last))),
        ),
        would_refute=claim("item_blocks_queue.refute", "another piece of work that this worker ended in that time"),
        subject=str(stuck.rows["service"][0] or stuck.rows["source"][0]),
        measured={"count": len(exceptions), "others": stuck.others},
        times=instants(stuck.rows),
        fix=claim(
            "item_blocks_queue.fix",
            "put aside what fails a few times (a dead letter queue) instead of trying it for ever; then mend data or code",
        ),
    )
