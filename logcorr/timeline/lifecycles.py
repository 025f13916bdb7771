"""When services were down, from whichever logs saw it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import pl, regex
from logcorr.model.case import Case
from logcorr.model.facts import Unit
from logcorr.model.source import Span
from logcorr.timeline.select import lines_like
from logcorr.timeline.signs import ENDS, OWN, STARTS, Sign, agreed
from logcorr.timeline.silences import fallen_silent

OWN_ENDS = ("process.out_of_memory", "process.crashed")
"""Ends that nobody asked for."""

ONE_START = timedelta(seconds=60)
"""Signs of a start this close to the first tell of the same one: the unit is started, then the application listens."""

LAST_WORDS = timedelta(minutes=1)

TRIED = r"^(?:Starting|Failed to start) {0}\b|^{0}(?:\.service)?: .*\bstatus=2\d\d/"
"""systemd was to start a service again, or could not run its command: systemd.exec(5), "Process Exit Codes"."""

ONE_END = timedelta(seconds=30)
"""The same kind of end told again within so long is the same end: another worker, or another log of it."""


class Downtime(Struct, frozen=True, kw_only=True):
    """One stop of a service.

    `service` is its name, or the file of its log where no name is known. `ended` is the first sign of the end, `kind` the most
    telling one, with its line in `end`. `up` is when it was ready again and `start` the line that says so; None where none does.
    """

    service: str
    ended: datetime
    kind: str
    end: Span
    up: datetime | None = None
    start: Span | None = None


BOUNDED = regex(
    r"(?:^|[\s/;&|])timeout (?:-[ks] ?\S+ |--\S+ )*(?P<time>\d+(?:\.\d+)?)(?P<unit>[smhd]?) "
    r"(?:\S*/)?(?:(?:python|node|bash|sh|ruby|perl|php)[\d.]* (?:\S*/)?)?(?P<name>[\w-]+)"
)
"""`timeout SECONDS COMMAND` (coreutils) in a job's command, and the program that it bounds."""

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}

LATE_S = 30.0
"""A run may begin, and its end be logged, so much later than the clock says."""


def stop_schema() -> pl.Schema:
    """A service's stops as `stops` gives them."""
    return pl.Schema(
        {
            "service": pl.String(),
            "time": pl.Datetime("us", "UTC"),
            "kind": pl.String(),
            "file": pl.String(),
            "line": pl.UInt32(),
            "lines": pl.UInt32(),
            "up": pl.Datetime("us", "UTC"),  # when it was ready again, where a line says so
        }
    )


def stops(case: Case) -> Iterator[tuple[str, pl.DataFrame]]:
    """Each service's stops by someone else's doing, crashes left out: a row a stop, at its first sign, in `stop_schema`.

    Where a service's log never tells of its end, every start after the first stands for the stop before it: at the start, or when
    it fell silent. A job's own worker that `timeout` ends when its time is up is no service.
    """
    for service, found in groupby(case.once(stopped), lambda downtime: downtime.service):
        rows = [(service, stop.ended, stop.kind, *_where(stop.end), stop.up) for stop in found if stop.kind not in OWN_ENDS]
        if rows and not _time_is_up(case, service, [ended.timestamp() for _, ended, *_ in rows]):
            yield service, pl.DataFrame(rows, schema=stop_schema(), orient="row")


def _time_is_up(case: Case, service: str, ends: list[float]) -> bool:
    """Whether the service is what a scheduled job runs under `timeout`, and each end comes when that is up after a run."""
    name = service.rpartition("/")[2].partition(".")[0]
    for schedule in case.schedules:
        bounded = BOUNDED.search(schedule.job.command)
        if bounded and bounded["name"] == name and len(schedule.ticks):
            after = float(bounded["time"]) * _SECONDS[bounded["unit"]]
            lags = [end - schedule.ticks[schedule.ticks <= end - after + 1].max(initial=float("-inf")) for end in ends]
            return all(after - 1 <= lag <= after + LATE_S for lag in lags)
    return False


