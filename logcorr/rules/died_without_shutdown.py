"""A process starts though nothing said that the one before ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct, field

from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import by_service, rule
from logcorr.timeline.lifecycles import ENDS, ONE_START, STARTS
from logcorr.timeline.select import spans

RELOADED = "process.reloaded"
"""A reload starts anew what did not end."""

MOST_CITED = 3


@rule(code="PROC007", title="A process died without a word", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Looks for two starts with no end between, in logs that tell of the service's ends at other times."""
    alive = case.happened(*ENDS, *STARTS, RELOADED).drop_nulls(["time", "service"])
    for service, told in by_service(alive):
        for _, rows in told.group_by("file", maintain_order=True):  # what another log says of a start says nothing of this one's
            life = _Life()
            for kind, time, span in zip(rows["kind"], rows["time"], spans(rows), strict=True):
                life.tell(kind, time, span)
            if life.orderly and life.silent:
                yield _finding(service, life)


class _Life(Struct):
    """What one service's starts and ends tell: how many starts followed an end, and which followed a start."""

    orderly: int = 0
    silent: list[tuple[datetime, Span, Span]] = field(default_factory=list)
    started: tuple[datetime, Span] | None = None
    ended: bool = False

    def tell(self, kind: str, time: datetime, span: Span) -> None:
        """The next sign, in time order."""
        if kind == RELOADED:
            self.started = None
            return
        if kind in ENDS:
            self.ended = True
            return
        if self.ended:
            self.orderly += 1
        elif self.started and time - self.started[0] > ONE_START:
            self.silent.append((time, span, self.started[1]))
        elif self.started:
            return
        self.started, self.ended = (time, span), False


def _finding(service: str, life: _Life) -> Finding:
    silent = life.silent
    return Finding(
        confidence=0.7,
        claim=claim(
            "died_without_shutdown.found",
            "{service} started without a word of the end before it ({count}×), though it told of {orderly} others: "
            "it was killed, or its host went down",
            service=service,
            count=len(silent),
            orderly=life.orderly,
        ),
        evidence=(
            *(Evidence(span, "started again") for _, span, _ in silent[:MOST_CITED]),
            Evidence(silent[0][2], "the start before"),
        ),
        would_refute=claim("died_without_shutdown.refute", "a second process of this name, or lines missing between the starts"),
        subject=service,
        measured={"count": len(silent), "orderly": life.orderly},
        times=tuple(time for time, _, _ in silent),
    )
