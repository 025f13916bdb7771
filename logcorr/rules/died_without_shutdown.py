"""A process starts though nothing said that the one before ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, field

from logcorr.lazily import np, npt, pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import by_service, rule
from logcorr.rules._deeds import brought
from logcorr.rules._interrupted import Interrupted, interrupted
from logcorr.timeline.lifecycles import ONE_START
from logcorr.timeline.select import instants, seconds, spans
from logcorr.timeline.signs import ENDS, OWN, STARTS

RELOADED = "process.reloaded"
"""A reload starts anew what did not end."""

MOST_CITED = 3

MOST_STARTS, TWICE, NEARLY_ALL = 200, 2, 0.8
"""A log of so many starts is of something that is meant to start often; of few nearly all must come in the midst of work."""

RELEASE, NEAR_S = timedelta(minutes=15), 120.0


@rule(code="PROC007", title="A process died without a word", role="signal", severity="warning")
def check(case: Case) -> Iterator[Finding]:
    """Looks for two starts with no end between, in logs that tell of the service's ends at other times."""
    alive = case.happened(*ENDS, *STARTS, RELOADED).drop_nulls(["time", "service"])
    for service, told in by_service(alive):
        for (path,), rows in told.group_by(
            "file", maintain_order=True
        ):  # what another log says of a start says nothing of this one's
            life = _Life()
            for kind, time, span in zip(rows["kind"], rows["time"], spans(rows), strict=True):
                life.tell(kind, time, span)
            if life.orderly and life.silent:
                yield _finding(service, life)
            elif not life.orderly and len(life.begun) <= MOST_STARTS and rows["source"][0] in OWN:
                ends = seconds(told.filter(pl.col("kind").is_in(ENDS)))
                cut = [one for one in interrupted(case, str(path), life.begun) if not _told_of(case, service, one, ends)]
                if len(cut) >= max(TWICE, NEARLY_ALL * (len(life.begun) - 1)):
                    yield _interrupted(case, service, cut)


class _Life(Struct):
    """What one service's starts and ends tell: how many starts followed an end, which followed a start, and all that `begun`."""

    orderly: int = 0
    silent: list[tuple[datetime, Span, Span]] = field(default_factory=list)
    started: tuple[datetime, Span] | None = None
    ended: bool = False
    begun: list[Span] = field(default_factory=list)

    def tell(self, kind: str, time: datetime, span: Span) -> None:
        """The next sign, in time order."""
        if kind == RELOADED:
            self.started = None
            return
        if kind in ENDS:
            self.ended = True
            return
        self.begun.append(span)
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


def _rows(case: Case, starts: Sequence[Interrupted]) -> pl.DataFrame:
    """The events that tell of these starts."""
    lines = [one.start.line for one in starts]
    of_file = pl.col("file") == starts[0].start.path
    return case.happened(*STARTS).filter(of_file & pl.col("line").is_in(lines))


def _told_of(case: Case, service: str, one: Interrupted, ends: npt.NDArray[np.float64]) -> bool:
    """Whether another log tells of an end just before this start, or a new version came with it."""
    since = instants(_rows(case, [one]))
    ended = any(((ends <= at.timestamp() + 1) & (ends > at.timestamp() - NEAR_S)).any() for at in since)
    return ended or any(True for at in since for _ in brought(case, service, at, RELEASE))


def _interrupted(case: Case, service: str, cut: Sequence[Interrupted]) -> Finding:
    rows = _rows(case, cut)
    return Finding(
        confidence=0.8,
        role="symptom",
        severity="error",
        claim=claim(
            "died_without_shutdown.interrupted",
            "{service} started anew {count}× in the midst of work that it had begun, and nothing says what ended it: it was "
            "killed, or it crashed without a word",
            service=service,
            count=len(cut),
        ),
        evidence=(
            *(Evidence(one.work, "work that never came to its end") for one in cut[:MOST_CITED]),
            *(Evidence(one.start, "started again") for one in cut[:MOST_CITED]),
        ),
        would_refute=claim("died_without_shutdown.end_refute", "an order to end it, or the end of this work in another log"),
        subject=service,
        measured={"count": len(cut)},
        times=instants(rows),
    )
