"""Make a cause of an attribution: the culprit, the trigger, what contributes, what it explains."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from logcorr.causes import aims
from logcorr.causes.accusing import claimed
from logcorr.causes.bystanders import caught_up
from logcorr.causes.chain import scheduled_chain
from logcorr.causes.exits import WhyFails, distrusting
from logcorr.causes.follow import LONGEST_S, Ends, of_times
from logcorr.causes.haste import MOST_HASTY, hasty
from logcorr.causes.observed import observed
from logcorr.causes.proxied import by_proxy
from logcorr.causes.scheduled import Attributed
from logcorr.causes.serving import serving
from logcorr.causes.suspects import Suspect
from logcorr.causes.together import matched_stops, stopped_by
from logcorr.causes.weighing import LEAST, Hypothesis
from logcorr.lazily import np, pl
from logcorr.model.behaviour import Reach
from logcorr.model.case import Case, ProvedEffect
from logcorr.model.claim import Claim, claim
from logcorr.model.events import PROXIES
from logcorr.model.result import Cause, Finding
from logcorr.model.source import Span
from logcorr.statistics import Group
from logcorr.timeline.select import moments, seconds
from logcorr.timeline.signs import ENDS, STARTS

FEW = 4
UNPROVED = 0.85
"""The most a suspicion is worth: few stops and no proof, an effect on nobody knows whom, a check that may be right."""

CLOSED_FOR = 2.0
"""After a check that was answered by the proxy itself others are, too, for so many of its pauses."""

HARM = ("http.5xx", "upstream.refused", "client.connect_failed")
FOLLOWS, MOST_COVERED = 0.8, 0.4
"""So much of the harm follows the runs of a job that always ends the service, though those times are but a part of all."""

UNKNOWN = 0.6
"""And of few stops with a job of which nobody knows what it does."""

ALWAYS = 0.9
"""A check that fails on so many of its runs (but for one at the edge of the logs) is itself the suspect, not what it checks."""

UNEVEN = 0.2
"""The pauses of a check that always fails differ by no more than so great a part."""

SELDOM = 0.5
"""A check that acts on fewer of its runs may do what it is meant to: then the cause is what made it fail."""

CHECK_FAILS = ("check_always_fails", "scheduled_check_acts")
CHECK_MISLEADS = ("probe_never_satisfied", "check_always_fails", "slow_probe")
"""Kinds of cause in which the check is what to change, not the command that it sets off."""

WHY_CHECKS_FAIL = ("slow_probe",)
"""Rules whose findings, with the probe as their subject, tell why a check fails; they name kinds of causes too."""

MOST_UNLIKE = 2.0
"""A loop's rounds last about as long as each other."""

TIED = 1.0
"""The times of who is known by its schedule alone must fit so well (log10 of their Bayes factor) to say anything of it."""

CONTRIBUTING_RULES = ("compose_file_not_deployed", "whole_stack_restart")


def blamed(case: Case, findings: Sequence[Finding], told: Attributed, services: Sequence[Attributed]) -> Hypothesis | None:
    """The leading job (or tied jobs) as the cause of one service's stops, if it is probable enough to name.

    Its chain tells of all `services` that it stops with the same command.
    """
    group = told.leading
    if not group or not told.possible or group.probability < LEAST or not group.evidence.explained:
        return None
    suspect = _answered(case, told.possible[0])
    if suspect.effect is None and group.evidence.log10_bf < TIED:
        return None
    stopped = stopped_by(suspect, told, services)
    kind, known, unsure = _read(case, findings, suspect, told, group)
    of_runs = (_felt_after_runs(case, suspect, stopped.ends) if _harmed(findings) else None) or _while_closed(suspect)
    cause = Cause(
        kind=kind,
        claim=known.claim if known else claimed(kind, told, suspect, group),
        confidence=min(_confidence(told, group, suspect, unsure=unsure), known.most if known else 1.0),
        proof=_proof(suspect),
        culprit=known.evidence[0].span if known and kind == "bystander_ended" else _culprit(kind, suspect),
        trigger=suspect.job.span if suspect.job else suspect.span,
        chain=tuple(scheduled_chain(case, stopped, suspect, ends=of_runs or stopped.ends, known=known)),
        contributing=_contributing(findings, suspect),
        period_s=_period(suspect, group.ticks),
        lag_s=group.evidence.lag_median_s,
        score=_score(group, suspect),
        against=(*_few(group), *(_unexplained(suspect, group) if unsure else ())),
        recurrence=suspect.coming,
    )
    return Hypothesis(cause, of_runs or stopped.ends, service=told.service)


