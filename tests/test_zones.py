"""A log whose stamps tell no zone is put into the one in which its stops meet what a proxy saw, where that is beyond chance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import logcorr

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
NIGHTS = [timedelta(days=0, hours=2, minutes=13), timedelta(days=1, hours=2, minutes=41), timedelta(days=2, hours=1, minutes=58)]
"""When the archive's catalogue was told to end, by UTC, from Monday on."""

HOURLY = [timedelta(hours=hour, minutes=20) for hour in range(1, 6)]


def written(time, offset):
    return (time + timedelta(hours=offset)).strftime("%Y-%m-%d %H:%M:%S")


def app(stops, offset, name="catalogue"):
    """A log by a clock so many hours ahead of UTC that does not say so."""
    lines = [f"{written(MONDAY + stops[0] - timedelta(minutes=5), offset)} INFO [{name}] shelf 9 dusted"]
    for stop in stops:
        lines.append(f"{written(MONDAY + stop, offset)} INFO [{name}] SIGTERM received")
        lines.append(f"{written(MONDAY + stop + timedelta(seconds=25), offset)} INFO [{name}] Server listening on port 6000")
    return "\n".join([*lines, f"{written(MONDAY + stops[-1] + timedelta(minutes=30), offset)} INFO [{name}] shelf 9 dusted\n"])


def access(hours, offset):
    """Requests every ten minutes, by a clock that tells its offset, in whole hours."""
    clock = (MONDAY + timedelta(hours=offset, minutes=10 * n) for n in range(6 * hours))
    return "".join(
        f'192.0.2.7 - - [{time.strftime("%d/%b/%Y:%H:%M:%S")} +{offset:02}00] "GET / HTTP/1.1" 200 5 "-" "Mozilla"\n'
        for time in clock
    )


def refused(stops, offset):
    """What the proxy says of each stop, five times within twenty seconds."""
    told = (MONDAY + stop + timedelta(hours=offset, seconds=4 * n + 2) for stop in stops for n in range(5))
    return "".join(
        f"{time.strftime('%Y/%m/%d %H:%M:%S')} [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to "
        'upstream, client: 192.0.2.7, server: , request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:6000/"\n'
        for time in told
    )


def zone(folder, files, **options):
    (folder / "proxy").mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    analysis = logcorr.analyze(folder, **options)
    return next(source.zone for source in analysis.sources if source.path == "catalogue.log")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"catalogue.log": app(NIGHTS, 0), "proxy/access.log": access(72, 2), "proxy/error.log": refused(NIGHTS, 2)},
            "UTC",
            id="a container in UTC on a host that is not, for days",
        ),
        pytest.param(
            {"catalogue.log": app(HOURLY, 5.75), "proxy/access.log": access(6, 0), "proxy/error.log": refused(HOURLY, 0)},
            "+05:45",
            id="a zone that no log tells, where the time that both cover tells it from the next",
        ),
    ],
)
def test_the_zone_in_which_stops_meet_refusals_is_found(tmp_path, files, expected):
    assert zone(tmp_path, files) == expected


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            {"catalogue.log": app(NIGHTS, 2), "proxy/access.log": access(72, 2), "proxy/error.log": refused(NIGHTS, 2)},
            id="they meet as it is",
        ),
        pytest.param(
            {"catalogue.log": app(NIGHTS[:2], 0), "proxy/access.log": access(72, 2), "proxy/error.log": refused(NIGHTS[:2], 2)},
            id="two may be chance",
        ),
        pytest.param(
            {
                "catalogue.log": app(NIGHTS, 0),
                "lending.log": app(NIGHTS, 2, "lending"),
                "proxy/access.log": access(72, 2),
                "proxy/error.log": refused(NIGHTS, 2),
            },
            id="another service's stops meet them",
        ),
        pytest.param(
            {
                "catalogue.log": app([stop + timedelta(hours=30) for stop in HOURLY], 5.5),
                "proxy/access.log": access(72, 2),
                "proxy/error.log": refused([timedelta(hours=hour, minutes=20) for hour in range(72)], 2),
            },
            id="any half hour would do",
        ),
    ],
)
def test_a_zone_is_left_alone(tmp_path, files):
    assert zone(tmp_path, files) == "+02:00"


def supervisor(stops, offset):
    """What pm2 tells of the same stops, by a clock so many hours ahead of UTC that does not say so."""
    said = (
        "Stopping app:catalogue id:0",
        "App [catalogue:0] exited with code [0] via signal [SIGINT]",
        "App [catalogue:0] online",
    )
    return "".join(f"{written(MONDAY + stop, offset).replace(' ', 'T')}: PM2 log: {words}\n" for stop in stops for words in said)


@pytest.mark.parametrize(("offset", "felt", "expected"), [(0, NIGHTS, "UTC"), (1, NIGHTS, "+01:00"), (0, [], "+01:00")])
def test_a_supervisors_log_is_put_where_it_agrees_with_its_service(tmp_path, offset, felt, expected):
    (tmp_path / "proxy").mkdir()
    (tmp_path / "catalogue.log").write_text(app(NIGHTS, 1))
    (tmp_path / "pm2.log").write_text(supervisor(NIGHTS, offset))
    (tmp_path / "proxy/access.log").write_text(access(56, 1))
    (tmp_path / "proxy/error.log").write_text(refused(felt, 1))
    zones = {source.path: source.zone for source in logcorr.analyze(tmp_path).sources}
    assert (zones["pm2.log"], zones["catalogue.log"]) == (expected, "+01:00")


def test_what_the_user_says_stands(tmp_path):
    files = {"catalogue.log": app(NIGHTS, 0), "proxy/access.log": access(72, 2), "proxy/error.log": refused(NIGHTS, 2)}
    assert zone(tmp_path, files, tz={"app": "+04:00"}) == "+04:00"
