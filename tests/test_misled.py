"""Checks that mislead: what they ask is well, and they take the answer, or their own haste, for its death.

Each incident is made of a few lines; what must be said of it, and of its innocent neighbour, is reasoned by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import logcorr

START = datetime(2026, 5, 5, 7, tzinfo=UTC)
HOURS = 5
BEGINS = 2 * 3600
"""From so many seconds after the start on the checks fail."""


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def clf(second: float, asked: str, status: int, client: str = "192.0.2.7", agent: str = "Mozilla/5.0") -> tuple[float, str]:
    return second, f'{client} - - [{at(second):%d/%b/%Y:%H:%M:%S +0000}] "{asked} HTTP/1.1" {status} 9 "-" "{agent}"'


def plain(second: float, words: str) -> tuple[float, str]:
    return second, f"{at(second):%Y-%m-%d %H:%M:%S} {words}"


def write(folder: Path, name: str, rows: Iterable[tuple[float, str]]) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{text}\n" for _, text in sorted(rows, key=lambda row: row[0])))


def used(ends: Iterable[float], down_s: float = 4.0) -> list[tuple[float, str]]:
    """Users ask for a sheet every nine seconds, and get it but while the service is down."""
    ends = list(ends)
    times = {*range(3, HOURS * 3600, 9), *(end + 2 for end in ends)}
    return [clf(one, "GET /sheets/4", 502 if any(0 <= one - end < down_s for end in ends) else 200) for one in sorted(times)]


def stopped(ends: Iterable[float], down_s: float = 4.0) -> list[tuple[float, str]]:
    """What systemd says of a service's restarts."""
    words = ((0.0, "Stopping"), (down_s, "Started"))
    line = "{:%b %e %H:%M:%S} mill systemd[1]: {} press.service - Press."
    return [(end + after, line.format(at(end + after), word)) for end in ends for after, word in words]


def judged(folder: Path):
    result = logcorr.analyze(folder).result
    cause = result["causes"][0] if result["causes"] else None
    return result["verdict"], cause and cause["kind"], cause and (cause["culprit"]["path"], cause["culprit"]["line"])


LOOP = """#!/bin/sh
failed=0
say() { echo "$(date '+%F %T') guard: $*"; }
while :; do
    wget -q --spider -T 10 -t 1 https://mill.example:8443/up
    rc=$?
    if [ $rc -eq 0 ]; then
        failed=0
        sleep 90
        continue
    fi
    failed=$((failed + 1))
    say "no good (wget $rc), number $failed/2"
    if [ $failed -ge 2 ]; then
        say "the press goes round again"
        systemctl restart press
        failed=0
        sleep 90
    else
        sleep 20
    fi
done
"""


def test_a_loop_that_acts_on_each_second_failure_is_known_by_what_it_says_when_it_acts(tmp_path):
    firsts = range(BEGINS, HOURS * 3600 - 60, 115)
    ends = [first + 21 for first in firsts]
    (tmp_path / "guard.sh").write_text(LOOP)
    (tmp_path / "guard.service").write_text("[Service]\nExecStart=/opt/press/guard.sh\nRestart=always\n")
    said = [plain(first + 20 * nth, f"guard: no good (wget 5), number {nth + 1}/2") for first in firsts for nth in (0, 1)]
    write(tmp_path, "guard.log", [*said, *(plain(end - 0.5, "guard: the press goes round again") for end in ends)])
    write(tmp_path, "access.log", used(ends))
    write(tmp_path, "syslog", stopped(ends))
    assert judged(tmp_path) == ("root-cause", "probe_never_satisfied", ("guard.sh", 5))
    claim = logcorr.analyze(tmp_path).result["causes"][0]["claim"]
    assert (claim["id"], claim["params"]["exit"]) == ("cause.probe_distrusts", 5)


