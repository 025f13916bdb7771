# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Zones: the container's log is in UTC without saying so, nginx and cron are four hours ahead; by its figures the log points at the evening's job, it is the night's."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const { createServer } = require('http');
const { Server } = require('socket.io');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp({ format: 'DD-MM-YYYY HH:mm:ss' }), printf((i) => `[${i.timestamp}] ${i.level.toUpperCase()} ${i.message}`)),
  transports: [new winston.transports.Console()],
});
const app = express();
const server = createServer(app);
const io = new Server(server);
app.get('/berths/:n', (req, res) => setTimeout(() => {
  if (req.params.n % 120 === 0) { log.warn(`berth ${req.params.n}: draught unknown`); return res.status(404).end(); }
  return res.json({ berth: Number(req.params.n), free: true });
}, 70));
app.post('/arrivals', express.json(), (req, res) => { log.info(`arrival of dhow ${req.body.dhow} noted`); res.status(201).end(); });
app.get('/', (req, res) => res.send('<h1>Dhow harbour</h1>'));
io.on('connection', (socket) => socket.on('disconnect', (reason) => log.info(`pilot ${socket.id} gone: ${reason}`)));
server.listen(7100, '127.0.0.1', () => log.info('berths: listening on 7100'));
process.on('SIGTERM', () => { log.warn('SIGTERM, going down'); io.close(); setTimeout(() => process.exit(0), 1500); });
"""
REPORTS = r"""const stamp = () => new Date().toISOString().slice(0, 19).replace('T', ' ');
console.log(`${stamp()} reports: ready`);
setInterval(() => console.log(`${stamp()} reports: ${Math.floor(Math.random() * 9)} in the queue`), 180000);
process.on('SIGTERM', () => { console.log(`${stamp()} reports: SIGTERM`); process.exit(0); });
"""

COMPOSE = """name: dhow
services:
  berths:
    image: harbour/berths:3
    restart: unless-stopped
    network_mode: host
  reports:
    image: harbour/reports:3
    restart: unless-stopped
  nginx:
    image: nginx:1.22
    restart: unless-stopped
    network_mode: host
    environment: {TZ: Asia/Dubai}
    volumes:
      - ./nginx.conf:/etc/nginx/nginx.conf:ro
      - /etc/localtime:/etc/localtime:ro
"""

TARIFFS = """#!/bin/bash
# load-tariffs.sh - the port authority's new list, in the quiet of the night
# the list must not change under a running calculation, so the service is away while it is loaded
set -e
cd /opt/dhow
docker compose stop berths
psql_load() { sleep 95; }   # COPY of 1.4 M rows
psql_load
docker compose start berths
"""
CLOSE = """#!/bin/bash
# close-day.sh - end of the working day: figures, and fresh memory for the reports
set -e
cd /opt/dhow
sleep 20
docker compose restart reports
logger -t close-day "day closed"
"""
TIDES = """#!/bin/bash
# tide table from the harbour's gauge
sleep 3
logger -t tides "$(( RANDOM % 180 )) cm"
"""
CRON = """# m h dom mon dow command
10 2 * * * /opt/dhow/bin/load-tariffs.sh > /dev/null 2>&1
10 22 * * * /opt/dhow/bin/close-day.sh > /dev/null 2>&1
*/5 * * * * /opt/dhow/bin/tides.sh
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 1024; }
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80 default_server;
        server_name dhow.example.ae;
        location / {
            proxy_pass http://127.0.0.1:7100;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 90s;
        }
    }
}
"""
README = """collected Thursday morning by Samir

