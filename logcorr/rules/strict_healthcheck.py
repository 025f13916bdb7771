"""A container that answers is called unhealthy, and somebody restarts it for that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Healthcheck, Service
from logcorr.model.result import Finding
from logcorr.rules import rule
from logcorr.rules._deeds import changes
from logcorr.rules._health import TEST, Why, why
from logcorr.rules._own_answers import busy_with, slow, waited_for
from logcorr.rules._unhealthy import Unhealthy, acted_on, failed_others, followed, late, served, setting_lines
from logcorr.timeline.select import cite, instants

SHORT_S, ONCE = 2.0, 1
"""A check that gives so little time, or so few tries, calls a busy service ill."""

MEASURED, STRICT, SERVING = 0.95, 0.92, 0.75
LINES = {"timeout": r"(?i)^\W*timeout", "retries": r"(?i)^\W*(?:retries\b|failureThreshold)", "test": TEST}
"""How the lines of a check begin that hold its settings."""

FIX = claim("strict_healthcheck.fix", "give the check more time and three tries or more, and let it ask something that is quick")


@rule(code="PROC012", title="A container that answers is restarted as unhealthy", role="defect", severity="error")
def check(case: Case) -> Iterator[Finding]:
    """Stops that follow the word `unhealthy`, of a service that was answering requests until then."""
    for one in case.once(acted_on):
        told = slow(case, one)
        if told.height and not failed_others(case, one.stops):
            yield _late(case, one, told)
        elif served(case, one.stops):
            yield _finding(case, one)


def _late(case: Case, one: Unhealthy, told: pl.DataFrame) -> Finding:
    """By its own word the service took longer to answer than the check waits."""
    took = round(float(np.median(told["took"].to_numpy())), 1)
    waits, count = one.check.timeout_s, one.stops.height
    return _found(
        one,
        MEASURED,
        claim(
            "strict_healthcheck.late",
            "the health check of {service} waits {timeout:g} s, but what it asks for takes {took:g} s: {count} times it was "
            "restarted as unhealthy for that",
            service=one.service.name,
            timeout=waits,
            took=took,
            count=count,
        ),
        (
            *_settings(case, one, ("timeout", "test")),
            *cite(told, "how long the answer took", most=4, shows="probe_gets_answer"),
            *busy_with(case, told),
            *followed(case, one, setting_lines(case, one.check.span, LINES["retries"])),
        ),
    )


def _finding(case: Case, one: Unhealthy) -> Finding:
    service, check, acted = one.service, one.check, one.stops
    busy = late(case, acted, check.timeout_s, check.retries * (check.interval_s + check.timeout_s))
    tight = (("timeout", busy or check.timeout_s <= SHORT_S), ("retries", check.retries <= ONCE))
    short = [word for word, too in tight if too]
    reason = why(case, service, check, acted.height, one.told)
    found = _found(
        one,
        reason.sure if reason else STRICT if short else SERVING,
        reason.said if reason else _claim(service, check, acted.height, short, busy=busy),
        (
            *_settings(case, one, [*([] if reason else short), "test", "timeout", "retries"]),
            *(reason.shown if reason else ()),
            *waited_for(case, one),
            *(_changed(case, reason, acted) if reason else ()),
            *followed(case, one, setting_lines(case, check.span, LINES["retries"])),
        ),
    )
    return replace(found, fix=reason.fix) if reason else found


def _found(one: Unhealthy, sure: float, said: Claim, evidence: tuple[Evidence, ...]) -> Finding:
    check, acted = one.check, one.stops
    return Finding(
        confidence=sure,
        claim=said,
        evidence=evidence,
        would_refute=claim("strict_healthcheck.refute", "a health check that failed while the service answered nobody else"),
        subject=one.service.name,
        measured={"stops": acted.height, "timeout_s": check.timeout_s, "retries": check.retries, "interval_s": check.interval_s},
        times=instants(acted),
        fix=FIX,
    )


def _settings(case: Case, one: Unhealthy, order: Sequence[str]) -> Iterator[Evidence]:
    """The lines of the check that hold these settings, in this order; all of it where none does."""
    order = ["test" if one.by_itself and word == "timeout" else word for word in order]
    found = [span for word in dict.fromkeys(order) for span in setting_lines(case, one.check.span, LINES[word])]
    yield from (Evidence(span, "the health check", shows="probe_gets_answer") for span in found or [one.check.span])


def _changed(case: Case, reason: Why, acted: pl.DataFrame) -> Iterator[Evidence]:
    """What the check disagrees with, and who changed something just before it first failed."""
    changed = tuple(changes(case, acted["time"][0]))
    shows = "deploy_changes_configuration" if changed else "probe_gets_answer"
    yield from (Evidence(span, "where it listens", shows=shows) for span in reason.settings)
    yield from changed


def _claim(service: Service, check: Healthcheck, count: int, short: Sequence[str], *, busy: bool) -> Claim:
    if busy:
        return claim(
            "strict_healthcheck.busy",
            "the health check of {service} waits {timeout:g} s: {count} times it was restarted as unhealthy when it was busy, "
            "and answered most requests, but later than that",
            service=service.name,
            timeout=check.timeout_s,
            count=count,
        )
    if short:
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