CHECK = """#!/bin/sh
U=http://127.0.0.1:8088/up
wget -q --spider --tries=1 --timeout=8 "$U" && exit 0
rc=$?
echo "$(date '+%F %T') no 200 from $U (wget $rc), web goes round again" >> /var/log/check.log
cd /srv/press && docker compose restart web
"""
COMPOSE = "services:\n  web:\n    image: press/web:3\n    restart: always\n    ports: ['127.0.0.1:8088:8088']\n"


def contained(folder: Path, status: int) -> None:
    """A check each five minutes asks by HEAD, and is answered so; the container's own log tells of it, by `docker logs -t`."""
    runs = range(61, HOURS * 3600, 300)
    ends = [run + 1.4 for run in runs if run >= BEGINS]
    (folder / "check").write_text(CHECK)
    (folder / "compose.yml").write_text(COMPOSE)
    (folder / "crontab").write_text("1-59/5 * * * * root /srv/press/check\n")
    write(
        folder,
        "check.log",
        [plain(end - 1, "no 200 from http://127.0.0.1:8088/up (wget 8), web goes round again") for end in ends],
    )
    write(folder, "access.log", used(ends))
    own = [
        *((run + 0.5, f"HEAD /up {status if run >= BEGINS else 200}") for run in runs),
        *((second + 0.1, f"GET /sheets/{second} 200 12.5ms") for second in range(7, HOURS * 3600, 40)),
        *((end, "SIGTERM, closing") for end in ends),
        *((end + 3, "server ready on 0.0.0.0:8088") for end in ends),
    ]
    stamp = "{:%Y-%m-%dT%H:%M:%S.%f}000Z {:%H:%M:%S} {}"
    write(folder, "docker-logs/web.log", [(second, stamp.format(at(second), at(second), text)) for second, text in own])


def test_a_containers_own_log_tells_what_its_check_was_answered(tmp_path):
    contained(tmp_path, 404)
    assert judged(tmp_path) == ("root-cause", "probe_never_satisfied", ("check", 2))


def test_an_application_that_answers_its_check_with_its_own_failure_is_not_misread(tmp_path):
    contained(tmp_path, 500)
    assert judged(tmp_path)[1] != "probe_never_satisfied"


def test_an_applications_log_of_requests_tells_of_its_end_too(tmp_path):
    """Lines of requests without a client's address are an application's own, and no proxy's, whatever the first hundred are."""
    ends = [run + 1.4 for run in range(61, HOURS * 3600, 300) if run >= BEGINS]
    own = [
        *((second + 0.1, f"POST /sheets/{second} 201 12ms") for second in range(7, HOURS * 3600, 11)),
        *((end, "SIGTERM: closing") for end in ends),
    ]
    write(tmp_path, "press-out.log", [(second, f"[{at(second):%Y-%m-%dT%H:%M:%S}.123Z] {text}") for second, text in own])
    result = logcorr.analyze(tmp_path)
    assert "nginx_access" not in {source.format for source in result.sources}
    ended = result.timeline.filter(logcorr.lazily.pl.col("kind") == "process.terminating").collect()
    assert ended.height == len(ends)
    assert set(ended["service"]) == {"press"}


WATCH = """// Looks after the press: three failures in a row and it goes round again.
const { execFile } = require('child_process');

const URL = 'http://localhost:8080/up';
let failures = 0;

const log = (m) => console.log(`[${new Date().toISOString()}] ${m}`);

async function get(url) {
  const impl = globalThis.fetch || require('node-fetch');
  const res = await impl(url, { signal: AbortSignal.timeout(5000) });
  if (!res.ok) throw new Error(`HTTP ${res.status}`);
}

async function check() {
  try {
    await get(URL);
    failures = 0;
  } catch (e) {
    failures += 1;
    log(`press not reached (${failures}/3): ${e.message}`);
    if (failures >= 3) {
      failures = 0;
      log('press goes round again');
      execFile('pm2', ['restart', 'press'], (err, out) => log(err ? err.message : out.trim()));
    }
  }
}

setInterval(check, 60000);
"""


