"""The title of a report: who was disrupted."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace
from test_weighing import cause

from logcorr.model.case import Case
from logcorr.model.claim import Claim, Evidence
from logcorr.model.result import Explained, Finding, Judgement
from logcorr.model.source import Span
from logcorr.report.headline import title

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def symptom(rule, subject, seconds):
    return Finding(
        confidence=1.0, claim=Claim("test", subject), evidence=(Evidence(Span(f"{subject}.log", 1), ""),),
        would_refute=Claim("test", ""), rule=rule, role="symptom", severity="error", subject=subject, id=subject,
        times=[NOON + timedelta(seconds=seconds)],
    )  # fmt: skip


def test_the_check_that_says_so_first_is_not_who_was_disrupted():
    """A check writes that it failed a second before the press stops; where nothing else was felt, its word is all there is."""
    said, stopped = symptom("errors_logged", "look", 0), symptom("service_terminated", "press", 1)
    explains = tuple(Explained(finding=one.id, count=1, total=1) for one in (said, stopped))
    leading = replace(cause("look.sh", 0.95), period_s=300.0, explains=explains)
    case = Case(facts=(), files=frozenset(), sources=(), logged=None)
    judgement = Judgement(verdict="root-cause", causes=(leading,))
    assert title(case, [said, stopped], judgement).params["subject"] == "press"
    assert title(case, [said], judgement).params["subject"] == "look"
