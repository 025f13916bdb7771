"""Trains, bursts and stamp resolution; back-off, loops and clocks told apart; hand-made trains only."""

from __future__ import annotations

import numpy as np
import pytest

from logcorr.errors import LogcorrError
from logcorr.statistics import Schedule, attribute, collapse, detect, onsets, peel, resolution, timeouts

MIDNIGHT = 1_760_572_800.0  # 2025-10-16T00:00:00Z
# The times at which docker restarted a failing nginx, seconds after 13:53:45 (a public log, NovaPrepAI).
DOCKER_RESTARTS = [0, 1, 2, 3, 4, 7, 10, 18, 31, 57, 109, 169, 230, 290]


@pytest.mark.parametrize(
    ("stamps", "unit"),
    [
        ([0.25, 1.5, 2.75], 0.01),
        ([MIDNIGHT + 0.123, MIDNIGHT + 7.456], 0.001),
        ([MIDNIGHT + 1, MIDNIGHT + 62], 1.0),
        ([MIDNIGHT + 10, MIDNIGHT + 40, MIDNIGHT + 120], 10.0),
        # Always :20 past the minute: that is a period, not a coarse stamp.
        ([MIDNIGHT + 20, MIDNIGHT + 80, MIDNIGHT + 200], 1.0),
        ([MIDNIGHT, MIDNIGHT + 240, MIDNIGHT + 300], 60.0),
        ([MIDNIGHT], 1.0),
    ],
)
def test_resolution_is_the_coarsest_unit_that_the_stamps_show(stamps, unit):
    assert resolution(stamps) == unit


def test_bursts_collapse_to_their_onsets():
    found = collapse([0, 1, 2, 300, 301, 600, 602, 900])
    assert found.onsets == (0, 300, 600, 900)
    assert found.sizes == (3, 2, 2, 1)


def test_a_train_of_one_scale_is_not_collapsed_but_equal_stamps_are_one():
    assert collapse([0, 10, 25, 45, 45, 60]).sizes == (1, 1, 1, 2, 1)


@pytest.mark.parametrize("times", [[[1.0, 2.0]], [1.0, float("nan")], [MIDNIGHT * 1000]])
def test_times_that_are_no_train_are_refused(times):
    with pytest.raises(LogcorrError):
        collapse(times)


def test_docker_restarts_are_a_back_off_not_a_cron_each_minute():
    start = MIDNIGHT + 13 * 3600 + 53 * 60 + 45
    found = detect([start + second for second in DOCKER_RESTARTS], start=start, end=start + 300)
    assert found.mechanism == "backoff"
    assert found.confidence > 0.9
    assert found.factor == 2
    assert found.longest_delay_s == pytest.approx(60, abs=2)


def test_a_sleep_with_run_time_is_a_loop():
    turns = [302, 305, 301, 304, 306, 303, 302, 305, 304, 301, 303]
    found = detect(np.cumsum([MIDNIGHT, *turns]), start=MIDNIGHT - 60, end=MIDNIGHT + 3500)
    assert found.mechanism == "loop"
    assert found.period_low_s <= 3336 / 11 <= found.period_high_s


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_events_prove_no_period(count):
    times = [MIDNIGHT + 300 * tick + 2 for tick in range(count)]
    found = detect(times, start=MIDNIGHT - 400, end=MIDNIGHT + 1300)
    assert found.mechanisms.wall_clock + found.mechanisms.loop <= 0.8 + 1e-9
    assert (found.period_s is None) or count == 3


@pytest.mark.parametrize("unit", [10, 60])
def test_coarse_stamps_give_no_false_period(unit):
    # Gaps drawn by hand, of no period; cut to the unit.
    gaps = [731, 94, 1203, 387, 55, 862, 1490, 219, 643, 1011, 148, 977, 305, 1730, 68, 512, 1189, 264, 833, 421]
    times = np.floor(np.cumsum([MIDNIGHT + 17, *gaps]) / unit) * unit
    found = detect(times, start=times[0], end=times[-1])
    assert found.mechanism == "irregular"


