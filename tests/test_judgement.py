"""The seed incident, changed in one thing: what must be said then. Expectations are reasoned by hand, case by case."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import logcorr
from bench.incidents import mutations
from bench.incidents.scoring import score
from logcorr.model.case import Case
from logcorr.rules import rule
from logcorr.timeline.lifecycles import downtimes

SEED = Path(__file__).parent / "fixtures/cases/heart-whisper-town/input"
SCRIPT, TABLE, LOG = "health-check.sh", "crontab.txt", "backend/logs/combined.log"
RUNNING = "docker-compose.production-prebuilt.yml"
RESTART = "docker-compose -f docker-compose.production.yml restart"
MISSING_COMMAND = "2025-10-16 09:50:01 checking\n/home/jesse/{script}: {line}: docker-compose: {words}\n"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """`edits` replace a text in a file of the seed, `added` files come on top, `removed` ones are left out.

    `verdicts` are right answers; `culprit` is the line to blame, if any; `says` are claims that must be made somewhere, and
    `silent` those that must not be.
    """

    verdicts: tuple[str, ...]
    edits: tuple[tuple[str, str, str], ...] = ()
    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    culprit: tuple[str, int] | None = None
    says: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


VARIANTS = {
    "nothing is changed": Variant(verdicts=("root-cause",), culprit=(SCRIPT, 4)),
    "the compose file that the script names was not collected": Variant(
        removed=("docker-compose.production.yml",),
        verdicts=("suspected",),
        culprit=(SCRIPT, 4),
        says=("missing.compose_file", "job_stops_service.unknown_target"),
    ),
    "the containers are up for days, though every run should end them": Variant(
        edits=(("docker-ps.txt", "Up 2 minutes", "Up 4 days"),),
        verdicts=("undetermined",),
        says=("scheduled.outlived",),
        silent=("job_stops_service.must",),
    ),
    "the script's command is not there (bash)": Variant(
        added=(("health-check.log", MISSING_COMMAND.format(script=SCRIPT, line="line 12", words="command not found") * 4),),
        verdicts=("undetermined",),
        says=("scheduled.command_failed",),
        silent=("job_stops_service.must",),
    ),
    "the script's command is not there (dash)": Variant(
        added=(("health-check.log", MISSING_COMMAND.format(script=SCRIPT, line="12", words="not found") * 4),),
        verdicts=("undetermined",),
        says=("scheduled.command_failed",),
    ),
    "another script's command is not there": Variant(
        added=(("report.log", MISSING_COMMAND.format(script="report.sh", line="line 12", words="command not found") * 4),),
        verdicts=("root-cause",),
        culprit=(SCRIPT, 4),
        silent=("scheduled.command_failed",),
    ),
    "a script of a longer name lacks the command": Variant(
        added=(("x.log", MISSING_COMMAND.format(script="old-" + SCRIPT, line="line 12", words="command not found") * 4),),
        verdicts=("root-cause",),
        culprit=(SCRIPT, 4),
    ),
    "the probe follows redirects": Variant(
        edits=((SCRIPT, "curl -s", "curl -sL"),),
        verdicts=("suspected", "undetermined"),
        silent=("cause.probe_never_satisfied", "cause.scheduled_stop"),
    ),
    "the command acts on another service": Variant(
        edits=((SCRIPT, "yml restart", "yml restart redis"),), verdicts=("undetermined",), says=("rival.stops_nothing",)
    ),
    "another job of the same schedule was not collected, and this one is harmless": Variant(
        edits=((TABLE, "*/5", "*/5 * * * * /opt/other.sh\n*/5"), (SCRIPT, "yml restart", "yml ps")),
        verdicts=("suspected",),
        culprit=(TABLE, 1),
        says=("rival.stops_nothing", "cause.unproven"),
        silent=("cause.tied",),
    ),
    "the command runs on another host": Variant(
        edits=((SCRIPT, RESTART, "ssh spare docker restart heart-whisper-backend"),),
        verdicts=("suspected", "undetermined"),
    ),
    "nobody knows whom the pattern kills": Variant(
        edits=((SCRIPT, RESTART, "pkill -f sidekiq"),),
        verdicts=("suspected", "undetermined"),
    ),
    "a pattern kills more than it is named after": Variant(
        edits=(
            (SCRIPT, RESTART, "pkill -f redis"),
            (RUNNING, "container_name: heart-whisper-backend", "command: node server.js --redis=redis:6379"),
        ),
        verdicts=("root-cause",),
        culprit=(SCRIPT, 4),
    ),
    "a process's name is not its whole command": Variant(
        edits=(
            (SCRIPT, RESTART, "pkill redis"),
            (RUNNING, "container_name: heart-whisper-backend", "command: node server.js --redis=redis:6379"),
        ),
        verdicts=("suspected", "undetermined"),
        silent=("cause.scheduled_stop",),
    ),
    "the job is commented out": Variant(edits=((TABLE, "*/5", "#*/5"),), verdicts=("undetermined",)),
    "a killing pattern takes for ever to search for": Variant(
        edits=((RUNNING, "image: redis:7-alpine", f"image: redis:7-alpine\n    command: {'a' * 60}!"),),
        added=(("kill.sh", "#!/bin/sh\npkill -f '(a+)+$'\npkill -f '['\n"),),
        verdicts=("root-cause",),
    ),
    "a compose file is nested without end": Variant(
        added=(("docker-compose.deep.yml", f"services:\n  x: {'[' * 30_000}{']' * 30_000}\n"),), verdicts=("root-cause",)
    ),
    "commands and names are templates": Variant(
        edits=((TABLE, "health-check.sh", "health-check.sh {0} {a!r} {b.__class__} %s"),),
        added=(("logs {x}\n<b>.log", "2025-10-16 09:55:03 [info]: Received SIGTERM {y} %(z)s {}\n"),),
        verdicts=("root-cause",),
    ),
}  # fmt: skip


def build(variant, folder):
    """Write the changed seed."""
    texts = {str(path.relative_to(SEED)): path.read_text() for path in SEED.rglob("*") if path.is_file()}
    for path, old, new in variant.edits:
        assert old in texts[path]
        texts[path] = texts[path].replace(old, new)
    for path, text in (texts | dict(variant.added)).items():
        if path not in variant.removed:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)


def test_a_check_that_acts_seldom_may_be_right(tmp_path):
    stopped = [10, 35, 75, 95, 140, 155]
    log = "".join(f"2025-10-16 {9 + at // 60:02}:{at % 60:02}:03 [info]: Received SIGTERM, shutting down\n" for at in stopped)
    texts = {
        "crontab": "*/5 * * * * /srv/check.sh\n",
        "srv/check.sh": "#!/bin/sh\nif ! curl -sf http://localhost:4000/health; then docker restart shop; fi\n",
        "compose.yml": "services:\n  shop:\n    container_name: shop\n    image: shop\n    volumes: [./logs:/app/logs]\n",
        "logs/app.log": f"2025-10-16 09:00:00 [info]: ready\n{log}2025-10-16 12:30:00 [info]: ready\n",
    }
    for path, text in texts.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    result = logcorr.analyze(tmp_path).result
    assert result["verdict"] == "suspected"
    assert "cause.check_may_be_right" in set(claims(result["causes"]))


def test_kills_are_no_health(tmp_path):
    ready = '{{"timestamp":"2025-10-16T{0:02}:20:03Z","level":"info","message":"worker ready"}}\n'
    unit = "2025-10-16T{0:02}:20:01.000000+00:00 host systemd[1]: shop.service: Main process exited, code=killed, status=9/KILL\n"
    (tmp_path / "syslog").write_text("".join(unit.format(hour) for hour in (3, 7, 8, 13)))
    (tmp_path / "shop.log").write_text("".join(ready.format(hour) for hour in (3, 7, 8, 13)))
    result = logcorr.analyze(tmp_path).result
    assert result["verdict"] == "undetermined"
    assert "service_terminated.killed" in set(claims(result["findings"]))


def test_pages_that_are_closed_are_no_incident(tmp_path):
    times = [f"2025-10-16 {hour:02}:{minute:02}:03" for hour in range(9, 18) for minute in range(0, 60, 7)]
    log = "".join(
        f"{time} [info]: Client disconnected: K{number}, reason: transport close\n" for number, time in enumerate(times)
    )
    (tmp_path / "combined.log").write_text(log)
    (tmp_path / "crontab").write_text("*/7 * * * * /usr/bin/true\n")
    result = logcorr.analyze(tmp_path).result
    assert result["verdict"] == "healthy"
    assert not result["causes"]


def test_a_change_just_before_it_is_a_rival_and_no_cause(tmp_path):
    answered = '203.0.113.{0} - - [16/Oct/2025:09:{1:02}:{0:02} +0000] "GET /beds/{0} HTTP/1.1" {2} 90 "-" "Mozilla/5.0"\n'
    rows = (answered.format(second, minute, 500 if minute >= 30 else 200) for minute in range(60) for second in (7, 22, 51))
    (tmp_path / "access.log").write_text("".join(rows))
    (tmp_path / "wiki.log").write_text("2025-10-16 09:02:40 deploy of the wiki\n2025-10-16 09:29:40 deploy of the wiki\n")
    result = logcorr.analyze(tmp_path).result
    assert result["verdict"] == "undetermined"
    assert [(one["path"], one["line"], one["claim"]["params"]) for one in result["rivals"]] == [("wiki.log", 2, {"lag": 27})]


def test_a_crash_gives_way_to_what_tells_why(tmp_path):
    said = "2025-10-16T09:{0:02}:04.000Z [error]: cannot read key: EACCES: permission denied, open '/srv/post/key.pem'\n"
    ready = "2025-10-16T09:{0:02}:01.000Z [info]: nothing to do\n"
    unit = (
        "2025-10-16T09:{0:02}:05.000000+00:00 host systemd[1]: post.service: Main process exited, code=exited, status=1/FAILURE\n"
    )
    lines = [(ready if minute < 20 else said).format(minute) for minute in range(40)]
    (tmp_path / "post.log").write_text("".join(lines))
    (tmp_path / "syslog").write_text("".join(unit.format(minute) for minute in range(20, 40)))
    (first, *_) = logcorr.analyze(tmp_path).result["causes"]
    assert (first["kind"], first["culprit"]["path"], first["culprit"]["line"]) == ("access_denied", "post.log", 21)


def test_a_limit_that_is_told_once_is_felt_as_long_as_requests_fail(tmp_path):
    answered = '203.0.113.{0} - - [16/Oct/2025:09:{1:02}:{0:02} +0000] "GET /beds/{0} HTTP/1.1" {2} 90 "-" "Mozilla/5.0"\n'
    rows = (
        answered.format(second, minute, 504 if minute % 20 in (11, 12, 13, 14, 15) else 200)
        for minute in range(60)
        for second in (7, 22, 51)
    )
    (tmp_path / "access.log").write_text("".join(rows))
    full = "[16-Oct-2025 09:{0:02}:50] WARNING: [pool www] server reached pm.max_children setting (4), consider raising it\n"
    (tmp_path / "php-fpm.log").write_text("".join(full.format(minute) for minute in (10, 30, 50)))
    (first, *_) = logcorr.analyze(tmp_path).result["causes"]
    assert first["kind"] == "limit_reached"
    assert {(one["count"], one["total"]) for one in first["explains"]} == {(3, 3), (45, 45)}


def test_a_stop_that_two_logs_tell_of_is_one_stop_of_one_service(tmp_path):
    unit = "{0} host systemd[1]: {1} shop-api.service - API.\n"
    seconds = [f"2025-10-16T10:{minute:02}:20" for minute in range(0, 40, 7)]
    told = "".join(unit.format(f"{at}.000000+00:00", word) for at in seconds for word in ("Stopping", "Stopped", "Started"))
    (tmp_path / "syslog").write_text(told)
    own = "{0}.063Z [info]: SIGTERM received, closing server\n{0}.980Z [info]: Server listening on port 4000\n"
    (tmp_path / "api.log").write_text("".join(own.format(at) for at in seconds))
    (tmp_path / "shop-api.service").write_text("[Service]\nExecStart=/usr/bin/node /srv/api/server.js\n")
    stops = downtimes(logcorr.analyze(tmp_path).events)
    assert [stop.service for stop in stops] == ["shop-api"] * len(seconds)


def test_the_schedule_is_read_in_the_zone_of_the_hosts_own_logs(tmp_path):
    days = [f"2025-10-{day}" for day in range(10, 16)]
    terminated = "{0}T18:30:03.000Z [info]: Received SIGTERM, shutting down gracefully...\n"
    request = '1.2.3.4 - - [{1}/Oct/2025:18:30:0{2} +0000] "GET / HTTP/1.1" 502 157 "-" "curl/8"\n'
    runs = "{0}T02:30:01.000000+08:00 web CRON[12]: (root) CMD (/srv/shop/nightly.sh)\n"
    texts = {
        "crontab": "30 2 * * * /srv/shop/nightly.sh\n",
        "srv/shop/nightly.sh": "#!/bin/sh\ncd /srv/shop\ndocker compose restart shop\n",
        "srv/shop/compose.yml": "services:\n  shop:\n    image: shop\n    volumes: [./logs:/app/logs]\n",
        "srv/shop/logs/app.log": "".join(terminated.format(day) for day in days),
        "syslog": "".join(runs.format(day) for day in days),
        "nginx/access.log": "".join(request.format(day, day[-2:], 4) for day in days),
        "nginx/shop.access.log": "".join(request.format(day, day[-2:], 5) for day in days),
    }
    for path, text in texts.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    result = logcorr.analyze(tmp_path).result
    assert result["verdict"] == "root-cause"
    assert (result["causes"][0]["culprit"]["path"], result["causes"][0]["culprit"]["line"]) == ("srv/shop/nightly.sh", 3)


def test_a_table_that_a_container_mounts_runs_in_the_zone_of_that_container(tmp_path):
    texts = {
        "compose.yml": "services:\n  jobs:\n    environment: {TZ: Asia/Kolkata}\n    volumes: [./jobs:/srv/jobs]\n",
        "jobs/crontab": "5 * * * * docker restart shop\n",
        "host/crontab": "5 * * * * docker restart till\n",
        "shop.log": "".join(f"2026-05-05T0{hour}:00:00+00:00 info: sold {hour}\n" for hour in range(1, 8)),
    }
    for path, text in texts.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    now = datetime(2026, 5, 5, 8, tzinfo=UTC)
    due = {one.job.span.path: one.next[0].astimezone(UTC).minute for one in logcorr.facts(tmp_path, at=now, tz="UTC").schedules}
    assert due == {"jobs/crontab": 35, "host/crontab": 5}


def test_files_of_one_name_are_each_found_by_their_own_host(tmp_path):
    build(VARIANTS["nothing is changed"], tmp_path / "web-1")
    build(VARIANTS["the command acts on another service"], tmp_path / "web-2")
    (tmp_path / "web-2" / LOG).write_text("2025-10-16 09:00:00 [info]: Server listening on port 4000\n")
    result = logcorr.analyze(tmp_path).result
    jobs = {
        one["evidence"][0]["path"]: one["evidence"][1]["path"] for one in result["findings"] if one["rule"] == "job_stops_service"
    }
    assert jobs == {f"web-{number}/{TABLE}": f"web-{number}/{SCRIPT}" for number in (1, 2)}


def claims(part):
    """The ids of all claims in a document."""
    if isinstance(part, dict):
        if {"id", "params", "text"} <= part.keys():
            yield part["id"]
        for value in part.values():
            yield from claims(value)
    elif isinstance(part, list):
        for value in part:
            yield from claims(value)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_a_changed_seed_is_judged_anew(variant, tmp_path):
    build(variant, tmp_path)
    result = logcorr.analyze(tmp_path).result
    made = set(claims(result))
    assert result["verdict"] in variant.verdicts
    assert not set(variant.says) - made
    assert not set(variant.silent) & made
    if variant.culprit:
        culprit = result["causes"][0]["culprit"]
        assert (culprit["path"], culprit["line"]) == variant.culprit
    assert not [rule for rule in result["rules_run"] if "crashed" in rule["outcome"]]


CHANGED = [
    ("names shuffled", "ticketq"),
    ("innocents added", "heart-whisper-town"),
    ("innocents added", "chess-club"),
    ("change planted", "campus-dining"),
    ("change planted", "chess-club"),
    ("clock shifted", "sensor-gateway"),
    ("culprit dropped", "heart-whisper-town"),
    ("file dropped", "bulk-mailer"),
    ("format swapped", "thumbs"),
]
"""A mutation of each kind on a small incident; `python -m bench.incidents --mutations` judges all on all."""


@pytest.mark.parametrize(("mutation", "name"), CHANGED, ids=[" of ".join(pair) for pair in CHANGED])
def test_a_mutation_is_judged_by_its_own_truth(mutation, name, tmp_path):
    changed = mutations.MUTATIONS[mutation](mutations.read(SEED.parents[1] / name))
    assert changed
    mutations.write(changed, tmp_path)
    found = score(name, logcorr.analyze(tmp_path).result, changed.truth, tmp_path, seconds=0.0)
    assert found.verdict_right
    assert found.top1 is not False
    assert found.path is not False
    assert found.grounded
    assert not found.blamed


def test_what_a_supervisor_says_of_stops_is_not_said_by_the_job(tmp_path):
    """The script would say `Stopping seats`, too; its own log is not there, and nothing else tells that it stopped anything."""
    script = '#!/bin/sh\nif [ "$(disk_use)" -gt 95 ]; then\n  echo "Stopping seats"\n  systemctl restart seats\nfi\n'
    (tmp_path / "guard.sh").write_text(script)
    (tmp_path / "crontab").write_text("*/10 * * * * /srv/bin/guard.sh >> /var/log/guard.log\n")
    stops = ("01:03:17", "02:47:52", "04:36:08", "05:12:40")
    said = ("Stopping seats.service - Seats...", "Stopped seats.service - Seats.", "Started seats.service - Seats.")
    lines = [f"Sep  8 {time} hall systemd[1]: {words}" for time in stops for words in said]
    (tmp_path / "syslog").write_text("\n".join(lines) + "\n")
    drawn = [f"2026-09-08 {hour:02}:{minute:02}:30 [info] plan drawn" for hour in range(6) for minute in range(60)]
    (tmp_path / "seats.log").write_text("\n".join(drawn) + "\n")
    assert not logcorr.analyze(tmp_path).result["causes"]


NIGHTS = range(4, 8)


def nightly(folder, status=200, *, watched=True):
    """A worker that a job restarts at 02:10 each night, and a site that answers so."""
    (folder / "cron.d").mkdir()
    (folder / "cron.d/press").write_text("10 2 * * * root /opt/press/rest.sh\n")
    (folder / "rest.sh").write_text("#!/bin/sh\nsystemctl restart press-queue\n")
    ended = [
        f"May  {day} 02:10:0{second} mill systemd[1]: {word} press-queue.service - Queue.\n"
        for day in NIGHTS
        for second, word in ((3, "Stopping"), (4, "Stopped"), (4, "Started"))
    ]
    (folder / "syslog").write_text("".join(ended))
    if watched:
        asked = [
            f'192.0.2.{minute} - - [0{day}/May/2026:02:{minute:02}:05 +0000] "GET /sheets/{minute} HTTP/1.1" '
            f'{status if minute == 10 else 200} 77 "-" "Mozilla/5.0"\n'
            for day in range(3, 9)
            for minute in range(60)
        ]
        (folder / "access.log").write_text("".join(asked))
    return logcorr.analyze(folder)


DEPLOYS = "2026-05-05 10:31:05 press-api 4.1.0 pm2 reload ok\n2026-05-06 13:02:38 press-api 4.2.0 pm2 reload ok\n"
OF_INSTANCES = ((5, 10, 31, 7), (5, 10, 31, 47), (6, 13, 2, 40), (6, 13, 3, 20))


def rolled_out(folder, record, status=200):
    """Two instances are stopped one after the other, twice; clients ask all the time, and get `status` at these moments."""
    (folder / "deploy.log").write_text(record)
    stamps = [datetime(2026, 5, *text, tzinfo=UTC) for text in OF_INSTANCES]
    for instance in (0, 1):
        line = "{:%Y-%m-%dT%H:%M:%S}: {}\n"
        told = [
            line.format(at + timedelta(seconds=after), words)
            for at in stamps[instance::2]
            for after, words in ((0, "SIGINT received, draining"), (2, "press-api listening on port 3001"))
        ]
        (folder / f"press-api-out-{instance}.log").write_text("".join(told))
    begin = datetime(2026, 5, 5, 8, tzinfo=UTC)
    times = sorted([*(begin + timedelta(minutes=5 * n) for n in range(400)), *(at + timedelta(seconds=1) for at in stamps)])
    asked = '192.0.2.8 - - [{:%d/%b/%Y:%H:%M:%S} +0000] "GET /sheets HTTP/1.1" {} 7 "-" "Mozilla/5.0"\n'
    felt = {at + timedelta(seconds=1) for at in stamps}
    (folder / "access.log").write_text("".join(asked.format(at, status if at in felt else 200) for at in times))
    return logcorr.analyze(folder).result


def test_releases_that_nobody_felt_are_no_incident(tmp_path):
    assert rolled_out(tmp_path, DEPLOYS)["verdict"] == "healthy"


def test_releases_that_clients_felt_are_one(tmp_path):
    assert rolled_out(tmp_path, DEPLOYS, status=502)["verdict"] != "healthy"


def test_stops_that_no_record_explains_are_not_passed_over(tmp_path):
    assert rolled_out(tmp_path, DEPLOYS.replace("05-06 13:02", "05-06 15:02"))["verdict"] != "healthy"


def test_what_is_ordered_each_night_and_felt_by_nobody_is_meant(tmp_path):
    refused = '[error] 7#7: *{n} access forbidden by rule, client: 192.0.2.9, server: s, request: "GET /.env HTTP/1.1"\n'
    (tmp_path / "error.log").write_text("".join("2026/05/05 02:30:05 " + refused.format(n=number) for number in range(20)))
    assert nightly(tmp_path).result["verdict"] == "healthy"


@pytest.mark.parametrize(
    "record",
    [
        "2026-05-05 10:31:05 press-api slow, load average 12.5\n2026-05-06 13:02:38 press-api slow, load average 14.1\n",
        "2026-05-05 10:31:05 press-api down again, not released\n2026-05-06 13:02:38 press-api crashed since the release\n",
    ],
)
def test_a_complaint_is_no_release(tmp_path, record):
    assert rolled_out(tmp_path, record)["verdict"] != "healthy"


def test_a_patch_is_no_complaint(tmp_path):
    (tmp_path / "0001-fix.patch").write_text("From 4f2c1e8 Mon Sep 17 00:00:00 2001\nSubject: [PATCH] Rename a variable\n\n---\n")
    assert nightly(tmp_path).result["verdict"] == "healthy"


def test_all_is_not_well_where_somebody_writes_that_it_is_not(tmp_path):
    (tmp_path / "mail.txt").write_text("From: lena@example.org\nSubject: sheets come up empty now and then\n\nHi, since May.\n")
    result = nightly(tmp_path).result
    assert (result["verdict"], result["missing"][0]["what"]["id"]) == ("undetermined", "missing.felt")


def test_what_jobs_and_monitors_mail_is_no_complaint(tmp_path):
    (tmp_path / "mail-1.txt").write_text("From: root (Cron Daemon)\nSubject: Cron <root@mill> /opt/press/rest.sh\n\nrested\n")
    (tmp_path / "mail-2.txt").write_text("From: icinga\nSubject: RECOVERY mill/http is OK\n\nHTTP 200\n")
    assert nightly(tmp_path).result["verdict"] == "healthy"


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("Hundreds of errors since 21:14. The site works fine for me. Can somebody look?", "healthy"),
        ("Seit 21:14 viele Fehler. Die Seite geht bei mir normal.", "healthy"),
        ("Red lines since nine. Orders seem to come in as usual but please look before the weekend.", "healthy"),
        ("Orders seemed to come in as usual before nine.", "undetermined"),
        ("The site works fine for me, but members write that they cannot log in.", "undetermined"),
        ("It works fine again now.", "undetermined"),
    ],
)
def test_a_letter_that_says_that_all_works_is_no_complaint(tmp_path, body, verdict):
    (tmp_path / "mail.txt").write_text(f"From: lena@example.org\nSubject: Are we attacked?\n\n{body}\n")
    assert nightly(tmp_path).result["verdict"] == verdict


@pytest.mark.parametrize(
    ("note", "verdict"),
    [
        ("From: helpdesk\n\n14:30 since about two many people report that they were logged out.\n", "undetermined"),
        ("#2217 The new colleague saw SIGTERM in the logs and asks whether we were hacked. No guest complained.\n", "healthy"),
    ],
)
def test_a_ticket_that_tells_of_harm_is_one(tmp_path, note, verdict):
    (tmp_path / "ticket-2217.txt").write_text(note)
    assert nightly(tmp_path).result["verdict"] == verdict


def test_what_is_ordered_each_night_and_felt_is_a_cause(tmp_path):
    result = nightly(tmp_path, status=502).result
    assert (result["verdict"], result["causes"][0]["kind"]) == ("root-cause", "scheduled_stop")


def test_whether_it_is_felt_is_not_known_without_a_log_of_requests(tmp_path):
    result = nightly(tmp_path, watched=False).result
    (cause,) = result["causes"]
    assert (result["verdict"], cause["against"][-1]["id"]) == ("undetermined", "cause.unfelt")


def test_a_job_need_not_have_been_there_from_the_first(tmp_path):
    """It restarts the service on each of its runs since the second day; on the first day nothing does."""
    (tmp_path / "crontab").write_text("*/10 3 * * * systemctl restart press\n")
    ends = [
        f"May  {day} 03:{minute:02}:0{second} mill systemd[1]: {word} press.service - Press.\n"
        for day in (5, 6, 7)
        for minute in range(0, 60, 10)
        for second, word in ((1, "Stopping"), (2, "Stopped"), (2, "Started"))
    ]
    quiet = "May  3 22:00:00 mill systemd[1]: Started press.service - Press.\nMay  4 09:00:00 mill sshd[7]: Accepted key\n"
    (tmp_path / "syslog").write_text(quiet + "".join(ends))
    (tmp_path / "access.log").write_text(
        "".join(
            f'192.0.2.9 - - [0{day}/May/2026:03:{minute:02}:0{second} +0000] "GET /{minute} HTTP/1.1" 502 77 "-" "Mozilla/5.0"\n'
            for day in (5, 6, 7)
            for minute in range(0, 60, 10)
            for second in (1, 2)
        )
    )
    cause = logcorr.analyze(tmp_path).result["causes"][0]
    assert (cause["kind"], cause["culprit"]["path"]) == ("scheduled_stop", "crontab")


def upkeep(folder, command, files=()):
    """Twice an hour cron's log tells of a command, three seconds before press is stopped; `files` are its scripts."""
    ends = [
        f"May  5 {hour:02}:{minute}:0{second} mill {who}\n"
        for hour in range(6, 12)
        for minute in (11, 41)
        for second, who in (
            (1, f"CRON[7]: (root) CMD ({command})"),
            (4, "systemd[1]: Stopping press.service - Press..."),
            (5, "systemd[1]: Started press.service - Press."),
        )
    ]
    (folder / "syslog").write_text("".join(ends))
    (folder / "access.log").write_text(
        "".join(
            f'192.0.2.9 - - [05/May/2026:{hour:02}:{minute}:0{second} +0000] "GET /{minute} HTTP/1.1" 502 77 "-" "Mozilla/5.0"\n'
            for hour in range(6, 12)
            for minute in (11, 41)
            for second in (4, 5)
        )
    )
    for path, text in files:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    result = logcorr.analyze(folder).result
    return result["verdict"], [(one["kind"], one["culprit"]["path"], one["culprit"]["line"]) for one in result["causes"]]


