"""Scripts of which no schedule tells when they run, but a log: of certbot, that runs its hooks, or of sudo. Reasoned by hand."""

from __future__ import annotations

import pytest

import logcorr

DAYS = range(4, 9)
TRIES = {4: "05:12", 5: "17:41", 6: "02:26", 7: "20:03", 8: "09:38"}
"""When certbot tries a renewal, by day: a timer with a random delay, UTC."""

STOPPED = "May  {day} {time}:{second:02} mill systemd[1]: {word} {unit}.service - {unit}.\n"
ASKED = '192.0.2.{n} - - [0{day}/May/2026:{time}:{second:02} +0000] "GET /sheets/{n} HTTP/1.1" {status} 77 "-" "Mozilla/5.0"\n'
REFUSED = (
    "2026/05/0{day} {time}:06 [error] 7#7: *9 connect() failed (111: Connection refused) while connecting to upstream, "
    'client: 192.0.2.8, server: s, request: "GET /a HTTP/1.1", upstream: "http://127.0.0.1:3000/a", host: "s"\n'
)
CERTBOT = "2026-05-0{day} {time}:{second:02},310:{level}:certbot.{name}:{words}\n"
PRE_HOOK = "[renewalparams]\nauthenticator = standalone\npre_hook = systemctl stop press\npost_hook = systemctl start press\n"
POST = "/etc/letsencrypt/renewal-hooks/post/20-press"
KILLS = "#!/bin/bash\ncd /srv/try\ngit pull -q\nsudo killall -9 node || true\nPORT=3100 nohup node server.js > out.log 2>&1 &\n"
UNIT = "[Service]\nExecStart=/usr/bin/node /srv/press/server.js\nRestart=always\n"


def told(folder, stops, signs=((3, "Stopping"), (4, "Stopped"), (9, "Started")), unit="press"):
    """A service that is ended at these times of the days, and answers 502 meanwhile."""
    asked = [
        ASKED.format(n=n, day=day, time=f"{hour:02}:{n:02}", second=second, status=200)
        for day in range(3, 10)
        for hour in range(0, 24, 3)
        for n in range(0, 60, 7)
        for second in (30,)
    ]
    felt = [ASKED.format(n=n, day=day, time=time, second=n, status=502) for day, time in stops.items() for n in (4, 5, 7)]
    (folder / "access.log").write_text("".join(sorted(asked + felt, key=lambda line: line.split("[")[1])))
    lines = [
        STOPPED.format(day=day, time=time, second=second, word=word, unit=unit)
        for day, time in stops.items()
        for second, word in signs
    ]
    (folder / "syslog").write_text("".join(lines))


def certbot(folder, *hooks):
    """Its log: a certificate that is not renewed, with these hooks at these seconds."""
    said = [
        CERTBOT.format(day=day, time=time, second=second, level=level, name=name, words=words)
        for day, time in TRIES.items()
        for second, level, name, words in (
            (1, "DEBUG", "_internal.main", "certbot version: 2.1.0"),
            (1, "INFO", "_internal.renewal", "Certificate is due for renewal, auto-renewing..."),
            *((second, "INFO", "compat.misc", f"Running {hook}-hook command: {command}") for second, hook, command in hooks),
            (
                30,
                "ERROR",
                "_internal.renewal",
                "Failed to renew certificate old.example.org with error: Some challenges have failed.",
            ),
        )
    ]
    (folder / "letsencrypt.log").write_text("".join(said))


def post_hook(folder, text="#!/bin/sh\nsystemctl restart press\n"):
    (folder / "letsencrypt/renewal-hooks/post").mkdir(parents=True)
    (folder / "letsencrypt/renewal-hooks/post/20-press").write_text(text)


def leading(folder):
    result = logcorr.analyze(folder).result
    cause = result["causes"][0] if result["causes"] else None
    return result["verdict"], cause and (cause["culprit"]["path"], cause["culprit"]["line"])