def minded(folder: Path, *, acts: bool, firsts: Sequence[int] = range(BEGINS, HOURS * 3600 - 240, 181)) -> None:
    """A program that pm2 keeps running minds another one, which ends on each of its words, or at other times."""
    ends = [first + 121 for first in firsts]
    (folder / "srv").mkdir()
    (folder / "srv/watch.js").write_text(WATCH)
    apps = '{ "apps": [{ "name": "press", "script": "press.js" }, { "name": "watch", "script": "watch.js", "cwd": "/srv" }] }\n'
    (folder / "srv/ecosystem.json").write_text(apps)
    said = [(first + 60 * nth, f"press not reached ({nth + 1}/3): fetch failed") for first in firsts for nth in range(3)]
    said += [(end, "press goes round again") for end in ends]
    write(folder, "logs/watch-out.log", [(one, f"[{at(one):%Y-%m-%dT%H:%M:%S}.130Z] {text}") for one, text in said])
    told = [end if acts else end + 50 + 7 * (number % 9) for number, end in enumerate(ends)]
    line = "{:%Y-%m-%dT%H:%M:%S}: PM2 log: {}"
    words = (
        (0, "Stopping app:press id:0"),
        (0.1, "App [press:0] exited with code [0] via signal [SIGINT]"),
        (3, "App [press:0] online"),
    )
    write(folder, "pm2.log", [(end + after, line.format(at(end + after), text)) for end in told for after, text in words])
    write(folder, "access.log", used(told))


def test_a_program_that_a_manager_keeps_running_is_a_suspect_like_a_script(tmp_path):
    minded(tmp_path, acts=True)
    assert judged(tmp_path) == ("root-cause", "check_always_fails", ("srv/watch.js", 4))


NOW_AND_THEN = (900, 2500, 4700, 5100, 8200, 8900, 11100, 14700, 15200, 17000)


def test_a_program_that_ends_now_and_then_what_serves_everybody_else_is_wrong(tmp_path):
    minded(tmp_path, acts=True, firsts=NOW_AND_THEN)
    assert judged(tmp_path) == ("root-cause", "scheduled_check_acts", ("srv/watch.js", 25))


def test_a_program_that_acts_now_and_then_may_be_right_where_nobody_is_served(tmp_path):
    """Each time the press answers with errors for a minute before."""
    minded(tmp_path, acts=True, firsts=NOW_AND_THEN)
    ends = [first + 121 for first in NOW_AND_THEN]
    ill = [row if not any(-70 <= row[0] - end < 0 for end in ends) else clf(row[0], "GET /sheets/4", 500) for row in used(ends)]
    write(tmp_path, "access.log", ill)
    assert judged(tmp_path)[0] == "suspected"


def test_a_program_that_acts_now_and_then_may_be_right_where_what_it_minds_tells_of_errors(tmp_path):
    """Each time the press says itself that it cannot work, half a minute before."""
    minded(tmp_path, acts=True, firsts=NOW_AND_THEN)
    told = [(first + 91, "ERROR ink pump does not answer") for first in NOW_AND_THEN]
    told += [(second + 0.5, "INFO sheet done") for second in range(0, HOURS * 3600, 60)]
    write(tmp_path, "logs/press-out.log", [(one, f"[{at(one):%Y-%m-%dT%H:%M:%S}.000Z] {text}") for one, text in told])
    assert judged(tmp_path)[0] == "suspected"


def test_a_program_whose_words_no_stop_follows_is_none(tmp_path):
    minded(tmp_path, acts=False)
    assert judged(tmp_path)[0] != "root-cause"


LIMITED = """#!/bin/bash
code=$(curl -s -m 5 -o /dev/null -w '%{http_code}' http://127.0.0.1/up)
if [ "$code" = "200" ]; then exit 0; fi
logger -t look "no good ($code), the press goes round again"
systemctl restart press
"""