def test_a_job_that_only_the_log_of_cron_tells_of_is_a_suspect(tmp_path):
    """Its table and its script were not collected: it is likely, and no more."""
    assert upkeep(tmp_path, "/root/tools/upkeep.sh") == ("suspected", [("unproven_schedule", "syslog", 1)])


@pytest.mark.parametrize(
    ("command", "path", "line"),
    [
        ("cd /root/tools && flock -n /tmp/upkeep nice ./upkeep.sh >/dev/null 2>&1", "tools/upkeep.sh", 3),
        ("   cd / && run-parts --report /etc/cron.hourly", "etc/cron.hourly/upkeep", 3),
        ("/usr/bin/systemctl restart press", "syslog", 1),
    ],
)
def test_what_a_job_does_that_only_the_log_of_cron_tells_of(tmp_path, command, path, line):
    """Its table was not collected, but its script was, or the command itself says it."""
    files = [] if path == "syslog" else [(path, "#!/bin/sh\nfind /var/spool/press -mmin +60 -delete\nsystemctl restart press\n")]
    verdict, (first, *_) = upkeep(tmp_path, command, files)
    assert (verdict, first) == ("root-cause", ("scheduled_stop", path, line))


def test_a_job_that_only_the_log_of_cron_tells_of_may_do_nothing(tmp_path):
    """Its script was collected, and ends nothing."""
    script = ("tools/upkeep.sh", "#!/bin/sh\nfind /var/spool/press -mmin +60 -delete\n")
    verdict, causes = upkeep(tmp_path, "/root/tools/upkeep.sh", [script])
    assert (verdict, causes) == ("undetermined", [])


