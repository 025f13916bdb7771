# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A probe without the right Host header reads nginx's default server and a helper script restarts the service."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');

const { combine, timestamp, printf } = winston.format;
const logger = winston.createLogger({
  level: 'debug',
  format: combine(timestamp({ format: 'MM/DD/YYYY HH:mm:ss' }), printf((i) => `${i.timestamp} | ${i.level.toUpperCase().padEnd(5)} | ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/srv/museum/log/tickets.log' })],
});
const app = express();
app.get('/status', (req, res) => res.json({ app: 'tickets', db: 'up', queue: 0 }));
app.get('/shop/exhibitions', (req, res) => setTimeout(() => res.json([1, 2, 3]), 120 + Math.random() * 700));
app.post('/shop/orders', (req, res) => {
  logger.info(`order ${Math.floor(Math.random() * 90000) + 10000} paid`);
  setTimeout(() => res.status(201).end(), 600);
});
const server = app.listen(5050, () => logger.info('tickets 2.9.1 up on :5050'));
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    logger.warn(`caught ${signal}, draining`);
    server.close(() => process.exit(0));
    setTimeout(() => { logger.error('drain timeout, exit'); process.exit(0); }, 8000).unref();
  });
}
setInterval(() => logger.debug(`rss=${Math.round(process.memoryUsage().rss / 1e6)}MB`), 120000);
"""

MONITOR = r"""#!/usr/bin/env bash
# museum ticket shop monitor
set -u
BASE=/srv/museum
LOG="$BASE/log/monitor.log"
SITE="http://localhost/status"
stamp() { date '+%m/%d/%Y %H:%M:%S'; }

sleep $((RANDOM % 15))          # spread the load
body=$(curl --silent --max-time 10 "$SITE")

if echo "$body" | grep -q '"db":"up"'; then
    echo "$(stamp) ok" >> "$LOG"
else
    echo "$(stamp) tickets unhealthy: $(echo "$body" | head -c 60 | tr '\n' ' ')" >> "$LOG"
    "$BASE/bin/restart-app.sh" tickets >> "$LOG" 2>&1
fi
"""

RESTART = r"""#!/usr/bin/env bash
# restart-app.sh NAME - restart one of our units and wait until it is active
unit=${1:?unit}
systemctl restart "$unit"
for _ in 1 2 3 4 5; do
    [ "$(systemctl is-active "$unit")" = active ] && break
    sleep 1
done
echo "$(date '+%m/%d/%Y %H:%M:%S') $unit restarted"
"""

NGINX = r"""user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 400; }
http {
    log_format json_line escape=json '{"time":"$time_iso8601","ip":"$remote_addr","host":"$host","method":"$request_method",'
        '"uri":"$request_uri","status":$status,"bytes":$body_bytes_sent,"rt":$request_time,"upstream":"$upstream_addr",'
        '"urt":"$upstream_response_time","ua":"$http_user_agent"}';
    access_log /var/log/nginx/access.json json_line;

    server {
        listen 80 default_server;
        server_name _;
        default_type text/plain;
        location / { return 404 "no such site here\n"; }
    }

    server {
        listen 80;
        server_name tickets.museum.example;
        location = /status { proxy_pass http://127.0.0.1:5050; }
        location /shop/ {
            proxy_pass http://127.0.0.1:5050;
            proxy_set_header Host $host;
            proxy_next_upstream off;
        }
    }
}
"""

CRON = """# museum: ticket shop
SHELL=/bin/bash
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin
*/15 * * * *  root  /srv/museum/bin/monitor.sh
*/15 * * * *  root  /srv/museum/bin/export-sales.sh
5 * * * *     root  /srv/museum/bin/export-sales.sh --hourly
"""

EXPORT = """#!/usr/bin/env bash
# sales figures for the front desk
sleep 20
echo "$(date '+%m/%d/%Y %H:%M:%S') exported ${1:-quarter}" >> /srv/museum/log/export.log
"""

INCIDENT = Incident(
    host="museum-web", start="2026-05-09T08:54:40-05:00", minutes=112, factor=38, kind="systemd", zone="America/Chicago", apps=["/srv/museum"],
    files={"/srv/museum/server.js": SERVER, "/srv/museum/bin/monitor.sh": MONITOR, "/srv/museum/bin/restart-app.sh": RESTART,
           "/srv/museum/bin/export-sales.sh": EXPORT, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/museum": CRON},
    prepare="mkdir -p /srv/museum/log",
    services={"tickets": {"description": "Museum ticket shop", "command": ["node", "server.js"], "directory": "/srv/museum", "restart": "always"},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "tickets.museum.example",
              "visits": [{"perSecond": 0.3, "bots": 0.08, "paths": [[6, "GET", "/shop/exhibitions"], [2, "POST", "/shop/orders", '{"n":{n}}']]}]},
    collect="""mkdir -p etc/cron.d etc/nginx srv/museum/bin var/log/nginx
cp /etc/cron.d/museum etc/cron.d/; cp /etc/nginx/nginx.conf etc/nginx/; cp /srv/museum/bin/*.sh srv/museum/bin/
cp -r /srv/museum/log srv/museum/; cp /srv/museum/server.js srv/museum/; cp /var/log/nginx/error.log var/log/nginx/
tail -n 1600 /var/log/nginx/access.json > var/log/nginx/access.json; cp /var/log/syslog var/log/; rotate var/log/nginx/access.json""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    monitor, app = "srv/museum/bin/monitor.sh", "srv/museum/log/tickets.log"
    site = case.at(monitor, 'SITE="http://localhost/status"')
    probe = case.at(monitor, 'body=$(curl --silent --max-time 10 "$SITE")')
    branch = case.at(monitor, 'grep -q \'"db":"up"\'')
    call = case.at(monitor, '"$BASE/bin/restart-app.sh" tickets')
    restart = case.at("srv/museum/bin/restart-app.sh", 'systemctl restart "$unit"')
    job, default = case.at("etc/cron.d/museum", "monitor.sh"), case.at("etc/nginx/nginx.conf", 'return 404 "no such site here')
    told = case.at("srv/museum/log/monitor.log", "tickets unhealthy: no such site here")
    return {
        "root_cause_kind": "health-check-misreads-wrong-host",
        "root_cause": "monitor.sh asks http://localhost/status; with Host: localhost nginx's default server answers 'no such site here' (404), "
        "the grep for \"db\":\"up\" finds nothing, and restart-app.sh restarts the healthy ticket shop every 15 minutes.",
        "verdict": "root-cause", "culprit": site, "culprit_alternatives": [probe], "culprit_related": [branch, call, restart, job, default],
        "chain": [
            hop("job_runs_script", job),
            hop("probe_gets_answer", probe, site, default, told),
            hop("answer_takes_branch", branch, call, told),
            hop("script_calls_script", call),
            hop("effect_hits_service", restart, case.at("var/log/syslog", "Stopping tickets.service")),
            hop("process_terminates", case.at(app, "caught SIGTERM, draining"), case.at("var/log/syslog", "Stopping tickets.service")),
            hop("termination_refuses_connections", case.at("var/log/nginx/error.log", "111: Connection refused"), case.at(app, "caught SIGTERM")),
            hop("failure_reaches_clients", case.at("var/log/nginx/access.json", '"status":502'), case.at("var/log/nginx/error.log", "111: Connection refused")),
        ],
        "mechanism": [
            "cron runs monitor.sh every 15 minutes; it waits 0-14 s",
            "curl sends Host: localhost, so nginx picks the default server: 404 'no such site here'",
            "the body lacks \"db\":\"up\"; the script logs 'tickets unhealthy' and calls restart-app.sh tickets",
            "systemctl restart sends SIGTERM; the app stops accepting, drains and exits",
            "until it listens again nginx logs connect() failed (111), visitors get 502",
        ],
        "innocent": [
            case.at("etc/cron.d/museum", "*/15 * * * *  root  /srv/museum/bin/export-sales.sh", why="same schedule; sleeps and logs"),
            case.at("etc/cron.d/museum", "--hourly", why="hourly"),
            default | {"why": "the default server is wanted"},
            case.at(app, "rss=", why="memory stays flat"),
        ],
        "period_s": 900, "lag_s": 10,
        "lags": {"monitor line -> SIGTERM": case.lag(case.times("srv/museum/log/monitor.log", "unhealthy"), case.times(app, "caught SIGTERM"))},
        "measured": [
            case.measure(app, "caught SIGTERM"),
            case.measure("var/log/syslog", "Stopping tickets.service"),
            case.measure("var/log/nginx/error.log", "111: Connection refused", join=60),
            case.measure("var/log/nginx/access.json", '"status":502', join=60),
        ],
        "how_made": REAL + "; systemctl is the lab's supervisor. The app's stamps are month/day/year; of the access log only the last 1600 lines were kept.",
    }  # fmt: skip