def test_a_hook_of_a_renewal_that_certbot_says_it_runs_is_why(tmp_path):
    post_hook(tmp_path)
    told(tmp_path, TRIES)
    certbot(tmp_path, (2, "post", POST))
    assert leading(tmp_path) == ("root-cause", ("letsencrypt/renewal-hooks/post/20-press", 2))
    (cause,) = logcorr.analyze(tmp_path).result["causes"]
    (ordered,) = [link for link in cause["chain"] if link["mechanism"] == "script_calls_script"]
    assert ordered["evidence"][0]["path"] == "letsencrypt.log"


def test_a_hook_in_the_configuration_of_a_renewal_is_why(tmp_path):
    (tmp_path / "renewal").mkdir()
    (tmp_path / "renewal/old.example.org.conf").write_text(PRE_HOOK)
    told(tmp_path, TRIES)
    certbot(tmp_path, (2, "pre", "systemctl stop press"), (8, "post", "systemctl start press"))
    assert leading(tmp_path) == ("root-cause", ("renewal/old.example.org.conf", 3))


def test_a_service_whose_clock_is_in_another_zone_than_taken_is_told_by_the_hooks(tmp_path):
    """Its own log says when it was ended, in a zone that nothing says: two hours before certbot's hook it is each time."""
    post_hook(tmp_path)
    told(tmp_path, TRIES, signs=())
    (tmp_path / "syslog").write_text("2026-05-04T07:10:00+02:00 mill sshd[7]: Accepted key for ci\n")
    lives = ((3, "SIGTERM received, closing"), (9, "press listening on :3000"))
    lines = [f"2026-05-0{day} {time}:{second:02} info: {words}\n" for day, time in TRIES.items() for second, words in lives]
    (tmp_path / "press.log").write_text("".join(lines))
    (tmp_path / "press.service").write_text("[Service]\nExecStart=/srv/press/press\nStandardOutput=append:/var/log/press.log\n")
    moved = {4: "07:12", 5: "19:41", 6: "04:26", 7: "22:03", 8: "11:38"}
    said = [
        CERTBOT.format(day=day, time=time, second=2, level="INFO", name="compat.misc", words=f"Running post-hook command: {POST}")
        for day, time in moved.items()
    ]
    (tmp_path / "letsencrypt.log").write_text("".join(said))
    refused = [REFUSED.format(day=day, time=time) for day, time in moved.items()]
    (tmp_path / "error.log").write_text("".join(refused))
    assert leading(tmp_path) == ("root-cause", ("letsencrypt/renewal-hooks/post/20-press", 2))


def test_a_job_that_renews_is_what_sets_its_hook_off(tmp_path):
    post_hook(tmp_path)
    (tmp_path / "cron.d").mkdir()
    (tmp_path / "cron.d/certbot").write_text("12,41,26,3,38 5,17,2,20,9 * * * root certbot -q renew\n")
    told(tmp_path, TRIES)
    certbot(tmp_path, (2, "post", POST))
    (cause,) = logcorr.analyze(tmp_path).result["causes"]
    assert (cause["trigger"]["path"], cause["chain"][0]["mechanism"]) == ("cron.d/certbot", "job_runs_script")


TIMER = "[Timer]\nOnCalendar=*-*-* 00,12:00:00\nRandomizedDelaySec=43200\nUnit={}\n"


@pytest.mark.parametrize(
    ("unit", "blamed"), [("certbot.service", True), ("snap.certbot.renew.service", True), ("mail.service", False)]
)
def test_a_timer_of_a_package_runs_the_hooks_though_its_unit_was_not_collected(tmp_path, unit, blamed):
    name = unit.removesuffix(".service")
    (tmp_path / "renewal").mkdir()
    (tmp_path / "renewal/old.example.org.conf").write_text(PRE_HOOK)
    (tmp_path / f"{name}.timer").write_text(TIMER.format(unit))
    told(tmp_path, TRIES)
    started = [STOPPED.format(day=day, time=time, second=1, word="Starting", unit=name) for day, time in TRIES.items()]
    rest = (tmp_path / "syslog").read_text().splitlines(keepends=True)
    (tmp_path / "syslog").write_text("".join(sorted(started + rest)))
    assert (leading(tmp_path) == ("suspected", ("renewal/old.example.org.conf", 3))) is blamed  # no log tells that it renewed