def test_two_crons_are_peeled():
    first = [MIDNIGHT + 2 + 300 * tick for tick in range(24)]
    second = [MIDNIGHT + 77 + 450 * tick for tick in range(16)]
    found = peel(first + second, start=MIDNIGHT, end=MIDNIGHT + 7200)
    assert sorted(each.period_s for each in found) == [300, 450]


def test_identical_schedules_are_one_group_and_weights_share_it():
    ticks = np.arange(MIDNIGHT - 3600, MIDNIGHT + 7200, 600)
    times = [MIDNIGHT + 600 * tick + late for tick, late in enumerate([3, 2, 4, 2, 3, 3, 2, 4])]
    listed = [Schedule("backup", ticks), Schedule("health", ticks, 3.0), Schedule("hourly", ticks[::6])]
    found = attribute(times, listed, start=MIDNIGHT - 100, end=MIDNIGHT + 4400)
    best = found.groups[0]
    assert [job.name for job in best.jobs] == ["backup", "health"]
    assert best.jobs[1].probability == pytest.approx(3 * best.jobs[0].probability)
    assert sum(job.probability for job in best.jobs) < best.probability
    total = sum(group.probability for group in found.groups) + found.unlisted + found.coincidence
    assert total == pytest.approx(1)


def test_a_schedule_that_cannot_do_it_is_not_blamed_though_its_ticks_fit():
    ticks = np.arange(MIDNIGHT - 3600, MIDNIGHT + 7200, 600)
    times = [MIDNIGHT + 600 * tick + 3 for tick in range(8)]
    found = attribute(times, [Schedule("innocent", ticks, 0.0)], start=MIDNIGHT, end=MIDNIGHT + 4300)
    assert found.groups[0].jobs[0].probability == 0
    assert found.unlisted + found.groups[0].probability > 0.9


def test_three_events_by_timing_alone_stay_at_point_eight():
    ticks = np.arange(MIDNIGHT - 3600, MIDNIGHT + 7200, 600)
    times = [MIDNIGHT + 600 * tick + 3 for tick in range(3)]
    found = attribute(times, [Schedule("job", ticks)], start=MIDNIGHT, end=MIDNIGHT + 1500)
    assert found.groups[0].probability <= 0.8 + 1e-9


def test_each_event_names_its_tick():
    ticks = np.arange(MIDNIGHT, MIDNIGHT + 3600, 600)
    times = [MIDNIGHT + 3, MIDNIGHT + 250, MIDNIGHT + 603, MIDNIGHT + 1202, MIDNIGHT + 1803, MIDNIGHT + 2402]
    found = attribute(times, [Schedule("job", ticks)], start=MIDNIGHT, end=MIDNIGHT + 3000)
    assert found.groups[0].evidence.tick_of == (0, -1, 1, 2, 3, 4)


def test_connections_cut_after_a_minute():
    opens = MIDNIGHT + np.array([0, 7, 31, 44, 90, 133, 140, 205, 260, 301])
    closes = opens + np.array([60, 60, 61, 60, 12, 60, 61, 60, 60, 3])
    found = timeouts(opens, closes)
    assert (found.explained, found.low_s, found.high_s) == (8, 60, 61)
    assert found.confidence > 0.9


def test_a_storm_has_a_beginning_and_an_end():
    quiet = [MIDNIGHT + 97 * number for number in range(74)]
    storm = [MIDNIGHT + 3000 + 4 * number for number in range(150)]
    found = onsets(quiet + storm, start=MIDNIGHT, end=MIDNIGHT + 7200)
    assert [change.after > change.before for change in found] == [True, False]
    assert found[0].time == pytest.approx(MIDNIGHT + 3000, abs=10)
    assert found[1].time == pytest.approx(MIDNIGHT + 3600, abs=10)


def test_nothing_changes_in_a_steady_train():
    assert onsets([MIDNIGHT + 60 * tick for tick in range(200)], start=MIDNIGHT - 30, end=MIDNIGHT + 11970) == ()