def test_a_hook_whose_log_has_fractions_leads_to_a_stop_of_the_same_second(tmp_path):
    """certbot says at 06:14:07.600 that it runs its hook, systemd at 06:14:07 that it stops nginx: the one led to the other."""
    (tmp_path / "renewal").mkdir()
    (tmp_path / "renewal/old.mill.example.conf").write_text("[renewalparams]\npre_hook = systemctl stop nginx\n")
    hook = "INFO:certbot.compat.misc:Running pre-hook command: systemctl stop nginx"
    (tmp_path / "letsencrypt.log").write_text("".join(f"2026-05-0{day} 06:14:07,600:{hook}\n" for day in (5, 6, 7)))
    ends = [
        f"May  {day} 06:{at} mill systemd[1]: {word} nginx.service - Web server.\n"
        for day in (5, 6, 7)
        for at, word in (("14:07", "Stopping"), ("14:08", "Stopped"), ("15:50", "Started"))
    ]
    (tmp_path / "syslog").write_text("".join(ends))
    rows = [
        f"2026-05-0{day}T06:{minute}:40Z,mill.example,{'DOWN connection refused' if minute == 14 else 'up 200'}\n"
        for day in (5, 6, 7)
        for minute in range(10, 60)
    ]
    (tmp_path / "monitor.csv").write_text("at,page,answer\n" + "".join(rows))
    result = logcorr.analyze(tmp_path).result
    assert (result["verdict"], result["causes"][0]["culprit"]["path"]) == ("root-cause", "renewal/old.mill.example.conf")


