"""A container that answers is called unhealthy, and somebody restarts it for that."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Healthcheck, Service
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.rules._deeds import changes
from logcorr.rules._health import TEST, Why, checked, why
from logcorr.timeline.lifecycles import stops
from logcorr.timeline.select import cite, instants, lines_like, seconds

FEWEST = 3
LEAST_SHARE = 0.8
SOON_S = 120.0
"""Whoever acts on a container's state looks every minute or so, and lets it end in peace."""

SHORT_S, ONCE = 2.0, 1
"""A check that gives so little time, or so few tries, calls a busy service ill."""

STRICT, SERVING = 0.92, 0.75

FIX = claim("strict_healthcheck.fix", "give the check more time and three tries or more, and let it ask something that is quick")


@rule(code="PROC012", title="A container that answers is restarted as unhealthy", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Stops that follow the word `unhealthy`, of a service that was answering requests until then."""
    told = case.happened("probe.failed", "service.restarting").filter(
        pl.col("message").str.contains("unhealthy") & pl.col("time").is_not_null()
    )
    services = checked(case) if told.height >= FEWEST else {}
    for name, ended in stops(case) if services else ():
        if name in services:
            service, health = services[name]
            unhealthy = told.filter((pl.col("service") == name) | pl.col("message").str.contains(rf"\b{service.name}\b"))
            acted = _soon_after(ended, seconds(unhealthy))
            if acted.height >= FEWEST and acted.height >= LEAST_SHARE * ended.height and _served(case, seconds(acted)):
                yield _finding(case, service, health, unhealthy, acted)


def _soon_after(ended: pl.DataFrame, unhealthy: npt.NDArray[np.float64]) -> pl.DataFrame:
    """The stops that come soon after the container was called unhealthy."""
    timed = ended.filter(pl.col("time").is_not_null()).sort("time", maintain_order=True)
    near = [bool(((unhealthy <= at + 1) & (unhealthy >= at - SOON_S)).any()) for at in seconds(timed)]
    return timed.filter(pl.Series(near, dtype=pl.Boolean))


def _served(case: Case, times: npt.NDArray[np.float64]) -> bool:
    """Whether the proxy got answers in the minute before nearly all of these stops, hardly any of them a server's error."""
    access = case.records("nginx_access")
    if not {"status", "time"} <= set(access.collect_schema()):
        return False
    rows = access.select(at=pl.col("time").dt.epoch("us") / 1e6, good=pl.col("status") < 500).collect()
    at, good = rows["at"].to_numpy(), rows["good"].to_numpy()
    shares = [good[(at >= time - SOON_S) & (at < time - 1)] for time in times]
    return float(np.mean([len(one) > 0 and one.mean() >= LEAST_SHARE for one in shares])) >= LEAST_SHARE


def _finding(case: Case, service: Service, check: Healthcheck, unhealthy: pl.DataFrame, acted: pl.DataFrame) -> Finding:
    short = [word for word, too in (("timeout", check.timeout_s <= SHORT_S), ("retries", check.retries <= ONCE)) if too]
    reason = why(case, service, check, acted.height)
    lines = {word: tuple(_lines(case, check.span, rf"(?i)^\W*{word}\b")) for word in ("timeout", "retries")}
    lines["test"] = tuple(_lines(case, check.span, TEST))
    order = [*([] if reason else short), "test", "timeout", "retries"]
    first = [span for word in dict.fromkeys(order) for span in lines[word]] or [check.span]
    return Finding(
        confidence=reason.sure if reason else STRICT if short else SERVING,
        claim=reason.said if reason else _claim(service, check, acted.height, strict=bool(short)),
        evidence=(
            *(Evidence(span, "the health check", shows="probe_gets_answer") for span in first),
            *(reason.shown if reason else ()),
            *(_changed(case, reason, acted) if reason else ()),
            *(Evidence(span, "so many failures make it unhealthy", shows="answer_takes_branch") for span in lines["retries"]),
            *cite(unhealthy, "called unhealthy", most=4, shows="answer_takes_branch"),
            *(Evidence(span, "acts on unhealthy containers", shows="effect_hits_service") for span in _healers(case)),
            *cite(unhealthy, "called unhealthy", most=2, shows="effect_hits_service"),
            *cite(acted, shows="process_terminates"),
            *cite(_own_words(case, service.name, acted), most=2, shows="process_terminates"),
        ),
        would_refute=claim("strict_healthcheck.refute", "a health check that failed while the service answered nobody else"),
        subject=service.name,
        measured={"stops": acted.height, "timeout_s": check.timeout_s, "retries": check.retries, "interval_s": check.interval_s},
        times=instants(acted),
        fix=reason.fix if reason else FIX,
    )


def _changed(case: Case, reason: Why, acted: pl.DataFrame) -> Iterator[Evidence]:
    """What the check disagrees with, and who changed something just before it first failed."""
    changed = tuple(changes(case, acted["time"][0]))
    shows = "deploy_changes_configuration" if changed else "probe_gets_answer"
    yield from (Evidence(span, "where it listens", shows=shows) for span in reason.settings)
    yield from changed


def _lines(case: Case, stanza: Span, pattern: str) -> Iterator[Span]:
    yield from (span for span, _ in lines_like(case, stanza, pattern))


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


def _claim(service: Service, check: Healthcheck, count: int, *, strict: bool) -> Claim:
    if strict:
        return claim(
            "strict_healthcheck.strict",
            "the health check of {service} allows {timeout:g} s and {retries} tries: {count} times it was restarted as unhealthy "
            "while it answered requests",
            service=service.name,
            timeout=check.timeout_s,
            retries=check.retries,
            count=count,
        )
    return claim(
        "strict_healthcheck.serving",
        "{service} was restarted as unhealthy {count} times while it answered requests: its health check fails of its own",
        service=service.name,
        count=count,
    )
