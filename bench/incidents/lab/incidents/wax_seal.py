# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: two containers are told to stop at five odd moments; every job of the crontab and its script are here, and none of them does it."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

API = r"""const express = require('express');
const winston = require('winston');
const role = process.argv[2];
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss.SSS' }), winston.format.printf((i) => `${i.timestamp} ${i.level.toUpperCase()} ${role} - ${i.message}`)),
  transports: [new winston.transports.File({ filename: `/srv/siegel/log/${role}.log` })],
});
const port = role === 'api' ? 6710 : 6711;
const app = express();
app.get('/healthz', (req, res) => res.send('ok'));
app.post('/seals', (req, res) => setTimeout(() => { log.info('document sealed'); res.status(201).end(); }, 300));
app.get('/seals/:n', (req, res) => setTimeout(() => res.json({ seal: Number(req.params.n), valid: true }), 60));
const server = app.listen(port, '127.0.0.1', () => log.info(`listening on ${port}`));
process.on('SIGTERM', () => { log.info('SIGTERM received, draining'); setTimeout(() => process.exit(0), 1500); server.close(); });
if (role === 'signer') setInterval(() => log.info('signing queue: 0 waiting'), 120000);
"""

COMPOSE = """name: siegel
services:
  api:
    image: registry.example.de/siegel/api:3.3.0
    command: [node, server.js, api]
    network_mode: host
    restart: unless-stopped
    stop_grace_period: 20s
  signer:
    image: registry.example.de/siegel/api:3.3.0
    command: [node, server.js, signer]
    network_mode: host
    restart: unless-stopped
    stop_grace_period: 20s
  nginx:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name siegel.example.de;
        location / { proxy_pass http://127.0.0.1:6710; }
    }
}
"""

CRONTAB = """# root auf siegel-01
*/30 * * * * /srv/siegel/cron/crl-holen.sh >> /srv/siegel/log/crl.log 2>&1
*/10 * * * * /srv/siegel/cron/warteschlange.sh >> /srv/siegel/log/queue.log 2>&1
12 1 * * *   /srv/siegel/cron/sichern.sh
"""

BACKUP = """#!/bin/bash
# naechtliche Sicherung der Siegel
tar -czf "/backup/siegel-$(date +%F).tar.gz" /srv/siegel/data
find /backup -name 'siegel-*.tar.gz' -mtime +30 -delete
"""
STOP = "docker compose -f /srv/siegel/compose.yaml restart api signer > /dev/null 2>&1"

INCIDENT = Incident(
    host="siegel-01", start="2026-09-24T09:03:20+02:00", minutes=126, factor=44, zone="Europe/Berlin", apps=["/srv/siegel"],
    files={"/srv/siegel/server.js": API, "/srv/siegel/compose.yaml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/srv/siegel/cron/sichern.sh": BACKUP, "/srv/siegel/log/.keep": "",
           "/srv/siegel/cron/crl-holen.sh": "#!/bin/sh\n# Sperrliste der Zertifizierungsstelle\nsleep 9\necho \"$(date '+%F %T') Sperrliste 412 unveraendert\"\n",
           "/srv/siegel/cron/warteschlange.sh": "#!/bin/sh\n# wartet jemand zu lange auf sein Siegel?\necho \"$(date '+%F %T') healthz $(curl -s -m 10 http://127.0.0.1:6711/healthz || echo keine Antwort)\"\n"},
    crontabs={"root": CRONTAB},
    services={**{role: {"container": f"siegel-{role}-1", "image": "registry.example.de/siegel/api:3.3.0", "command": ["node", "server.js", role], "directory": "/srv/siegel", "restart": "unless-stopped", "grace": 20} for role in ("api", "signer")},
              "nginx": {**NGINX_CONTAINER, "container": "siegel-nginx-1"}},
    during=[(18.3, STOP), (26.9, STOP), (57.0, STOP), (83.6, STOP), (114.4, STOP)],
    visitors={"base": "http://127.0.0.1", "host": "siegel.example.de", "delay": 40,
              "visits": [{"perSecond": 0.22, "bots": 0.06, "aborts": 0.02, "abortAfter": 0.2, "paths": [[5, "GET", "/seals/{n}"], [2, "POST", "/seals", "{}"]]}],
              "monitors": [{"every": 60, "path": "/healthz", "address": "192.0.2.50", "agent": "StatusCake"}]},
    collect="""cp /srv/siegel/compose.yaml .; mkdir cron log nginx; cp /srv/siegel/cron/*.sh cron/; cp /srv/siegel/log/*.log log/; cp /var/log/nginx/access.log /var/log/nginx/error.log /etc/nginx/nginx.conf nginx/; crontab -l > cron/crontab; docker ps > docker-ps.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    tab = "cron/crontab"
    return {
        "root_cause_kind": "unknown-termination",
        "root_cause": "Not to be known: five times, at no regular distance, api and signer both get SIGTERM within the same second and are started again, so somebody or something stops both containers at once (in truth docker compose restart by hand); every job of the crontab is here with its script, and none of them touches the containers. Who asks Docker to stop them is not in these files.",
        "verdict": "undetermined", "expected_confidence": "low",
        "innocent": [
            case.at(tab, "crl-holen.sh", why="every half hour; near one stop at most; its script fetches a list"), case.at(tab, "warteschlange.sh", why="every ten minutes; its script only asks and prints"), case.at(tab, "sichern.sh", why="at 01:12, not in these logs"),
            case.whole("cron/crl-holen.sh", "touches no container"), case.whole("cron/warteschlange.sh", "touches no container"), case.whole("cron/sichern.sh", "touches no container"),
            case.at("compose.yaml", "restart: unless-stopped", why="starts what has ended, never ends anything"), case.at("compose.yaml", "stop_grace_period: 20s", why="both end after less than two seconds"),
        ],
        "ask_for": ["docker events or dockerd's journal of the five moments", "who was logged in: auth log, shell history, audit log", "the deploy or CI system's log", "crontabs of other users, /etc/cron.d, systemd timers, other containers that hold the Docker socket (watchtower, portainer)"],
        "measured": [case.measure("log/api.log", "SIGTERM received"), case.measure("log/signer.log", "SIGTERM received"), case.measure("nginx/error.log", "111: Connection refused", join=60), case.measure("nginx/access.log", '" 502 ', join=60)],
        "timezones": {"all": "Europe/Berlin (+02:00)"},
        "how_made": REAL + " (with express, winston); docker is the lab's supervisor.",
    }  # fmt: skip
