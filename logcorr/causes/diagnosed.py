"""Causes that one rule can diagnose by itself: the finding is the cause, and what followed its events is its effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from logcorr.causes import hops
from logcorr.causes.diagnoses import CHANGES, DIAGNOSES, RUNS, SAID, Diagnosis
from logcorr.causes.follow import BACK_S, NEARLY_ALL, Ends, Times, going_on, of_times
from logcorr.causes.weighing import Hypothesis
from logcorr.lazily import np, pl
from logcorr.model.case import Case
from logcorr.model.claim import claim
from logcorr.model.facts import Script
from logcorr.model.result import Cause, Finding, Link
from logcorr.model.source import Span
from logcorr.timeline.select import cite, seconds

DIES_WITHIN_S, MOST_OF = 5.0, 0.5
"""A process that dies of something does so within this time of saying so, and nearly each time."""

LAST_WORDS_S = 2.0
"""What a service says is written so much after its end at the latest."""

OWN = ("process.crashed", "process.exited")
FAILED = ("http.5xx", "upstream.timeout", "upstream.refused")

ENDED = ("process.out_of_memory", "process.crashed", "process.killed", "process.exited")
"""By what it is told that a process ended which nobody had told to."""


def diagnosed(case: Case, findings: Sequence[Finding]) -> Iterator[Hypothesis]:
    """A cause for each finding of these rules."""
    refused = [finding for finding in findings if finding.rule == "requests_refused"]
    for finding in findings:
        diagnosis = DIAGNOSES.get(finding.claim.id) or DIAGNOSES.get(finding.rule)
        if diagnosis and case.window:
            yield _hypothesis(case, finding, diagnosis, refused)


def _hypothesis(case: Case, finding: Finding, diagnosis: Diagnosis, refused: Sequence[Finding]) -> Hypothesis:
    times: Times = np.unique(finding.at.seconds)
    ends = diagnosis.ends(times)
    ends = _while_away(case, finding.subject, ends) if "process_terminates" in diagnosis.mechanisms else ends
    ends = going_on(ends, seconds(case.happened(*FAILED))) if diagnosis.once else ends
    chain = tuple(_chain(case, finding, ends, diagnosis))
    if all(link.mechanism != hops.LAST for link in chain):
        chain = (*chain, *_refusals(finding, ends, refused))
    cause = Cause(
        kind=diagnosis.kind,
        claim=finding.claim,
        confidence=min(finding.confidence, diagnosis.most),
        proof="observed",
        culprit=finding.evidence[0].span,
        chain=chain,
        trigger=next((link.source for link in chain if link.mechanism == "job_runs_script"), None),
        score=(("observed", 0.0),),
    )
    return Hypothesis(cause, ends, finding.id, alone=diagnosis.alone)


def _while_away(case: Case, service: str, ends: Ends) -> Ends:
    """The ends, felt for as long as the service was away: it says nothing until it starts again, or nothing more at all."""
    said = case.timeline.filter((pl.col("service") == service) & pl.col("time").is_not_null())
    known = said.select(at=pl.col("time").dt.epoch("us") / 1e6, started=pl.col("kind") == "process.started").collect().sort("at")
    if known.is_empty() or not case.window:
        return ends
    at = np.append(known["at"].to_numpy(), case.window[1].timestamp())
    started = np.append(known["started"].fill_null(False).to_numpy(), True)
    after = np.searchsorted(at[:-1], ends.times + LAST_WORDS_S)
    within = np.maximum(ends.within_s, np.where(started[after], at[after] - ends.times + BACK_S, 0.0))
    return Ends(ends.times, within, ends.sure or bool((within > ends.within_s).any()))


def _chain(case: Case, finding: Finding, ends: Ends, diagnosis: Diagnosis) -> Iterator[Link]:
    place = finding.evidence[0].span
    places = [evidence.span for evidence in finding.evidence] if RUNS not in diagnosis.mechanisms else []
    runs = list(hops.set_off(case, places))
    own = list(_own(finding, diagnosis))
    first = 1 if own and own[0].mechanism == CHANGES else 0
    reads = any(link.target.path == place.path for link in runs) and _is_setting(case, place)
    yield from (*own[:first], *runs) if reads else (*runs, *own[:first])
    if ends.lasts and "effect_hits_service" not in diagnosis.mechanisms:
        yield from hops.put_in_force(case, place, finding.subject)
    yield from own[first:]
    if ends.lasts and hops.REFUSES in diagnosis.effects:
        yield from hops.left(case, ends)
    if "effect_terminates_process" in diagnosis.mechanisms and ends.within_s.min() <= hops.STARTED_AGAIN_S:
        yield from hops.restarted(case, [finding.subject], ends, place)
    services = finding.subject.split(", ")
    dying = services if diagnosis.dies else () if "process_terminates" in diagnosis.mechanisms else _crashing(case, finding)
    if dying:
        yield from _died(case, finding, ends, dying)
    yield from hops.consequences(case, ends, place, hops.DOWN if dying else diagnosis.effects)


def _is_setting(case: Case, place: Span) -> bool:
    """Whether a line is no command: what a job runs may have made the change by a command, but a setting was changed before."""
    commands = (script.span for script in case.of(Script) if script.span.path == place.path)
    told = any(source.path == place.path for source in case.sources)
    return not told and not any(span.line <= place.line <= span.end_line for span in commands)


def _refusals(finding: Finding, ends: Ends, refused: Sequence[Finding]) -> Iterator[Link]:
    """Clients who feel it by being refused (4xx) what they got before: nearly all of that came after it."""
    for one in refused:
        times = one.at.seconds
        if one is not finding and ends.felt(times).mean() >= NEARLY_ALL:
            yield Link(
                mechanism=hops.LAST,
                source=finding.evidence[0].span,
                target=one.evidence[0].span,
                claim=one.claim,
                evidence=one.evidence,
                proof="observed",
            )
            return


def _crashing(case: Case, finding: Finding) -> Sequence[str]:
    """Who dies of what the finding is about: its subject, if most of the moments are followed by such an end at once.

    Or another, most of whose last words are the very words that are logged.
    """
    ended = case.happened(*OWN).drop_nulls(["time", "service"])
    own = ended.filter(pl.col("service") == finding.subject)
    after = of_times(np.unique(finding.at.seconds), DIES_WITHIN_S).felt(seconds(own)) if finding.times and own.height else ()
    if sum(after) >= MOST_OF * len(finding.times) and own.height:
        return [finding.subject]
    if together := _ending_with(finding, ended):
        return together
    words = str(finding.claim.params.get("words", ""))
    same = ended.group_by("service", maintain_order=True).agg(pl.col("message").str.contains(words, literal=True).mean())
    return list(same.filter(pl.col("message") >= MOST_OF)["service"]) if words else []


def _ending_with(finding: Finding, ended: pl.DataFrame) -> Sequence[str]:
    """The one service whose ends nearly all come at once after these moments, as often: a log may name its program (`node`)."""
    moments = np.unique(finding.at.seconds)
    near = of_times(moments, DIES_WITHIN_S) if len(moments) else None
    found = [
        str(service)
        for (service,), rows in ended.group_by("service", maintain_order=True)
        if near and rows.height >= MOST_OF * len(moments) and near.felt(seconds(rows)).mean() >= NEARLY_ALL
    ]
    return found if len(found) == 1 and found[0] != finding.subject else []


def _own(finding: Finding, diagnosis: Diagnosis) -> Iterator[Link]:
    """A hop for each mechanism, from what shows the one before to what shows it; all evidence where no line is said to."""
    before = finding.evidence[0].span
    shows = dict.fromkeys(one.shows for one in finding.evidence if one.shows)
    listed = diagnosis.mechanisms or (() if diagnosis.dies else shows)
    for number, mechanism in enumerate(one for one in listed if one in shows or one not in diagnosis.perhaps):
        shown = tuple(one for one in finding.evidence if one.shows == mechanism) or finding.evidence
        yield Link(
            mechanism=mechanism,
            source=before,
            target=shown[0].span,
            claim=SAID.get(mechanism, finding.claim) if number or mechanism in diagnosis.perhaps else finding.claim,
            evidence=shown,
            proof="observed",
        )
        before = shown[0].span


def _died(case: Case, finding: Finding, ends: Ends, services: Sequence[str]) -> Iterator[Link]:
    """A process ends, by its own word or its supervisor's, and is started again."""
    ended = case.happened(*ENDED).filter(pl.col("service").is_in(services)).drop_nulls("time")
    ended = ended.filter(pl.Series(ends.felt(seconds(ended)), dtype=pl.Boolean))
    told = [one for one in finding.evidence if one.shows == "crash_ends_process"]
    firsts = cite(ended.unique("service", keep="first", maintain_order=True))
    earlier = [one for one in firsts if told and one.span.path == told[0].span.path and one.span.line < told[0].span.line]
    shown = tuple({one.span: one for one in (*earlier, *told, *firsts, *cite(ended))}.values())
    place = shown[0].span if shown else finding.evidence[0].span
    yield Link(
        mechanism="crash_ends_process",
        source=finding.evidence[0].span,
        target=place,
        claim=claim("hop.crash_ends_process", "the process ends of its own"),
        evidence=shown or finding.evidence,
        proof="observed",
    )
    yield from hops.restarted(case, services, ends, place)
