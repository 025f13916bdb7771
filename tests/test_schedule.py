"""When jobs run: by hand, and against cronsim and systemd-analyze around every change of the clock of twenty zones."""

import os
import random
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest

from logcorr.grammar.duration import compose_seconds, systemd_seconds
from logcorr.model.facts import Healthcheck, ScheduledJob
from logcorr.model.source import Span
from logcorr.semantics.schedule import (
    Repeat,
    healthcheck_repeat,
    next_runs,
    repeat,
    rotations,
    run_parts,
    ticks,
    unhealthy_after_s,
)

BERLIN = ZoneInfo("Europe/Berlin")

# Whole-hour changes at a whole hour other than midnight: there cronsim follows Debian. It does not know half-hour
# changes (Lord Howe) or offsets of 45 minutes (Chatham), and at a midnight that is skipped (Cairo, Beirut, Havana) it
# runs jobs of a wild minute and hour 0 once at 01:00, which cron's code does not.
# fmt: off
ZONES = (
    "Europe/Berlin", "Europe/London", "Europe/Dublin", "Europe/Lisbon", "Europe/Kyiv", "Europe/Chisinau",
    "America/New_York", "America/Chicago", "America/Denver", "America/Tijuana", "America/Halifax", "America/St_Johns",
    "Africa/Casablanca", "Asia/Jerusalem", "Asia/Nicosia", "Asia/Taipei", "Australia/Sydney", "Australia/Adelaide",
    "Pacific/Auckland", "Pacific/Norfolk",
)
# fmt: on


def job(schedule, scheduler="cron", path="crontab", **fields):
    return ScheduledJob(span=Span(path, 1), schedule=schedule, scheduler=scheduler, command="true", **fields)


def shown(instants, zone):
    return [datetime.fromtimestamp(float(instant), zone).isoformat() for instant in instants]


def changes(zone, years):
    """Hours after which the offset is another one, found by looking at every hour."""
    hours = [datetime(years[0], 1, 1, tzinfo=UTC) + timedelta(hours=count) for count in range(24 * 365 * len(years))]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    return [hour for hour, before, after in zip(hours[1:], offsets, offsets[1:], strict=False) if before != after]


@pytest.mark.parametrize(
    ("schedule", "start", "end", "expected"),
    [
        (
            "*/5 * * * *",
            "2025-10-16T09:54",
            "2025-10-16T10:05",
            ["2025-10-16T09:55:00+02:00", "2025-10-16T10:00:00+02:00", "2025-10-16T10:05:00+02:00"],
        ),
        # skipped on 29 March: both runs are made up for at 03:00, which is one moment
        ("15,30 2 * * *", "2026-03-29T00:00", "2026-03-30T02:20", ["2026-03-29T03:00:00+02:00", "2026-03-30T02:15:00+02:00"]),
        # a wild hour is not made up for
        ("30 */2 * * *", "2026-03-29T00:00", "2026-03-29T05:00", ["2026-03-29T00:30:00+01:00", "2026-03-29T04:30:00+02:00"]),
        # 02:30 comes twice on 25 October: a fixed time runs once, a wild one twice
        ("30 2 * * *", "2026-10-25T00:00", "2026-10-25T12:00", ["2026-10-25T02:30:00+02:00"]),
        (
            "30 * * * *",
            "2026-10-25T02:00",
            "2026-10-25T03:40",
            ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00"],
        ),
        # 30 4 1,15 * 5: the 1st, the 15th, and Fridays (crontab(5))
        (
            "30 4 1,15 * 5",
            "2026-05-01T00:00",
            "2026-05-15T23:00",
            ["2026-05-01T04:30:00+02:00", "2026-05-08T04:30:00+02:00", "2026-05-15T04:30:00+02:00"],
        ),
        # */2 has the star: day and weekday must both match (odd days that are Mondays)
        (
            "0 0 */2 * 1",
            "2026-06-01T00:00",
            "2026-06-30T00:00",
            ["2026-06-01T00:00:00+02:00", "2026-06-15T00:00:00+02:00", "2026-06-29T00:00:00+02:00"],
        ),
        ("@weekly", "2026-06-01T00:00", "2026-06-14T12:00", ["2026-06-07T00:00:00+02:00", "2026-06-14T00:00:00+02:00"]),
        ("0 12 * * fri-sun", "2026-06-01T00:00", "2026-07-01T00:00", []),
        ("@reboot", "2026-06-01T00:00", "2026-07-01T00:00", []),
        ("0 0 30 2 *", "2026-01-01T00:00", "2027-01-01T00:00", []),
    ],
)
def test_ticks_in_berlin(schedule, start, end, expected):
    begin, finish = (datetime.fromisoformat(text).replace(tzinfo=BERLIN) for text in (start, end))
    assert shown(ticks(job(schedule), begin, finish, BERLIN), BERLIN) == expected


