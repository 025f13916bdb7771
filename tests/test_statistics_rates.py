"""Rates before and after, against numbers from published tables or worked out by hand."""

from __future__ import annotations

import math

import pytest

from logcorr.statistics.rates import fewer_chance, needed_runs, needed_s, rate_change, runs_chance, unlikely


def test_equal_times_and_none_after_is_a_coin_that_falls_the_same_way_each_time():
    found = rate_change(5, 100.0, 0, 100.0)
    assert found.p == pytest.approx(1 / 32)
    assert (found.ratio, found.low) == (0.0, 0.0)
    # Clopper-Pearson for 0 of 5: 1 - 0.025 ** (1/5) = 0.5218; as odds 1.0913
    assert found.high == pytest.approx(1.0913, abs=1e-3)


def test_as_many_as_before_is_no_change():
    found = rate_change(10, 3600.0, 10, 3600.0)
    assert found.p == pytest.approx(0.5881, abs=1e-4)  # P(X <= 10), X binomial (20, 1/2)
    assert found.ratio == 1.0
    # Clopper-Pearson for 10 of 20: 0.27196 to 0.72804
    assert (found.low, found.high) == (pytest.approx(0.27196 / 0.72804, abs=1e-3), pytest.approx(0.72804 / 0.27196, abs=1e-3))


def test_three_of_the_time_and_a_third_of_the_events():
    found = rate_change(30, 100.0, 10, 300.0)
    assert found.ratio == pytest.approx(1 / 9)
    assert found.low < 1 / 9 < found.high < 1
    assert found.p < 1e-9


def test_nothing_before_tells_nothing():
    found = rate_change(0, 100.0, 3, 100.0)
    assert (found.ratio, found.low, found.high, found.p) == (None, None, None, 1.0)


@pytest.mark.parametrize(("events", "seconds"), [(1, 60.0), (2, 309.0), (40, 3600.0)])
def test_the_time_needed_is_when_none_is_no_chance(events, seconds):
    assert rate_change(events, seconds, 0, needed_s(events, seconds)).p == pytest.approx(0.05)


def test_runs_that_always_had_an_effect():
    # flat prior, 2 of 2: the next m without one have chance prod (1+i)/(4+i): 1/4, 1/10, 1/20
    assert [runs_chance(2, 2, more, 0) for more in (1, 2, 3)] == pytest.approx([1 / 4, 1 / 10, 1 / 20])
    assert needed_runs(2, 2) == 3
    assert needed_runs(100, 100) == 1


def test_all_ways_together_are_certain():
    assert runs_chance(7, 3, 12, 12) == pytest.approx(1.0)


def test_by_chance_alone_five_in_a_hundred_are_called_a_change():
    """Every pair of counts with its probability: nothing is left to luck. The test is exact, so it errs to the safe side."""
    rates = 6.0, 12.0
    wrong = math.fsum(
        poisson(before, rates[0]) * poisson(after, rates[1])
        for before in range(30)
        for after in range(40)
        if before and unlikely(fewer_chance(before, 100.0, after, 200.0))
    )
    assert 0.01 < wrong <= 0.05


def poisson(count, rate):
    return math.exp(count * math.log(rate) - rate - math.lgamma(count + 1))
