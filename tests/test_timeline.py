"""Logs become one timeline: order, zones, years, dates, and what has no time of its own."""

import io
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

import logcorr
from logcorr import plugins, reading, timeline
from logcorr.collect import collect
from logcorr.errors import LogcorrError
from logcorr.model.case import Case
from logcorr.model.events import timeline_schema
from logcorr.model.facts import Service, Setting
from logcorr.model.source import Span
from logcorr.parsers import LogParser
from logcorr.timeline import blocks, clocks, offsets, store
from logcorr.timeline.lifecycles import Downtime, downtimes

PARSERS = plugins.parsers()
LOGS = {name: parser for name, parser in PARSERS.items() if isinstance(parser, LogParser)}

ACCESS = '192.0.2.1 - - [{}] "GET / HTTP/1.1" 502 10 "-" "-"\n'


def build(folder, files, facts=(), **options):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    collection = collect([folder], {name: parser.recognise for name, parser in PARSERS.items()})
    return timeline.build(collection.artifacts, LOGS, facts, **options)


def told(built):
    """The case of these logs alone."""
    return Case(facts=(), files=frozenset(), sources=built.sources, logged=built.logged)


def zones(built):
    return {source.path: source.zone for source in built.sources}


def at(day, hour, minute=0, second=0, *, microsecond=0, month=11, year=2026):
    return datetime(year, month, day, hour, minute, second, microsecond, UTC)


def test_events_of_all_files_in_order_and_ties_in_the_order_of_files(tmp_path):
    built = build(
        tmp_path,
        {
            "b.log": "2026-11-20 08:00:01 info: one\n2026-11-20 08:00:03 info: three\n",
            "a.log": "2026-11-20 08:00:02 info: two\n2026-11-20 08:00:03 info: also three\n",
        },
    )
    frame = told(built).timeline.collect()
    assert frame["message"].to_list() == ["one", "two", "also three", "three"]
    assert frame.schema == timeline_schema()
    assert told(built).events.collect_schema() == timeline_schema()
    assert told(built).events.collect().is_empty()


def test_parts_of_a_rotated_log_go_on_from_the_one_before(tmp_path):
    parts = {
        "app.log.2": "2026-11-20 08:00:01 error: one\n",
        "app.log.1": "    at stack\n2026-11-21 08:00:01 info: two\n",
        "app.log": "2026-11-21 08:00:01 info: three\n",
        "syslog.1": "Dec 31 23:59:58 h CRON[1]: (r) CMD (a)\n",
        "syslog": "Jan  1 00:00:02 h CRON[1]: (r) CMD (b)\n",
    }
    for names, expected in (
        (("app.log", "app.log.1", "app.log.2"), ["one", "    at stack", "two", "three"]),
        (("syslog", "syslog.1"), ["(r) CMD (a)", "(r) CMD (b)"]),
    ):
        folder = tmp_path / names[0]
        frame = told(build(folder, {name: parts[name] for name in names})).timeline.collect()
        assert [text.strip() for text in frame["message"]] == [text.strip() for text in expected]
    assert frame["time"][1] - frame["time"][0] == timedelta(seconds=4)


def test_lines_without_a_stamp_stay_with_their_neighbours(tmp_path):
    text = "Restarting web ... done\n[2026-11-18 06:00:13] x\nRestarting db ... done\n[2026-11-18 06:05:13] y\n"
    built = build(tmp_path, {"h.log": text})
    assert told(built).timeline.collect()["time"].to_list() == [
        at(18, 6, 0, 13),
        at(18, 6, 0, 13),
        at(18, 6, 0, 13),
        at(18, 6, 5, 13),
    ]
    assert told(built).events.collect()["time"].to_list() == [at(18, 6, 0, 13), at(18, 6, 0, 13)]
    assert told(built).events.collect()["line"].to_list() == [1, 3]


def test_a_source_without_any_time_comes_last_without_one(tmp_path):
    console = "GET https://example.com/socket.io/ 502 (Bad Gateway)\n"
    built = build(tmp_path, {"console.txt": console, "app.log": "2026-11-20 08:00:01 info: SIGTERM received\n"})
    assert told(built).events.collect()["time"].to_list() == [at(20, 8, 0, 1), None]
    assert [source.zone_reason for source in built.sources if source.first is None] == ["no line carries a time"]


