"""What a cause rests on, and a line that tells of a change of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.facts import NginxFile
from logcorr.model.result import Cause
from logcorr.model.source import Span
from logcorr.timeline.notes import READ

FELT = ("termination_closes_connections", "termination_refuses_connections", "failure_reaches_clients", "crash_ends_process",
        "supervisor_restarts_process", "process_terminates")  # fmt: skip
"""Mechanisms whose lines tell what came of it, and not of what it rests on."""

JUST_BEFORE_S, RUNS_BEFORE, LATE_S, A_DAY_S = 600.0, 1.5, 2.0, 86400.0
"""What reaches a service shows within so long, or at the first run after; stamps are cut to the second."""

NAME = regex(
    r"(?<![\w-])--[a-z][\w-]{2,}"  # an option
    r"|(?<![\w.])[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+"  # a setting
    r"|(?<=[\w\"' =/])/[\w-]+(?:[/.][\w-]+)*"  # a path
    r"|\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?"  # an address
    r"|(?<=:)\d{4,5}\b"  # a port
)
EVERYWHERE = regex(
    r"127\.0\.0\.1|0\.0\.0\.0|/(?:dev|bin|sbin|usr|lib|proc)(?:/.*)?|/(?:etc|tmp|run|opt|srv|home|var(?:/(?:log|lib|run))?)|/etc/\w+"
)
"""Names that say nothing: every machine has them."""


class Touched(Struct, frozen=True):
    """What a cause rests on: services by all their names, settings, paths and addresses, lines of configuration and their files.

    Its first sign was at `since` (epoch seconds). A change that reached a service lies between `early` and that, a release of
    another version of it between `released` and that: what is not looked at by the clock may be asked for later.
    """

    services: frozenset[str]
    names: frozenset[str]
    lines: tuple[Span, ...]
    since: float
    early: float
    released: float

    @property
    def until(self) -> float:
        """The latest that a change can be told to have come."""
        return self.since + LATE_S

    @property
    def files(self) -> frozenset[str]:
        """The names of the files that hold these lines."""
        return frozenset(span.path.rpartition("/")[2] for span in self.lines)


class Tie(Struct, frozen=True):
    """A line that tells of a change, and what it touches."""

    evidence: Evidence
    what: str


def touched_by(case: Case, cause: Cause, named: set[str], since: float) -> Touched:
    """What the chain rests on; no change can have reached a service where no run before it is seen to have gone well."""
    rests_on = [one for link in cause.chain if link.mechanism not in FELT for one in link.evidence]
    read = {source.path for source in case.sources}
    written = [one.span for one in rests_on if one.span.path not in read]
    logged = [one.span for one in rests_on if one.span.path in read]
    names = {name for span in written for text in texts_at(case, span) for name in NAME.findall(text)}
    before = max(JUST_BEFORE_S, RUNS_BEFORE * (cause.period_s or 0.0))
    began = min((one.first.timestamp() for one in case.sources if one.first and one.format not in READ), default=since)
    seen_well = began < since - (cause.period_s or 0.0)
    by_the_clock = cause.period_s or any(link.mechanism == "job_runs_script" for link in cause.chain)
    before_release = before if by_the_clock else A_DAY_S
    return Touched(
        case.called(*named, *_served(case, logged), *_nginx(case, written)),
        frozenset(name for name in names if not EVERYWHERE.fullmatch(name)),
        tuple(dict.fromkeys([*([] if cause.culprit.path in read else [cause.culprit]), *written])),
        since,
        *(max(since - one, began) if seen_well else since + LATE_S for one in (before, before_release)),
    )


def _nginx(case: Case, written: Iterable[Span]) -> set[str]:
    """nginx, where a line of its configuration is among these."""
    paths = {span.path for span in written}
    return {"nginx"} if any(fact.span.path in paths for fact in case.of(NginxFile)) else set()


def texts_at(case: Case, span: Span) -> list[str]:
    inside = pl.col("line").is_between(span.line, span.end_line)
    return list(case.lines(span.path).filter(inside).select("text").collect()["text"])


def _served(case: Case, told: Sequence[Span]) -> set[str]:
    """The services that these lines of logs tell of, or whose logs they stand in."""
    places = pl.DataFrame([(span.path, span.line) for span in told], schema={"file": pl.String, "line": pl.UInt32}, orient="row")
    rows = case.events.join(places.lazy(), on=["file", "line"], how="semi").select("service").unique().collect()
    paths = {span.path for span in told}
    return {*rows["service"].drop_nulls(), *(one.service for one in case.sources if one.path in paths and one.service)}


def said(text: str, names: frozenset[str]) -> list[str]:
    return [name for name in sorted(names) if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w/-])", text, re.IGNORECASE)]
