# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: logs are rotated every half hour the right way, the service reopens them and goes on."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""const fs = require('fs');
const express = require('express');
const FILE = '/var/log/audio/guide.log';
let out = fs.createWriteStream(FILE, { flags: 'a' });
const log = (level, text) => out.write(`${new Date().toISOString()} ${level.padEnd(5)} ${text}\n`);
process.on('SIGHUP', () => { out.end(); out = fs.createWriteStream(FILE, { flags: 'a' }); log('info', 'log file reopened'); });
const app = express();
app.get('/stops/:n', (req, res) => { log('info', `stop ${req.params.n} played`); setTimeout(() => res.send('audio'.repeat(100)), 300); });
app.listen(8010, '127.0.0.1', () => { fs.writeFileSync('/run/audio-guide.pid', String(process.pid)); log('info', 'audio guide up'); });
"""

ROTATE_APP = """/var/log/audio/guide.log {
    rotate 10
    missingok
    compress
    delaycompress
    postrotate
        kill -HUP "$(cat /run/audio-guide.pid)"
    endscript
}
"""

ROTATE_NGINX = """/var/log/nginx/*.log {
    rotate 10
    missingok
    nocompress
    sharedscripts
    postrotate
        [ ! -f /run/nginx.pid ] || kill -USR1 "$(cat /run/nginx.pid)"
    endscript
}
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    server {
        listen 80;
        server_name guide.example.fr;
        location /stops/ { proxy_pass http://127.0.0.1:8010; }
    }
}
"""

CRON = """PATH=/usr/sbin:/usr/bin:/sbin:/bin
17,47 * * * * root logrotate -f /etc/logrotate.d/audio-guide
19,49 * * * * root logrotate -f /etc/logrotate.d/nginx
*/10 * * * * root curl -s -o /dev/null http://127.0.0.1:8010/stops/0
"""

INCIDENT = Incident(
    host="louvre-b", start="2026-08-08T13:08:00+02:00", minutes=104, factor=44, kind="systemd", zone="Europe/Paris", apps=["/srv/audio"],
    files={"/srv/audio/server.js": SERVER, "/etc/logrotate.d/audio-guide": ROTATE_APP, "/etc/logrotate.d/nginx": ROTATE_NGINX,
           "/etc/cron.d/audio": CRON, "/etc/nginx/nginx.conf": NGINX},
    prepare="mkdir -p /var/log/audio",
    services={"audio-guide": {"description": "Audio guide", "command": ["node", "server.js"], "directory": "/srv/audio", "restart": "always"},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "guide.example.fr", "visits": [{"perSecond": 0.3, "bots": 0.05, "paths": [[1, "GET", "/stops/{n}"]]}]},
    collect="""mkdir -p var/log etc/logrotate.d etc/cron.d etc/nginx; cp -r /var/log/audio /var/log/nginx /var/log/syslog var/log/
cp /etc/logrotate.d/* etc/logrotate.d/; cp /etc/cron.d/audio etc/cron.d/; cp /etc/nginx/nginx.conf etc/nginx/; cp /srv/audio/server.js .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    served = sorted(path.relative_to(case.root).as_posix() for path in case.root.glob("var/log/nginx/access.log*"))
    failures = [case.measure(file, '" 5[0-9][0-9] ') for file in served]
    assert not any(measured["lines"] for measured in failures), failures
    return {
        "root_cause": "No incident: logrotate rotates the guide's log at :17 and :47 (SIGHUP, it reopens its file) and nginx's at :19 and :49 (USR1); nobody is disturbed.",
        "expected_no_incident": True,
        "innocent": [
            case.at("etc/logrotate.d/audio-guide", "kill -HUP", why="the guide has a SIGHUP handler that reopens its log (server.js)"),
            case.at("etc/logrotate.d/nginx", "kill -USR1", why="the right signal"),
            case.at("etc/cron.d/audio", "logrotate -f /etc/logrotate.d/audio-guide", why="on time, harmless"),
            case.at("etc/cron.d/audio", "curl -s", why="only asks"),
        ],
        "measured": [case.measure("var/log/syslog", r"CMD \(logrotate -f /etc/logrotate.d/audio-guide"),
                     *failures, case.measure("var/log/audio/guide.log", "reopened")],
        "how_made": REAL + " and logrotate 3.21, forced by cron twice an hour.",
    }  # fmt: skip
