# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A job restarts the container to change its keys; the container's clock is eight minutes slow, so its log points at another job."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp(), printf((i) => `${i.timestamp} ${i.level} dial - ${i.message}`)),
  transports: [new winston.transports.Console()],
});
const app = express();
app.get('/hours/:n', (req, res) => setTimeout(() => res.json({ n: req.params.n, shadow: 0.4 }), 35));
app.get('/', (req, res) => res.send('<h1>sundials</h1>'));
app.listen(8060, '127.0.0.1', () => log.info('dials on 8060'));
process.once('SIGTERM', () => { log.warn('SIGTERM received, going down'); setTimeout(() => process.exit(0), 1200); });
"""

KEYS = """#!/bin/sh
# new signing key, three an hour; the app reads it at start only
set -e
umask 027
head -c 32 /dev/urandom | base64 > /srv/dial/keys/current.tmp
mv /srv/dial/keys/current.tmp /srv/dial/keys/current
cd /srv/dial && docker compose restart dial
"""

LETTER = """#!/bin/sh
# who asked for the weekly letter?
sleep 5
echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) newsletter: $(( $(date +%M) % 7 )) new readers" >> /srv/dial/newsletter.log
"""

COMPOSE = """services:
  dial:
    image: horologe/dial:2.2
    container_name: dial
    restart: always
    network_mode: host
    volumes:
      - ./keys:/app/keys:ro
  gate:
    image: nginx:1.22
    container_name: gate
    restart: always
    network_mode: host
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format gate '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent $request_time';
    access_log /var/log/nginx/access.log gate;
    server {
        listen 80;
        server_name dial.example.pt;
        location / { proxy_pass http://127.0.0.1:8060; }
    }
}
"""

INCIDENT = Incident(
    host="gnomon", start="2026-06-21T11:57:00+00:00", minutes=100, factor=34, apps=["/srv/dial"],
    files={"/srv/dial/server.js": SERVER, "/srv/dial/bin/new-key": KEYS, "/srv/dial/bin/newsletter": LETTER, "/srv/dial/compose.yaml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/srv/dial/keys/current": "c3VuCg==\n"},
    crontabs={"root": "# m h  dom mon dow   command\n19,39,59 * * * * /srv/dial/bin/newsletter\n7,27,47 * * * * /srv/dial/bin/new-key\n*/30 * * * * docker image prune -f\n"},
    services={"dial": {"container": "dial", "image": "horologe/dial:2.2", "command": ["node", "server.js"], "directory": "/srv/dial", "environment": {"CLOCK_SKEW": "-473"}, "restart": "always", "log": {"kind": "compose", "path": "/srv/dial/compose.log"}, "wait": 8},
              "gate": {**NGINX_CONTAINER, "container": "gate", "restart": "always"}},
    visitors={"base": "http://127.0.0.1", "host": "dial.example.pt", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.03, "paths": [[3, "GET", "/hours/{n}"], [1, "GET", "/"]]}]},
    collect="""mkdir bin gate; cp /srv/dial/bin/* bin/; cp /srv/dial/server.js /srv/dial/compose.yaml /srv/dial/newsletter.log .; cp /srv/dial/compose.log dial.log; cp /var/log/nginx/access.log /var/log/nginx/error.log /etc/nginx/nginx.conf gate/
cp /var/log/syslog .; crontab -l > crontab.txt; rotate gate/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    restart, job = case.at("bin/new-key", "docker compose restart dial"), case.at("crontab.txt", "new-key")
    gone, ran = case.at("dial.log", "SIGTERM received, going down"), case.at("syslog", "CMD (/srv/dial/bin/new-key)")
    refused, failed = case.at("gate/error.log", "111: Connection refused"), case.at("gate/access.log", '" 502 ')
    return {
        "root_cause_kind": "job-restarts-service",
        "root_cause": "new-key, run by cron at :07, :27 and :47, restarts the container dial to let it read its new key: SIGTERM, connect() failed (111), 502. The application's clock is almost eight minutes slow (its SIGTERM is stamped :59, :19, :39 "
        "while nginx refuses at :07, :27, :47), so by its own log it would be newsletter, which runs at those minutes and only logs.",
        "verdict": "root-cause", "culprit": restart, "culprit_alternatives": [], "culprit_related": [job],
        "chain": [
            hop("job_runs_script", job, ran),
            hop("effect_hits_service", restart),
            hop("process_terminates", gone),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["cron runs new-key at :07, :27, :47", "docker compose restart dial: SIGTERM (stamped almost eight minutes too early by the application)", "connect() failed (111), 502 for some seconds"],
        "innocent": [case.at("crontab.txt", "newsletter", why="at the minutes the application's slow clock stamps its SIGTERM; nginx was well then"), case.whole("bin/newsletter", "touches nothing"), case.at("crontab.txt", "docker image prune", why="removes unused images"),
                     case.at("compose.yaml", "restart: always", why="the restarts were ordered")],
        "period_s": 1200, "lag_s": case.lag(case.times("syslog", "CMD \\(/srv/dial/bin/new-key"), case.times("gate/error.log", "111: Connection refused")),
        "clock_skew_s": {"dial.log": -473},
        "measured": [case.measure("syslog", "CMD \\(/srv/dial/bin/new-key"), case.measure("dial.log", "SIGTERM received"), case.measure("gate/error.log", "111: Connection refused", join=60)],
        "how_made": REAL + " (with express, winston); docker is the lab's supervisor; the application's clock was 473 s slow.",
    }  # fmt: skip