def hurried(folder: Path, *, served: bool, after_s: float = 5.2) -> None:
    """For an hour a check finds nothing, and restarts so long after its run; others are served meanwhile or not."""
    runs = range(61, HOURS * 3600, 120)
    ends = [run + after_s for run in runs if 2 * 3600 <= run < 3 * 3600]
    (folder / "look.sh").write_text(LIMITED)
    (folder / "crontab").write_text("1-59/2 * * * * root /opt/press/look.sh\n")
    said = "{:%b %e %H:%M:%S} mill look: no good (000), the press goes round again"
    run = "{:%b %e %H:%M:%S} mill CRON[77]: (root) CMD (/opt/press/look.sh)"
    told = [(end - 0.1, said.format(at(end - 0.1))) for end in ends] + [(one, run.format(at(one))) for one in runs]
    write(folder, "syslog", [*stopped(ends), *told])
    busy = [row for row in used(ends) if served or not any(-60 <= row[0] - end < 4 for end in ends) or " 502 " in row[1]]
    busy += [clf(end - 2, "GET /sheets/9", 200 if served else 499) for end in ends]
    write(folder, "access.log", busy)


def test_a_check_that_gives_up_while_others_are_served_is_too_hasty(tmp_path):
    hurried(tmp_path, served=True)
    assert judged(tmp_path) == ("root-cause", "slow_probe", ("look.sh", 2))


@pytest.mark.parametrize(("served", "after_s"), [(False, 5.2), (True, 0.4)], ids=["nobody is served", "it is refused at once"])
def test_a_check_may_be_right_where(tmp_path, served, after_s):
    hurried(tmp_path, served=served, after_s=after_s)
    assert judged(tmp_path)[1] != "slow_probe"


@pytest.mark.parametrize("servers", [1, 2])
def test_who_was_served_by_another_server_tells_nothing_of_the_one_that_is_checked(tmp_path, servers):
    hurried(tmp_path, served=True)
    group = "".join(f"  server 10.3.0.{number + 4}:4000;\n" for number in range(servers))
    (tmp_path / "nginx.conf").write_text(
        f"upstream press {{\n{group}}}\nserver {{\n  location / {{ proxy_pass http://press; }}\n}}\n"
    )
    verdict, kind, _ = judged(tmp_path)
    assert (kind == "slow_probe", verdict == "root-cause") == (servers == 1, servers == 1)


@pytest.mark.parametrize("heard", [True, False])
def test_a_check_that_always_fails_may_be_right_where_nothing_is_heard_of_what_it_checks(tmp_path, heard):
    """The logs begin a run before; whether the press was well meanwhile only its own words, or those of who asked it, tell."""
    runs = range(61, HOURS * 3600, 600)
    ends = [run + 1.3 for run in runs[1:]]
    (tmp_path / "look.sh").write_text(
        "#!/bin/sh\ncurl -fsS -m 4 -o /dev/null http://127.0.0.1:4000/up || systemctl restart press\n"
    )
    (tmp_path / "crontab").write_text("1-59/10 * * * * root /opt/press/look.sh\n")
    run = "{:%b %e %H:%M:%S} mill CRON[77]: (root) CMD (/opt/press/look.sh)"
    word = "{:%b %e %H:%M:%S} mill press[412]: sheet {} done"
    work = [(second, word.format(at(second), second)) for second in range(0, HOURS * 3600, 47)] if heard else []
    write(tmp_path, "syslog", [*stopped(ends), *((one, run.format(at(one))) for one in runs), *work])
    assert judged(tmp_path)[:2] == ("root-cause" if heard else "suspected", "check_always_fails")


SOURCING = """#!/bin/bash
set -a
. /etc/environment
set +a
code=$(curl -s -o /dev/null -w '%{http_code}' -m 20 http://press.mill.example:8081/up)
if [ "$code" != "200" ]; then
    echo "$(date '+%F %T') the press is lost ($code)" >> /var/log/look.log
    systemctl restart press
fi
"""