def _answered(case: Case, suspect: Suspect) -> Suspect:
    """The suspect with what logs say that its check was answered."""
    if not suspect.behaviour or not suspect.effect:
        return suspect
    seen = observed(case, suspect.behaviour, suspect.effect, suspect.ticks)
    return replace(suspect, answer=by_proxy(case, suspect, seen) if seen else None)


def _read(
    case: Case, findings: Sequence[Finding], suspect: Suspect, told: Attributed, group: Group
) -> tuple[str, WhyFails | None, bool]:
    """The kind of cause that it would be, why its check fails if that is known, and whether the check may be right after all."""
    kind, matched = kind_of(suspect, group), matched_stops(told, group)
    caught = caught_up(case, suspect, told.service)
    if caught:
        return caught.kind, caught, False
    known = _why_it_fails(case, findings, suspect, matched) if kind in CHECK_FAILS else None
    kind = known.kind if known else kind
    if _may_be_right(kind, suspect, group):
        known = serving(case, suspect, told.service, matched)
        return kind, known, not known
    return kind, known, kind == "check_always_fails" and not _is_heard(case, told.service)


def _proof(suspect: Suspect) -> str:
    """What shows that the suspect does it: configuration, or else the answers that logs tell of."""
    if suspect.answer and suspect.reach is not Reach.MUST:
        return "observed"
    return suspect.reach.value if suspect.reach else "timing"


def _harmed(findings: Sequence[Finding]) -> bool:
    """Whether anybody felt anything: attempts that another server answered are no harm."""
    return any(one.role == "symptom" and one.severity == "error" for one in findings)


def _felt_after_runs(case: Case, suspect: Suspect, stops: Ends) -> Ends | None:
    """The runs themselves, where the harm follows them and not the stops: then the clock that tells of the stops is wrong."""
    if suspect.reach is not Reach.MUST or not case.window:
        return None
    start, end = (time.timestamp() for time in case.window)
    runs = of_times(suspect.ticks[(suspect.ticks >= start) & (suspect.ticks <= end)], 2 * LONGEST_S)
    harm = moments(case, *HARM)
    if not len(harm) or not len(runs.times) or runs.covered((start, end)) > MOST_COVERED:
        return None
    return runs if runs.felt(harm).mean() >= FOLLOWS and stops.felt(harm).mean() <= 1 - FOLLOWS else None


def _while_closed(suspect: Suspect) -> Ends | None:
    """From one such answer to the next, where it is the proxy's own: it gives the same to everybody."""
    if not suspect.answer or not suspect.answer.by or len(suspect.ticks) < FEW:
        return None
    return of_times(seconds(suspect.answer.rows), CLOSED_FOR * float(np.median(np.diff(suspect.ticks))), sure=True)


def _why_it_fails(case: Case, findings: Sequence[Finding], suspect: Suspect, matched: pl.DataFrame) -> WhyFails | None:
    """Why the suspect's check fails: by a rule's finding, by its script's own words, or by who was served meanwhile."""
    probes = {str(one.probe.span) for one in suspect.effect.probes} if suspect.effect else set()
    found = next((one for one in findings if one.rule in WHY_CHECKS_FAIL and one.subject in probes), None)
    if found:
        return WhyFails(kind=found.rule, claim=found.claim, evidence=found.evidence, most=MOST_HASTY)
    return distrusting(case, suspect) or hasty(case, suspect, matched)


def _confidence(told: Attributed, group: Group, suspect: Suspect, *, unsure: bool) -> float:
    """The posterior of the job, or of all jobs that nothing tells apart; only likely if it may not be all there is to it.

    A job of which nobody knows what it does is only likely too, however well it keeps time.
    """
    tied = len(told.possible) > 1 and suspect.effect is None
    probability = group.probability if tied else max(job.probability for job in group.jobs)
    enough = suspect.reach is Reach.MUST or group.evidence.events >= FEW
    aimed = suspect.effect is not None and aims.hits(suspect.effect, told.service)
    if suspect.effect is None and not enough:
        return min(probability, UNKNOWN)
    return probability if enough and aimed and not unsure else min(probability, UNPROVED)


def _may_be_right(kind: str, suspect: Suspect, group: Group) -> bool:
    """Whether a check acts so seldom that it may well act on real trouble."""
    seldom = group.evidence.hits < SELDOM * suspect.due
    return kind == "scheduled_check_acts" and (seldom or not (suspect.scheduler or _paced(suspect)))