The pilots complain that the berth list "is away for some minutes every day". It looks as if it was the
closing of the day, berths.log says SIGTERM at ten past ten in the evening. But at that hour I watched it
and nothing happened?
"""
TO_NIGHT, TO_EVENING = "leap 13080", "leap 70980"  # 22:22 -> 02:00, 02:20 -> 22:03

INCIDENT = Incident(
    host="mina", start="2026-06-08T22:02:30+04:00", minutes=117, factor=40, zone="Asia/Dubai", apps=["/opt/dhow/app"],
    project={"project": "dhow", "config_files": "/opt/dhow/compose.yml", "working_dir": "/opt/dhow"},
    files={"/opt/dhow/app/server.js": SERVER, "/opt/dhow/app/reports.js": REPORTS, "/opt/dhow/compose.yml": COMPOSE, "/opt/dhow/bin/load-tariffs.sh": TARIFFS, "/opt/dhow/bin/close-day.sh": CLOSE, "/opt/dhow/bin/tides.sh": TIDES, "/etc/nginx/nginx.conf": NGINX, "/opt/dhow/readme.txt": README},
    crontabs={"root": CRON}, prepare="mkdir -p /var/log/dhow",
    services={"berths": {"container": "dhow-berths-1", "image": "harbour/berths:3", "command": ["node", "server.js"], "directory": "/opt/dhow/app", "environment": {"TZ": "UTC"}, "restart": "unless-stopped", "log": {"kind": "plain", "path": "/var/log/dhow/berths.log"}, "wait": 12},
              "reports": {"container": "dhow-reports-1", "image": "harbour/reports:3", "command": ["node", "reports.js"], "directory": "/opt/dhow/app", "environment": {"TZ": "UTC"}, "restart": "unless-stopped", "log": {"kind": "plain", "path": "/var/log/dhow/reports.log"}, "wait": 8},
              "nginx": {**NGINX_CONTAINER, "container": "dhow-nginx-1"}},
    during=[(19.5, TO_NIGHT), (39.5, TO_EVENING), (58.5, TO_NIGHT), (78.5, TO_EVENING), (97.5, TO_NIGHT)],
    visitors={"base": "http://127.0.0.1", "host": "dhow.example.ae", "delay": 60,
              "visits": [{"perSecond": 0.33, "bots": 0.07, "aborts": 0.006, "paths": [[6, "GET", "/berths/{n}"], [2, "POST", "/arrivals", '{"dhow":{n}}'], [1, "GET", "/"]]}],
              "browsers": [{"count": 6, "spread": 6}]},
    collect="""mkdir -p nginx bin logs; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /opt/dhow/bin/*.sh bin/; cp /opt/dhow/compose.yml /opt/dhow/readme.txt .; cp /var/log/dhow/*.log logs/; cp /var/log/syslog logs/; crontab -l > root.crontab; docker ps > docker-ps.txt
(date; date -u) > date.txt; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, tab, log, errors, access, syslog = (
        "bin/load-tariffs.sh",
        "root.crontab",
        "logs/berths.log",
        "nginx/error.log",
        "nginx/access.log",
        "logs/syslog",
    )
    stop, job, start = (
        case.at(script, "docker compose stop berths"),
        case.at(tab, "load-tariffs.sh"),
        case.at(script, "docker compose start berths"),
    )
    gone, dropped, refused = (
        case.at(log, "SIGTERM, going down"),
        case.at(log, "gone: "),
        case.at(errors, "111: Connection refused"),
    )
    failed, command = case.at(access, '" 502 '), case.at(syslog, "CMD (/opt/dhow/bin/load-tariffs.sh")
    runs, terms = case.times(syslog, r"CMD \(/opt/dhow/bin/load-tariffs"), case.times(log, "SIGTERM, going down", hours=4)
    return {
        "root_cause_kind": "job-stops-service",
        "root_cause": "load-tariffs.sh (cron, 02:10 Dubai time) stops berths while it loads the tariffs and starts it again after more than a minute and a half. berths.log is in UTC and does not say so: its SIGTERM of 22:10 is 02:10 on the host, when nginx logs 502. close-day.sh of 22:10 local restarts another container, and nothing fails then.",
        "verdict": "root-cause", "culprit": stop, "culprit_alternatives": [job], "culprit_related": [command, start, case.at(script, "sleep 95")],
        "chain": [
            hop("job_runs_script", job, command),
            hop("effect_hits_service", stop, command),
            hop("process_terminates", gone, stop),
            hop("termination_closes_connections", dropped, gone),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", failed, refused, case.at("nginx/access.log.1.gz", '" 502 ')),
        ],
        "mechanism": ["02:10:01 (+04:00) cron runs load-tariffs.sh", "docker compose stop berths: berths.log says SIGTERM at 22:10, UTC of the day before", "95 s of loading; connect() failed (111), 502 in nginx at 02:10 to 02:12 local", "docker compose start berths", "22:10 local: close-day.sh restarts reports alone (reports.log 18:10 UTC); berths and nginx are quiet"],
        "innocent": [case.at(tab, "close-day.sh", why="22:10 local is 18:10 in berths.log, where nothing ends; it restarts reports"), case.whole("bin/close-day.sh", "restarts reports, four hours before"), case.at("bin/close-day.sh", "docker compose restart reports", why="another container"), case.at(tab, "tides.sh", why="every five minutes, only logs"), case.at("logs/reports.log", "SIGTERM", why="another container, ordered"),
                     case.at("nginx/nginx.conf", "proxy_read_timeout 90s", why="longer than socket.io's ping"), case.at("readme.txt", "SIGTERM at ten past ten", why="reads UTC as local time")],
        "period_s": 86400, "lag_s": case.lag(runs, terms, 60), "lags": {"SIGTERM -> first refused": case.lag(terms, case.times(errors, "111: Connection refused"), 60)},
        "measured": [case.measure(log, "SIGTERM, going down"), case.measure(syslog, "CMD .*load-tariffs"), case.measure(syslog, "CMD .*close-day"), case.measure(errors, "111: Connection refused", join=600), case.measure(access, '" 502 ', join=600)],
        "timezones": {"berths.log, reports.log": "UTC without saying so", "nginx, syslog, crontab": "Asia/Dubai (+04:00); error.log and syslog without zone"},
        "how_made": REAL.replace(" and curl", "") + " (with express, socket.io, winston); docker is the lab's supervisor, the loading of the tariffs a sleep. Between evening and night and from night to evening the wall clock leapt; the logs hold some twenty minutes of each. The readme is the story as it would be told.",
    }  # fmt: skip