def proxied(folder: Path, *, through: bool) -> None:
    """A check of an inner address is answered 403 from some time on: by the proxy that its environment names, or by the press."""
    runs = range(61, HOURS * 3600, 240)
    ends = [run + 1.2 for run in runs if run >= BEGINS]
    (folder / "look.sh").write_text(SOURCING)
    (folder / "crontab").write_text("1-59/4 * * * * root /opt/press/look.sh\n")
    exempt = "localhost" if through else "localhost,.mill.example"
    (folder / "etc-environment.txt").write_text(
        f'PATH="/usr/bin:/bin"\nLANG=C.UTF-8\nhttp_proxy="http://proxy.mill.example:3128"\nno_proxy="{exempt}"\n'
    )
    write(folder, "look.log", [plain(end - 0.6, "the press is lost (403)") for end in ends])
    write(folder, "syslog", stopped(ends))
    write(folder, "access.log", used(ends))
    asked = "http://press.mill.example:8081/up" if through else "http://deb.example.org/dists/"
    line = "{:.3f}      0 10.2.0.31 TCP_DENIED/403 4023 GET {} - HIER_NONE/- text/html"
    write(folder, "squid/access.log", [(end - 0.9, line.format(at(end - 0.9).timestamp(), asked)) for end in ends])


def test_a_check_that_goes_through_a_proxy_is_mended_where_the_proxy_is_named(tmp_path):
    proxied(tmp_path, through=True)
    assert judged(tmp_path) == ("root-cause", "probe_never_satisfied", ("etc-environment.txt", 3))


def test_a_proxy_that_never_saw_the_check_is_innocent(tmp_path):
    proxied(tmp_path, through=False)
    assert judged(tmp_path) == ("root-cause", "probe_never_satisfied", ("look.sh", 5))


def test_a_check_that_no_longer_arrives_goes_through_the_proxy_that_its_environment_names(tmp_path):
    """The log of the proxy was not collected; that of the press holds its checks until then, and none since."""
    proxied(tmp_path, through=True)
    (tmp_path / "squid/access.log").unlink()
    came = [clf(run + 0.4, "GET /up", 200, "10.2.0.31", "curl/7.88") for run in range(61, BEGINS, 240)]
    write(tmp_path, "press/access.log", came)
    assert judged(tmp_path) == ("root-cause", "probe_never_satisfied", ("etc-environment.txt", 3))


def test_a_check_that_arrives_goes_through_no_proxy(tmp_path):
    proxied(tmp_path, through=True)
    (tmp_path / "squid/access.log").unlink()
    runs = range(61, HOURS * 3600, 240)
    came = [clf(run + 0.4, "GET /up", 200 if run < BEGINS else 403, "10.2.0.31", "curl/7.88") for run in runs]
    write(tmp_path, "press/access.log", came)
    assert judged(tmp_path) == ("root-cause", "probe_never_satisfied", ("look.sh", 5))


PRINTING = """#!/bin/bash
for n in 1 2 3; do
    curl -fsS -m 4 -o /dev/null http://127.0.0.1/up && exit 0
    sleep 5
done
echo "$(date '+%F %T') the press goes round again"
systemctl restart press
"""


def printed(folder: Path, words: str, *, served: bool = True) -> None:
    """For an hour each of a check's three tries prints curl's own words; they have no times of their own."""
    runs = range(61, HOURS * 3600, 300)
    ends = [run + 24.2 for run in runs if 2 * 3600 <= run < 3 * 3600]
    (folder / "look.sh").write_text(PRINTING)
    (folder / "crontab").write_text("1-59/5 * * * * root /opt/press/look.sh >> /var/log/look.log 2>&1\n")
    said = [plain(0, "looks after the press"), *((end - 2 + n / 10, f"curl: {words}") for end in ends for n in range(3))]
    write(folder, "look.log", [*said, *(plain(end - 0.3, "the press goes round again") for end in ends)])
    run = "{:%b %e %H:%M:%S} mill CRON[77]: (root) CMD (/opt/press/look.sh >> /var/log/look.log 2>&1)"
    write(folder, "syslog", [*stopped(ends), *((one, run.format(at(one))) for one in runs)])
    busy = [row for row in used(ends) if served or not any(-60 <= row[0] - end < 4 for end in ends) or " 502 " in row[1]]
    write(folder, "access.log", busy)


