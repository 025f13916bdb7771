"""How long a service took to answer what a health check asks, by its own log of requests, and what it was busy with then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import Evidence
from logcorr.model.facts import Service
from logcorr.rules._durations import TOOK, UNITS, worked
from logcorr.rules._unhealthy import HEALED_S, LEAST_SHARE, Unhealthy, lives, workload
from logcorr.semantics.healthchecks import probe_of
from logcorr.timeline.select import cite, seconds

FIELD = (
    r"(?:\"|\b)(?:responseTime|response_time|elapsed|took|latency|duration|\w*(?:_ms|Ms))\"?\s*[:=]\s*\"?"
    r"(\d+(?:\.\d+)?)(ms|s)?\b"
)
"""Fields that hold how long an answer took: milliseconds, where they name no unit."""

IN_SECONDS = r"(?:\"|\b)(?:\w+_s|\w*[sS]econds|request_time)\"?\s*[:=]\s*\"?(\d+(?:\.\d+)?)\b"
LONGEST_S, AT_ONCE_S = 3600.0, 2.0
NEARLY = 0.98
"""Who gives up after a second is told to have waited so much of it at least."""

FAILED = r"(?:\s|[\"':=])5\d\d(?:[\",}\]]|$|\s+(?:[^m\s]|m[^s]))"
"""A server's error, in a line that tells of an answer: a status, and no number of milliseconds."""

FEWEST, NEARLY_ALL, MOST_OF_TIME = 3, 0.9, 0.5


def answered(case: Case, one: Service, url: str) -> pl.DataFrame:
    """The events by which this service tells of an answer to a request for this address, and that it is no error, in time order.

    Each with how many seconds it `took`.
    """
    path = urlsplit(url).path or "/"
    told = pl.col("text").str.contains(rf"[\s\"'=(]{re.escape(path)}(?:[?#\s\"',)]|$)") & ~pl.col("text").str.contains(FAILED)
    events = case.timeline.drop_nulls("time")
    parts = [events.clear().with_columns(took=pl.lit(0.0)).collect()]
    for source in dict.fromkeys(source.path for source in case.sources):
        rows = case.lines(source).filter(told).select("line", took=_took()).drop_nulls().collect()
        if rows.height:
            own = pl.lit(True) if _is_named(one, source) else workload(pl.col("service")).is_in([one.name, one.container_name])
            timed = events.filter((pl.col("file") == source) & own).join(rows.lazy(), on="line", how="inner")
            parts.append(timed.collect().select(parts[0].columns))
    return pl.concat(parts).filter(pl.col("took") <= LONGEST_S).sort("time", "line", maintain_order=True)


def _is_named(one: Service, path: str) -> bool:
    """Whether a log bears the service's name, as a word of its file's name."""
    names = "|".join(re.escape(name) for name in (one.name, one.container_name) if name)
    return bool(re.search(rf"(?<![a-z0-9])(?:{names})(?![a-z0-9])", path.rpartition("/")[2], re.IGNORECASE))


def _took() -> pl.Expr:
    text = pl.col("text")
    field, unit = (text.str.extract(FIELD, number) for number in (1, 2))
    by_field = field.cast(pl.Float64) * pl.when(unit == "s").then(1.0).otherwise(UNITS["ms"])
    thousandth = text.str.extract(TOOK, 2).str.starts_with("m")
    said = text.str.extract(TOOK, 1).cast(pl.Float64) * pl.when(thousandth).then(UNITS["ms"]).otherwise(1.0)
    return pl.coalesce(text.str.extract(IN_SECONDS, 1).cast(pl.Float64), by_field, said)


def slow(case: Case, one: Unhealthy) -> pl.DataFrame:
    """The answers to the check that took longer than it waits, if nearly each of these stops follows some."""
    check = one.check
    probe = probe_of(check, check.span, tuple(one.service.environment))
    told = answered(case, one.service, probe.url) if probe and probe.url else pl.DataFrame()
    late = told.filter(pl.col("took") >= NEARLY * check.timeout_s) if told.height else told
    at = late["time"].dt.epoch("us").to_numpy() / 1e6 if late.height else np.empty(0)
    failing = lives(one.stops, check.retries * (check.interval_s + check.timeout_s) + HEALED_S)
    within = [(at >= start) & (at <= end) for start, end in failing]
    enough = late.height and np.mean([one.any() for one in within]) >= LEAST_SHARE
    return late.filter(pl.Series(np.any(within, axis=0))) if enough else told.clear()


def waited_for(case: Case, one: Unhealthy) -> tuple[Evidence, ...]:
    """What took longer than the check waits, by the service's own word, in the time in which most of these checks failed."""
    own = (pl.col("took") >= one.check.timeout_s) & (workload(pl.col("service")) == one.service.name)
    rows = case.once(worked).filter(own)
    at = rows["time"].dt.epoch("us").to_numpy() / 1e6
    failing = lives(one.stops, one.check.retries * (one.check.interval_s + one.check.timeout_s) + HEALED_S)
    within = [(at >= start) & (at <= end) for start, end in failing]
    if not rows.height or np.mean([one.any() for one in within]) < MOST_OF_TIME:
        return ()
    during = rows.filter(pl.Series(np.any(within, axis=0)))
    return cite(during, "what took so long", most=2, shows="probe_gets_answer")


def busy_with(case: Case, slow: pl.DataFrame) -> tuple[Evidence, ...]:
    """The work of one sort, by anybody's word, in the midst of which nearly all of these came, and which has pauses."""
    at = seconds(slow)
    whole = (case.window[1] - case.window[0]).total_seconds() if case.window else 0.0
    for _, rows in case.once(worked).group_by("file", "sort", maintain_order=True):
        if rows.height >= FEWEST and rows["took"].sum() <= MOST_OF_TIME * whole:
            began, took = rows["began"].to_numpy(), rows["took"].to_numpy()
            within = (at[:, None] >= began[None, :] - 1) & (at[:, None] <= (began + took)[None, :] + 1)
            if within.any(axis=1).mean() >= NEARLY_ALL:
                return tuple(_begun(case, rows.filter(pl.Series(np.any(within, axis=0)))))
    return ()


def _begun(case: Case, rows: pl.DataFrame) -> Iterator[Evidence]:
    """The first of these works: the line with which it began, if there is one, and the one that tells how long it took."""
    first = rows.head(1)
    at, service, file = first["began"][0], first["service"][0], first["file"][0]
    near = (pl.col("time").dt.epoch("us") / 1e6).is_between(at - AT_ONCE_S, at + AT_ONCE_S)
    own = (pl.col("file") == file) & pl.col("service").eq_missing(service)
    yield from cite(case.timeline.filter(near & own).collect(), "what else was at work", most=1, shows="probe_gets_answer")
    yield from cite(first, "how long that took", shows="probe_gets_answer")
