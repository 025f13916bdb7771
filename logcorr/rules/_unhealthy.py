"""Containers that somebody ends because Docker calls them unhealthy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from logcorr.lazily import np, npt, pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.events import REQUEST_LOGS
from logcorr.model.facts import Healthcheck, Service
from logcorr.model.source import Span
from logcorr.rules._health import checked
from logcorr.semantics.healthchecks import probe_of
from logcorr.timeline.lifecycles import stop_schema, stops
from logcorr.timeline.select import cite, lines_like, seconds

CALLED = r'unhealthy|(?i)liveness probe|probeType="Liveness"'
"""How Docker and Kubernetes say that a check failed for good."""

KILLED = "failed liveness probe"
POD = "-[a-z0-9]{8,10}-[a-z0-9]{5}"
"""What a pod's name has after its workload's."""

FEWEST = 3
LEAST_SHARE = 0.8
SOON_S = 120.0
"""Whoever acts on a container's state looks every minute or so, and lets it end in peace."""

TOOK = {"request_time": 1.0, "took_ms": 1000.0}
"""Columns that tell how long an answer took, and how many of their units are a second."""

HEALED_S = 10.0
MOST, OFTENER = 0.5, 3.0
"""A busy service answers most requests later than usual."""


class Unhealthy(Struct, frozen=True):
    """A service with its health check, the lines that call it unhealthy, and those of its stops that follow one of them.

    The check waits no longer than its own command does (`curl -m 2`), if that gives up `by_itself`.
    """

    service: Service
    check: Healthcheck
    by_itself: bool
    told: pl.DataFrame
    stops: pl.DataFrame


def acted_on(case: Case) -> tuple[Unhealthy, ...]:
    """Every service of whose stops nearly all follow the word `unhealthy`."""
    return tuple(_acted_on(case))


def _acted_on(case: Case) -> Iterator[Unhealthy]:
    told = case.happened("probe.failed", "service.restarting").filter(
        pl.col("message").str.contains(CALLED) & pl.col("time").is_not_null()
    )
    services = checked(case) if told.height >= FEWEST else {}
    known = dict(_by_workload(case, services)) if services else {}
    for name, (service, check) in services.items():
        own = workload(pl.col("service")) == name
        unhealthy = told.filter(own | pl.col("message").str.contains(rf"\b{re.escape(service.name)}\b"))
        ended = known.get(name, pl.DataFrame(schema=stop_schema()))
        soon = _soon_after(ended, seconds(unhealthy))
        acted = soon if soon.height >= LEAST_SHARE * ended.height else soon.clear()
        if (acted["kind"] == "process.started").all() and (told_by := _by_kubelet(case, name, unhealthy)).height >= FEWEST:
            acted = told_by
        if acted.height >= FEWEST:
            patience = _patience_s(service, check)
            by_itself = patience < check.timeout_s
            yield Unhealthy(service, replace(check, timeout_s=patience), by_itself, unhealthy, acted)


def _by_kubelet(case: Case, name: str, told: pl.DataFrame) -> pl.DataFrame:
    """The stops that Kubernetes alone tells of: what hangs says nothing when it is killed, and is up at its next start."""
    own = workload(pl.col("service")) == name
    theirs = pl.col("message").str.contains(rf'(?:[Cc]ontainer |[/"]){re.escape(name)}(?:{POD}|-\d+)?[" ]')
    ended = told.filter((pl.col("kind") == "service.restarting") & pl.col("message").str.contains(KILLED) & (own | theirs))
    started = case.happened("process.started").drop_nulls(["time", "service"])
    started = started.filter(pl.Series([_of(one, [name]) == name for one in started["service"]], dtype=pl.Boolean))
    up = started.select("time", up=pl.col("time"))
    return ended.sort("time").join_asof(up, on="time", strategy="forward").select(*stop_schema())


def _patience_s(service: Service, check: Healthcheck) -> float:
    """How long the check waits: as it is set, or as its command is told."""
    probe = probe_of(check, check.span, tuple(service.environment))
    return min(check.timeout_s, (probe and probe.timeout_s) or check.timeout_s)


def workload(pod: pl.Expr) -> pl.Expr:
    """What a pod is one of, by its name (`api-5c88b7f4d9-jw6vd`); the name of anything else."""
    return pod.str.replace(rf"{POD}$", "")


def _by_workload(case: Case, services: Mapping[str, object]) -> Iterator[tuple[str, pl.DataFrame]]:
    """Each service's stops, those of the pods of one workload together."""
    found: dict[str, list[pl.DataFrame]] = {}
    for name, ended in stops(case):
        found.setdefault(name if name in services else _of(name, services), []).append(ended)
    yield from ((name, pl.concat(parts).sort("time", maintain_order=True)) for name, parts in found.items())


def _of(name: str, services: Iterable[str]) -> str:
    """The workload of a pod, else the one service that is a word of the name of a log (`pod-api`)."""
    of, words = str(pl.select(workload(pl.lit(name))).item()), set(re.split(r"[-_.]", name))
    worded = [service for service in services if service in words]
    return worded[0] if of == name and len(worded) == 1 else of


