"""What stands at the head of a report: what happened, and whether it still does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from logcorr.model.case import Case
from logcorr.model.claim import Claim, claim
from logcorr.model.result import Cause, Finding, Judgement


def title(case: Case, findings: Sequence[Finding], judgement: Judgement) -> Claim:
    """Who was disrupted how often, or else what was felt most, or else why, or else that there was nothing."""
    felt = [finding for finding in findings if finding.role == "symptom"]
    if judgement.verdict == "healthy":
        return claim("report.title.healthy", "No incident (files read: {files})", files=len(case.files))
    if judgement.causes:
        return _recurring(judgement.causes[0], felt) or _most(felt) or judgement.causes[0].claim
    if not felt and not case.sources:
        return claim("report.title.unread", "No log could be read (files: {files})", files=len(case.files))
    return _most(felt) or claim(
        "report.title.nothing", "Nothing to explain was found (files read: {files})", files=len(case.files)
    )


def status(case: Case, findings: Sequence[Finding], judgement: Judgement) -> Claim:
    """Whether the symptoms were still going on where the logs end."""
    felt = [finding.at.ends[1] for finding in findings if finding.role == "symptom" and finding.at.ends]
    if not felt or not case.window:
        return claim("report.status.none", "no symptom with a time of its own was logged")
    last, end = max(felt), case.window[1]
    period_s = judgement.causes[0].period_s if judgement.causes else None
    if period_s and end - last <= timedelta(seconds=period_s):
        return claim(
            "report.status.ongoing",
            "not seen to end: the last symptom was logged at {last}, less than one period before the logs end at {end}",
            last=_written(last),
            end=_written(end),
        )
    return claim(
        "report.status.quiet",
        "the last symptom was logged at {last}; the logs end at {end}",
        last=_written(last),
        end=_written(end),
    )


def _most(felt: Sequence[Finding]) -> Claim | None:
    """The claim of the most serious symptom, of those with the most events."""
    return max(felt, key=lambda one: (one.severity == "error", len(one.times), one.confidence)).claim if felt else None


def _recurring(cause: Cause, felt: Sequence[Finding]) -> Claim | None:
    """Who a cause with a period disrupts: whose symptom was felt first, of those that it explains for the most part.

    What is only logged may be the words of the check itself.
    """
    explained = {each.finding for each in cause.explains if each.share > 0.5}
    hit = [finding for finding in felt if finding.id in explained and finding.subject and finding.times]
    if not (hit and cause.period_s):
        return None
    felt_by = [finding for finding in hit if finding.rule != "errors_logged"] or hit
    subject = min(felt_by, key=lambda finding: min(finding.times)).subject
    hours, minutes = cause.period_s / 3600, cause.period_s / 60
    if hours >= 1 and hours == int(hours):
        return claim("report.title.hours", "{subject} disrupted every {hours} h", subject=subject, hours=int(hours))
    if minutes >= 1 and minutes == int(minutes):
        return claim("report.title.minutes", "{subject} disrupted every {minutes} min", subject=subject, minutes=int(minutes))
    return claim("report.title.seconds", "{subject} disrupted every {seconds:g} s", subject=subject, seconds=cause.period_s)


def _written(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}Z"
