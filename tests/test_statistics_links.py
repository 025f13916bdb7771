"""Clocks, lags and dependence between trains; hand-made or seeded, with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from logcorr.errors import LogcorrError
from logcorr.statistics import Schedule, dependence, lag, offset

MIDNIGHT = 1_760_572_800.0  # 2025-10-16T00:00:00Z
# Irregular by hand.
EVENTS = MIDNIGHT + np.array([41, 388, 702, 1519, 1604, 2733, 3310, 4127, 4951, 5230, 6018, 6699])


def test_a_zone_and_a_skew_are_told_apart():
    found = offset(EVENTS, EVENTS + 8 * 3600 + 3)
    assert (found.zone_s, found.skew_s, found.matched) == (28800, 3, 12)
    assert found.confidence > 0.99


def test_periodic_links_leave_the_clock_open():
    ticks = MIDNIGHT + 300.0 * np.arange(30)
    found = offset(ticks, ticks[5:] + 28802)
    assert found.alias_period_s == pytest.approx(300)
    assert found.confidence < 0.5


def test_unrelated_sources_give_no_clock():
    other = MIDNIGHT + np.array([220, 1101, 1333, 2408, 2950, 3777, 4404, 5712, 6333, 6941])
    found = offset(EVENTS, other)
    assert found is None or found.confidence < 0.5


def test_two_pairs_never_settle_a_clock():
    assert offset(EVENTS[:2], EVENTS[:2] + 3600).confidence <= 0.8


def test_effects_that_follow_their_causes():
    effects = np.concatenate((EVENTS[:10] + 10, MIDNIGHT + np.array([900, 2200, 5555])))
    found = lag(EVENTS, effects, start=MIDNIGHT, end=MIDNIGHT + 7200)
    assert (found.explained, found.hits) == (10, 10)
    assert (found.lag_low_s, found.lag_high_s) == (10, 10)
    assert found.confidence > 0.99


def test_two_jobs_on_one_clock_are_one_coincidence():
    ticks = MIDNIGHT + 300.0 * np.arange(20)
    found = lag(ticks, ticks + 137, start=MIDNIGHT, end=MIDNIGHT + 6200)
    assert found.shared_period_s == 300
    assert found.confidence < 0.2


def test_dependence_finds_the_one_pair_among_many_kinds():
    rng = np.random.default_rng(11)
    kinds = {f"kind{number:02}": np.floor(MIDNIGHT + rng.uniform(0, 86400, 30)) for number in range(30)}
    kinds["effect"] = kinds["kind07"] + 12
    found = dependence(kinds, start=MIDNIGHT, end=MIDNIGHT + 86400)
    assert [(each.cause, each.effect) for each in found] == [("kind07", "effect")]
    assert found[0].lag.lag_median_s == 12


def test_nothing_to_match():
    assert offset([], EVENTS) is None
    assert lag([], EVENTS, start=MIDNIGHT, end=MIDNIGHT + 7200).confidence == 0
    assert dependence({}, start=MIDNIGHT, end=MIDNIGHT + 7200) == ()


def test_a_negative_weight_is_refused():
    with pytest.raises(LogcorrError):
        Schedule("job", EVENTS, -1.0)


def test_results_do_not_depend_on_the_order_of_input():
    shuffled = EVENTS[[5, 2, 9, 0, 11, 7, 1, 3, 10, 8, 4, 6]]
    assert offset(EVENTS, EVENTS + 3603) == offset(shuffled, shuffled + 3603)