def released(folder, *failing, told=True):
    """A service that is restarted at 20:02:11 once, for a release if one is told, and answers 502 at these seconds."""
    if told:
        (folder / "deploy.log").write_text("== 2026-05-05 20:01:30 release 3.9.0\nnpm ci ... ok\n== 2026-05-05 20:02:17 ok\n")
    said = ((11, "SIGTERM received, closing"), (13, "api 3.9.0 listening on 127.0.0.1:4000"))
    (folder / "app.log").write_text("".join(f"2026-05-05 20:02:{second} info: {words}\n" for second, words in said))
    asked = [
        f'192.0.2.{minute} - - [05/May/2026:20:{minute:02}:{second:02} +0000] "GET /a/{minute} HTTP/1.1" '
        f'{502 if (minute, second) in failing else 200} 77 "-" "Mozilla/5.0"\n'
        for minute in range(60)
        for second in (5, 12, 15, 40)
    ]
    (folder / "access.log").write_text("".join(asked))
    return logcorr.analyze(folder).result


def test_a_release_whose_moment_one_request_felt_is_no_incident(tmp_path):
    assert released(tmp_path, (2, 12), (2, 15), (2, 40))["verdict"] == "healthy"


def test_a_release_after_which_requests_go_on_failing_is_one(tmp_path):
    assert released(tmp_path, (2, 12), (3, 5), (3, 40), (4, 12))["verdict"] != "healthy"


