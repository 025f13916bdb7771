# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""One limit for the whole site: an import uses it up, the watchdog's probe gets 503 and restarts a healthy server in the middle of it."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const bunyan = require('bunyan');
const log = bunyan.createLogger({ name: 'board', streams: [{ path: '/var/log/board/board.log' }] });
const app = express();
app.get('/ping', (req, res) => res.send('pong'));
app.get('/notes/:n', (req, res) => res.json({ n: req.params.n }));
app.post('/notes/:n', (req, res) => res.status(204).end());
app.listen(8100, '127.0.0.1', () => log.info('board up'));
process.on('SIGTERM', () => { log.warn('SIGTERM'); setTimeout(() => process.exit(0), 400); });
"""

IMPORT = """#!/bin/bash
# brings the notes of the branch offices in, eight at a time
log=/var/log/board/import.log
echo "$(date '+%d.%m.%y %H:%M:%S') import: begin" >> $log
codes=$(seq 1 600 | xargs -P 8 -I{} curl -s -o /dev/null -w '%{http_code}\\n' -m 10 -A board-import -H 'Host: board.example.se' -X POST http://127.0.0.1/notes/{})
ok=$(grep -c 204 <<< "$codes")
echo "$(date '+%d.%m.%y %H:%M:%S') import: $ok stored, $((600 - ok)) refused, next time" >> $log
"""

WATCH = """#!/bin/sh
# two tries, then a restart
url=http://127.0.0.1/ping
for try in 1 2; do
    curl -fsS -m 5 -H 'Host: board.example.se' -A board-watch -o /dev/null $url && exit 0
    sleep 2
done
logger -t board-watch "no answer, restarting board"
systemctl restart board
"""

NGINX = """user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format board '$time_iso8601 $remote_addr $request_method $request_uri $status $request_time "$http_user_agent"';
    access_log /var/log/nginx/board.log board;
    limit_req_zone $server_name zone=site:1m rate=30r/m;
    server {
        listen 80;
        server_name board.example.se;
        limit_req zone=site burst=6 nodelay;
        location / { proxy_pass http://127.0.0.1:8100; }
    }
}
"""

INCIDENT = Incident(
    host="anslag", start="2026-05-19T06:28:00+02:00", minutes=84, factor=26, kind="systemd", zone="Europe/Stockholm", apps=["/srv/board"],
    files={"/srv/board/server.js": SERVER, "/srv/board/import-notes.sh": IMPORT, "/srv/board/watch.sh": WATCH, "/etc/nginx/nginx.conf": NGINX,
           "/srv/board/pins.sh": "#!/bin/sh\nsleep 3\nlogger -t pins 'ok'\n", "/etc/systemd/system/board.service": "[Unit]\nDescription=Notice board\n\n[Service]\nExecStart=/usr/bin/node server.js\nWorkingDirectory=/srv/board\nRestart=on-failure\n"},
    crontabs={"root": "# min tim dag man vdag\n35 * * * * /srv/board/import-notes.sh\n*/2 * * * * /srv/board/watch.sh\n5,35 * * * * /srv/board/pins.sh\n"}, prepare="mkdir -p /var/log/board",
    services={"board": {"description": "Notice board", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/board", "restart": "on-failure", "wait": 8}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "board.example.se", "delay": 60, "visits": [{"perSecond": 0.2, "bots": 0.03, "paths": [[1, "GET", "/notes/{n}"]]}]},
    collect="""mkdir nginx log; cp /srv/board/*.sh /srv/board/server.js /etc/systemd/system/board.service .; cp /etc/nginx/nginx.conf nginx/; cp /var/log/nginx/*.log nginx/; cp /var/log/board/*.log /var/log/syslog log/; crontab -l > crontab; rotate nginx/board.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    key, probe, action, job, loop = (
        case.at("nginx/nginx.conf", "limit_req_zone $server_name"),
        case.at("watch.sh", "curl -fsS -m 5"),
        case.at("watch.sh", "systemctl restart board"),
        case.at("crontab", "import-notes.sh"),
        case.at("import-notes.sh", "xargs -P 8"),
    )
    limited, told, stopped = (
        case.at("nginx/error.log", "limiting requests"),
        case.at("log/syslog", "no answer, restarting board"),
        case.at("log/syslog", "Stopping board.service"),
    )
    failed = case.at("nginx/board.log", " 503 ")
    return {
        "root_cause_kind": "limit-key-too-wide-misread-by-watchdog",
        "root_cause": "nginx' limit of 30 requests a minute is keyed by $server_name, so one for all: the hourly import (:35) uses it up for minutes, visitors and the watchdog's /ping get 503, and once, at 06:48, watch.sh gets 503 twice, takes it for death and restarts "
        "the healthy server in the middle of the import.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": key,
        "culprit_alternatives": [case.at("nginx/nginx.conf", "limit_req zone=site"), loop, probe, action], "culprit_related": [job, case.at("crontab", "watch.sh")],
        "chain": [
            hop("job_runs_script", job, case.at("crontab", "watch.sh"), case.at("log/syslog", "CMD (/srv/board/import-notes.sh)"), case.at("log/import.log", "import: begin")),
            hop("limit_rejects_requests", limited, key, loop, failed),
            hop("failure_reaches_clients", failed, limited, told, stopped),
        ],
        "mechanism": ["cron runs import-notes.sh at :35, 600 requests, eight at a time", "limiting requests, by zone site: key $server_name, one for everybody", "visitors: 503; watch.sh: two times 503 -> systemctl restart board",
                      "SIGTERM, connect() failed (111), 502 for some seconds more"],
        "innocent": [case.at("crontab", "pins.sh", why="at :35 too; only logs"), case.whole("pins.sh", "touches nothing"), case.at("board.service", "Restart=on-failure", why="the stops were ordered")],
        "period_s": 3600, "lag_s": case.lag(case.times("log/syslog", "CMD \\(/srv/board/import-notes"), case.times("nginx/error.log", "limiting requests"), 300),
        "measured": [case.measure("nginx/error.log", "limiting requests", join=600), case.measure("log/import.log", "import: begin"), case.measure("log/syslog", "CMD \\(/srv/board/import-notes"), case.measure("log/syslog", "no answer, restarting board")],
        "how_made": REAL + " (with express, bunyan); systemctl is the lab's supervisor.",
    }  # fmt: skip
