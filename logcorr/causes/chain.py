"""The chain from a scheduled job to what users felt, each hop with its own evidence."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from logcorr.causes.follow import Following, Times, begun, following
from logcorr.causes.scheduled import Attributed
from logcorr.causes.suspects import Suspect
from logcorr.model.behaviour import Reach
from logcorr.model.case import Case, ProbeAnswer, ProvedEffect
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.facts import Container
from logcorr.model.result import Link
from logcorr.model.source import Span
from logcorr.timeline.select import cite, spans

CLOSED = ("client.disconnected", "upstream.closed_early", "upstream.reset")
REFUSED = ("upstream.refused", "upstream.none_live")
FELT = ("client.connect_failed", "client.reconnecting", "http.5xx")


def scheduled_chain(case: Case, told: Attributed, suspect: Suspect, matched: pl.DataFrame) -> tuple[Link, ...]:
    """The hops from the job's line to the clients, as far as the case shows them."""
    links: list[Link] = []
    effect = suspect.effect
    if effect:
        links += _runs(case, suspect, effect)
        links += _answered(effect)
        links += _branch(effect)
        links += _calls(suspect, effect)
    links.append(_terminates(case, told, effect.effect.span if effect else suspect.span, matched))
    return (*links, *consequences(case, begun(told.stops), matched))


def consequences(case: Case, stops: Times, matched: pl.DataFrame) -> Iterator[Link]:
    """What follows the stops in the logs: closed connections, refused ones, clients that notice."""
    assert case.window is not None
    window = (case.window[0].timestamp(), case.window[1].timestamp())
    first = spans(matched)[0]
    for mechanism, kinds in (
        ("termination_closes_connections", CLOSED),
        ("termination_refuses_connections", REFUSED),
        ("failure_reaches_clients", FELT),
    ):
        found = following(stops, case.happened(*kinds), window)
        if found:
            yield _consequence(mechanism, first, found)


def _consequence(mechanism: str, stop: Span, found: Following) -> Link:
    return Link(
        mechanism=mechanism,
        source=stop,
        target=spans(found.rows)[0],
        claim=_consequence_claim(mechanism, found),
        evidence=cite(found.rows),
        proof="observed",
        lag_s=found.lag_s,
    )


def _consequence_claim(mechanism: str, found: Following) -> Claim:
    numbers = {"count": found.followed, "total": found.total, "lag": round(found.lag_s, 1)}
    if mechanism == "termination_closes_connections":
        return claim(
            "chain.closes", "{count} of {total} broken connections follow a stop, the first {lag:g} s after it", **numbers
        )
    if mechanism == "termination_refuses_connections":
        return claim(
            "chain.refuses", "{count} of {total} refused connections follow a stop, the first {lag:g} s after it", **numbers
        )
    return claim(
        "chain.felt", "{count} of {total} failures that clients saw follow a stop, the first {lag:g} s after it", **numbers
    )


def _runs(case: Case, suspect: Suspect, effect: ProvedEffect) -> Iterator[Link]:
    started = _runs_logged(case, suspect.command)
    target = _first_step(effect)
    yield Link(
        mechanism="job_runs_script",
        source=suspect.span,
        target=target,
        claim=_runs_claim(suspect, target.path),
        evidence=(Evidence(suspect.span, "what sets it off"), *cite(started, "a logged run", most=3)),
        proof=Reach.MUST.value,
    )


def _runs_claim(suspect: Suspect, script: str) -> Claim:
    if not suspect.scheduler:
        return claim("chain.loops", "{script} runs on {schedule}", script=script, schedule=suspect.runs)
    return claim(
        "chain.runs",
        "{scheduler} runs {script} on {schedule}",
        scheduler=suspect.scheduler,
        script=script,
        schedule=suspect.runs,
    )


def _first_step(effect: ProvedEffect) -> Span:
    """Where the script begins to matter: its first deciding probe, or the effect itself."""
    return effect.probes[0].probe.span if effect.probes else effect.effect.span


