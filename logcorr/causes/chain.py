"""The chain from a scheduled job to what users felt, each hop with its own evidence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec.structs import replace

from logcorr.causes import hops
from logcorr.causes.exits import WhyFails
from logcorr.causes.follow import Ends
from logcorr.causes.looked import looked_at
from logcorr.causes.observed import Observed
from logcorr.causes.scheduled import Attributed
from logcorr.causes.suspects import Suspect
from logcorr.causes.terminates import terminates
from logcorr.causes.together import Stopped
from logcorr.lazily import pl, regex
from logcorr.model.behaviour import Reach
from logcorr.model.case import Case, ProbeAnswer, ProvedEffect
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Link
from logcorr.model.source import Span
from logcorr.timeline.scripts import said
from logcorr.timeline.select import cite, spans

FOLDER = regex(r"(?:cd|pushd) \S+$")


def scheduled_chain(case: Case, stopped: Stopped, suspect: Suspect, *, ends: Ends, known: WhyFails | None) -> Iterator[Link]:
    """The hops from the job's line to the clients, as far as the case shows them.

    Its effects are looked for after `ends`; `known` tells why a check fails.
    """
    told, rows = stopped.told, stopped.rows
    effect = suspect.effect
    if effect:
        called = list(_called(suspect, effect))
        decided = (*_answered(case, told, suspect, known), *_branch(effect, suspect.told))
        if not suspect.answer:
            yield from _begun(case, told, suspect, rows)
        yield from _set_off(case, suspect, effect)
        yield from (*called, *decided) if _decided_there(effect) else (*decided, *called)
    link = terminates(case, stopped, effect.effect.span if effect else suspect.span, rows)
    shown = [one for one in known.evidence if one.shows == link.mechanism] if known else []
    yield replace(link, evidence=(*shown, *link.evidence))
    if effect and effect.effect.action == "kill":
        yield from hops.dies_again(case, told.service, ends, spans(rows)[0])
    if (effect and effect.effect.action == "kill") or suspect.scheduler == "pm2":
        yield from hops.restarted(case, stopped.services, ends, spans(rows)[0])
    yield from hops.consequences(case, ends, rows)


def _decided_there(effect: ProvedEffect) -> bool:
    """Whether what decides stands in the file that holds the effect: its check, or else its condition."""
    places = [one.probe.span for one in effect.probes] or [span for _, span in effect.effect.guard[-1:]]
    return any(place.path == effect.effect.span.path for place in places)


def _called(suspect: Suspect, effect: ProvedEffect) -> Iterator[Link]:
    if suspect.behaviour:
        yield from hops.calls(suspect.behaviour, suspect.span.path, effect.effect.span, effect.proof.reach)


def _set_off(case: Case, suspect: Suspect, effect: ProvedEffect) -> Iterator[Link]:
    if suspect.ordered is None:
        yield _runs(case, suspect, effect)
        return
    target, job = spans(suspect.ordered)[0], suspect.job
    if job:
        yield hops.runs(case, source=job.span, command=job.command, scheduler=job.scheduler, on=job.schedule, target=target)
    yield Link(
        mechanism="script_calls_script",
        source=target,
        target=_first_step(effect),
        claim=claim(
            "chain.ordered", "a log tells that {script} was run, {count} times", script=suspect.command, count=suspect.due
        ),
        evidence=(*cite(suspect.ordered, "it is run"), Evidence(_first_step(effect), effect.effect.action)),
        proof=effect.proof.reach.value,
    )


def _runs(case: Case, suspect: Suspect, effect: ProvedEffect) -> Link:
    return hops.runs(
        case,
        source=suspect.span,
        command=suspect.command,
        scheduler=suspect.scheduler,
        on=suspect.runs,
        target=_first_step(effect),
    )


def _first_step(effect: ProvedEffect) -> Span:
    """Where the script begins to matter: its first deciding probe, or the effect itself."""
    return effect.probes[0].probe.span if effect.probes else effect.effect.span


def _begun(case: Case, told: Attributed, suspect: Suspect, matched: pl.DataFrame) -> Iterator[Link]:
    """That the service was started anew before the first run that ended it, where every run should and the one before did not."""
    first = matched["time"][0]
    ticks = suspect.ticks[suspect.ticks <= first.timestamp()]
    logged = min((one.first for one in case.sources if one.path in set(matched["file"]) and one.first), default=first)
    if suspect.reach is not Reach.MUST or len(ticks) < 2 or ticks[-2] < logged.timestamp():
        return
    own = (pl.col("service") == told.service) & pl.col("time").is_between(datetime.fromtimestamp(ticks[-2], UTC), first)
    begun = case.happened("process.started").filter(own)
    if begun.height:
        yield Link(
            mechanism="deploy_changes_configuration",
            source=spans(begun)[0],
            target=spans(matched)[0],
            claim=claim("chain.begun", "since it was started then, the job ends it; the run before that ended nobody"),
            evidence=cite(begun, most=4),
            proof="observed",
        )


def _seen(seen: Observed, effect: ProvedEffect) -> Link:
    """What logs say that the probe was answered, and who answered it."""
    places = dict.fromkeys([*(seen.via or ())[:1], seen.probe.url_span or seen.probe.span, seen.probe.span])
    proxy = (*(cite(seen.via[1], "it comes to the proxy", most=2) if seen.via else ()),)
    proxy = (Evidence(seen.by, "nginx answers so by itself"),) if seen.by else proxy
    return Link(
        mechanism="probe_gets_answer",
        source=next(iter(places)),
        target=effect.effect.span,
        claim=_seen_claim(seen),
        evidence=(
            *(
                Evidence(place, "the probe" if place.path == seen.probe.span.path else "what it asks for or through")
                for place in places
            ),
            *proxy,
            *cite(seen.rows, "the answer", most=4),
        ),
        proof="observed",
    )


def _seen_claim(seen: Observed) -> Claim:
    numbers: dict[str, str | int] = {"url": str(seen.probe.url), "status": seen.status, "count": seen.rows.height}
    if not seen.before:
        return claim("chain.answered", "its probe of {url} was answered {status}, {count} times", **numbers)
    return claim(
        "chain.answered_since",
        "its probe of {url} was answered as it should be {before} times, and then {status}, {count} times",
        before=seen.before,
        **numbers,
    )


def _answered(case: Case, told: Attributed, suspect: Suspect, known: WhyFails | None) -> Iterator[Link]:
    """What the probes get: by configuration, else by what logs say of it, or by what came of it."""
    effect, seen = suspect.effect, suspect.answer
    if effect and seen and effect.proof.reach is not Reach.MUST:
        yield _seen(seen, effect)
        return
    for answered in _own_probes(suspect):
        if effect and answered.answers and answered.answers[0].status is not None:
            yield _answer(answered, effect.proof.reach, suspect.answer)
        elif effect and told.leading:
            link = _failed(case, answered, effect, (told.leading.evidence.hits, suspect.due))
            shown = [one for one in known.evidence if one.shows == link.mechanism] if known else []
            yield replace(link, claim=known.claim, evidence=(*shown, *link.evidence)) if known else link
    if effect and not effect.probes and effect.effect.guard:
        yield from looked_at(case, effect, suspect.told, said(case, [suspect.behaviour] if suspect.behaviour else ()))


def _own_probes(suspect: Suspect) -> Iterator[ProbeAnswer]:
    """What is asked before the effect; of a loop over several names, that of the effect's own turn."""
    effect = suspect.effect
    proved = suspect.behaviour.proved if suspect.behaviour else ()
    turns = [one for one in proved if effect and one.effect.span == effect.effect.span]
    turn = next((number for number, one in enumerate(turns) if one is effect), 0)
    for answered in effect.probes if effect else ():
        same = [one for one in effect.probes if one.probe.span == answered.probe.span] if effect else []
        if not len(same) == len(turns) > 1 or same[turn] is answered:
            yield answered