def test_a_stop_that_was_felt_and_that_nothing_orders_is_one(tmp_path):
    assert released(tmp_path, (2, 12), (2, 15), (2, 40), told=False)["verdict"] != "healthy"


WATCH = """#!/bin/bash
code=$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/up)
if [ "$code" = 200 ]; then echo 0 > /run/n; exit 0; fi
n=$(( $(cat /run/n) + 1 )); echo $n > /run/n
if [ "$n" -ge 3 ]; then
    echo "$(date '+%F %T') press is restarted now" >> /var/log/watch.log
    systemctl restart press
    echo 0 > /run/n
fi
"""


def watched(folder, status):
    """A check each 5 min that is answered so from 09:00 on, and restarts on each third failure."""
    (folder / "cron.d").mkdir()
    (folder / "cron.d/press").write_text("*/5 * * * * root /opt/press/watch.sh\n")
    (folder / "watch.sh").write_text(WATCH)
    runs = [(hour, minute) for hour in range(7, 13) for minute in range(0, 60, 5)]
    ends = [(hour, minute) for hour in range(9, 13) for minute in (10, 25, 40, 55)]
    request = '{ip} - - [05/May/2026:{0:02}:{1:02}:0{second} +0000] "GET {path} HTTP/1.1" {status} 9 "-" "{agent}"\n'
    asked = [
        request.format(*run, ip="127.0.0.1", second=1, path="/up", status=status if run >= (9, 0) else 200, agent="curl/7.88")
        for run in runs
    ]
    felt = [request.format(*end, ip="192.0.2.7", second=6, path="/sheets", status=502, agent="Mozilla/5.0") for end in ends]
    stops = "May  5 {0:02}:{1:02}:0{second} mill systemd[1]: {word} press.service - Press.\n"
    told = [stops.format(*end, second=second, word=word) for end in ends for second, word in ((4, "Stopping"), (7, "Started"))]
    (folder / "access.log").write_text("".join(sorted(asked + felt, key=lambda line: line.split("[")[1])))
    (folder / "syslog").write_text("".join(told))
    (folder / "watch.log").write_text(
        "".join(f"2026-05-05 {hour:02}:{minute:02}:03 press is restarted now\n" for hour, minute in ends)
    )
    return logcorr.analyze(folder).result