def test_utc_is_assumed_and_said(tmp_path):
    built = build(tmp_path, {"app.log": "2026-11-20 08:00:01 info: x\n"})
    (source,) = built.sources
    assert (source.zone, source.zone_reason) == ("UTC", "assumed: nothing tells the zone")
    assert (source.first, source.last, source.resolution_s) == (at(20, 8, 0, 1), at(20, 8, 0, 1), 1.0)


def test_a_neighbours_offset_is_taken_where_the_times_agree(tmp_path):
    built = build(
        tmp_path,
        {
            "access.log": ACCESS.format("20/Nov/2026:08:00:00 -0500") + ACCESS.format("20/Nov/2026:09:00:00 -0500"),
            "local.log": "2026-11-20 08:00:30 info: x\n2026-11-20 08:59:00 info: y\n",
            "container.log": "2026-11-20 13:00:30 info: x\n2026-11-20 13:59:00 info: y\n",
        },
    )
    assert zones(built) == {"access.log": "-05:00", "local.log": "-05:00", "container.log": "UTC"}
    assert {source.path: source.first for source in built.sources}["local.log"] == at(20, 13, 0, 30)
    assert {source.path: source.first for source in built.sources}["container.log"] == at(20, 13, 0, 30)


DEPLOYED = "[20-11-2026 {}:00:10 {zone}] deploy start\n[20-11-2026 {}:01:50 {zone}] deploy done\n"


@pytest.mark.parametrize(
    ("hours", "name", "zone"),
    [
        ((13, 13), "IST", "Asia/Kolkata"),  # 07:30 in UTC; in Israel, 11:00, it would be after all others
        ((10, 10), "IST", "Asia/Jerusalem"),
        (("09", "09"), "CET", "Europe/Berlin"),
        ((16, 16), "CST", "Asia/Shanghai"),
        (("02", "02"), "CST", "America/Chicago"),
        (("08", "08"), "ERROR", "UTC"),
    ],
)
def test_an_abbreviation_is_the_zone_of_that_name_in_which_the_times_agree(tmp_path, hours, name, zone):
    files = {
        "access.log": ACCESS.format("20/Nov/2026:07:00:00 +0000") + ACCESS.format("20/Nov/2026:08:50:00 +0000"),
        "deploy.log": DEPLOYED.format(*hours, zone=name),
    }
    assert zones(build(tmp_path, files))["deploy.log"] == zone


def test_an_abbreviation_is_the_hosts_zone_if_that_is_called_so_and_tells_the_zone_of_others(tmp_path):
    files = {
        "access.log": ACCESS.format("20/Nov/2026:07:00:00 +0000") + ACCESS.format("20/Nov/2026:08:50:00 +0000"),
        "deploy.log": DEPLOYED.format(13, 13, zone="IST"),
        "syslog": "".join(f"Nov 20 {hour}:{minute}:10 quay app[7]: x\n" for hour in (13, 14) for minute in (10, 19)),
    }
    built = build(tmp_path, files)
    assert zones(built) == {"access.log": "UTC", "deploy.log": "Asia/Kolkata", "syslog": "Asia/Kolkata"}
    files["deploy.log"] = DEPLOYED.format(16, 16, zone="CST")
    built = build(tmp_path, files, (Setting(span=Span("zone.txt", 1), name="TZ", value="Asia/Taipei"),))
    assert zones(built)["deploy.log"] == "Asia/Taipei"


def test_what_the_user_says_wins_by_path_by_source_and_for_all(tmp_path):
    files = {"app.log": "2026-07-01 12:00:00 info: x\n", "error.log": "2026/07/01 12:00:00 [error] 1#1: x\n", "b.log": "x"}
    files["b.log"] = "2026-07-01 12:00:00 info: other\n"
    built = build(tmp_path, files, zones={None: "America/New_York", "nginx": "Asia/Taipei", "b.log": "+05:30"})
    assert {source.path: source.first.hour for source in built.sources} == {"app.log": 16, "error.log": 4, "b.log": 6}
    with pytest.raises(LogcorrError, match="no such time zone: Nowhere"):
        build(tmp_path, files, zones={None: "Nowhere"})