def _failed(case: Case, answered: ProbeAnswer, effect: ProvedEffect, runs: tuple[int, int]) -> Link:
    probe = answered.probe
    places = dict.fromkeys([probe.url_span or probe.span, probe.span])
    told = said(case, case.behaviours, near=effect.effect.span)
    return Link(
        mechanism="probe_gets_answer",
        source=next(iter(places)),
        target=effect.effect.span,
        claim=claim(
            "chain.probe_fails",
            "its check of {what} fails: {hits} of {ticks} runs go on to {action}",
            what=probe.url or probe.asks or probe.tool,
            hits=runs[0],
            ticks=runs[1],
            action=effect.effect.action,
        ),
        evidence=(*(Evidence(place, "the probe") for place in places), *cite(told, "the script says so", most=4)),
        proof="observed",
    )


def _answer(answered: ProbeAnswer, reach: Reach, seen: Observed | None) -> Link:
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
            *(cite(seen.rows, "the answer", most=2) if seen else ()),
        ),
        proof=reach.value,
    )


def _branch(effect: ProvedEffect, told: pl.DataFrame | None) -> Iterator[Link]:
    """What sets the effect off, and what the script `told` in just the runs that had it; to be in its folder is no condition."""
    guard = [one for one in effect.effect.guard if not FOLDER.match(one[0])]
    if not (guard or effect.probes) or (effect.proof.reach is Reach.MUST and not effect.probes):
        return
    text, span = deciding(effect) if guard else ("", effect.probes[-1].probe.span)
    yield Link(
        mechanism="answer_takes_branch",
        source=span,
        target=effect.effect.span,
        claim=_branch_claim(effect, text),
        evidence=(
            *(Evidence(span, f"condition: {text}") for text, span in effect.effect.guard),
            *([] if guard else [Evidence(span, "the probe")]),
            Evidence(effect.effect.span, effect.effect.action),
            *(cite(told, "written in just the runs that had the effect", most=4) if told is not None else ()),
        ),
        proof=effect.proof.reach.value,
    )


def deciding(effect: ProvedEffect) -> tuple[str, Span]:
    """The condition that decides whether an effect with a guard is reached: the last that asks a probe, else the last.

    That a folder is there decides nothing, where there is another.
    """
    asked = {one.probe.span.line for one in effect.probes}
    guard = [one for one in effect.effect.guard if not one[0].startswith("cd ")] or effect.effect.guard
    return next((one for one in reversed(guard) if one[1].line in asked), guard[-1])


def _branch_claim(effect: ProvedEffect, condition: str) -> Claim:
    if effect.proof.reach is Reach.MUST:
        return claim(
            "chain.branch_must",
            "whether the probe gets {answers}, is refused or times out, the script goes on to {action}",
            answers=" or ".join(dict.fromkeys(str(a.status) for one in effect.probes for a in one.answers)) or "an answer",
            action=effect.effect.action,
        )
    if not condition:
        return claim(
            "chain.branch_on", "unless its probe ends it before, the script goes on to {action}", action=effect.effect.action
        )
    return claim(
        "chain.branch_may", "if {condition}, the script reaches its {action}", condition=condition, action=effect.effect.action
    )