def _where(span: Span) -> tuple[str, int, int]:
    return span.path, span.line, span.end_line - span.line + 1


def stopped(case: Case) -> tuple[Downtime, ...]:
    """Every stop that the case's logs tell of, by service, then by time."""
    found = downtimes(case.happened(*ENDS, *STARTS))
    implied = sorted((stop for stop in found if stop.end == stop.start), key=lambda stop: (stop.end.path, stop.ended))
    of_logs = (list(of_log) for _, of_log in groupby(implied, lambda stop: stop.end.path))
    fallen = {stop.end: silent for of_log in of_logs for stop, silent in _from_last_words(case, of_log)}
    return tuple(fallen.get(stop.end, stop) for stop in found)


def _from_last_words(case: Case, implied: list[Downtime]) -> Iterator[tuple[Downtime, Downtime]]:
    """Implied stops with what they are from when the log fell silent on: who starts a service again is not who ended it."""
    words = fallen_silent(case, implied[0].end.path, [stop.ended for stop in implied])
    for stop, (at, end) in zip(implied, words, strict=False):
        yield stop, replace(stop, ended=at, end=end)


def stopped_for_good(case: Case) -> Iterator[Downtime]:
    """The last stop of each service that says nothing more and was not to be started again, if it did not die of its own."""
    last = {stop.service: stop for stop in case.once(stopped)}
    ended = [stop for stop in last.values() if stop.up is None and stop.kind not in OWN_ENDS]
    spoke = dict(case.timeline.group_by("service").agg(pl.col("time").max()).collect().iter_rows()) if ended else {}
    over = (stop for stop in ended if spoke.get(stop.service, stop.ended) <= stop.ended + LAST_WORDS)
    yield from (stop for stop in over if not _tried(case, stop))


def _tried(case: Case, stop: Downtime) -> bool:
    """Whether it was to be started again, and did not come up."""
    tried = pl.col("message").str.contains(TRIED.format(re.escape(stop.service)))
    return bool(case.timeline.filter((pl.col("time") >= stop.ended) & tried).head(1).collect().height)


def listened_at(case: Case, service: str, port: str) -> bool:
    """Whether a port is the service's: by its name (`hire@4302`), by what is known of it, by its unit, or by its own word."""
    if port in re.split(r"\W+", service):
        return True
    known = {address for thing in case.entities if service in thing.names for address in thing.addresses}
    own = list(case.happened("process.started").filter(pl.col("service") == service)["message"])
    units = (unit.span for unit in case.of(Unit) if unit.name.removesuffix(".service") == service)
    own += [text for span in units for _, text in lines_like(case, span, r"(?i)\b(?:port|listen|bind|addr)")]
    said = re.compile(rf"(?<!\d){port}(?!\d)")
    return any(address.endswith(f":{port}") for address in known) or any(map(said.search, own))


def downtimes(events: pl.DataFrame) -> tuple[Downtime, ...]:
    """Every stop that the timeline's events tell of, by service, then by time."""
    told = pl.col("service").is_not_null() | (pl.col("source") != "script")  # a script that tells of others is no process
    alive = events.filter(pl.col("kind").is_in([*ENDS, *STARTS]) & pl.col("time").is_not_null() & told)
    # Of one second, a coarse stamp of the start may seem to precede a fine one of the order to end.
    order = ["of", pl.col("time").dt.truncate("1s"), pl.col("kind") != "process.terminating", "time"]
    named = alive.with_columns(pl.coalesce("service", "file").alias("of")).sort(order, maintain_order=True)
    rows = named.select("of", "time", "kind", "file", "line", "lines", "source").iter_rows()
    signs = (Sign(of, time, kind, _span(*where), source) for of, time, kind, *where, source in rows)
    return tuple(stop for _, of_service in groupby(signs, lambda sign: sign.service) for stop in _stops(agreed([*of_service])))


