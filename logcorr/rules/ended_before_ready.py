"""A service is given less time to start than it needs, and ended before it is ready."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from msgspec import Struct

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence, claim
from logcorr.model.facts import Unit
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._health import TEST
from logcorr.rules._unhealthy import SOON_S, Unhealthy, acted_on, followed, served, setting_lines
from logcorr.timeline.select import cite, instants, seconds
from logcorr.timeline.signs import ENDS

FEWEST = 3
LEAST_SHARE = 0.8
READY = (
    r"(?i)\b(?:listening|ready|accepting|serving|consuming|started (?:in|on|at)|up and running|running (?:on|at)|available at"
    r"|server (?:is |was |has )?started)\b|(?-i)\b(?:GET|HEAD|POST|PUT|PATCH|DELETE) /.*\b[23]\d\d\b"
)
"""By which a program says that it can be asked, or was."""

TIMED_OUT = "operation timed out"
DEFAULT_S = 90.0
"""What systemd waits for a start, if neither the unit nor its own configuration says otherwise (systemd.service(5))."""

ENOUGH = 0.8
"""It ran for so much of what it is allowed, or more: stamps are coarse, and a start is told a little late."""

MOST = 2
"""And for no more than so many times that and the time in which it is ended: it was at something else than its start."""

STILL_AT_WORK = 0.5
"""It wrote something in the last part of its time: it was still at it."""

ONE_END_S = 5.0
LACKS = r"^(?:dependency|permission|address|disk|config|limit|file)\."
WANTED = ("time", "source", "severity", "kind", "message", "file", "line", "lines")

AT_WORK, SILENT, NEVER_READY = 0.93, 0.75, 0.6
"""How sure it is that more time would have helped; no more than the last, if no log tells of a start that went well: it may say
in other words that it is ready, or not tell systemd."""


class Run(Struct, frozen=True):
    """One run that was ended, in epoch seconds, and what the service wrote in it."""

    began: float
    ended: float
    wrote: pl.DataFrame

    @property
    def lasted(self) -> float:
        """For how long it ran."""
        return self.ended - self.began

    @property
    def ready(self) -> float | None:
        """How long after its start it was ready, by its own word or its check's."""
        told = seconds(self.wrote.filter(pl.col("message").str.contains(READY) | (pl.col("kind") == "probe.passed")))
        return float(told[0]) - self.began if len(told) else None

    @property
    def failing(self) -> bool:
        """Whether it told of what it lacks: then more time is no help."""
        lacks = pl.col("kind").str.contains(LACKS) | (pl.col("severity") >= "error")
        return self.wrote.filter(lacks).height > 0

    @property
    def at_work(self) -> bool:
        """Whether it wrote something towards its end."""
        told = seconds(self.wrote)
        return len(told) > 0 and float(told[-1]) >= self.ended - STILL_AT_WORK * self.lasted


class Early(Struct, frozen=True):
    """The runs that were ended before they were ready, after `allowed_s`; a start took `before_s` at most where it was let be."""

    runs: tuple[Run, ...]
    allowed_s: float
    before_s: float | None

    @property
    def sure(self) -> float:
        """How sure it is that they only lacked time."""
        return AT_WORK if sum(run.at_work for run in self.runs) >= LEAST_SHARE * len(self.runs) else SILENT

    @property
    def measured(self) -> dict[str, float | int]:
        """The numbers of the finding."""
        before = {} if self.before_s is None else {"took_before_s": round(self.before_s, 1)}
        lasted = round(max(run.lasted for run in self.runs), 1)
        return {"stops": len(self.runs), "allowed_s": self.allowed_s, "longest_s": lasted, **before}

    def numbers(self, service: str) -> dict[str, str | int | float]:
        """Those of the claim."""
        return {"service": service, "count": len(self.runs), "allowed": self.allowed_s}

    def shown(self) -> Iterator[Evidence]:
        """What it was at when it was ended."""
        for run in (self.runs[0], self.runs[-1]):
            yield from cite(run.wrote.tail(1), "it is still starting", most=1, shows="configuration_mismatch")


REFUTE = claim("ended_before_ready.refute", "a start that was left alone and did not get ready, or one that was ready in time")