@pytest.mark.parametrize(
    ("schedule", "zone", "day", "expected"),
    [
        # half an hour is skipped at 02:00 and made up for at 02:30
        ("10 2 * * *", "Australia/Lord_Howe", "2025-10-05", ["2025-10-05T02:30:00+11:00"]),
        # half an hour comes twice before 02:00
        ("45 1 * * *", "Australia/Lord_Howe", "2025-04-06", ["2025-04-06T01:45:00+11:00"]),
        (
            "45 * * * *",
            "Australia/Lord_Howe",
            "2025-04-06",
            [
                f"2025-04-06T{hour:02}:45:00{offset}"
                for hour, offset in [(0, "+11:00"), (1, "+11:00"), (1, "+10:30"), *((hour, "+10:30") for hour in range(2, 24))]
            ],
        ),
        # midnight itself is skipped
        ("5 0 * * *", "Africa/Cairo", "2026-04-24", ["2026-04-24T01:00:00+03:00"]),
        ("*/20 0 * * *", "Africa/Cairo", "2026-04-24", []),
        # a whole day was skipped: three hours and more are not made up for
        ("0 12 30 12 *", "Pacific/Apia", "2011-12-31", []),
    ],
)
def test_ticks_of_one_day_elsewhere(schedule, zone, day, expected):
    there = ZoneInfo(zone)
    start = datetime.fromisoformat(day).replace(tzinfo=there)
    end = datetime.fromisoformat(f"{day}T23:59").replace(tzinfo=there)
    assert shown(ticks(job(schedule), start, end, there), there) == expected


def random_schedule(chance):
    def field(low, high):
        few = str(chance.randint(low, high))
        low_end, high_end = sorted((chance.randint(low, high), chance.randint(low, high)))
        return chance.choice(
            [
                "*",
                "*",
                f"*/{chance.choice([2, 3, 5, 7, 15, 30] if high > 12 else [2])}",
                few,
                few,
                f"{low_end}-{high_end}",
                f"{few},{low_end}",
            ]
        )

    hour = chance.choice(["*", "0", "1", "2", "3", "0-3", "2,3", "1-2", "*/2", "1", "2", "3"])
    return f"{field(0, 59)} {hour} {chance.choice(['*', '*', '*', field(1, 31)])} * {chance.choice(['*', '*', '*', field(0, 6)])}"


@pytest.mark.parametrize("name", ZONES)
def test_cron_runs_like_cronsim_around_changes_of_the_clock(name):
    cronsim = pytest.importorskip("cronsim", reason="the extra `dev` brings cronsim")
    zone, chance = ZoneInfo(name), random.Random(name)
    for change in changes(zone, (2025, 2026)) or [datetime(2026, 3, 29, tzinfo=UTC)]:
        start, end = change - timedelta(hours=6), change + timedelta(hours=6)
        for _ in range(20):
            schedule = random_schedule(chance)
            runs = cronsim.CronSim(schedule, (start - timedelta(seconds=1)).astimezone(zone))
            expected = list(takewhile(end.timestamp().__ge__, (run.timestamp() for run in runs)))
            assert ticks(job(schedule), start, end, zone).tolist() == expected, schedule


CALENDARS = [
    "*-*-* 02:30:00", "*:0/15", "*-*-* 02,03:00/30", "Mon..Fri 8..17/3:0/20", "*-*-1,9,25", "*-02~03", "*-*~07/2", "*-*~1 12:00",
    "Sat,Sun 2026/2-1..3,12-01", "5-8", "weekly", "monthly", "quarterly", "hourly", "daily UTC", "10:00 Asia/Taipei",
    "*-*-* 00:00:30", "Sun *-*-1..7 03:10", "1..2,5..6/2:0", "*-1..3/2-1", "mon-wed 10:00", "*:3/7", "*-*-* 1/3:05",
]  # fmt: skip
NOT_CALENDARS = [
    "10",
    "*",
    "",
    "Fri..Mon",
    "22..2:00",
    "25:0",
    "*-13-1",
    "*-*-0",
    "*:60",
    "Mon Tue",
    "mond",
    "*/2:0",
    "*-*-5..2",
]


def elapses(expression, zone, base, count):
    """The next times of a calendar event as systemd itself gives them; None if it refuses."""
    command = ["systemd-analyze", "calendar", f"--iterations={count}", f"--base-time={base:%Y-%m-%d %H:%M:%S} UTC", expression]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "TZ": zone, "LC_ALL": "C"})
    if done.returncode:
        return None
    local = re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) UTC$", done.stdout, re.MULTILINE)
    found = re.findall(r"\(in UTC\): \w+ (\S+ \S+) UTC", done.stdout) or local
    return [datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() for text in found]


needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")


@needs_systemd
@pytest.mark.parametrize("expression", CALENDARS)
def test_calendar_events_elapse_as_systemd_says(expression):
    for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe"):
        zone = ZoneInfo(name)
        for change in changes(zone, (2026,)):
            base = (change - timedelta(hours=5)).replace(tzinfo=UTC)
            expected = elapses(expression, name, base, 12)
            runs = next_runs(job(expression, "systemd"), base, zone, len(expected))
            assert [run.timestamp() for run in runs] == expected, (name, base)