def _span(file: str, line: int, lines: int) -> Span:
    return Span(file, line, line + lines - 1)


def _stops(signs: list[Sign]) -> Iterator[Downtime]:
    """A stop is a run of ends, with the run of starts after it if there is one."""
    runs = [part for _, run in groupby(signs, lambda sign: sign.kind in ENDS) for part in _separate(list(run))]
    if len(runs) == 1 and runs[0][0].kind in STARTS:
        yield from _implied(runs[0])
    for number, run in enumerate(runs):
        if run[0].kind not in ENDS:
            continue
        telling = min(run, key=_telling)
        following = runs[number + 1] if number + 1 < len(runs) else []
        ready = _ready(following) if following and following[0].kind in STARTS else None
        yield Downtime(
            service=run[0].service,
            ended=min(sign.time for sign in run),
            kind=telling.kind,
            end=telling.span,
            up=ready.time if ready else None,
            start=ready.span if ready else None,
        )


def _separate(run: list[Sign]) -> list[list[Sign]]:
    """A run of ends, cut where a kind comes again after a while: then it was up in between, though nothing says so."""
    parts = [run[:1]]
    for sign in run[1:]:
        again = sign.kind in ENDS and any(sign.kind == other.kind for other in parts[-1])
        if again and sign.time - parts[-1][0].time > ONE_END:
            parts.append([sign])
        else:
            parts[-1].append(sign)
    return parts


def _implied(starts: list[Sign]) -> Iterator[Downtime]:
    """The stops between starts where no end is told of."""
    for before, start in pairwise(starts):
        if start.time - before.time > ONE_START:
            yield Downtime(
                service=start.service, ended=start.time, kind=start.kind, end=start.span, up=start.time, start=start.span
            )


def _telling(sign: Sign) -> tuple[int, bool]:
    """How little an end tells; of a crash the program's own last words tell why."""
    return ENDS.index(sign.kind), sign.kind == "process.crashed" and sign.source not in OWN


def _ready(starts: list[Sign]) -> Sign:
    return [sign for sign in starts if sign.time - starts[0].time <= ONE_START][-1]


def _down_schema() -> pl.Schema:
    instant = pl.Datetime("us", "UTC")
    return pl.Schema(
        {
            "time": instant,
            "service": pl.String(),
            "kind": pl.String(),
            "path": pl.String(),
            "line": pl.UInt32(),
            "end_line": pl.UInt32(),
            "up": instant,
            "up_path": pl.String(),
            "up_line": pl.UInt32(),
        }
    )


def down_intervals(events: pl.LazyFrame) -> pl.LazyFrame:
    """When services were down, by the events that `logcorr.scan` gives: a row a stop, in time order.

    The columns are `time` (UTC; the first sign of the end), `service` (the path of its log where no name is known), `kind` (the
    most telling sign), `path`, `line`, `end_line` (where that stands), `up` (when it was ready again), `up_path`, `up_line` (the
    line that says so) and `down_s`; null where none does.
    """
    telling = events.filter(pl.col("kind").is_in([*ENDS, *STARTS]))
    lines = (pl.col("end_line") - pl.col("line") + 1).alias("lines")
    seen = telling.select("time", "source", "service", "kind", pl.col("path").alias("file"), "line", lines).collect()
    rows = [
        (
            *(stop.ended, stop.service, stop.kind, stop.end.path, stop.end.line, stop.end.end_line, stop.up),
            *((stop.start.path, stop.start.line) if stop.start else (None, None)),
        )
        for stop in downtimes(seen)
    ]
    found = pl.LazyFrame(rows, schema=_down_schema(), orient="row")
    down = (pl.col("up") - pl.col("time")).dt.total_milliseconds() / 1_000
    return found.with_columns(down.alias("down_s")).sort("time", "service", "path", "line")