def test_curls_own_words_tell_that_the_time_was_up(tmp_path):
    printed(tmp_path, "(28) Operation timed out after 4001 milliseconds with 0 bytes received")
    assert judged(tmp_path) == ("root-cause", "slow_probe", ("look.sh", 3))


def test_curls_own_words_tell_that_nobody_answered(tmp_path):
    printed(tmp_path, "(7) Failed to connect to 127.0.0.1 port 80 after 0 ms: Couldn't connect to server")
    assert judged(tmp_path)[1] != "slow_probe"


def test_curls_own_words_tell_of_a_certificate(tmp_path):
    printed(tmp_path, "(60) SSL certificate problem: self-signed certificate")
    assert judged(tmp_path)[1:] == ("probe_never_satisfied", ("look.sh", 3))


def test_curls_own_words_tell_of_the_status(tmp_path):
    printed(tmp_path, "(22) The requested URL returned error: 401")
    assert judged(tmp_path)[1:] == ("probe_never_satisfied", ("look.sh", 3))


STRICT = """#!/bin/bash
S=/run/look.bad
CODE=$(curl -sk -o /dev/null -m 10 -w '%{http_code}' https://mill.example/up)
if [ "$CODE" -lt 500 ] && [ "$CODE" != 000 ]; then
    rm -f $S
    exit 0
fi
if [ ! -e $S ]; then
    touch $S
    exit 0
fi
rm -f $S
logger -t look "the press is no good ($CODE)"
systemctl restart press
"""
SITE = """server {{
    listen 443 ssl;
    server_name mill.example;
    {}
    location = /up {{ proxy_pass http://127.0.0.1:4400; }}
    location /sheets/ {{ proxy_pass http://127.0.0.1:4400; }}
}}
"""


def closed(folder: Path, *, by_nginx: bool, everything: bool = True) -> None:
    """Twice for half an hour everything, or the check alone, is answered 503: nginx does so while a file is there, or never."""
    nights = [(3600, 5400), (10800, 12600)]
    runs = range(61, HOURS * 3600, 120)

    def shut(second: float) -> bool:
        return any(first <= second < last for first, last in nights)

    ends = [run + 0.6 for first, last in nights for run in [one for one in runs if first <= one < last][1::2]]
    (folder / "look.sh").write_text(STRICT)
    (folder / "crontab").write_text("1-59/2 * * * * root /opt/press/look.sh\n")
    (folder / "mill.conf").write_text(SITE.format("if (-f /srv/press/closed) { return 503; }" if by_nginx else ""))
    run = "{:%b %e %H:%M:%S} mill CRON[77]: (root) CMD (/opt/press/look.sh)"
    said = "{:%b %e %H:%M:%S} mill look: the press is no good (503)"
    told = [(end - 0.2, said.format(at(end - 0.2))) for end in ends] + [(one, run.format(at(one))) for one in runs]
    write(folder, "syslog", [*stopped(ends), *told])
    asked = [clf(one + 0.2, "GET /up", 503 if shut(one) else 200, "127.0.0.1", "curl/7.88") for one in runs]
    seen = [clf(one, "GET /sheets/4", 503 if everything and shut(one) else 200) for one in range(3, HOURS * 3600, 9)]
    write(folder, "access.log", [*asked, *seen])


def test_a_page_that_says_closed_is_no_dead_service(tmp_path):
    closed(tmp_path, by_nginx=True)
    assert judged(tmp_path) == ("root-cause", "probe_never_satisfied", ("look.sh", 3))


def test_a_503_of_what_stands_behind_nginx_is_not_misread(tmp_path):
    closed(tmp_path, by_nginx=False)
    assert judged(tmp_path)[0] != "root-cause"


def test_a_site_that_is_open_to_others_is_not_closed(tmp_path):
    closed(tmp_path, by_nginx=True, everything=False)
    assert judged(tmp_path)[0] != "root-cause"


