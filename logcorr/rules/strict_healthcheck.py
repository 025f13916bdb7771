"""A container that answers is called unhealthy, and somebody restarts it for that."""

from __future__ import annotations

import re
from collections.abc import Iterator

from logcorr.lazily import np, npt, pl, regex
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Healthcheck, Service
from logcorr.model.result import Finding
from logcorr.model.source import Span
from logcorr.rules import rule
from logcorr.timeline.lifecycles import stops
from logcorr.timeline.select import cite, instants, lines_like, seconds

FEWEST = 3
LEAST_SHARE = 0.8
SOON_S = 60.0
"""Whoever acts on a container's state does it within a minute."""

SHORT_S, ONCE = 2.0, 1
"""A check that gives so little time, or so few tries, calls a busy service ill."""

STRICT, SERVING, LACKING = 0.92, 0.75, 0.95

NOT_FOUND = regex(
    r"""["'\s:](?P<name>[\w./-]+): (?:command )?not found|exec: \W*(?P<program>[\w./-]+)\W*: executable file not found"""
)
"""What shells and container engines print for want of a program; a health record keeps it as the check's `Output`."""


@rule(code="PROC012", title="A container that answers is restarted as unhealthy", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Stops that follow the word `unhealthy`, of a service that was answering requests until then."""
    told = case.happened("probe.failed", "service.restarting").filter(
        pl.col("message").str.contains("unhealthy") & pl.col("time").is_not_null()
    )
    services = {one.name: one for one in (case.stack.services if case.stack else ()) if one.healthcheck}
    for name, ended in stops(case) if told.height >= FEWEST else ():
        service = services.get(name)
        if service and service.healthcheck:
            unhealthy = told.filter((pl.col("service") == name) | pl.col("message").str.contains(rf"\b{service.name}\b"))
            acted = _soon_after(ended, seconds(unhealthy))
            if acted.height >= FEWEST and acted.height >= LEAST_SHARE * ended.height and _served(case, seconds(acted)):
                yield _finding(case, service, service.healthcheck, unhealthy, acted)


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
    strict = check.timeout_s <= SHORT_S or check.retries <= ONCE
    lacked, printed = _lacked(case, check)
    lines = {word: tuple(_lines(case, check.span, word)) for word in ("test", "timeout", "retries")}
    short = [word for word, too in (("timeout", check.timeout_s <= SHORT_S), ("retries", check.retries <= ONCE)) if too]
    order = [*([] if lacked else short), "test", "timeout", "retries"]
    first = [span for word in dict.fromkeys(order) for span in lines[word]] or [check.span]
    return Finding(
        confidence=LACKING if lacked else STRICT if strict else SERVING,
        claim=_claim(service, check, acted.height, lacked, strict=strict),
        evidence=(
            *(Evidence(span, "the health check", shows="probe_gets_answer") for span in first),
            *(Evidence(span, "what the health check printed", shows="probe_gets_answer") for span in printed[:2]),
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
        fix=_fix(lacked),
    )


def _lacked(case: Case, check: Healthcheck) -> tuple[str, tuple[Span, ...]]:
    """The program that the check calls and did not find, as captured health records say, and where; empty where none does."""
    words = re.split(r"[\s;|&()'\"]+", " ".join(check.test))
    called = {word.rpartition("/")[2] for word in words if "://" not in word}
    found: dict[str, list[Span]] = {}
    for path in sorted(case.files):
        rows = case.lines(path).filter(pl.col("text").str.contains(r'"Output": ?".*not found'))
        for line, text in rows.select("line", "text").collect().iter_rows():
            match = NOT_FOUND.search(text)
            name = (match["name"] or match["program"]).rpartition("/")[2] if match else ""
            if name in called:
                found.setdefault(name, []).append(Span(path, line))
    program = min(found, default="")
    return program, tuple(found.get(program, ()))


def _fix(lacked: str) -> Claim:
    if lacked:
        return claim(
            "strict_healthcheck.install", "check with a program that the image has, or add {program} to it", program=lacked
        )
    return claim(
        "strict_healthcheck.fix", "give the check more time and three tries or more, and let it ask something that is quick"
    )


def _lines(case: Case, stanza: Span, word: str) -> Iterator[Span]:
    yield from (span for span, _ in lines_like(case, stanza, rf"(?i)^\W*{word}\b"))


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


def _claim(service: Service, check: Healthcheck, count: int, lacked: str, *, strict: bool) -> Claim:
    if lacked:
        return claim(
            "strict_healthcheck.lacking",
            "{service} was restarted as unhealthy {count} times while it answered requests: its health check calls {program}, "
            "which the container does not have",
            service=service.name,
            count=count,
            program=lacked,
        )
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
