"""Everything known about one incident; the only thing that rules and causes see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property
from typing import TypeVar, cast

from msgspec import Struct

from logcorr.lazily import np, npt, pl
from logcorr.model.behaviour import Answer, Call, Effect, Probe, ReachProof
from logcorr.model.events import timeline_schema
from logcorr.model.facts import F, Fact, ScheduledJob, Script, Service, of_kind
from logcorr.model.source import Span

T = TypeVar("T")

FEW_EVENTS = 100_000
"""So many events are kept in memory."""

PLACED = ("time", "source", "service", "file", "line", "lines")
"""Columns that place an event."""


class Source(Struct, frozen=True, kw_only=True):
    """One log file on the timeline: how it was read, and how its stamps were understood.

    `zone` is an IANA name or an offset; `zone_reason` says why, and `zone_assumed` that nothing in
    the case says so. `resolution_s` is the step of its stamps. `skew_s` is by how much its clock was found to be ahead of
    the services', whose time the timeline shows.
    """

    path: str
    format: str
    source: str
    service: str | None
    lines: int
    unparsed: int
    first: datetime | None
    last: datetime | None
    zone: str
    zone_reason: str
    zone_assumed: bool = False
    resolution_s: float = 1.0
    skew_s: float = 0.0


class ProbeAnswer(Struct, frozen=True, kw_only=True):
    """What a probe gets, as far as configuration tells: an answer per possibility, and the way it takes to get there.

    Of a name that may lead elsewhere, `if_here` is what it would get if that leads to what was collected.
    """

    probe: Probe
    answers: tuple[Answer, ...]
    path: tuple[tuple[str, Span], ...] = ()
    if_here: tuple[Answer, ...] = ()


class ProvedEffect(Struct, frozen=True, kw_only=True):
    """An effect, how far it is reached given what its probes get, and what it hits.

    `hits` names the entities it acts on, `certain` whether that is all of them and no other. `compose_paths` are the
    collected files behind the effect's `-f` values, in order. `instead` are lines that its script runs only where it does not
    run this one.
    """

    effect: Effect
    proof: ReachProof
    probes: tuple[ProbeAnswer, ...]
    hits: tuple[str, ...]
    certain: bool = True
    compose_paths: tuple[str, ...] = ()
    instead: tuple[Span, ...] = ()


class Behaviour(Struct, frozen=True, kw_only=True):
    """What one script would do. `understood`: all of it could be read, and every script that it leads to was collected.

    `says` holds what it writes: the known pieces of each message, in order, and the line that writes it. `pause_s` is the
    wait of a loop that never ends by itself, with the loop's lines in `loop`.
    """

    script: Script
    understood: bool = True
    probes: tuple[Probe, ...] = ()
    effects: tuple[Effect, ...] = ()
    proved: tuple[ProvedEffect, ...] = ()
    calls: tuple[Call, ...] = ()
    says: tuple[tuple[tuple[str, ...], Span], ...] = ()
    pause_s: float | None = None
    loop: Span | None = None


class Schedule(Struct, frozen=True, kw_only=True):
    """A job's runs: `ticks` within the logs' window, the `next` ones after it, and its script."""

    job: ScheduledJob
    runs: npt.NDArray[np.float64] | None = None
    next: tuple[datetime, ...] = ()
    behaviours: tuple[Behaviour, ...] = ()

    @property
    def ticks(self) -> npt.NDArray[np.float64]:
        """When it is due within the logs' window: epoch seconds, sorted; none without logs."""
        return np.empty(0) if self.runs is None else self.runs


class Entity(Struct, frozen=True, kw_only=True):
    """One thing that runs, under all the names it goes by.

    `names` are service, container, unit and upstream names; `addresses` are `host:port` texts that lead to it; `files`
    are the collected files it writes or is configured by, `logs` those that its manager writes its output to; `zone` is the time
    zone that it is told to be in.
    """

    name: str
    names: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    logs: frozenset[str] = frozenset()
    zone: str | None = None


class RunningStack(Struct, frozen=True, kw_only=True):
    """The compose project that runs: the collected files it was created from, and why that is believed.

    `services` is the effective model of these files. `evidence` is ranked: labels of containers, deploy scripts, the only
    candidate.
    """

    compose_paths: tuple[str, ...]
    services: tuple[Service, ...]
    evidence: tuple[tuple[str, Span], ...]
    project: str | None = None