ROTATION = """/var/log/press/*.log {
    size 200M
    rotate 20
    sharedscripts
    postrotate
        su - press -c 'pm2 restart all' > /dev/null
    endscript
}
"""


def rotated(folder: Path, names: tuple[str, ...]) -> None:
    """Now and then logrotate's command restarts all that pm2 runs; another job, of which nobody knows, runs at the same times."""
    (folder / "rotation.conf").write_text(ROTATION)
    (folder / "crontab").write_text(
        "*/10 * * * * root /usr/sbin/logrotate -s /var/lib/s /etc/rotation.conf\n*/10 * * * * press /srv/press/bin/pull\n"
    )
    ends = [600 * number + 1.4 for number in (2, 5, 7, 8, 12, 13, 17, 19, 20, 24, 26, 28)]
    line = "{:%Y-%m-%dT%H:%M:%S}: PM2 log: {}"
    rows = []
    for place, name in enumerate(names):
        words = (
            f"Stopping app:{name} id:{place}",
            f"App [{name}:{place}] exited with code [0] via signal [SIGINT]",
            f"App [{name}:{place}] online",
        )
        rows += [(end + place + part / 10, line.format(at(end + place), text)) for end in ends for part, text in enumerate(words)]
    idle = [(1.0, line.format(at(1), "App [ink:7] online")), (2.0, line.format(at(2), "App [press:8] online"))]
    write(folder, "pm2.log", [*idle, *rows])
    write(folder, "access.log", used(ends))


def test_a_command_that_ends_all_of_them_is_known_by_their_ending_together(tmp_path):
    rotated(tmp_path, ("press", "ink"))
    assert judged(tmp_path) == ("root-cause", "scheduled_stop", ("rotation.conf", 6))


def test_a_command_that_would_end_all_is_only_likely_where_one_ends(tmp_path):
    rotated(tmp_path, ("press",))
    assert judged(tmp_path)[0] == "suspected"


PULSE = """#!/usr/bin/python3
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

LIMIT = timedelta(minutes=5)

now = {now}
last = datetime.strptime(Path("/srv/press/pulse").read_text()[:19], "%Y-%m-%d %H:%M:%S")
age = now - last
if age > LIMIT:
    print(f"{{now:%F %T}} pulse {{age.seconds}} s old, the press goes round again")
    subprocess.run(["systemctl", "restart", "press"], check=False)
"""


def timed(folder: Path, now: str, zone: str, ahead_s: float = 0.0) -> list[tuple[str, int]]:
    """A program of a job works out how old a stamp is, and restarts for it; which hops lie before that, and at what lines."""
    ends = [BEGINS + 600 * number + 2 for number in range(14)]
    (folder / "cron.d").mkdir()
    (folder / "cron.d/press").write_text("*/10 * * * * root /usr/bin/python3 /srv/press/pulse.py >> /var/log/pulse.log\n")
    (folder / "srv/press").mkdir(parents=True)
    (folder / "srv/press/pulse.py").write_text(PULSE.format(now=now))
    (folder / "timedatectl.txt").write_text(f"      Universal time: Tue 2026-05-05 12:00:00 UTC\n           Time zone: {zone}\n")
    write(folder, "pulse.log", [plain(end + ahead_s, "pulse 7209 s old, the press goes round again") for end in ends])
    write(folder, "syslog", stopped([end + ahead_s for end in ends]))
    write(folder, "access.log", used(ends))
    leading = logcorr.analyze(folder).result["causes"][0]
    assert leading["culprit"]["path"] == "srv/press/pulse.py"
    looked = [link for link in leading["chain"] if link["mechanism"] in ("probe_gets_answer", "configuration_mismatch")]
    return [(link["mechanism"], link["evidence"][0]["line"]) for link in looked]


def test_what_a_program_works_out_before_it_acts_is_a_hop(tmp_path):
    assert timed(tmp_path, "datetime.now(timezone.utc)", "Europe/Madrid (CEST, +0200)", 7200) == [("probe_gets_answer", 10)]