def test_what_a_check_was_answered_is_read_from_the_log_of_requests(tmp_path):
    result = watched(tmp_path, 404)
    cause = result["causes"][0]
    assert (result["verdict"], cause["kind"], cause["proof"]) == ("root-cause", "probe_never_satisfied", "observed")
    assert (cause["culprit"]["path"], cause["culprit"]["line"]) == ("watch.sh", 2)


def test_a_server_that_is_down_for_its_check_is_not_misread(tmp_path):
    result = watched(tmp_path, 503)
    assert "probe_never_satisfied" not in [cause["kind"] for cause in result["causes"]]


def test_what_follows_another_services_stop_is_not_counted_against_a_cause(tmp_path):
    """A release of the mailer fails forty requests; the press is restarted by its watch all the same."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web/access.log").write_text(
        "".join(
            f'192.0.2.8 - - [05/May/2026:08:30:{second:02} +0000] "GET /mail HTTP/1.1" 502 9 "-" "Mozilla/5.0"\n'
            for second in range(10, 50)
        )
    )
    (tmp_path / "messages").write_text(
        "May  5 08:30:09 mill systemd[1]: Stopping mailer.service - Mailer.\n"
        "May  5 08:30:50 mill systemd[1]: Started mailer.service - Mailer.\n"
    )
    result = watched(tmp_path, 404)
    assert (result["verdict"], result["causes"][0]["culprit"]["path"]) == ("root-cause", "watch.sh")


DEPLOY = (
    '#!/bin/bash\nset -e\nln -sfn "releases/$1" current\nsystemctl restart shop\n'
    "echo \"$(date '+%d/%m/%Y %H:%M') $1\" >> releases.txt\n"
)
NOTES = "# Changes\n\n## 2.0.1\n\n- `/status` wants a key\n\n## 1.9.0\n\n- `/status` is new\n"
SUDO = "2026-05-05T{}:00+00:00 web sudo:     lena : TTY=pts/0 ; PWD=/srv ; USER=root ; COMMAND={}\n"
STARTED = (("08:01", "1.9.0"), ("09:04", "2.0.1"))
CHECK = "curl -fs http://127.0.0.1:4000/status > /dev/null || systemctl restart shop\n"
REPLACED = "2026-05-05T09:03:20+00:00 web crontab[811]: ({0}) REPLACE ({0})\n"
APT = (
    "Start-Date: 2026-05-05  09:04:00\nCommandline: apt-get upgrade\nUpgrade: {}:amd64 ({}, {})\nEnd-Date: 2026-05-05  09:04:09\n"
)
COMMIT = "commit 4f2c1e\nAuthor: Lena <lena@example.org>\nDate:   Tue May 5 {time}:10 2026 +0000\n\n    {subject}\n"
CHANGES = {
    "a release, by the log that its script keeps": (
        {"deploy.sh": DEPLOY, "releases.txt": "05/05/2026 09:04 2.0\n"},
        {"deploy.sh", "releases.txt"},
    ),
    "a commit that names the page that is asked for": (
        {"git-log.txt": COMMIT.format(time="09:03", subject="/status wants a key now")},
        {"git-log.txt"},
    ),
    "a package of the service": ({"dpkg.log": "2026-05-05 09:05:11 upgrade shop:all 1.9 2.0\n"}, {"dpkg.log"}),
    "a command that somebody gave": ({"auth.log": SUDO.format("09:05", "/usr/bin/systemctl restart shop")}, {"auth.log"}),
    "a command that only looks": (
        {
            "auth.log": SUDO.format("09:04", "/usr/bin/systemctl status shop")
            + SUDO.format("09:05", "/usr/bin/cat /srv/shop/check.sh")
        },
        set(),
    ),
    "a note that all is well": ({"notes.md": "- 2026-05-05 09:02 shop looks fine, check.sh is quiet\n"}, set()),
    "a note that all is well after a change": (
        {"notes.md": "- 2026-05-05 09:02 shop wants a key now, deployed, looks fine\n"},
        {"notes.md"},
    ),
    "a command about something else": ({"auth.log": SUDO.format("09:05", "/usr/bin/systemctl restart till")}, set()),
    "a note that names the service": ({"notes.md": "- 2026-05-05 09:02 shop now needs a login\n"}, {"notes.md"}),
    "another version, as the service says": (
        {"shop.log": "".join(f"2026-05-05T{at}:00+00:00 info: shop {it} listening on 4000\n" for at, it in STARTED)},
        {"shop.log"},
    ),
    "the notes of the version that is released": (
        {"deploy.sh": DEPLOY, "releases.txt": "05/05/2026 09:04 2.0.1\n", "CHANGES.md": NOTES},
        {"deploy.sh", "releases.txt", "CHANGES.md"},
    ),
    "a history of bash with its stamps": (
        {"history.txt": "#1777971780\nvim routes.js\n#1777971840\nsudo systemctl restart shop\n"},
        {"history.txt"},
    ),
    "a history of zsh": ({"history.txt": ": 1777971840:0;sudo systemctl restart shop\n"}, {"history.txt"}),
    "a history with times": ({"history.txt": "  502  05/05/26 09:04:00 systemctl restart shop\n"}, {"history.txt"}),
    "a history of looking about": ({"history.txt": "#1777971780\ncat check.sh\n: 1777971840:0;journalctl -u shop\n"}, set()),
    "what somebody wrote of that day": ({"README.txt": "5 May 2026: shop is off, again and again\n"}, set()),
    "a history from before a good run": ({"history.txt": ": 1777970400:0;sudo systemctl restart shop\n"}, set()),
    "a letter": ({"mail.txt": "From: lena\nDate: Tue, 5 May 2026 09:04:00 +0000\n\nshop is out with its keys\n"}, {"mail.txt"}),
    "a chat under its day": (
        {"chat.txt": "Tuesday, 5 May 2026\n08:10 ann: hi\n09:03 lena: shop wants a key now\n"},
        {"chat.txt"},
    ),
    "a chat at another hour of that day": (
        {"chat.txt": "Tuesday, 5 May 2026\n09:03 ann: hi\n11:20 lena: shop is off\n"},
        set(),
    ),
    "a chat of messages with clocks": ({"chat.txt": "[09:03] lena: shop wants a key now\n[09:15] ann: and now?\n"}, {"chat.txt"}),
    "a date without a year": ({"notes.txt": "4 May   handbook 12\n5 May, 09:04  shop wants a key\n"}, {"notes.txt"}),
    "a date with the month in another language": ({"notes.txt": "5. Mai 2026 09:04 Uhr: shop neu\n"}, {"notes.txt"}),
    "a table of pipelines": ({"ci.txt": "id  job          finished\n12  deploy shop  2026-05-05T09:04:20Z\n"}, {"ci.txt"}),
    "the log of a pipeline": ({"ci.log": "2026-05-05T09:04:01.1234567Z ##[group]Run systemctl restart shop\n"}, {"ci.log"}),
    "the log of a playbook": (
        {"ansible.log": "2026-05-05 09:04:00,123 p=7 n=ansible | TASK [shop : key]\n"},
        {"ansible.log"},
    ),
    "what a playbook printed": (
        {"play.txt": "TASK [shop : key] ***\nTuesday 05 May 2026  09:04:00 +0000 (0:00:01.2)\nchanged: [shop]\n"},
        {"play.txt"},
    ),
    "a log of releases with levels": ({"deploy.log": "2026-05-05 09:04:00 INFO bringing shop 2.0\n"}, {"deploy.log"}),
    "when the script was written": ({"ls.txt": "-rwxr-xr-x 1 root root 120 May  5 09:04 check.sh\n"}, {"ls.txt"}),
    "when the script was written, by stat": (
        {"stat.txt": "  File: /srv/shop/check.sh\n  Size: 120\nModify: 2026-05-05 09:04:11.000000000 +0000\n"},
        {"stat.txt"},
    ),
    "when a file of that name in another folder was written": (
        {"find.txt": "  131 4 -rwxr-xr-x 1 root root 120 May  5 09:04 /mnt/old/check.sh\n"},
        set(),
    ),
    "when the script was written, by its path": (
        {"find.txt": "  131 4 -rwxr-xr-x 1 root root 120 May  5 09:04 /srv/shop/check.sh\n"},
        {"find.txt"},
    ),
    "when another file was written": ({"ls.txt": "-rwxr-xr-x 1 root root 120 May  5 09:04 till.sh\n"}, set()),
    "a script written long before": ({"ls.txt": "-rwxr-xr-x 1 root root 120 Jan 20 09:04 check.sh\n"}, set()),
    "a script written while it was mended": ({"ls.txt": "-rwxr-xr-x 1 root root 120 May  5 11:40 check.sh\n"}, set()),
    "the table of jobs was replaced": ({"cron.log": REPLACED.format("root")}, {"cron.log"}),
    "somebody else's table was replaced": ({"cron.log": REPLACED.format("lena")}, set()),
    "a comment with a date above the line": (
        {"check.sh": "#!/bin/sh\n# 5 May 2026 lena: ask for the page\n" + CHECK},
        {"check.sh"},
    ),
    "a comment on how long to keep it": ({"check.sh": "#!/bin/sh\n# keep until 5 May 2026\n" + CHECK}, set()),
    "a question": ({"chat.txt": "[09:03] tom: is shop down for anyone else?\n[09:15] ann: yes\n"}, set()),
    "that nothing was changed": ({"notes.txt": "2026-05-05 09:04 shop: nothing was changed today\n"}, set()),
    "an amount behind a date": ({"notes.txt": "2026-05-05 09:00 -2500 EUR refunded\n"}, set()),
    "a comment with an old date": ({"check.sh": "#!/bin/sh\n# 2025-05-05 lena: ask for the page\n" + CHECK}, set()),
    "the version in a list of releases": (
        {
            "shop.log": "".join(f"2026-05-05T{at}:00+00:00 info: shop {it} listening on 4000\n" for at, it in STARTED),
            "releases.txt": "2.0.1 (5 May) keys\n1.9.0 (2 April)\n",
        },
        {"shop.log", "releases.txt"},
    ),
    "a package that the script calls": ({"history.log": APT.format("curl", "7.8", "8.1")}, {"history.log"}),
    "a package that the script does not call": ({"history.log": APT.format("tzdata", "7.8", "8.1")}, set()),
    "a release whose version the log tells": (
        {"shop.log": "2026-05-05T08:59:58+00:00 info: hello from shop 2.0.1\n", "releases.txt": "2.0.1, 5 May 08:59  keys\n"},
        {"shop.log", "releases.txt"},
    ),
    "a release of another version than the log tells": (
        {"shop.log": "2026-05-05T08:59:58+00:00 info: hello from shop 1.9.0\n", "releases.txt": "2.0.1, 5 May 08:59  keys\n"},
        set(),
    ),
    "a list of another program's releases": ({"releases.txt": "7.0.1 (5 May) keys\n6.9.0 (2 April)\n"}, set()),
    "a note of something else": ({"notes.md": "- 2026-05-05 09:02 handbook 12 is out\n"}, set()),
    "a commit of something else": ({"git-log.txt": COMMIT.format(time="09:03", subject="Typos in the handbook")}, set()),
    "a release before a run that went well": ({"deploy.sh": DEPLOY, "releases.txt": "05/05/2026 08:24 2.0\n"}, set()),
    "a release after it had begun": ({"deploy.sh": DEPLOY, "releases.txt": "05/05/2026 09:14 2.0\n"}, set()),
    "a job's own log, which names the service at each run": (
        {"check.log": "".join(f"2026-05-05 09:{minute}0:02 asking shop\n" for minute in range(6))},
        set(),
    ),
}
"""Records of a change, and which begins the story: the one that touches what failed, between a good run and a bad one."""


@pytest.mark.parametrize(("records", "tied"), CHANGES.values(), ids=CHANGES)
def test_a_change_begins_the_story_where_it_touches_what_failed(records, tied, tmp_path):
    times = [(hour, minute) for hour in (8, 9) for minute in range(0, 60, 10)]
    ran = "2026-05-05T{0:02}:{1:02}:01+00:00 web CRON[12]: (root) CMD (/srv/shop/check.sh >> /srv/shop/check.log)\n"
    stopped = "2026-05-05T{0:02}:{1:02}:03+00:00 web systemd[1]: Stopping shop.service - Shop...\n"
    texts = {
        "crontab": "*/10 * * * * /srv/shop/check.sh >> /srv/shop/check.log\n",
        "check.sh": "#!/bin/sh\n" + CHECK,
        "syslog": "".join(ran.format(*at) + (stopped.format(*at) if at >= (9, 10) else "") for at in times),
        **records,
    }
    for path, text in texts.items():
        (tmp_path / path).write_text(text)
    leading = logcorr.analyze(tmp_path).result["causes"][0]
    begins = [link["evidence"] for link in leading["chain"] if link["mechanism"] == "deploy_changes_configuration"]
    assert leading["culprit"]["path"] == "check.sh"
    assert {one["path"] for link in begins for one in link} == tied


@pytest.mark.parametrize(
    ("notes", "verdict"),
    [
        ("2026-05-05 11:00-11:30 UTC  maintenance of the database, the shop shows a page\n", "healthy"),
        ("05.05.2026 13:00 bis 13:30 +02:00 Wartung der Datenbank\n", "healthy"),
        ("2026-05-05 11:00-11:10 UTC  maintenance of the database, the shop shows a page\n", "undetermined"),
        ("2026-05-05 11:00-11:30 UTC  lunch\n", "undetermined"),
        ("2026-05-05 11:00-11:30 UTC  maintenance of the coffee machine\n", "undetermined"),
        ("2026-05-05 11:00-11:30 UTC  maintenance of the database (cancelled)\n", "undetermined"),
        ("0001-05-05 11:00-11:30 +02:00  maintenance of the database\n", "undetermined"),
        ("Subject: Manutenção em 05/05\n\nEntre as 11:00 e 11:30 o site mostrará uma página.\n", "healthy"),
        (
            "Gesendet: 05.05.2026 09:12\nBetreff: Wartung\n\nAm 06.05. zwischen 11:00 und 11:30 steht der Server.\n",
            "undetermined",
        ),
    ],
    ids=[
        *(
            "announced",
            "in German, in another zone",
            "longer than announced",
            "another entry",
            "something else",
            "off",
            "no year",
        ),
        *("a letter, its date in the subject", "a letter of that day, of the next"),
    ],
)
def test_what_was_announced_is_no_incident(notes, verdict, tmp_path):
    asked = '192.0.2.8 - - [05/May/2026:{:02}:{:02}:07 +0000] "GET /sheets HTTP/1.1" {} 7 "-" "Mozilla/5.0"\n'
    times = [(hour, minute) for hour in range(9, 14) for minute in range(60)]
    told = [asked.format(*at, 503 if (11, 2) <= at <= (11, 28) else 200) for at in times]
    (tmp_path / "access.log").write_text("".join(told))
    (tmp_path / "calendar.txt").write_text(notes)
    assert logcorr.analyze(tmp_path).result["verdict"] == verdict


def test_nothing_is_healthy_where_a_rule_crashed():
    @rule(code="X900", title="t", role="symptom", severity="error")
    def check(case: Case):
        raise ZeroDivisionError("oh")
        yield

    calm = SEED.parent.parent / "hemp-yard" / "input"
    assert logcorr.analyze(calm).result["verdict"] == "healthy"
    result = logcorr.analyze(calm, rules=[check]).result
    assert result["verdict"] == "undetermined"
    assert [one["message"] for one in result["problems"]][-1] == "the rule test_judgement crashes: ZeroDivisionError: oh"


ROLLED = (
    "2026-01-20T{hour:02}:30:01: PM2 log: App [shelf:0] starting in -cluster mode-\n"
    "2026-01-20T{hour:02}:30:04: PM2 log: App [shelf:0] online\n"
    "2026-01-20T{hour:02}:30:04: PM2 log: Stopping app:shelf id:{name}\n"
    "2026-01-20T{hour:02}:30:05: PM2 log: App [shelf:{name}] exited with code [0] via signal [SIGINT]\n"
)


@pytest.mark.parametrize(("name", "verdict"), [("_old_0", "healthy"), ("0", "undetermined")])
def test_a_pm2_instance_that_gave_way_is_no_incident(tmp_path, name, verdict):
    """`pm2 reload` starts the new one first, and calls the old one so; a restart does not."""
    hours = (4, 9, 11, 16, 21)
    (tmp_path / "pm2.log").write_text("".join(ROLLED.format(hour=hour, name=name) for hour in hours))
    row = '192.0.2.{0} - - [20/Jan/2026:{0:02}:{1:02}:09 +0000] "GET /books HTTP/1.1" 200 512 "-" "Mozilla/5.0"\n'
    (tmp_path / "access.log").write_text("".join(row.format(hour, minute) for hour in range(1, 24) for minute in range(0, 60, 5)))
    assert logcorr.analyze(tmp_path).result["verdict"] == verdict


def test_who_was_away_for_hours_was_missed_though_errors_of_others_are_logged(tmp_path):
    shutil.copytree(
        Path(__file__).parent / "fixtures/rules/signal_not_handled/hit-its-reload-is-a-signal/input", tmp_path, dirs_exist_ok=True
    )
    bursts = [f"2026-03-15T13:{minute:02}:11.000+00:00 ERROR feed row {minute} has no price" for minute in range(20, 55)]
    even = [f"2026-03-15T{hour:02}:05:00.000+00:00 INFO feed loaded" for hour in range(24)]
    (tmp_path / "feed.log").write_text("\n".join(sorted([*bursts, *even])) + "\n")
    result = logcorr.analyze(tmp_path).result
    assert result["verdict"] == "root-cause"
    assert result["causes"][0]["kind"] == "signal_not_handled"


def test_a_job_that_leads_to_one_cause_is_no_rival_of_another():
    result = logcorr.analyze(SEED.parents[1] / "sorrel-press/input").result
    assert len(result["causes"]) == 2
    assert ("etc/cron.d-sorrel", 3) not in {(rival["path"], rival["line"]) for rival in result["rivals"]}