def test_tz_settings_count_a_services_own_first(tmp_path):
    files = {"web.log": "2026-07-01 12:00:00 info: x\n", "api.log": "2026-07-01 12:00:00 info: y\n"}
    facts = (
        Setting(span=Span("env.txt", 1), name="TZ", value="Europe/Berlin"),
        Service(span=Span("compose.yml", 2, 9), name="api", environment=(("TZ", "Asia/Tokyo"),)),
        Setting(span=Span("env.txt", 2), name="TZ", value="not a zone"),
    )
    built = build(tmp_path, files, facts, service_of=lambda path: path.removesuffix(".log"))
    assert {source.path: (source.zone, source.zone_reason) for source in built.sources} == {
        "web.log": ("Europe/Berlin", "TZ in env.txt:1"),
        "api.log": ("Asia/Tokyo", "TZ of service api in compose.yml:2-9"),
    }


def test_one_web_server_writes_in_one_zone_whatever_the_hosts_is(tmp_path):
    files = {
        "access.log": ACCESS.format("20/Nov/2026:08:00:00 -0500") + ACCESS.format("20/Nov/2026:19:00:00 -0500"),
        "error.log": "2026/11/20 12:00:00 [error] 1#1: x\n",
    }
    built = build(tmp_path, files, (Setting(span=Span("zone.txt", 1), name="TZ", value="Etc/UTC"),))
    assert zones(built) == {"access.log": "-05:00", "error.log": "-05:00"}


def test_logs_that_are_cut_at_the_same_times_are_in_one_zone(tmp_path):
    """Over four days the hosts' zone would do almost as well; but then both ends were five hours off."""
    files = {
        "access.log": ACCESS.format("20/Nov/2026:00:00:00 -0500") + ACCESS.format("24/Nov/2026:00:00:00 -0500"),
        "shop.log": "2026-11-20 00:00:30 info: x\n2026-11-23 23:58:00 info: y\n",
        "other.log": "2026-11-20 01:10:30 info: x\n2026-11-23 23:18:00 info: y\n",
    }
    built = build(tmp_path, files, (Setting(span=Span("zone.txt", 1), name="TZ", value="Etc/UTC"),))
    assert zones(built) == {"access.log": "-05:00", "shop.log": "-05:00", "other.log": "Etc/UTC"}


def test_summer_time_gaps_and_folds(tmp_path):
    text = "".join(
        f"2026-{stamp} info: x\n" for stamp in ("03-29 01:59:59", "03-29 02:30:00", "10-25 02:30:00", "10-25 03:00:00")
    )
    built = build(tmp_path, {"app.log": text}, zones={None: "Europe/Berlin"})
    assert told(built).timeline.collect()["time"].to_list() == [
        at(29, 0, 59, 59, month=3),
        at(29, 1, 30, month=3),  # does not exist: read as before the change
        at(25, 0, 30, month=10),  # exists twice: the first
        at(25, 2, 0, month=10),
    ]


def test_the_year_that_syslog_lacks_is_that_of_the_others_over_new_year(tmp_path):
    built = build(
        tmp_path,
        {
            "syslog": "Dec 31 23:59:00 host cron[1]: a\nJan  1 00:01:00 host cron[1]: b\n",
            "app.log": "2025-12-31 23:58:00 info: x\n2026-01-01 00:02:00 info: y\n",
        },
    )
    frame = told(built).timeline.collect()
    assert frame["message"].to_list() == ["x", "a", "b", "y"]
    assert frame["time"].to_list()[1:3] == [at(31, 23, 59, month=12, year=2025), at(1, 0, 1, month=1)]


@pytest.mark.parametrize("stamp", ["05/03/2026", "03/05/2026", "05/03/26", "03/05/26"])
def test_what_is_day_and_what_is_month_agrees_with_the_others(tmp_path, stamp):
    built = build(
        tmp_path,
        {"job.log": f"{stamp} 12:00:00 copied\n", "app.log": "2026-03-05 11:58:00 info: x\n2026-03-05 12:02:00 info: y\n"},
    )
    assert told(built).timeline.collect()["time"].to_list()[1] == at(5, 12, month=3)


