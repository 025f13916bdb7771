# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: an evening with a planned night stop, a job that retries, old errors and a busy scanner."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DDTHH:mm:ss.SSSZ' }), winston.format.printf((i) => `time=${i.timestamp} level=${i.level} msg="${i.message}"${i.path ? ` path=${i.path}` : ''}`)),
  transports: [new winston.transports.Console()],
});
const app = express();
app.get('/levels/:n', (req, res) => setTimeout(() => res.json({ n: req.params.n, cm: 41 }), 60));
app.get('/login', (req, res) => res.redirect(302, '/levels/1'));
app.use((req, res) => { log.warn('not found', { path: req.path }); res.status(404).end(); });
app.listen(5050, '127.0.0.1', () => log.info('bog levels on 5050'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

COMPOSE = """services:
  levels:
    image: moor/levels:6
    network_mode: host
    restart: unless-stopped
  front:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
    volumes: ["./front.conf:/etc/nginx/nginx.conf:ro"]
  # mailer:
  #   image: moor/mailer:2
  #   restart: always
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format short '$remote_addr $time_iso8601 $request_method $request_uri $status $request_time';
    access_log /var/log/nginx/access.log short;
    server {
        listen 80;
        server_name moor.example.ee;
        location / { proxy_pass http://127.0.0.1:5050; proxy_read_timeout 20s; }
        location ~ \\.(php|env)$ { return 403; }
    }
}
"""

UPLOAD = """#!/bin/bash
# sends the levels to the water board; their side is slow in the evening
for try in 1 2 3; do
    if (( RANDOM % 3 )); then
        echo "$(date -Is) upload ok (try $try)"
        exit 0
    fi
    echo "$(date -Is) upload: curl: (28) Operation timed out after 10001 milliseconds, try $try"
    sleep 20
done
echo "$(date -Is) upload put off until the next run"
"""

INCIDENT = Incident(
    host="moor", start="2026-10-28T18:20:00+02:00", minutes=72, factor=28, zone="Europe/Tallinn", apps=["/srv/moor"],
    files={"/srv/moor/server.js": SERVER, "/srv/moor/compose.yaml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/srv/moor/upload.sh": UPLOAD,
           "/srv/moor/night-stop.sh": "#!/bin/sh\n# nobody reads levels at night; saves the battery\ndocker compose -f /srv/moor/compose.yaml stop levels\n",
           "/srv/moor/notes.md": "# Notes\n\n- 2026-08-02: OOM after the heat wave import, fixed in levels:5\n- 2026-09-14: 502 for an hour, the disk was full (old images), prune added\n- 2026-10-20: levels:6\n"},
    crontabs={"root": "*/15 * * * * /srv/moor/upload.sh >> /var/log/upload.log 2>&1\n0 1 * * * /srv/moor/night-stop.sh\n0 5 * * * docker compose -f /srv/moor/compose.yaml start levels\n30 5 * * 0 docker image prune -af\n"},
    services={"levels": {"container": "moor-levels-1", "image": "moor/levels:6", "command": ["node", "server.js"], "directory": "/srv/moor", "restart": "unless-stopped", "log": {"kind": "compose", "path": "/srv/moor/compose.log"}, "wait": 8},
              "front": {**NGINX_CONTAINER, "container": "moor-front-1"}},
    visitors={"base": "http://127.0.0.1", "host": "moor.example.ee", "delay": 80, "visits": [{"perSecond": 0.25, "bots": 0.05, "aborts": 0.03, "abortAfter": 0.1, "paths": [[5, "GET", "/levels/{n}"], [1, "GET", "/login"]]},
                                                                                             {"perSecond": 0.15, "bots": 1, "paths": [[1, "GET", "/"]]}]},
    collect="""cp /srv/moor/compose.yaml /srv/moor/server.js /srv/moor/*.sh /srv/moor/notes.md /srv/moor/compose.log /var/log/upload.log .; cp /etc/nginx/nginx.conf front.conf; cp /var/log/nginx/access.log front-access.log; cp /var/log/nginx/error.log front-error.log
crontab -l > crontab; docker ps > docker-ps.txt; cp /var/log/syslog .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause": "No incident: nothing ended, no 5xx. Uploads to the water board time out now and then and succeed on the next try; scanners get 403 and 404, some visitors leave (499). The outages in notes.md are of August and September; "
        "night-stop.sh did not run in these hours.",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [case.at("crontab", "upload.sh", why="retries, as meant"), case.at("crontab", "night-stop.sh", why="at 01:00; not in these hours"), case.whole("night-stop.sh", "did not run"), case.whole("upload.sh", "touches nothing here"),
                     case.at("notes.md", "OOM", why="of August"), case.at("notes.md", "502 for an hour", why="of September"), case.at("crontab", "docker image prune", why="on Sundays")],
        "measured": [case.measure("front-access.log", " 404 [0-9.]*$"), case.measure("front-access.log", " 403 [0-9.]*$"), case.measure("front-access.log", " 5[0-9][0-9] [0-9.]*$"), case.measure("upload.log", "timed out")],
        "how_made": REAL + " (with express, winston); docker is the lab's supervisor; the upload's outcome is a coin's.",
    }  # fmt: skip
