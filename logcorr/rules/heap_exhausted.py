"""A JavaScript heap grows to its limit, and the engine ends the process."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import np, npt, pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import ComposeFile, Unit
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import by_service, rule
from logcorr.rules._only_grows import SURE, Grows, only_grows, places
from logcorr.timeline.select import cite, instants, lines_like, seconds

HEAP = r"(?:JavaScript heap out of memory|Reached heap limit|Ineffective mark-compacts)"
LIMIT = r"--max[-_]old[-_]space[-_]size[= ](\d+)"

FEWEST, SOON_S, SELDOM = 2, 60.0, 10
"""So often it happens within this time of a run, of a job that runs so many times more seldom: by chance one in a hundred."""


@rule(code="NODE002", title="A process reached its heap limit", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """The engine's own last words, with the limit it was started with and who starts it again."""
    died = case.happened("process.crashed").filter(pl.col("message").str.contains(HEAP))
    services = list(by_service(died))
    grows = only_grows(case) if len(services) == 1 else None
    for service, crashes in services:
        yield _finding(case, service, crashes, grows)


def _finding(case: Case, service: str, crashes: pl.DataFrame, grows: Grows | None) -> Finding:
    limits = [limit for place in _stanzas(case, service) for limit in _limits(case, place)]
    return Finding(
        confidence=SURE if grows else 0.95,
        claim=_claim(service, crashes, limits[0][1] if limits else "", grows),
        evidence=(
            *(Evidence(span, "it is only ever added to", shows="resource_exhausted") for span in places(grows)),
            *cite(crashes, "its last words", most=1, shows="resource_exhausted"),
            *(Evidence(span, f"heap limit {size} MB", shows="resource_exhausted") for span, size in limits),
            *cite(crashes.slice(1), shows="crash_ends_process"),
            *_just_after(case, crashes),
        ),
        would_refute=claim("heap_exhausted.refute", "heap sizes far below the limit just before these lines"),
        subject=service,
        measured={"count": crashes.height, **({"limit_mb": int(limits[0][1])} if limits else {})},
        times=instants(crashes),
        fix=claim(
            "heap_exhausted.fix", "find what keeps growing (a heap snapshot shows it); raising the limit only delays the end"
        ),
    )


def _just_after(case: Case, crashes: pl.DataFrame) -> Iterator[Evidence]:
    """The one job soon after whose runs it happens each time, if that is no coincidence."""
    at = seconds(crashes.drop_nulls("time"))
    rare = [one for one in case.schedules if len(one.ticks) > 1 and np.median(np.diff(one.ticks)) >= SELDOM * SOON_S]
    near = [one for one in rare if len(at) >= FEWEST and _after(at, one.ticks)]
    if len(near) == 1:
        yield Evidence(near[0].job.span, "it happens just after its runs", shows="resource_exhausted")


def _after(at: npt.NDArray[np.float64], ticks: npt.NDArray[np.float64]) -> bool:
    last = ticks[np.maximum(np.searchsorted(ticks, at, side="right") - 1, 0)]
    return bool(((at - last >= 0) & (at - last <= SOON_S)).all())


def _claim(service: str, crashes: pl.DataFrame, limit: str, grows: Grows | None) -> Claim:
    told = {"service": service, "limit": f" ({limit} MB)" if limit else ""}
    if grows:
        return claim(
            "heap_exhausted.grows",
            "nothing bounds what is kept in {name}: {service} ran into the limit of its JavaScript heap{limit} and aborted, "
            "{count} times",
            name=grows.name,
            count=crashes.height,
            **told,
        )
    return claim(
        "heap_exhausted.found",
        "{service} ran into the limit of its JavaScript heap{limit} and aborted, {count} times",
        count=crashes.height,
        **told,
    )


def _stanzas(case: Case, service: str) -> Iterator[Span]:
    """Where it is written how the service is started."""
    yield from (
        one.span for compose in case.of(ComposeFile) for one in compose.services if service in (one.name, one.container_name)
    )
    yield from (unit.span for unit in case.of(Unit) if unit.name.removesuffix(".service") == service)


def _limits(case: Case, stanza: Span) -> Iterator[tuple[Span, str]]:
    for span, text in lines_like(case, stanza, LIMIT):
        yield span, re.findall(LIMIT, text)[0]