def _runs_logged(case: Case, command: str) -> pl.DataFrame:
    """Lines in which the scheduler says that it ran this very command."""
    started = case.happened("job.started")
    return started.filter(pl.col("message").str.contains(command.strip(), literal=True))


def _answered(effect: ProvedEffect) -> Iterator[Link]:
    for answered in effect.probes:
        if answered.answers and answered.answers[0].status is not None:
            yield _answer(answered, effect.proof.reach)


def _answer(answered: ProbeAnswer, reach: Reach) -> Link:
    probe, answer = answered.probe, answered.answers[0]
    place = probe.url_span or probe.span
    return Link(
        mechanism="probe_gets_answer",
        source=place,
        target=answer.at,
        claim=claim(
            "chain.answers", "nginx answers the probe of {url} with {status}", url=str(probe.url), status=answer.status or 0
        ),
        evidence=(
            Evidence(probe.span, "the probe"),
            *(Evidence(span, text) for text, span in (*answered.path, *answer.trace)),
            Evidence(answer.at, "decides the answer"),
        ),
        proof=reach.value,
    )


def _calls(suspect: Suspect, effect: ProvedEffect) -> Iterator[Link]:
    """From the script with the condition to the one that holds the command, if that is another."""
    target = effect.effect.span
    for call in suspect.behaviour.calls if suspect.behaviour else ():
        if call.path and call.span.path not in (suspect.span.path, target.path) and _same_name(call.path, target.path):
            yield Link(
                mechanism="script_calls_script",
                source=call.span,
                target=target,
                claim=claim("chain.calls", "{caller} calls {callee}", caller=call.span.path, callee=target.path),
                evidence=(Evidence(call.span, "the call"),),
                proof=effect.proof.reach.value,
            )
            return


def _same_name(path: str, collected: str) -> bool:
    return path.rpartition("/")[2] == collected.rpartition("/")[2]


def _branch(effect: ProvedEffect) -> Iterator[Link]:
    guard = effect.effect.guard
    if not guard:
        return
    text, span = guard[-1]
    yield Link(
        mechanism="answer_takes_branch",
        source=span,
        target=effect.effect.span,
        claim=_branch_claim(effect, text),
        evidence=(Evidence(span, "the condition"), Evidence(effect.effect.span, effect.effect.action)),
        proof=effect.proof.reach.value,
    )


def _branch_claim(effect: ProvedEffect, condition: str) -> Claim:
    if effect.proof.reach is Reach.MUST:
        return claim(
            "chain.branch_must",
            "whether the probe gets {answers}, is refused or times out, the script goes on to {action}",
            answers=" or ".join(dict.fromkeys(str(a.status) for one in effect.probes for a in one.answers)) or "an answer",
            action=effect.effect.action,
        )
    return claim(
        "chain.branch_may", "if {condition}, the script reaches its {action}", condition=condition, action=effect.effect.action
    )


def _spread(low: float, high: float) -> str:
    """`2–3`, or `3` where both are the same."""
    first, last = f"{round(low, 1):g}", f"{round(high, 1):g}"
    return first if first == last else f"{first}–{last}"


def _ages(case: Case) -> Iterator[Evidence]:
    """How old the containers were in a capture: what restarted, and what did not."""
    for container in case.of(Container):
        if container.up_s is not None:
            yield Evidence(container.span, container.status)


def _terminates(case: Case, told: Attributed, source: Span, matched: pl.DataFrame) -> Link:
    """From the command (or, where it is not known, the job's line) to the first of its stops."""
    group = told.leading
    lag = group.evidence.lag_median_s if group else None
    return Link(
        mechanism="effect_terminates_process",
        source=source,
        target=spans(matched)[0],
        claim=claim(
            "chain.terminates",
            "{count} of {total} stops of {service} come {lags} s after a run",
            count=matched.height,
            total=told.stops.height,
            service=told.service,
            lags=_spread(group.evidence.lag_low_s or 0.0, group.evidence.lag_high_s or 0.0) if group else "?",
        ),
        evidence=(*cite(matched), *_ages(case)),
        proof="observed",
        lag_s=lag,
    )
