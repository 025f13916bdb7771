"""The hop at which a job ends a process: which of its stops come after a run, and who else tells of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.causes.follow import of_stops, of_times
from logcorr.causes.together import Stopped, latest_s
from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Container
from logcorr.model.result import Link
from logcorr.model.source import Span
from logcorr.timeline.select import cite, seconds, spans

TOLD = ("process.terminating", "process.killed", "process.exited", "process.started")
"""By what a log tells that a process was ended by someone else, or began anew."""

TOLD_WITHIN_S = 60.0


def terminates(case: Case, stopped: Stopped, source: Span, matched: pl.DataFrame) -> Link:
    """From the command (or, where it is not known, the job's line) to the first of its stops."""
    groups = [told.leading.evidence for told, _ in stopped.parts if told.leading]
    return Link(
        mechanism="effect_terminates_process",
        source=source,
        target=spans(matched)[0],
        claim=claim(
            "chain.terminates",
            "{count} of {total} stops of {service} come {lags} s after a run",
            count=matched.height,
            total=sum(told.stops.height for told, _ in stopped.parts),
            service=", ".join(stopped.services),
            lags=_spread(min(one.lag_low_s or 0.0 for one in groups), max(latest_s(*part) for part in stopped.parts)),
        ),
        evidence=(*cite(matched), *_others_say(case, stopped.services, matched), *_ages(case)),
        proof="observed",
        lag_s=groups[0].lag_median_s,
    )


def _spread(low: float, high: float) -> str:
    """`2–3`, or `3` where both are the same."""
    first, last = f"{round(low, 1):g}", f"{round(high, 1):g}"
    return first if first == last else f"{first}–{last}"


def _others_say(case: Case, services: Sequence[str], matched: pl.DataFrame) -> tuple[Evidence, ...]:
    """The first line about one of these stops in each further log: a supervisor's, the service's own."""
    elsewhere = (
        pl.col("service").is_in(list(services)) & ~pl.col("file").is_in(matched["file"].implode()) & pl.col("time").is_not_null()
    )
    ended = case.happened(*TOLD).filter(elsewhere)
    at_once = of_times(of_stops(matched).times, TOLD_WITHIN_S).felt(seconds(ended))
    return cite(ended.filter(at_once).unique("file", keep="first", maintain_order=True), most=3)


def _ages(case: Case) -> Iterator[Evidence]:
    """How old the containers were in a capture: what restarted, and what did not."""
    for container in case.of(Container):
        if container.up_s is not None:
            yield Evidence(container.span, container.status)