def _soon_after(ended: pl.DataFrame, unhealthy: npt.NDArray[np.float64]) -> pl.DataFrame:
    """The stops that come soon after the container was called unhealthy."""
    timed = ended.filter(pl.col("time").is_not_null()).sort("time", maintain_order=True)
    near = [bool(((unhealthy <= at + 1) & (unhealthy >= at - SOON_S)).any()) for at in seconds(timed)]
    return timed.filter(pl.Series(near, dtype=pl.Boolean))


def served(case: Case, stops: pl.DataFrame) -> bool:
    """Whether the proxy got answers before these stops, since it was up, hardly any of them a server's error."""
    well = _went_well(case, stops)
    return sum(well) >= max(FEWEST, LEAST_SHARE * len(well))


def failed_others(case: Case, stops: pl.DataFrame) -> bool:
    """Whether the proxy, too, got errors from a server before these stops, as far as a log tells."""
    well = _went_well(case, stops)
    return sum(well) < LEAST_SHARE * len(well)


def _went_well(case: Case, stops: pl.DataFrame) -> list[bool]:
    """Of each life in whose end anybody asked: whether hardly any answer was a server's error."""
    answered = answers(case)
    asked = [rows for start, end in lives(stops, SOON_S) if (rows := _between(answered, start, end - 1)).height]
    return [int(rows["good"].sum()) >= LEAST_SHARE * rows.height for rows in asked]


def late(case: Case, stops: pl.DataFrame, patience_s: float, failing_s: float) -> bool:
    """Whether most answers took longer than a check waits, in the time in which it failed, and not so many at other times."""
    answered = answers(case).drop_nulls("took").filter("good")
    failing = list(lives(stops, failing_s + HEALED_S))
    near = [_between(answered, start, end - 1)["took"] > patience_s for start, end in failing]
    count, slow = sum(map(len, near)), sum(int(part.sum()) for part in near)
    others = (int((answered["took"] > patience_s).sum()) - slow) / max(answered.height - count, 1)
    return count >= FEWEST and slow >= MOST * count and slow >= OFTENER * others * count


def answers(case: Case) -> pl.DataFrame:
    """When requests were answered, whether by no server's error, and how many seconds they took, where the log tells."""
    return pl.concat([_answers_in(case, name) for name in REQUEST_LOGS])


def _answers_in(case: Case, format: str) -> pl.DataFrame:
    log = case.records(format)
    columns = set(log.collect_schema())
    if not {"status", "time"} <= columns:
        return pl.DataFrame(schema={"at": pl.Float64, "good": pl.Boolean, "took": pl.Float64})
    took = next((pl.col(name) / parts for name, parts in TOOK.items() if name in columns), pl.lit(None))
    known = log.drop_nulls(["time", "status"])
    return known.select(at=pl.col("time").dt.epoch("us") / 1e6, good=pl.col("status") < 500, took=took.cast(pl.Float64)).collect()


def _between(rows: pl.DataFrame, start: float, end: float) -> pl.DataFrame:
    return rows.filter(pl.col("at").is_between(start, end, closed="left"))


def lives(stops: pl.DataFrame, longest_s: float) -> Iterator[tuple[float, float]]:
    """The last so many seconds before each stop, if it was up for so long."""
    up = float("-inf")
    for ended, ready in stops.select(pl.col("time", "up").dt.epoch("us") / 1e6).iter_rows():
        yield max(ended - longest_s, up), ended
        up = up if ready is None else ready


def followed(case: Case, one: Unhealthy, limits: Sequence[Span]) -> Iterator[Evidence]:
    """From its failures to its end: what makes it unhealthy, who acts on that, and how it is told that it ends."""
    yield from (Evidence(span, "so many failures make it unhealthy", shows="answer_takes_branch") for span in limits)
    yield from cite(one.told, "called unhealthy", most=4, shows="answer_takes_branch")
    yield from (Evidence(span, "acts on unhealthy containers", shows="effect_hits_service") for span in _healers(case))
    yield from cite(one.told, "called unhealthy", most=2, shows="effect_hits_service")
    yield from cite(one.stops, shows="process_terminates")
    yield from cite(_own_words(case, one.service.name, one.stops), most=2, shows="process_terminates")


def setting_lines(case: Case, stanza: Span, pattern: str) -> tuple[Span, ...]:
    """The lines of a stanza that hold the pattern."""
    return tuple(span for span, _ in lines_like(case, stanza, pattern))


def _healers(case: Case) -> Iterator[Span]:
    """Commands of scripts that restart what Docker calls unhealthy."""
    for behaviour in case.behaviours:
        if "unhealthy" in behaviour.script.text:
            yield from (effect.span for effect in behaviour.effects if effect.ends_processes)


def _own_words(case: Case, service: str, acted: pl.DataFrame) -> pl.DataFrame:
    """What other logs say of these stops, one line each."""
    rows = case.happened("process.terminating").filter(
        (pl.col("service") == service) & ~pl.col("file").is_in(acted["file"].implode())
    )
    return rows.unique("file", keep="first", maintain_order=True)