@rule(code="PROC014", title="A service is ended before it is ready", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Runs that a health check or systemd ended although they had not begun to serve, and told of nothing that they lacked."""
    for one in case.once(acted_on):
        allowed = one.check.start_period_s + one.check.interval_s * one.check.retries
        early = None if served(case, one.stops) else _early(case, one.service.name, one.stops, allowed)
        if early:
            yield _unhealthy(case, one, early)
    for unit in case.of(Unit):
        told = _timed_out(case, unit)
        early = _early(case, unit.name.removesuffix(".service"), told, unit.start_timeout_s or DEFAULT_S)
        if early:
            yield _start_timeout(case, unit, told, early)


def _early(case: Case, service: str, ended: pl.DataFrame, allowed_s: float) -> Early | None:
    """The runs that were ended so, if nearly all of them had not been ready."""
    ends = seconds(ended)
    every = _runs(case, service) if len(ends) >= FEWEST else []
    acted = [run for run in every if np.abs(ends - run.ended).min() <= 1]
    long = [run for run in acted if ENOUGH * allowed_s <= run.lasted <= MOST * allowed_s + SOON_S]
    early = [run for run in long if run.ready is None and not run.failing]
    if len(early) < FEWEST or len(early) < LEAST_SHARE * len(acted):
        return None
    before = [run.ready for run in every if run.ready is not None]
    return Early(tuple(early), allowed_s, max(before, default=None))


def _runs(case: Case, service: str) -> list[Run]:
    """Its runs between its ends; where no line tells of a start, one begins as the last ends."""
    own = (
        case.timeline.filter((pl.col("service") == service) & pl.col("time").is_not_null()).select(*WANTED).sort("time").collect()
    )
    ends = seconds(own.filter(pl.col("kind").is_in(ENDS)))
    ends = ends[np.diff(ends, prepend=-np.inf) > ONE_END_S]
    starts = seconds(own.filter(pl.col("kind") == "process.started"))
    others = pl.col("source").is_in(["docker", "script"]) | pl.col("message").str.contains(r"\.service\b")
    not_its_own = others | pl.col("kind").is_in([*ENDS, "probe.failed"]).fill_null(False)
    wrote = own.filter(~not_its_own | (pl.col("kind") == "probe.passed"))
    at = wrote["time"].dt.epoch("us").to_numpy() / 1e6
    found = []
    for last, end in pairwise([-np.inf, *ends]):
        within = starts[(starts > last) & (starts < end)]
        began = float(within[0]) if len(within) else float(last)
        if np.isfinite(began):
            found.append(Run(began, float(end), wrote.filter(pl.Series((at >= began) & (at < end - 0.5), dtype=pl.Boolean))))
    return found


def _timed_out(case: Case, unit: Unit) -> pl.DataFrame:
    """The ends that systemd ordered because a start took too long."""
    told = (pl.col("service") == unit.name.removesuffix(".service")) & pl.col("message").str.contains(TIMED_OUT, literal=True)
    return case.happened("process.terminating").filter(
        told & pl.col("time").is_not_null() & (unit.manager == "systemd" and not unit.oneshot)
    )


def _unhealthy(case: Case, one: Unhealthy, early: Early) -> Finding:
    """A health check that counts the failures of the start."""
    lines = {word: setting_lines(case, one.check.span, rf"(?i)^\W*{word}\b") for word in ("start_period", "retries", "interval")}
    limits = [span for spans in lines.values() for span in spans] or [one.check.span]
    asks = setting_lines(case, one.check.span, TEST) or (one.check.span,)
    return Finding(
        confidence=early.sure if early.before_s is not None else min(early.sure, NEVER_READY),
        claim=claim(
            "ended_before_ready.unhealthy",
            "{service} was restarted as unhealthy {count} times before it was ready: its health check gives it {allowed:g} s",
            **early.numbers(one.service.name),
        ),
        evidence=(
            *(Evidence(span, "how long it may take", shows="configuration_mismatch") for span in limits),
            *early.shown(),
            *(Evidence(span, "the health check", shows="probe_gets_answer") for span in asks),
            *cite(one.told, "called unhealthy", most=2, shows="probe_gets_answer"),
            *followed(case, one, lines["retries"]),
        ),
        would_refute=REFUTE,
        subject=one.service.name,
        measured=early.measured,
        times=instants(one.stops),
        fix=claim("ended_before_ready.period", "give the health check a start_period longer than the longest start"),
    )


def _start_timeout(case: Case, unit: Unit, told: pl.DataFrame, early: Early) -> Finding:
    """A unit that systemd waits for too short a time."""
    service = unit.name.removesuffix(".service")
    limits = setting_lines(case, unit.span, r"^\s*Timeout(?:Start)?Sec\s*=")
    started = limits or setting_lines(case, unit.span, r"^\s*ExecStart\s*=") or (unit.span,)
    well = case.happened("process.started").filter(pl.col("service") == service).height
    return Finding(
        confidence=early.sure if well else min(early.sure, NEVER_READY),
        claim=claim(
            "ended_before_ready.start_timeout",
            "{service} was ended {count} times before it was ready: systemd waits {allowed:g} s for its start",
            **early.numbers(service),
        ),
        evidence=(
            *(Evidence(span, "how long it may take", shows="configuration_mismatch") for span in started),
            *early.shown(),
            *cite(told, "its time is up", shows="effect_terminates_process"),
            *cite(told, most=2, shows="process_terminates"),
        ),
        would_refute=REFUTE,
        subject=service,
        measured=early.measured,
        times=instants(told),
        fix=claim("ended_before_ready.timeout", "set TimeoutStartSec to more than the longest start takes"),
    )