class Configuration(Struct, frozen=True, kw_only=True):
    """What the collected configuration says and would do, whatever any log tells: all that a static rule sees.

    `files` are the paths of everything collected, logs among them. `schedules` have their runs only where there are logs.
    """

    facts: tuple[Fact, ...]
    files: frozenset[str]
    behaviours: tuple[Behaviour, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    entities: tuple[Entity, ...] = ()
    stack: RunningStack | None = None

    def of(self, kind: type[F]) -> Iterator[F]:
        """The facts of one kind, in the order they were read."""
        return of_kind(kind, self.facts)

    def called(self, *names: str) -> frozenset[str]:
        """These names of services, and all others that the same services go by."""
        return frozenset(names).union(*(one.names for one in self.entities if not one.names.isdisjoint(names)))


class Case(Configuration, frozen=True, kw_only=True, eq=False, dict=True):
    """One incident: its configuration, and the timeline.

    `logged` has the events of all logs (see `model.events.timeline_schema`), one log after the other; there may be millions.
    `timeline` has them in time order, those without a time last, and `events` those of them that have a kind, of which `happened`
    gives some. What is put in order is in memory with all the text that it was chosen from: who counts, or keeps few of very
    many, asks `logged`.
    `window` is the first and last stamp of all logs, None without any. `records` gives the typed columns of all logs of one
    format, with `file` and `line` to join on: nothing of them is computed that is not asked for. `lines` gives the text of
    any collected file, also one that nothing could read, as `line` and `text`, envelopes peeled; where an envelope stamped the
    lines itself, `logged_at` (UTC) tells when. A path that was not collected has no lines.
    """

    sources: tuple[Source, ...]
    logged: pl.LazyFrame
    window: tuple[datetime, datetime] | None = None
    records: Callable[[str], pl.LazyFrame] = lambda format: pl.LazyFrame()
    lines: Callable[[str], pl.LazyFrame] = lambda path: pl.LazyFrame(schema={"line": pl.UInt32, "text": pl.String})

    @cached_property
    def timeline(self) -> pl.LazyFrame:
        """All events in time order."""
        return kept(self.logged.sort("time", nulls_last=True, maintain_order=True), self._line_count)

    @cached_property
    def events(self) -> pl.LazyFrame:
        """Those that have a kind, in time order."""
        return kept(self.timeline.filter(pl.col("kind").is_not_null()), self._line_count)

    @property
    def _line_count(self) -> int:
        return sum(source.lines for source in self.sources)

    def happened(self, *kinds: str, where: pl.Expr | None = None) -> pl.DataFrame:
        """The events of these kinds, in time order; of millions only those `where` something holds are ever in memory."""
        return self._happened(kinds, where, tuple(timeline_schema()))

    def placed(self, *kinds: str, where: pl.Expr | None = None) -> pl.DataFrame:
        """When and where events of these kinds happened, in time order; the messages of millions would fill the memory."""
        return self._happened(kinds, where, PLACED)

    def _happened(self, kinds: Sequence[str], where: pl.Expr | None, columns: tuple[str, ...]) -> pl.DataFrame:
        there = [kind for kind in dict.fromkeys(kinds) if kind in self.kinds]
        if not there:
            return _none(columns)
        if self._of_kind and len(there) == 1:
            few = self._of_kind[there[0]]
            return (few if where is None else few.filter(where)).select(columns)
        rows = self.events.filter(pl.col("kind").is_in(there) & (pl.lit(value=True) if where is None else where))
        return rows.select(columns).collect(engine="in-memory")

    def once(self, work: Callable[[Case], T]) -> T:
        """What some work on the case comes to: done when it is first asked for, and kept for whoever asks again."""
        if work not in self._done:
            self._done[work] = work(self)
        return cast(T, self._done[work])

    @cached_property
    def _done(self) -> dict[Callable[[Case], object], object]:
        return {}

    @cached_property
    def kinds(self) -> Mapping[str, int]:
        """How many events there are of each kind, in alphabetical order; rules ask mostly for kinds that are not."""
        return dict(sorted(self.events.group_by("kind").len().collect().iter_rows()))

    @cached_property
    def _of_kind(self) -> Mapping[str, pl.DataFrame]:
        """The events of each kind, if they are few: then they are kept."""
        if sum(self.kinds.values()) > FEW_EVENTS:
            return {}
        return {str(kind): rows for (kind,), rows in self.events.collect().partition_by("kind", as_dict=True).items()}


@cache
def _none(columns: tuple[str, ...]) -> pl.DataFrame:
    """No events: most rules ask for kinds that are not there."""
    return pl.DataFrame(schema=timeline_schema()).select(columns)


def kept(whole: pl.LazyFrame, lines: int, few: int = FEW_EVENTS) -> pl.LazyFrame:
    """What was made of so many lines, in memory if they are few: planning its queries anew takes longer than all else then."""
    return whole.collect(engine="in-memory").lazy() if lines <= few else whole