def test_a_stamp_without_a_zone_is_no_local_time(tmp_path):
    assert timed(tmp_path, "datetime.now()", "Europe/Madrid (CEST, +0200)", 7200) == [("configuration_mismatch", 8)]


def test_where_the_host_is_in_utc_they_agree(tmp_path):
    assert timed(tmp_path, "datetime.now()", "Etc/UTC (UTC, +0000)") == [("probe_gets_answer", 10)]


ASKS = """#!/bin/sh
if curl -fsS -m 5 -o /dev/null http://127.0.0.1:8088/up; then
  echo "$(date '+%F %T') the press is up" >> /var/log/guard.log
else
  echo "$(date '+%F %T') no press, it goes round again" >> /var/log/guard.log
  systemctl restart press
fi
"""


def guarded(folder: Path, script: str, words: str) -> tuple[str, str | None]:
    """A job of each ten minutes, at whose minutes the service is stopped, and what it writes in each run."""
    ends = [600.0 * number + 2 for number in range(1, 30)]
    (folder / "guard").write_text(script)
    (folder / "crontab").write_text("*/10 * * * * root /srv/press/guard\n")
    write(folder, "guard.log", [plain(end - 1, words) for end in ends])
    write(folder, "syslog", stopped(ends))
    write(folder, "access.log", used(ends))
    return judged(folder)[::2]


def test_a_check_whose_log_says_that_all_is_well_ends_nothing(tmp_path):
    assert guarded(tmp_path, ASKS, "the press is up") == ("undetermined", None)


def test_a_check_whose_log_says_that_it_acts_does(tmp_path):
    assert guarded(tmp_path, ASKS, "no press, it goes round again")[0] == "root-cause"


ONLY = """#!/bin/sh
[ {only} ] || exit 0
systemctl restart press
"""


@pytest.mark.parametrize("only", ['"$(hostname)" = spare', '"$(date +%u)" = 7'])
def test_a_condition_that_did_not_hold_ends_nothing(tmp_path, only):
    assert guarded(tmp_path, ONLY.format(only=only), "") == ("undetermined", None)


@pytest.mark.parametrize("only", ['"$(hostname)" = mill', '"$(date +%u)" = 2'])
def test_a_condition_that_held_lets_it_act(tmp_path, only):
    assert guarded(tmp_path, ONLY.format(only=only), "") == ("root-cause", ("guard", 3))


ALWAYS = "#!/bin/sh\nsystemctl restart press\n"


@pytest.mark.parametrize(("terminal", "verdict"), [("pts/0", "undetermined"), ("unknown", "root-cause")])
def test_what_somebody_types_is_not_done_by_the_job_of_that_minute(tmp_path, terminal, verdict):
    ends = [600.0 * number + 3 for number in range(1, 30)]
    sudo = f"mill sudo: lea : TTY={terminal} ; PWD=/root ; USER=root ; COMMAND=/usr/bin/systemctl restart press"
    (tmp_path / "again").write_text(ALWAYS)
    (tmp_path / "crontab").write_text("*/10 * * * * root /srv/press/again\n")
    write(tmp_path, "auth.log", [(end - 1, f"{at(end - 1):%b %e %H:%M:%S} {sudo}") for end in ends])
    write(tmp_path, "syslog", stopped(ends))
    write(tmp_path, "access.log", used(ends))
    assert judged(tmp_path)[0] == verdict


LIKE = """#!/bin/sh
up=$(wget -qO- http://127.0.0.1:8088/up | grep -c well)
if [ "$up" -ge 3 ]; then
  echo "$(date '+%F %T') ok: $up/3 are well" >> /var/log/guard.log
  exit 0
fi
echo "$(date '+%F %T') ALARM: only $up/3 are well, round again" >> /var/log/guard.log
systemctl restart press
"""


def test_words_that_both_branches_write_refute_nothing(tmp_path):
    assert guarded(tmp_path, LIKE, "ALARM: only 2/3 are well, round again")[0] == "root-cause"