@needs_systemd
@pytest.mark.parametrize("expression", NOT_CALENDARS)
def test_calendar_events_that_systemd_refuses(expression):
    assert elapses(expression, "UTC", datetime(2026, 1, 1, tzinfo=UTC), 1) is None
    assert next_runs(job(expression, "systemd"), datetime(2026, 1, 1, tzinfo=UTC), UTC, 1) == ()


def test_a_table_of_its_own_zone():
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    taipei = job("0 9 * * *", zone="Asia/Taipei")
    assert shown(ticks(taipei, start, end, UTC), UTC) == ["2026-01-01T01:00:00+00:00"]
    # Debian's cron takes CRON_TZ for any other setting
    assert shown(ticks(taipei, start, end, UTC, dialect="debian"), UTC) == ["2026-01-01T09:00:00+00:00"]
    assert len(ticks(job("0 9 * * *", zone="Nowhere/Land"), start, end, UTC)) == 0


def test_busybox_days_and_clock():
    start, end = datetime(2026, 6, 1, tzinfo=BERLIN), datetime(2026, 6, 8, tzinfo=BERLIN)
    table = "etc/crontabs/root"
    # both restricted: either day will do, star or not; */3 counts from a day 0 (days 3 and 6, and Friday the 5th)
    assert [text[8:10] for text in shown(ticks(job("0 5 */3 * 5", path=table), start, end, BERLIN), BERLIN)] == ["03", "05", "06"]
    night = datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 3, 29, 12, tzinfo=BERLIN)
    assert len(ticks(job("30 2 * * *", path=table), *night, BERLIN)) == 0


def test_next_runs():
    after = datetime(2026, 1, 1, 8, 0, tzinfo=BERLIN)
    assert [run.isoformat() for run in next_runs(job("0 8 * * *"), after, BERLIN, 2)] == [
        "2026-01-02T08:00:00+01:00",
        "2026-01-03T08:00:00+01:00",
    ]
    leap = next_runs(job("0 0 29 2 *"), after, BERLIN, 2)
    assert [run.date().isoformat() for run in leap] == ["2028-02-29", "2032-02-29"]
    assert next_runs(job("0 0 31 6 *"), after, BERLIN, 3) == ()


def test_repeats_without_a_clock():
    assert repeat(job("OnUnitActiveSec=1min 30s", "systemd", slack_s=60.0)) == Repeat(90.0, 150.0)
    assert repeat(job("OnUnitInactiveSec=5min", "systemd")) == Repeat(300.0, None)
    assert repeat(job("*-*-* 04:00:00", "systemd")) is None
    check = Healthcheck(span=Span("compose.yml", 3), test=("CMD", "true"), interval_s=30.0, timeout_s=10.0, retries=3)
    assert healthcheck_repeat(check) == Repeat(30.0, 40.0)
    assert unhealthy_after_s(check) == (60.0, 120.0)


def test_run_parts_passes_over_names_with_a_dot():
    paths = ["host/etc/cron.hourly/backup.sh", "host/etc/cron.hourly/rotate", "host/etc/cron.daily/x", "cron.hourly/rotate"]
    runs, ignored = run_parts("/etc/cron.hourly", paths)
    assert runs == ("host/etc/cron.hourly/rotate",)
    assert ignored == ("host/etc/cron.hourly/backup.sh",)


def test_rotations_are_the_first_runs_of_a_period():
    start, end = datetime(2026, 6, 1, 22, tzinfo=BERLIN), datetime(2026, 6, 2, 2, tzinfo=BERLIN)
    runs = ticks(job("17,47 * * * *"), start, end, BERLIN)
    assert [text[11:16] for text in shown(rotations(job("hourly", "logrotate"), runs, BERLIN), BERLIN)] == [
        "22:17",
        "23:17",
        "00:17",
        "01:17",
    ]
    assert [text[11:16] for text in shown(rotations(job("daily", "logrotate"), runs, BERLIN), BERLIN)] == ["22:17", "00:17"]
    assert len(rotations(job("size 10M", "logrotate"), runs, BERLIN)) == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1m30s", 90.0), ("10s", 10.0), ("1.5h", 5400.0), ("500ms", 0.5), ("0", 0.0), ("10", None), ("", None), ("5 s", None)],
)
def test_compose_durations(text, seconds):
    assert compose_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5min", 300.0),
        ("1h 30min", 5400.0),
        ("90", 90.0),
        ("2 weeks", 1209600.0),
        ("1min30s", 90.0),
        ("infinity", float("inf")),
        ("5 parsecs", None),
        ("", None),
    ],
)
def test_systemd_time_spans(text, seconds):
    assert systemd_seconds(text) == seconds
