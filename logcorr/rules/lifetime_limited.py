"""A service ends a fixed time after each start, because what runs it bounds how long it may run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from logcorr.lazily import np, pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._durations import UNITS
from logcorr.rules._jobs import scripts_of
from logcorr.rules._settings import settings
from logcorr.timeline.lifecycles import OWN_ENDS, Downtime, stopped
from logcorr.timeline.select import cite, instants
from logcorr.timeline.signs import STARTS

REFUTE = claim("lifetime_limited.refute", "a run that lasted much longer under the same bound")
FIX = claim("lifetime_limited.fix", "bound only what may hang, not the service itself")

FEWEST = 3
TIME_IS_UP, SAID = "reached runtime time limit", 0.92
SCATTER, SHORTEST_S = 0.1, 10.0
"""An age counts from when the service says that it is ready, or from its last end, and may differ from the bound by this share
of it. Bounds of a few seconds are told apart from nothing."""

CLOCK_S = 2.0
"""Between the first and the last of its ends, each start-up makes a bounded service so much later than a clock would."""

_TIME = r"(?P<time>\d+(?:\.\d+)?) ?(?P<unit>ms|s(?:ec)?|m(?:in)?|h(?:our)?|d)?\b"
_TOOLS = (
    r"(?:\S*/)?(?:curl|wget|nc|ping|dig|nslookup|psql|mysql\w*|redis-cli|mongo\w*|pg_\w+|docker|ssh|rsync|tar|git|cat|tail)\b"
)
_OWN = r"max[-_]?(?:(?:worker|process|server)[-_]?life|(?:run|up))[-_]?(?:time|span)"
BOUNDS = (
    (r"\btimeout\s", regex(rf"\btimeout(?:\s+(?:-[ks]\s*\S+|--\S+))*\s+{_TIME}(?:\s+(?!{_TOOLS}|sec|min)[\w./$\"{{]|[\"'])")),
    (r"\bRuntimeMaxSec\s*=", regex(rf"\bRuntimeMaxSec\s*=\s*{_TIME}")),
    (r"(?i)\bactiveDeadlineSeconds\s*:", regex(rf"activeDeadlineSeconds:\s*{_TIME}")),
    (rf"(?i){_OWN}", regex(rf"(?i){_OWN}\w*['\"]?[\s:=]+{_TIME}")),
    (r"\bsleep \d+.*\bkill\b|\bulimit -\w*t\b", regex(rf"\b(?:sleep|ulimit -\w*t) {_TIME}")),
)
"""Lines by which what runs a program bounds its time: what they hold, and how long. A `timeout` that runs no command, and what
lives in a program (sessions, connections of a pool), is not meant."""


@rule(code="PROC013", title="A service is only allowed to run for so long", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Compares the age at which a service ends with the bounds that collected files set."""
    starts = case.happened(*STARTS).drop_nulls(["time", "service"])
    for service, found in groupby(case.once(stopped), lambda stop: stop.service):
        ended = [stop for stop in found if stop.kind not in OWN_ENDS]
        began = starts.filter(starts["service"] == service)["time"].dt.epoch("us").to_numpy() / 1e6
        born = np.union1d(began, [stop.ended.timestamp() for stop in ended])
        aged = [(stop, age) for stop in ended if (age := _age(stop, born)) is not None]
        bound = _bound(case, aged) if len(aged) >= FEWEST else None
        if bound:
            yield _finding(service, [stop for stop, _ in aged], *bound)
        elif (told := _told(case, service)).height >= FEWEST:
            yield _said(service, told)


def _told(case: Case, service: str) -> pl.DataFrame:
    """The lines in which systemd says that it stops the service because its time is up."""
    up = (pl.col("service") == service) & pl.col("message").str.contains(TIME_IS_UP, literal=True)
    return case.happened("process.terminating").filter(up & pl.col("time").is_not_null())


def _said(service: str, told: pl.DataFrame) -> Finding:
    return Finding(
        confidence=SAID,
        claim=claim(
            "lifetime_limited.said",
            "{service} is only allowed to run for so long: systemd stopped it {count} times because its time was up",
            service=service,
            count=told.height,
        ),
        evidence=(*cite(told, "its time is up", shows="effect_terminates_process"), *cite(told, shows="process_terminates")),
        would_refute=REFUTE,
        subject=service,
        measured={"stops": told.height},
        times=instants(told),
        fix=FIX,
    )


def _age(stop: Downtime, born: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float | None:
    """How long it had run when it was ended; at most, where nothing tells of its start."""
    ended = stop.ended.timestamp()
    before = born[born < ended - 1]
    return ended - float(before[-1]) if len(before) else None


def _bound(case: Case, aged: Sequence[tuple[Downtime, float]]) -> tuple[Span, float] | None:
    """The line whose bound nearly all ages are, if they do not keep to a clock instead."""
    jobs = {script.span.path for schedule in case.schedules for script in scripts_of(case, schedule)}
    for needle, pattern in BOUNDS:
        for span, text in settings(case, needle):
            if span.path in jobs:  # it bounds the job
                continue
            found = pattern.search(text)
            seconds = float(found["time"]) * UNITS[found["unit"] or ""] if found else 0.0
            near = [stop.ended.timestamp() for stop, age in aged if abs(age - seconds) <= SCATTER * seconds]
            enough = seconds >= SHORTEST_S and len(near) >= max(FEWEST, 0.75 * len(aged))
            if enough and not _by_the_clock(near, seconds):
                return span, seconds
    return None


def _by_the_clock(ends: Sequence[float], beat_s: float) -> bool:
    """Whether they stay where whole beats lead, some perhaps left out."""
    off = (np.diff(ends) + beat_s / 2) % beat_s - beat_s / 2
    return abs(float(off.sum())) <= CLOCK_S


def _finding(service: str, ended: Sequence[Downtime], line: Span, seconds: float) -> Finding:
    return Finding(
        confidence=0.95,
        claim=claim(
            "lifetime_limited.found",
            "{service} is only allowed to run for {seconds:g} s: it was ended that long after its start {count} times",
            service=service,
            seconds=seconds,
            count=len(ended),
        ),
        evidence=(
            Evidence(line, "bounds how long it may run", shows="effect_terminates_process"),
            *(Evidence(stop.end, "it is ended", shows="process_terminates") for stop in ended[:3]),
        ),
        would_refute=REFUTE,
        subject=service,
        measured={"bound_s": seconds, "stops": len(ended)},
        times=tuple(stop.ended for stop in ended),
        fix=FIX,
    )
