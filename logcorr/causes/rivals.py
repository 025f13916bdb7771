"""What is present and could be suspected, and why it was not chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from datetime import timedelta

from logcorr.causes import words
from logcorr.causes.scheduled import Attributed
from logcorr.causes.suspects import Suspect
from logcorr.lazily import pl
from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence, claim
from logcorr.model.result import Cause, Finding, Rival
from logcorr.model.source import Span
from logcorr.statistics import Group

CHANGES = r"(?i)\b(?:deploy|releas|rollout|upgrad|updat|migrat|install|switch|restor|rollback)\w*"
LONGEST_LOG = 20_000
"""How logs of releases and scripts tell of a change; such logs are short."""

JUST_BEFORE = timedelta(minutes=10)
"""A change so shortly before the first failure is what a person would look at first."""


def rivals(
    case: Case, findings: Sequence[Finding], told: Sequence[Attributed], causes: Sequence[Cause], away: Sequence[Cause]
) -> tuple[Rival, ...]:
    """Every other suspect, and what else a person would look at first, with the reason it was rejected; each once."""
    links = [link for one in causes for link in one.chain]
    running = {evidence.span for link in links if link.mechanism == "job_runs_script" for evidence in link.evidence}
    chosen = {one.trigger for one in causes} | running | _tied(told, causes)
    cited = {evidence.span for link in links for evidence in link.evidence}
    found: dict[Span, Rival] = {one.culprit: _explained_away(one) for one in away if one.culprit not in cited}
    files = {place.path for place in cited} | {one.path for one in found}
    found |= {one.span: one for one in _changes(case, findings) if one.span and one.span.path not in files}
    for attributed in told:
        for rival in (*_rejected(attributed), *_wanted_redirects(attributed, chosen), *_health_checks(case, attributed, cited)):
            if rival.span and rival.span not in chosen:
                found.setdefault(rival.span, rival)
    return tuple(found.values())


def _explained_away(cause: Cause) -> Rival:
    return Rival(
        span=cause.culprit,
        claim=cause.claim,
        why_rejected=claim("rival.explained_away", "what it would explain is explained by a cause that explains more"),
        evidence=(Evidence(cause.culprit),),
    )


def _changes(case: Case, findings: Sequence[Finding]) -> Iterator[Rival]:
    """What was changed shortly before the first failure, by the logs that releases and scripts write, the last of each."""
    firsts = [one.times[0] for one in findings if one.role == "symptom" and one.severity == "error" and one.times]
    logs = [one.path for one in case.sources if one.format in ("script_log", "stamped_text") and one.lines <= LONGEST_LOG]
    if not firsts or not logs:
        return
    before = pl.col("time").is_between(min(firsts) - JUST_BEFORE, min(firsts), closed="left")
    told = pl.col("file").is_in(logs) & before & pl.col("message").str.contains(CHANGES)
    rows = case.timeline.filter(told).collect().sort("time", descending=True, maintain_order=True)
    for row in rows.unique("file", keep="last", maintain_order=True).iter_rows(named=True):
        place = Span(row["file"], row["line"], row["line"] + row["lines"] - 1)
        yield Rival(
            span=place,
            claim=claim(
                "rival.change",
                "something was changed {lag} s before the first failure",
                lag=round((min(firsts) - row["time"]).total_seconds()),
            ),
            why_rejected=claim("rival.change_without_way", "nothing that was collected leads from it to what failed"),
            evidence=(Evidence(place),),
        )


def _tied(told: Sequence[Attributed], causes: Sequence[Cause]) -> set[Span]:
    """The jobs that one cause names together, because nothing tells them apart."""
    tied = set()
    for attributed in told:
        members = [suspect.span for suspect in attributed.possible]
        if any(one.kind == "unproven_schedule" and one.trigger in members for one in causes):
            tied |= set(members)
    return tied


def _rejected(told: Attributed) -> Iterator[Rival]:
    for group in told.posterior.groups:
        for job in group.jobs:
            suspect = told.suspect(job.name)
            span = suspect.span
            yield Rival(
                span=span,
                claim=claim(
                    "rival.job",
                    "the job on {schedule}: {command}",
                    schedule=suspect.runs,
                    command=suspect.command,
                ),
                why_rejected=_why(suspect, told, group),
                evidence=(Evidence(span),),
            )


def _wanted_redirects(told: Attributed, chosen: Set[Span | None]) -> Iterator[Rival]:
    """Redirects to https that a chosen probe stumbles over: they are there for browsers."""
    for suspect in told.suspects:
        for answered in suspect.effect.probes if suspect.effect and suspect.span in chosen else ():
            for answer in answered.answers:
                if answer.location and answer.location.startswith("https://"):
                    yield Rival(
                        span=answer.at,
                        claim=claim(
                            "rival.redirect", "nginx answers {status}: it sends everybody to https", status=answer.status or 0
                        ),
                        why_rejected=claim(
                            "rival.redirect_wanted",
                            "browsers are meant to follow it; it is the probe that takes it for a failure",
                        ),
                        evidence=(Evidence(answer.at),),
                    )


def _health_checks(case: Case, told: Attributed, cited: Set[Span]) -> Iterator[Rival]:
    """The container's own health check: Docker marks a container that fails it, and leaves it running."""
    for service in case.stack.services if case.stack else ():
        check = service.healthcheck
        acted = check and any(one.path == check.span.path and check.span.line <= one.line <= check.span.end_line for one in cited)
        if service.name == told.service and check and not acted:
            yield Rival(
                span=check.span,
                claim=claim("rival.health_check", "the container health check of {service}", service=service.name),
                why_rejected=claim(
                    "rival.health_check_marks", "Docker only marks a container that fails its check; it does not restart it"
                ),
                evidence=(Evidence(check.span),),
            )


def _why(suspect: Suspect, told: Attributed, group: Group) -> Claim:
    fit = group.evidence
    if suspect.refuted:
        return suspect.refuted
    if suspect.weight == words.STOPS_NOTHING_HERE:
        return claim(
            "rival.stops_nothing",
            "read in full, it stops nothing of {service}; {explained} of {events} stops fall after its runs",
            service=told.service,
            explained=fit.explained,
            events=fit.events,
        )
    if suspect.weight == words.PROVED_NEVER:
        return claim("rival.never", "its script never reaches the command that would stop {service}", service=told.service)
    if group is told.leading and len(group.jobs) > 1:
        return claim(
            "rival.same_times", "it runs at the same times, and what was collected speaks no more for it than for the one chosen"
        )
    return claim(
        "rival.timing",
        "the stops do not keep its schedule: {explained} of {events} fall after its runs, "
        "{hits} of {ticks} runs are followed by one",
        explained=fit.explained,
        events=fit.events,
        hits=fit.hits,
        ticks=fit.ticks,
    )
