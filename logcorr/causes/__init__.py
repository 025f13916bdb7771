"""From findings to causes: mechanisms, one posterior over the suspects, the verdict, what is innocent, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from logcorr.causes.advice import actions, lessons
from logcorr.causes.blame import blamed
from logcorr.causes.changes import begun
from logcorr.causes.checks import checks
from logcorr.causes.diagnosed import diagnosed
from logcorr.causes.follow import of_stops
from logcorr.causes.letters import letters
from logcorr.causes.meant import ENDS, STAYS_AWAY, as_meant, in_passing, long_away, namesakes
from logcorr.causes.missing import missing, unread
from logcorr.causes.rivals import rivals
from logcorr.causes.scheduled import Attributed, attributed
from logcorr.causes.weighing import LIKELY, Hypothesis, weighed
from logcorr.model.case import Case
from logcorr.model.result import Cause, Finding, Judgement
from logcorr.timeline.announced import within
from logcorr.timeline.lifecycles import stops

SURE = 0.9
REPEATED = 3
"""A service that is told to end so often is not just being deployed."""
GROUNDED = ("must", "conditional", "may", "observed")
"""Shown from configuration or seen in the logs; timing alone never makes a root cause."""
WHO_ENDS, UNPROVEN = ("upgrade_restarts_service",), "unproven_schedule"
"""Rules whose findings tell who ended the services that are their subject; and the kind of cause that then is none."""

__all__ = ["judge"]


def judge(case: Case, findings: Sequence[Finding], *, whole: bool = True) -> Judgement:
    """Name the causes, most probable first, and say how sure that is; abstain where the evidence does not carry one.

    Findings are not `whole` where a rule crashed: then nothing shows that all is well.
    """
    told = _stops(case)
    ordered = namesakes(told, [stops for stops in told if as_meant(case, findings, stops)])
    meant = {stops.service for stops in ordered}
    asked = [stops for stops in told if stops.service not in meant]
    hypotheses = (*_scheduled(case, findings, asked), *diagnosed(case, findings))
    window = (case.window[0].timestamp(), case.window[1].timestamp()) if case.window else (0.0, 0.0)
    causes, away = weighed(hypotheses, findings, window, {stops.service: of_stops(stops.stops) for stops in told})
    ranked = tuple(replace(one, id=f"C{rank}") for rank, one in enumerate(begun(case, causes, hypotheses, findings), start=1))
    whole = whole and not any(long_away(case, stops.stops) for stops in told)
    verdict = _verdict(case, ranked, _telling(case, findings, ordered), whole) if case.sources else "undetermined"
    ranked = ranked if verdict != "healthy" else ()
    return Judgement(
        verdict=verdict,
        causes=ranked,
        rivals=rivals(case, findings, told, ranked, away),
        missing=missing(case, findings, told, ranked),
        checks=checks(case, told, ranked),
        actions=actions(findings, ranked),
        lessons=lessons(findings, ranked),
        withdrawn=tuple(dict.fromkeys(suspect.refuted for one in told for suspect in one.suspects if suspect.refuted)),
    )


def _scheduled(case: Case, findings: Sequence[Finding], asked: Sequence[Attributed]) -> Iterator[Hypothesis]:
    """Who by the clock, or by a log's word, stopped these services."""
    for one in asked:
        found = blamed(case, findings, one, asked)
        if found and (found.cause.kind != UNPROVEN or not any(_ended_by(finding, one) for finding in findings)):
            yield found


def _telling(case: Case, findings: Sequence[Finding], ordered: Sequence[Attributed]) -> list[Finding]:
    """The findings but for what tells only of stops that are meant, and what was announced."""
    meant = {stops.service for stops in ordered}
    others = (one for one in findings if not (one.rule in ENDS and one.subject in meant))
    lasting = (one for one in others if one.rule == STAYS_AWAY or not in_passing(one, ordered))
    return [one for one in lasting if not within(case, one.at.seconds, one.subject)]


def _ended_by(finding: Finding, told: Attributed) -> bool:
    """Whether a finding tells who ended the service each time: then a job of which nobody knows what it does is not asked."""
    named = finding.rule in WHO_ENDS and told.service in finding.subject.split(", ")
    return named and set(told.stops["time"]) <= set(finding.times)


def _stops(case: Case) -> list[Attributed]:
    """Each service's stops, weighed against every job; services with the most stops first."""
    named = set(case.events.select("service").unique().collect()["service"])
    groups = sorted((pair for pair in stops(case) if pair[0] in named), key=lambda pair: (-pair[1].height, pair[0]))
    return [attributed(case, service, rows) for service, rows in groups]


def _verdict(case: Case, causes: Sequence[Cause], findings: Sequence[Finding], whole: bool) -> str:
    if causes and causes[0].confidence >= SURE and causes[0].proof in GROUNDED:
        return "root-cause"
    if causes and causes[0].confidence >= LIKELY:
        return "suspected"
    calm = whole and not any(map(_worrying, findings)) and not any(unread(case)) and not case.once(letters)
    return "healthy" if calm else "undetermined"


def _worrying(finding: Finding) -> bool:
    """Whether something needs explaining: serious symptoms do, and what else was seen to happen.

    One clean restart or a closed page does not, nor what a job would do at an hour of which no log tells.
    """
    repeated = finding.rule == "service_terminated" and len(finding.times) >= REPEATED
    seen = finding.role == "symptom" or bool(finding.times)
    return repeated or (finding.severity == "error" and seen)
