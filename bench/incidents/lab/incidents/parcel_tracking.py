# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A watchdog loop asks a path the service does not have, takes 404 for death and restarts it, every 90 s and a bit."""

from typing import Any

from lab import Incident
from truth import Case, hop

SERVER = r"""const express = require('express');
const winston = require('winston');

const log = winston.createLogger({
  level: 'info',
  defaultMeta: { service: 'parcel-api' },
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: [new winston.transports.File({ filename: '/var/log/parcel/api.log' })],
});

const app = express();
app.use(express.json());
app.get('/health', (req, res) => res.json({ status: 'ok' }));
app.get('/api/parcels/:id', (req, res) => {
  if (req.params.id % 37 === 0) {
    log.warn('parcel not found', { id: req.params.id });
    return res.status(404).json({ error: 'not found' });
  }
  setTimeout(() => res.json({ id: req.params.id, state: 'in transit' }), 150 + Math.random() * 900);
});
app.post('/api/parcels/:id/scan', (req, res) => {
  log.info('scan stored', { id: req.params.id, depot: req.body.depot });
  setTimeout(() => res.status(201).end(), 300);
});

const server = app.listen(8088, '127.0.0.1', () => log.info('listening', { port: 8088, pid: process.pid }));
process.on('SIGTERM', () => {
  log.info('SIGTERM received, closing server');
  server.close(() => {
    log.info('server closed, bye');
    process.exit(0);
  });
  server.closeIdleConnections();
});
"""

WATCHDOG = r"""#!/bin/bash
# Keeps parcel-api alive. Started by parcel-watchdog.service.
URL=http://127.0.0.1:8088/healthz
LOG=/var/log/parcel/watchdog.log

restart_api() {
  echo "$(date '+%F %T') parcel-api is not responding, restart" >> "$LOG"
  systemctl restart parcel-api
}

while true; do
  sleep 90
  if ! curl -sf -m 5 -o /dev/null "$URL"; then
    restart_api
  fi
done
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/parcel.error.log;
events { worker_connections 512; }

http {
    log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                     '"$http_referer" "$http_user_agent" rt=$request_time urt=$upstream_response_time';
    access_log /var/log/nginx/parcel.access.log timed;

    upstream parcel_api {
        server 127.0.0.1:8088;
    }

    server {
        listen 80;
        server_name rastreio.example.net;

        location /api/ {
            proxy_pass http://parcel_api;
            proxy_set_header Host $host;
        }

        location = /health {
            proxy_pass http://parcel_api;
            access_log off;
        }

        location / {
            return 204;
        }
    }
}
"""

GEO_SYNC = """#!/bin/sh
# refresh the depot coordinates
sleep 4
echo "$(date '+%F %T') 214 depots up to date" >> /var/log/parcel/geo-sync.log
"""

UNIT = """[Unit]
Description=Parcel API watchdog
After=parcel-api.service

[Service]
ExecStart=/opt/parcel/watchdog.sh
Restart=always

[Install]
WantedBy=multi-user.target
"""

API_UNIT = """[Unit]
Description=Parcel API

[Service]
WorkingDirectory=/opt/parcel
ExecStart=/usr/bin/node server.js
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""

INCIDENT = Incident(
    host="rastreio-1", start="2026-03-11T13:42:07-03:00", minutes=44, factor=18, kind="systemd", zone="America/Sao_Paulo",
    apps=["/opt/parcel"],
    files={
        "/opt/parcel/server.js": SERVER, "/opt/parcel/watchdog.sh": WATCHDOG, "/opt/parcel/geo-sync.sh": GEO_SYNC,
        "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/parcel-watchdog.service": UNIT,
        "/etc/systemd/system/parcel-api.service": API_UNIT,
    },
    crontabs={"root": "*/3 * * * * /opt/parcel/geo-sync.sh\n17 * * * * find /var/tmp -name 'parcel-*' -mtime +2 -delete\n"},
    prepare="mkdir -p /var/log/parcel",
    services={
        "parcel-api": {"description": "Parcel API", "command": ["node", "server.js"], "directory": "/opt/parcel", "restart": "on-failure"},
        "nginx": {"description": "nginx", "command": ["nginx", "-g", "daemon off;"], "restart": "on-failure", "stop_signal": "QUIT"},
        "parcel-watchdog": {"description": "Parcel API watchdog", "command": ["/opt/parcel/watchdog.sh"], "restart": "always"},
    },
    visitors={
        "base": "http://127.0.0.1", "host": "rastreio.example.net",
        "visits": [{"perSecond": 0.6, "bots": 0.05, "paths": [[8, "GET", "/api/parcels/{n}"], [3, "POST", "/api/parcels/{n}/scan", '{"depot":{n}}']]}],
    },
    collect="""mkdir -p logs/nginx opt/parcel etc/systemd etc/nginx