@pytest.mark.parametrize("stamp", ["24/03/26", "26/03/24"])
def test_what_is_day_and_what_is_year_agrees_with_the_others(tmp_path, stamp):
    built = build(
        tmp_path,
        {"job.log": f"{stamp} 12:00:00 copied\n", "app.log": "2026-03-24 11:58:00 info: x\n2026-03-24 12:02:00 info: y\n"},
    )
    assert told(built).timeline.collect()["time"].to_list()[1] == at(24, 12, month=3)


@pytest.mark.parametrize("days", [("05", "13"), ("14", "15")])
def test_of_two_figures_for_the_year_those_that_change_are_the_day(tmp_path, days):
    built = build(tmp_path, {"job.log": "".join(f"{day}/03/26 12:00:00 copied\n" for day in days)})
    assert told(built).timeline.collect()["time"].to_list() == [at(int(day), 12, month=3) for day in days]


def test_a_day_that_is_no_month_decides_the_order_of_the_whole_log(tmp_path):
    built = build(
        tmp_path,
        {
            "job.log": "05/03/2026 12:00:00 copied\n13/03/2026 12:00:00 copied\n",
            "app.log": "2026-05-03 11:58:00 info: x\n2026-05-03 12:02:00 info: y\n",
        },
    )
    assert told(built).timeline.collect()["time"].to_list()[0] == at(5, 12, month=3)


def test_a_leap_day_has_a_leap_year(tmp_path):
    built = build(
        tmp_path,
        {"syslog": "Feb 29 12:00:00 host cron[1]: a\n", "app.log": "2024-02-29 11:00:00 info: x\n2024-03-01 12:00:00 info: y\n"},
    )
    assert told(built).timeline.collect()["time"].to_list()[1] == at(29, 12, month=2, year=2024)


def test_a_leap_day_rules_out_other_years_though_they_fit_better(tmp_path):
    built = build(
        tmp_path,
        {
            "syslog": "Feb 28 12:00:00 host cron[1]: a\nFeb 29 12:00:00 host cron[1]: b\nMar  1 12:00:00 host cron[1]: c\n",
            "app.log": "2025-02-28 11:00:00 info: x\n2025-03-01 12:00:00 info: y\n",
        },
    )
    assert {event["message"]: event["time"] for event in told(built).timeline.collect().to_dicts()}["b"] == at(
        29, 12, month=2, year=2024
    )


def test_without_any_other_log_the_year_stays_unknown_and_is_said_to(tmp_path):
    (source,) = build(tmp_path, {"syslog": "Nov  3 15:12:15 host cron[1]: a\n"}).sources
    assert source.first.year == 1972
    assert "the year is not known" in source.zone_reason


def test_times_of_day_are_placed_on_the_days_of_the_others_over_midnight(tmp_path):
    built = build(
        tmp_path,
        {
            "console.txt": "23:59:58.000 a.js:1 one\n00:00:01.500 a.js:2 two\n",
            "app.log": "2026-11-20 22:00:00 info: x\n2026-11-21 03:00:00 info: y\n",
        },
    )
    times = told(built).timeline.filter(source="browser").collect()["time"].to_list()
    assert times == [at(20, 23, 59, 58), at(21, 0, 0, 1, microsecond=500_000)]
    assert [source.resolution_s for source in built.sources] == [1.0, 0.001]


def test_dockers_own_stamps_are_taken(tmp_path):
    line = '{"log":"15:12:19 info %s\\n","stream":"stdout","time":"2026-11-03T14:12:%02d.5Z"}\n'
    built = build(tmp_path, {"x-json.log": "".join(line % ("SIGTERM received", second) for second in (1, 2))})
    assert told(built).events.collect()["time"].to_list() == [at(3, 14, 12, second, microsecond=500_000) for second in (1, 2)]
    assert built.sources[0].zone_reason == "docker-json stamps each line in UTC"