def _is_heard(case: Case, service: str) -> bool:
    """Whether any log tells what the service does while it is up: where none does, it may be as dead as its check says."""
    if any(one.source in PROXIES for one in case.sources):
        return True
    lives = pl.col("kind").is_in([*ENDS, *STARTS]).fill_null(False) | pl.col("message").str.contains(r"\.service\b")
    own = pl.col("service").is_in(sorted(case.called(service)))
    return not case.timeline.filter(own & ~lives).head(1).collect().is_empty()


def _paced(suspect: Suspect) -> bool:
    """Whether what runs of itself acted as steadily as only what always fails does, or how long it pauses is known."""
    gaps = np.diff(suspect.ticks if suspect.acted is None else suspect.acted)
    steady = len(gaps) > 1 and bool((np.abs(gaps - np.median(gaps)) <= UNEVEN * np.median(gaps)).mean() >= ALWAYS)
    return steady or suspect.ordered is not None or bool(suspect.behaviour and suspect.behaviour.pause_s)


def kind_of(suspect: Suspect, group: Group) -> str:
    """The kind of cause that a suspect would be, by what it does and how often."""
    if suspect.effect is None:
        return "unproven_schedule"
    if suspect.answer or _misread(suspect.effect):
        return "probe_never_satisfied"
    if _always_fails(suspect, group):
        return "check_always_fails"
    every = ordered(suspect) or not (suspect.effect.effect.guard or suspect.effect.probes)
    return "scheduled_stop" if every else "scheduled_check_acts"


def ordered(suspect: Suspect) -> bool:
    """Whether each of its runs does it, or each in which all that it asks is well: a roll-out goes on then."""
    return suspect.reach is Reach.MUST or bool(suspect.effect and suspect.effect.proof.if_well == {True})


def _misread(effect: ProvedEffect) -> bool:
    """Whether the effect is reached because a probe is answered otherwise than its script expects."""
    return effect.proof.reach is Reach.MUST and any(
        answer.status is not None and str(answer.status) not in answered.probe.expects
        for answered in effect.probes
        for answer in answered.answers
    )


def _always_fails(suspect: Suspect, group: Group) -> bool:
    """Whether the logs show the check failing on nearly every run, though configuration does not tell why."""
    evidence = group.evidence
    if not suspect.effect or not suspect.effect.probes or evidence.hits < FEW or suspect.effect.proof.if_well == {True}:
        return False
    pause = suspect.behaviour.pause_s if suspect.behaviour else None
    if pause is None:
        return evidence.hits >= ALWAYS * suspect.due - 1 and (bool(suspect.scheduler) or _paced(suspect))
    return float(np.median(np.diff(suspect.ticks))) < 2 * pause


def _culprit(kind: str, suspect: Suspect) -> Span:
    """The smallest thing to change: the probe's address if the probe misleads, else the command, else the job's line."""
    if suspect.effect is None:
        return suspect.span
    if suspect.answer and suspect.answer.via:
        return suspect.answer.via[0]
    if kind in CHECK_MISLEADS:
        probe = suspect.answer.probe if suspect.answer else suspect.effect.probes[-1].probe
        return probe.url_span or probe.span
    return suspect.effect.effect.span


def _contributing(findings: Sequence[Finding], suspect: Suspect) -> tuple[str, ...]:
    """Defects in the same script that make it worse, or hide it."""
    if suspect.effect is None:
        return ()
    path = suspect.effect.effect.span.path
    return tuple(finding.id for finding in findings if finding.rule in CONTRIBUTING_RULES and finding.subject == path)


def _period(suspect: Suspect, ticks: tuple[float, ...]) -> float | None:
    """The usual seconds between its runs: a schedule's, or a loop's; what people run now and then has none."""
    gaps = np.diff(ticks)
    loops = len(gaps) > 1 and gaps.max() <= MOST_UNLIKE * gaps.min()
    return float(np.median(gaps)) if len(gaps) and (suspect.scheduler or loops) else None


def _score(group: Group, suspect: Suspect) -> tuple[tuple[str, float], ...]:
    return (("timing", group.evidence.log10_bf), ("configuration", float(np.log10(suspect.weight))))


def _unexplained(suspect: Suspect, group: Group) -> tuple[Claim, ...]:
    return (
        claim(
            "cause.check_may_be_right",
            "the check acts on {hits} of its {ticks} runs: what made it fail on those is not shown, and may be the cause",
            hits=group.evidence.hits,
            ticks=suspect.due,
        ),
    )


def _few(group: Group) -> tuple[Claim, ...]:
    evidence = group.evidence
    if evidence.events >= 4:
        return ()
    return (
        claim(
            "cause.few_events",
            "the logs hold only {count} stops: timing alone would be worth at most 0.8",
            count=evidence.events,
        ),
    )