def test_a_hook_that_ran_at_other_times_is_innocent(tmp_path):
    post_hook(tmp_path)
    told(tmp_path, {4: "11:50", 5: "03:15", 6: "22:09", 7: "01:47", 8: "16:31"})
    certbot(tmp_path, (2, "post", POST))
    verdict, culprit = leading(tmp_path)
    assert verdict == "undetermined"
    assert culprit is None


def test_a_hook_of_another_name_is_innocent(tmp_path):
    """What ran is not this file, though it did so each time."""
    post_hook(tmp_path)
    told(tmp_path, TRIES)
    certbot(tmp_path, (2, "post", "/etc/letsencrypt/renewal-hooks/post/10-mail"))
    assert leading(tmp_path)[0] != "root-cause"


def killed(folder, stops=TRIES, command="/usr/bin/killall -9 node"):
    (folder / "try").mkdir()
    (folder / "try/deploy.sh").write_text(KILLS)
    (folder / "press.service").write_text(UNIT)
    told(folder, stops, signs=())
    said = [
        f"May  {day} {time}:02 mill sudo[71]:       ci : PWD=/srv/try ; USER=root ; COMMAND={command}\n"
        for day, time in TRIES.items()
    ]
    ended = [
        f"May  {day} {time}:0{second} mill systemd[1]: {words}\n"
        for day, time in stops.items()
        for second, words in (
            (3, "press.service: Main process exited, code=killed, status=9/KILL"),
            (3, "press.service: Failed with result 'signal'."),
            (9, "press.service: Scheduled restart job, restart counter is at 1."),
            (9, "Started press.service - press."),
        )
    ]
    (folder / "syslog").write_text("".join(sorted(said + ended)))


def test_a_command_of_a_script_that_sudo_tells_of_is_why(tmp_path):
    killed(tmp_path)
    assert leading(tmp_path) == ("root-cause", ("try/deploy.sh", 4))


@pytest.mark.parametrize("command", ["/usr/bin/killall -9 ruby", "/usr/bin/systemctl reload nginx"])
def test_another_command_of_sudos_tells_of_nothing(tmp_path, command):
    killed(tmp_path, command=command)
    assert leading(tmp_path)[0] != "root-cause"


def test_a_command_that_sudo_tells_of_at_other_times_is_innocent(tmp_path):
    killed(tmp_path, stops={4: "11:50", 5: "03:15", 6: "22:09", 7: "01:47", 8: "16:31"})
    assert leading(tmp_path)[0] != "root-cause"


def begun(folder, *others):
    """What systemd tells of certbot's own runs: those that stop the service, and others."""
    runs = [*TRIES.items(), *others]
    lines = [
        f"May  {day} {time}:{second:02} mill systemd[1]: {words}\n"
        for day, time in runs
        for second, words in ((1, "Starting certbot.service - Certbot..."), (14, "Finished certbot.service - Certbot."))
    ]
    log = folder / "syslog"
    log.write_text("".join(sorted([*log.read_text().splitlines(keepends=True), *lines])))


def test_without_its_log_certbot_is_known_to_run_by_what_systemd_tells(tmp_path):
    (tmp_path / "renewal").mkdir()
    (tmp_path / "renewal/old.example.org.conf").write_text(PRE_HOOK)
    told(tmp_path, TRIES)
    begun(tmp_path)
    verdict, culprit = leading(tmp_path)
    assert verdict in ("root-cause", "suspected")
    assert culprit == ("renewal/old.example.org.conf", 3)


def test_runs_of_certbot_at_other_times_tell_of_nothing(tmp_path):
    (tmp_path / "renewal").mkdir()
    (tmp_path / "renewal/old.example.org.conf").write_text(PRE_HOOK)
    told(tmp_path, {4: "11:50", 5: "03:15", 6: "22:09", 7: "01:47", 8: "16:31"})
    begun(tmp_path)
    assert leading(tmp_path)[0] == "undetermined"
