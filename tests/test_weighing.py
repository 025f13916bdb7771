"""Hypotheses that explain the same harm, weighed against each other."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from logcorr.causes.follow import from_then_on
from logcorr.causes.weighing import Hypothesis, weighed
from logcorr.model.claim import Claim, Evidence
from logcorr.model.result import Cause, Finding
from logcorr.model.source import Span

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = 3600.0


def cause(path, confidence):
    return Cause(
        kind="resource_exhausted", claim=Claim("test", path), confidence=confidence, proof="observed", culprit=Span(path, 1),
        chain=(),
    )  # fmt: skip


def state(path, since_s, confidence):
    """A state that lasts from so many seconds after noon on."""
    return Hypothesis(cause(path, confidence), from_then_on(np.array([NOON.timestamp() + since_s])))


def failing(minutes):
    """What clients felt, once in each of these minutes after noon."""
    return Finding(
        confidence=1.0, claim=Claim("test", "harm"), evidence=(Evidence(Span("access.log", 1), "felt"),),
        would_refute=Claim("test", "none"), role="symptom", severity="error", id="harm",
        times=[NOON + timedelta(minutes=minute) for minute in minutes],
    )  # fmt: skip


@pytest.mark.parametrize(("later_s", "sure"), [(600, 0.9), (10, 0.9 / 0.1 / (1 + 9 + 1))], ids=["ten minutes in", "with it"])
def test_what_strikes_only_after_much_of_the_harm_is_no_rival(later_s, sure):
    """A quarter of the harm had happened when the second state began; where it began with the harm, it is as good as it is."""
    window = (NOON.timestamp() - HOUR, NOON.timestamp() + HOUR)
    kept, _ = weighed([state("a", 0, 0.9), state("b", later_s, 0.5)], [failing(range(1, 41))], window, {})
    assert kept[0].culprit == Span("a", 1)
    assert kept[0].confidence == pytest.approx(sure, abs=0.01)


def test_few_events_before_it_tell_nothing():
    """Two of the forty came before the second state: some failures there are always."""
    window = (NOON.timestamp() - HOUR, NOON.timestamp() + HOUR)
    kept, _ = weighed([state("a", 0, 0.9), state("b", 150, 0.5)], [failing(range(1, 41))], window, {})
    assert kept[0].confidence == pytest.approx(9 / 11, abs=0.01)