def test_since_and_until_keep_what_is_between_both_included(tmp_path):
    text = "".join(f"2026-11-20 08:00:0{second} info: SIGTERM received\n" for second in range(5))
    built = build(tmp_path, {"app.log": text}, since=at(20, 8, 0, 1), until=at(20, 8, 0, 3))
    assert told(built).events.collect()["line"].to_list() == [2, 3, 4]
    assert told(built).timeline.collect()["line"].to_list() == [2, 3, 4]


def test_identical_copies_are_read_once(tmp_path):
    text = "2026-11-20 08:00:01 info: SIGTERM received\n"
    built = build(tmp_path, {"a.log": text, "copy.log": text})
    assert told(built).events.collect()["file"].to_list() == ["a.log"]
    assert [(problem.path, problem.message) for problem in built.problems] == [
        ("copy.log", "not read again: the same bytes as a.log")
    ]


def test_services_come_from_units_and_from_the_caller(tmp_path):
    built = build(
        tmp_path,
        {
            "syslog": "Nov  3 15:12:15 host systemd[1]: Started blog.service - Blog.\n",
            "app.log": "2026-11-03 15:12:16 info: SIGTERM received\n",
        },
        service_of=lambda path: "web" if path == "app.log" else None,
    )
    assert told(built).events.collect()["service"].to_list() == ["blog", "web"]


def test_downtimes_join_what_several_logs_saw(tmp_path):
    built = build(
        tmp_path,
        {
            "app.log": "2026-11-03 10:00:02 info: SIGTERM received, exiting\n"
            "2026-11-03 10:00:20 info: server listening on 3000\n"
            "2026-11-03 11:00:00 info: SIGTERM received, exiting\n",
            "syslog": "Nov  3 10:00:01 host systemd[1]: Stopping web.service - Web...\n"
            "Nov  3 10:00:12 host systemd[1]: web.service: Main process exited, code=killed, status=9/KILL\n"
            "Nov  3 10:00:15 host systemd[1]: Started web.service - Web.\n",
            "other.log": "2026-11-03 10:30:00 info: server listening on 3001\n",
        },
        service_of=lambda path: "web" if path == "app.log" else None,
    )
    assert downtimes(told(built).events.collect()) == (
        Downtime(
            service="web",
            ended=at(3, 10, 0, 1),
            kind="process.killed",
            end=Span("syslog", 2),
            up=at(3, 10, 0, 20),
            start=Span("app.log", 2),
        ),
        Downtime(service="web", ended=at(3, 11), kind="process.terminating", end=Span("app.log", 3)),
    )


def test_down_intervals_are_a_frame_of_what_scan_gives(tmp_path):
    (tmp_path / "app.log").write_text(
        "2026-11-03 10:00:02 info: SIGTERM received, exiting\n"
        "2026-11-03 10:00:20.5 info: server listening on 3000\n"
        "2026-11-03 11:00:00 info: SIGTERM received, exiting\n"
    )
    found = logcorr.scan(tmp_path).pipe(logcorr.down_intervals).collect()
    assert found.select("time", "kind", "line", "up", "up_line", "down_s").rows() == [
        (at(3, 10, 0, 2), "process.terminating", 1, at(3, 10, 0, 20, microsecond=500_000), 2, 18.5),
        (at(3, 11), "process.terminating", 3, None, None, None),
    ]


def test_templates_are_what_messages_have_in_common(tmp_path):
    names = ("ann", "bob", "cy", "dan", "eve")
    lines = [f'2026-11-03 10:00:0{number} info: user {name} paid "{number} cakes"' for number, name in enumerate(names)]
    lines += ["2026-11-03 10:00:07 info: job 17 done in 4.5 ms", "2026-11-03 10:00:08 info: job 18 done in 12 ms"]
    lines += [
        "2026-11-03 10:00:09 info: asked https://a.example/x?y=1 by 192.0.2.7:443",
        "2026-11-03 10:00:09 warn: job 19 done in 1 ms",
    ]
    lines += [f"2026-11-03 10:01:0{number} info: door {word}" for number, word in enumerate(("opened", "closed"))]
    (tmp_path / "app.log").write_text("\n".join(lines) + "\n")
    found = logcorr.scan(tmp_path).pipe(logcorr.templates).collect()
    assert found.select("count", "time", "last", "level", "message", "line").rows() == [
        (5, at(3, 10, 0, 0), at(3, 10, 0, 4), "info", 'user <*> paid "<*>"', 1),
        (2, at(3, 10, 0, 7), at(3, 10, 0, 8), "info", "job <n> done in <n> ms", 6),
        (1, at(3, 10, 0, 9), at(3, 10, 0, 9), "info", "asked <url> by <address>", 8),
        (1, at(3, 10, 0, 9), at(3, 10, 0, 9), "warn", "job <n> done in <n> ms", 9),
        (1, at(3, 10, 1, 0), at(3, 10, 1, 0), "info", "door opened", 10),
        (1, at(3, 10, 1, 1), at(3, 10, 1, 1), "info", "door closed", 11),
    ]


