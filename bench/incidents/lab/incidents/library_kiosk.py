# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A container healthcheck with a timeout of one second and no retries, and an autoheal loop that restarts what it calls ill."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const { combine, timestamp, colorize, printf } = winston.format;
const logger = winston.createLogger({
  format: combine(timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }), colorize(), printf((i) => `${i.timestamp} ${i.level}: ${i.message}`)),
  transports: [new winston.transports.Console()],
});
const app = express();
// asks the catalogue, which is on the other side of town
app.get('/healthz', (req, res) => setTimeout(() => res.send('ok'), Math.random() < 0.09 ? 1600 + Math.random() * 2500 : 180));
app.get('/loans/:card', (req, res) => setTimeout(() => res.json([]), 150 + Math.random() * 600));
app.post('/loans', (req, res) => {
  logger.info('loan registered');
  setTimeout(() => res.status(201).end(), 700);
});
const server = app.listen(8000, '127.0.0.1', () => logger.info('kiosk backend listening'));
process.on('SIGTERM', () => {
  logger.warn('SIGTERM received');
  server.close(() => process.exit(0));
  setTimeout(() => process.exit(0), 3000);
});
"""

AUTOHEAL = r"""#!/bin/sh
# tiny autoheal: restart containers that docker calls unhealthy
while :; do
  for name in $(docker ps --filter health=unhealthy --format '{{.Names}}'); do
    echo "$(date -u '+%d-%m-%Y %H:%M:%S') Container $name found to be unhealthy - Restarting container now with 10s timeout"
    docker restart -t 10 "$name" > /dev/null
  done
  sleep 5
done
"""

COMPOSE = """version: "3.9"
services:
  kiosk:
    image: bib/kiosk:22.4
    container_name: kiosk
    restart: unless-stopped
    healthcheck:
      test: ["CMD-SHELL", "curl -fsS -o /dev/null http://127.0.0.1:8000/healthz"]
      interval: 15s
      timeout: 1s
      retries: 1
    labels:
      autoheal: "true"
  web:
    image: nginx:1.22
    container_name: web
    restart: unless-stopped
  autoheal:
    image: bib/autoheal:1
    container_name: autoheal
    restart: always
    volumes: ["/var/run/docker.sock:/var/run/docker.sock"]
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /dev/stderr warn;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    server {
        listen 80;
        server_name kiosk.bib.example;
        location / { proxy_pass http://127.0.0.1:8000; }
    }
}
"""

INCIDENT = Incident(
    host="bib-srv", start="2026-03-30T16:01:00+02:00", minutes=42, factor=12, zone="Europe/Copenhagen", apps=["/srv/kiosk"],
    files={"/srv/kiosk/server.js": SERVER, "/srv/kiosk/autoheal.sh": AUTOHEAL, "/srv/kiosk/docker-compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX,
           "/srv/kiosk/nightly.sh": "#!/bin/sh\ntrue\n"},
    crontabs={"root": "*/5 * * * * curl -s -o /dev/null http://127.0.0.1:8000/loans/0\n0 4 * * * /srv/kiosk/nightly.sh\n"},
    services={"kiosk": {"image": "bib/kiosk:22.4", "command": ["node", "server.js"], "directory": "/srv/kiosk", "restart": "unless-stopped",
                        "health": {"command": "curl -fsS -o /dev/null http://127.0.0.1:8000/healthz", "interval": 15, "timeout": 1, "retries": 1},
                        "log": {"kind": "json", "path": "/var/log/kiosk-json.log"}},
              "web": {**NGINX_CONTAINER, "log": {"kind": "json", "path": "/var/log/web-json.log"}},
              "autoheal": {"image": "bib/autoheal:1", "command": ["/srv/kiosk/autoheal.sh"], "restart": "always",
                           "log": {"kind": "plain", "path": "/var/log/autoheal.log"}}},
    visitors={"base": "http://127.0.0.1", "host": "kiosk.bib.example",
              "visits": [{"perSecond": 0.5, "bots": 0.02, "paths": [[3, "GET", "/loans/{n}"], [1, "POST", "/loans", '{"n":{n}}']]}]},
    collect="""mkdir containers; cp /var/log/*-json.log /var/log/autoheal.log containers/; cp /var/log/nginx/access.log web-access.log
cp /srv/kiosk/docker-compose.yml /srv/kiosk/autoheal.sh /etc/nginx/nginx.conf .; crontab -l > crontab
docker ps -a > containers/docker-ps.txt; docker inspect kiosk > containers/kiosk-inspect.json; docker events --since 2h --until 0s > containers/events.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    limit, retries = case.at("docker-compose.yml", "timeout: 1s"), case.at("docker-compose.yml", "retries: 1")
    restart, told = (
        case.at("autoheal.sh", 'docker restart -t 10 "$name"'),
        case.at("containers/autoheal.log", "found to be unhealthy"),
    )
    ill, log = case.at("containers/events.txt", "health_status: unhealthy"), "containers/kiosk-json.log"
    test = case.at("docker-compose.yml", "test: [")
    return {
        "root_cause_kind": "healthcheck-too-strict-autoheal",
        "root_cause": "The container's healthcheck gives /healthz 1 s and a single failure makes it unhealthy (timeout: 1s, retries: 1); one answer "
        "in eleven takes 1.6-4 s, and the autoheal loop then restarts the healthy container, at irregular times.",
        "verdict": "root-cause", "culprit": limit, "culprit_alternatives": [retries], "culprit_related": [test, restart],
        "chain": [
            hop("probe_gets_answer", test, limit, ill, case.at("containers/kiosk-inspect.json", '"Timeout"')),
            hop("answer_takes_branch", retries, limit, ill, case.at("autoheal.sh", "docker ps --filter health=unhealthy"), told),
            hop("effect_hits_service", restart, told),
            hop("process_terminates", case.at(log, "SIGTERM received")),
            hop("termination_refuses_connections", case.at("web-access.log", '" 502 '), case.at(log, "SIGTERM received")),
            hop("failure_reaches_clients", case.at("web-access.log", '" 502 ')),
        ],
        "mechanism": [
            "docker runs the healthcheck every 15 s with a timeout of 1 s", "now and then /healthz takes longer: unhealthy at the first miss",
            "autoheal.sh looks every 5 s and restarts whatever is unhealthy", "SIGTERM, the process exits, another starts",
            "nobody listens meanwhile, visitors get 502 (nginx's error log was not collected); the times are random, neither cron nor a fixed period",
        ],
        "contributing": [case.at("autoheal.sh", "sleep 5", why="restarts within seconds, before the next check could pass")],
        "innocent": [case.at("crontab", "*/5 * * * *", why="only asks"), case.at("crontab", "nightly.sh", why="does not run in this window")],
        "period_s": None, "lag_s": 3,
        "lags": {"unhealthy -> SIGTERM": case.lag(case.times("containers/events.txt", "unhealthy"), case.times(log, "SIGTERM received", hours=-2))},
        "measured": [case.measure("containers/events.txt", "health_status: unhealthy"), case.measure("containers/autoheal.log", "found to be unhealthy"),
                     case.measure(log, "SIGTERM received"), case.measure("web-access.log", '" 502 ', join=30)],
        "timezones": {"containers/*-json.log": "UTC outside, Europe/Copenhagen inside", "autoheal.log, events.txt": "UTC"},
        "how_made": REAL + "; docker and its healthcheck are the lab's supervisor; autoheal.sh is a shell loop of the kind people run. nginx wrote its "
        "errors to a /dev/stderr that the machine lacked, so there is no error log.",
    }  # fmt: skip