cp /var/log/parcel/*.log logs/; cp /var/log/nginx/*.log logs/nginx/; cp /var/log/syslog logs/
cp /opt/parcel/*.sh /opt/parcel/server.js opt/parcel/; cp /etc/systemd/system/parcel-*.service etc/systemd/
cp /etc/nginx/nginx.conf etc/nginx/; crontab -l > crontab.txt; systemctl status parcel-api nginx > systemctl-status.txt; rotate logs/nginx/parcel.access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    watchdog = "opt/parcel/watchdog.sh"
    url = case.at(watchdog, "URL=http://127.0.0.1:8088/healthz")
    probe = case.at(watchdog, 'if ! curl -sf -m 5 -o /dev/null "$URL"; then')
    action = case.at(watchdog, "systemctl restart parcel-api")
    terms = case.times("logs/api.log", "SIGTERM received", hours=-3)
    return {
        "root_cause_kind": "health-check-misreads-not-found",
        "root_cause": "watchdog.sh asks /healthz, a path parcel-api does not have (its endpoint is /health); curl -f takes the 404 for a "
        "dead service, and the loop restarts the healthy API after every 90 s sleep.",
        "verdict": "root-cause",
        "culprit": url, "culprit_alternatives": [probe],
        "culprit_related": [action, case.at(watchdog, "while true; do"), case.at(watchdog, "sleep 90"),
                            case.at("opt/parcel/server.js", "app.get('/health',")],
        "chain": [
            hop("probe_gets_answer", probe, url, case.at("opt/parcel/server.js", "app.get('/health',")),
            hop("answer_takes_branch", probe, case.at(watchdog, "restart_api", 2)),
            hop("effect_hits_service", action, case.at("logs/watchdog.log", "not responding, restart")),
            hop("process_terminates", case.at("logs/api.log", "SIGTERM received"),
                case.at("logs/syslog", "Stopping parcel-api.service")),
            hop("termination_refuses_connections", case.at("logs/nginx/parcel.error.log", "111: Connection refused"),
                case.at("logs/api.log", "server closed, bye")),
            hop("failure_reaches_clients", case.at("logs/nginx/parcel.access.log", '" 502 '), case.at("logs/nginx/parcel.error.log", "111: Connection refused")),
        ],
        "mechanism": [
            "watchdog.sh, a service of its own, wakes every 90 s and asks http://127.0.0.1:8088/healthz",
            "the API has no such path and answers 404; curl -f exits 22",
            "the script logs 'not responding' and runs systemctl restart parcel-api",
            "the API gets SIGTERM, closes its listening socket and exits; until the new process listens nginx logs connect() failed (111)",
            "visitors get 502; the period is 90 s plus the time of probe and restart, so it drifts against the clock",
        ],
        "innocent": [
            case.at("crontab.txt", "geo-sync.sh", why="every 3 minutes; twice the loop's 90 s, but its script only sleeps and logs"),
            case.at("crontab.txt", "find /var/tmp", why="hourly"),
            case.whole("opt/parcel/geo-sync.sh", "restarts nothing"),
            case.at("etc/systemd/parcel-api.service", "Restart=on-failure", why="systemd restarts nothing here: every exit is 0 and ordered"),
        ],
        "period_s": 93, "lag_s": 2,
        "lags": {"watchdog line -> SIGTERM": case.lag(case.times("logs/watchdog.log", "not responding"), terms, 30)},
        "measured": [
            case.measure("logs/watchdog.log", "not responding, restart"),
            case.measure("logs/api.log", "SIGTERM received"),
            case.measure("logs/nginx/parcel.error.log", "111: Connection refused", join=30),
            case.measure("logs/nginx/parcel.access.log", '" 502 ', join=30),
        ],
        "timezones": {"logs/api.log": "UTC (Z)", "others": "America/Sao_Paulo"},
        "how_made": "nginx, Node with express and winston, the bash loop, cron and rsyslog really ran; systemctl and systemd[1]'s lines are "
        "the lab's supervisor.",
    }  # fmt: skip