def test_a_log_hours_away_is_moved_to_the_hour_at_which_it_covers_the_same_time():
    utc = clocks.Reading(
        "nginx.log", "nginx", None, "instant", datetime(2026, 3, 1, 10, 9, tzinfo=UTC), datetime(2026, 3, 1, 12, 18, tzinfo=UTC)
    )
    away = clocks.Reading("app.log", "app", None, "local", datetime(2026, 3, 1, 18, 9, 16), datetime(2026, 3, 1, 20, 17, 8))
    placed = clocks.place([utc, away], [], {})[1]
    assert (placed.zone, placed.assumed) == ("+08:00", True)
    apart = clocks.Reading("old.log", "app", None, "local", datetime(2026, 2, 27, 3, 0), datetime(2026, 2, 27, 4, 0))
    assert clocks.place([utc, apart], [], {})[1].zone == "UTC"


def test_a_log_of_a_server_goes_with_another_of_it_in_which_summer_time_begins():
    access = clocks.Reading(
        "access.log",
        "nginx",
        None,
        "instant",
        datetime(2026, 3, 29, 0, 36, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 36, tzinfo=UTC),
        (0, 3600),
    )
    error = clocks.Reading("error.log", "nginx", None, "local", datetime(2026, 3, 29, 0, 40), datetime(2026, 3, 29, 2, 35))
    placed = clocks.place([access, error], [], {})[1]
    assert placed.utc(datetime(2026, 3, 29, 0, 40)) == datetime(2026, 3, 29, 0, 40, tzinfo=UTC)
    assert placed.utc(datetime(2026, 3, 29, 2, 35)) == datetime(2026, 3, 29, 1, 35, tzinfo=UTC)
    assert not placed.assumed


def test_zones_that_change_between_two_instants():
    def day(*numbers: int) -> datetime:
        return datetime(*numbers, tzinfo=UTC)

    eastern = offsets.between(-18000, -14400, day(2026, 3, 7), day(2026, 3, 9))
    assert offsets.offset_of(eastern, day(2026, 3, 8, 6, 59)) == -18000
    assert offsets.offset_of(eastern, day(2026, 3, 8, 7)) == -14400
    back = offsets.between(3600, 7200, day(2026, 10, 24), day(2026, 10, 26))
    assert offsets.offset_of(back, day(2026, 10, 25, 0, 59)) == 7200
    assert offsets.offset_of(back, day(2026, 10, 25, 1)) == 3600
    assert offsets.between(0, 3600, day(2026, 6, 1), day(2026, 6, 2)) is None


def test_a_date_far_from_what_syslog_stamped_is_of_something_else():
    zoned = pl.Datetime("us", "UTC")
    own = [datetime(2026, 11, 3, 9, 0, 1, 250_000), datetime(2026, 11, 3, 9, 0, 2, 500_000), datetime(2027, 2, 14, 18, 30), None]
    worn = [datetime(2026, 11, 3, 10, 0, second, tzinfo=UTC) for second in (1, 2, 3, 4)]
    frame = pl.DataFrame({"logged_at": worn, "time": own}, schema={"logged_at": zoned, "time": pl.Datetime("us")})
    told = frame.select(blocks._stamp(SimpleNamespace(stamped="syslog", schema=frame.schema))).to_series()
    assert told.to_list() == [worn[0].replace(microsecond=250_000), worn[1].replace(microsecond=500_000), *worn[2:]]


FIXTURES = Path(__file__).parent / "fixtures" / "parsers"


@pytest.mark.parametrize(
    "file", sorted(file for name in LOGS for file in (FIXTURES / name).glob("*.log")), ids=lambda file: file.stem
)
def test_a_log_read_in_blocks_is_what_it_is_in_one(file, monkeypatch):
    (artifact,) = collect([file], {file.parent.name: lambda sample: 1.0}).artifacts
    whole = timeline.build([artifact], LOGS)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 150)
    monkeypatch.setattr(blocks, "TAIL_LINES", 2)
    monkeypatch.setattr(blocks, "AHEAD_LINES", 20)
    monkeypatch.setattr(store, "IN_MEMORY_BYTES", 0)
    parts = timeline.build([artifact], LOGS)
    assert told(parts).timeline.collect().equals(told(whole).timeline.collect())
    assert told(parts).events.collect().equals(told(whole).events.collect())
    assert parts.sources == whole.sources


@pytest.mark.parametrize("file", ["disk", "memory"])
def test_what_does_not_fit_is_kept_in_files_and_of_very_many_logs_compressed(file, monkeypatch):
    monkeypatch.setattr(store, "IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(store, "MOST_FILES", int(file == "disk"))
    frames = [pl.DataFrame({"line": [2 * n, 2 * n + 1], "text": ["ß", None]}) for n in range(50)]
    kept = store.Store().put(iter(frames), frames[0].schema)
    assert kept.filter(pl.col("line") > 95).collect().rows() == [(96, "ß"), (97, None), (98, "ß"), (99, None)]
    assert kept.collect().equals(pl.concat(frames))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full")
def test_no_room_for_what_is_put_aside_is_said_and_what_breaks_while_reading_is_raised_as_it_is(monkeypatch):
    monkeypatch.setattr(store, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(store, "TemporaryFile", partial(Path("/dev/full").open, "r+b", buffering=0))
    frame = pl.DataFrame({"line": [1]})
    with pytest.raises(LogcorrError, match="No space left on device"):
        store.Store().put(iter([frame]), frame.schema)

    def broken():
        yield frame
        raise OSError("gone")

    monkeypatch.setattr(store, "TemporaryFile", io.BytesIO)
    with pytest.raises(OSError, match="gone"):
        store.Store().put(broken(), frame.schema)


def test_a_log_that_goes_back_further_is_in_the_zone_that_the_others_show(tmp_path):
    built = build(
        tmp_path,
        {
            "a.log": "2026-09-30T13:23:53+02:00 info: ready\n2026-09-30T14:11:40+02:00 info: done\n",
            "deploy.log": "2026-09-02 09:12:40 deploy 8: done\n2026-09-30 13:46:27 deploy 9: done\n",
        },
    )
    assert [(source.path, source.zone) for source in built.sources] == [("a.log", "+02:00"), ("deploy.log", "+02:00")]


def test_short_logs_take_the_offset_that_a_longer_one_was_found_to_have(tmp_path):
    epochs = "".join(f'{{"level":30,"time":{1778534760000 + 60000 * minute},"msg":"ok"}}\n' for minute in range(66))
    syslog = "".join(f"May 12 {9 + (26 + m) // 60:02}:{(26 + m) % 60:02}:00 host cron[9]: (root) CMD (x)\n" for m in range(66))
    deploy = "2026-05-12 09:37:01 deploy 3: unpack\n2026-05-12 10:04:31 deploy 3: done\n"
    built = build(tmp_path, {"app.ndjson": epochs, "syslog": syslog, "deploy.log": deploy})
    assert {source.path: source.zone for source in built.sources} == {
        "app.ndjson": "UTC",
        "syslog": "+12:00",
        "deploy.log": "+12:00",
    }


def test_a_document_quotes_logs_but_no_configuration(tmp_path):
    text = "# Notes\n```\n*/5 * * * * root /opt/check.sh\n```\n```\n2026-01-31 12:00:00 [error]: boom\n```\n"
    (tmp_path / "notes.md").write_text(text)
    given = reading.read(tmp_path)
    assert given.facts == ()
    events = logcorr.scan(tmp_path).select("line", "message", "service").collect()
    assert events.rows() == [(6, "boom", None)]
