# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Long polling through two nginx: a release holds a quiet poll for 110 s, the inner nginx waits 60: each quiet driver is cut a minute after his own question."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: [new winston.transports.Console()],
});
const HOLD = Number(process.env.HOLD_SECONDS || 45) * 1000; // combien de temps une question attend une course
const waiting = new Map(); // chauffeur -> { res, timer, since }
const queue = new Map();
const away = new Set();
const app = express();

app.get('/poll/:driver', (req, res) => {
  const { driver } = req.params;
  away.delete(driver);
  const ready = queue.get(driver);
  if (ready) { queue.delete(driver); return res.json(ready); }
  const since = Date.now();
  const timer = setTimeout(() => { waiting.delete(driver); res.status(204).end(); }, HOLD);
  waiting.set(driver, { res, timer });
  res.on('close', () => {
    if (res.writableFinished) return;
    clearTimeout(timer);
    waiting.delete(driver);
    away.add(driver);
    log.warn('poll cut', { driver, after_s: Math.round((Date.now() - since) / 1000) });
  });
  return undefined;
});

let number = 4100;
const busy = ['d11', 'd12'];
function send(driver, job) {
  const held = waiting.get(driver);
  if (!held) return queue.set(driver, job);
  clearTimeout(held.timer);
  waiting.delete(driver);
  return held.res.json(job);
}
app.post('/jobs', (req, res) => {
  number += 1;
  const wanted = Math.random() < 0.85 ? busy[number % 2] : `d${1 + (number % 8)}`;
  const driver = away.has(wanted) ? busy[0] : wanted;
  if (driver !== wanted) log.error('driver away, job given to another', { job: number, wanted, driver });
  else log.info('job', { job: number, driver });
  send(driver, { job: number });
  setTimeout(() => res.status(201).json({ job: number }), 200);
});
app.get('/jobs/:n', (req, res) => setTimeout(() => res.json({ job: req.params.n }), 100 + Math.random() * 900));
app.listen(3000, '172.18.0.6', () => log.info('courrier up', { port: 3000, hold_s: HOLD / 1000 }));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

EDGE = """worker_processes 1;
pid /run/nginx-edge.pid;
error_log /var/log/edge/error.log;
events { worker_connections 1024; }
http {
    log_format edge '$remote_addr - [$time_local] "$request" $status $body_bytes_sent rt=$request_time up=$upstream_addr "$http_user_agent"';
    access_log /var/log/edge/access.log edge;
    server {
        listen 80;
        server_name courrier.example.ca;
        location / {
            proxy_pass http://172.18.0.5:8081;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
        }
        # les chauffeurs attendent longtemps
        location /poll/ {
            proxy_pass http://172.18.0.5:8081;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_read_timeout 300s;
        }
    }
}
"""

GATE = """worker_processes 1;
pid /run/nginx-gate.pid;
error_log /var/log/gate/error.log;
events { worker_connections 1024; }
http {
    log_format gate '$remote_addr [$time_iso8601] "$request" $status rt=$request_time urt=$upstream_response_time';
    access_log /var/log/gate/access.log gate;
    set_real_ip_from 172.16.0.0/12;
    real_ip_header X-Forwarded-For;
    proxy_connect_timeout 5s;
    proxy_read_timeout 60s;
    server {
        listen 172.18.0.5:8081;
        location /admin/ { return 403; }
        location / { proxy_pass http://172.18.0.6:3000; }
    }
}
"""

COMPOSE = """name: courrier
services:
  edge:
    image: nginx:1.22
    network_mode: host
    volumes: ["./edge/nginx.conf:/etc/nginx/nginx.conf:ro"]
    restart: unless-stopped
  gate:
    image: nginx:1.22
    volumes: ["./gate/nginx.conf:/etc/nginx/nginx.conf:ro"]
    networks: { interne: { ipv4_address: 172.18.0.5 } }
    restart: unless-stopped
  app:
    image: courrier/app:${TAG}
    env_file: app.env
    networks: { interne: { ipv4_address: 172.18.0.6 } }
    restart: unless-stopped
networks:
  interne:
    ipam: { config: [{ subnet: 172.18.0.0/16 }] }
"""

CHANGES = """# Changements

- 2026-11-12 5.2 : nouvelle page des courses (Luc)
- 2026-11-17 5.3 : HOLD_SECONDS 45 -> 110, les téléphones posent moins de questions et gardent leur batterie (Aïcha)
"""

PRESENCE = "#!/bin/sh\n# combien de chauffeurs dehors ?\nsleep 3\nlogger -t presence '10 chauffeurs en service'\n"

DRIVER = "okhttp/4.12.0"
INCIDENT = Incident(
    host="courrier-1", start="2026-11-17T13:24:00-05:00", minutes=84, factor=28, zone="America/Toronto", apps=["/srv/courrier/app"], project={"project": "courrier", "config_files": "/srv/courrier/compose.yml", "working_dir": "/srv/courrier"},
    files={"/srv/courrier/app/server.js": SERVER, "/srv/courrier/edge/nginx.conf": EDGE, "/srv/courrier/gate/nginx.conf": GATE, "/srv/courrier/compose.yml": COMPOSE, "/srv/courrier/CHANGEMENTS.md": CHANGES, "/srv/courrier/app.env": "NODE_ENV=production\nHOLD_SECONDS=45\n",
           "/srv/courrier/bin/presence.sh": PRESENCE, "/srv/courrier/bin/facture.sh": "#!/bin/sh\nsleep 15\nlogger -t facture 'rien a envoyer'\n"},
    crontabs={"root": "MAILTO=\"\"\n* * * * * /srv/courrier/bin/presence.sh\n*/20 * * * * /srv/courrier/bin/facture.sh\n"}, prepare="mkdir -p /var/log/edge /var/log/gate",
    services={"app": {"container": "courrier-app-1", "image": "courrier/app:5.2", "command": ["node", "server.js"], "directory": "/srv/courrier/app", "environment_file": "/srv/courrier/app.env", "restart": "unless-stopped", "log": {"kind": "json", "path": "/var/log/app-json.log"}, "wait": 12},
              "gate": {**NGINX_CONTAINER, "container": "courrier-gate-1", "command": ["nginx", "-c", "/srv/courrier/gate/nginx.conf", "-g", "daemon off;"], "environment": {"TZ": "UTC"}},
              "edge": {**NGINX_CONTAINER, "container": "courrier-edge-1", "command": ["nginx", "-c", "/srv/courrier/edge/nginx.conf", "-g", "daemon off;"]}},
    visitors={"base": "http://127.0.0.1", "host": "courrier.example.ca", "delay": 80,
              "visits": [{"perSecond": 0.16, "bots": 0.08, "aborts": 0.05, "abortAfter": 0.5, "paths": [[3, "GET", "/jobs/{n}"], [4, "POST", "/jobs", "{}"]]}],
              "streams": [*({"path": f"/poll/d{n}", "count": 1} for n in (1, 11, 2)), *({"path": f"/poll/d{n}?v=3", "count": 1} for n in (3, 4, 5, 12)), *({"path": f"/poll/d{n}", "count": 1} for n in (6, 7, 8))]},
    during=[(31, "sed -i s/HOLD_SECONDS=45/HOLD_SECONDS=110/ /srv/courrier/app.env; docker compose -f /srv/courrier/compose.yml up -d app")],
    collect="""mkdir -p edge gate app bin; cp /var/log/edge/*.log /srv/courrier/edge/nginx.conf edge/; cp /var/log/gate/*.log /srv/courrier/gate/nginx.conf gate/; cp /srv/courrier/compose.yml /srv/courrier/app.env /srv/courrier/CHANGEMENTS.md .; cp /srv/courrier/app/server.js app/; cp /var/log/app-json.log app/courrier-app-1-json.log
cp /srv/courrier/bin/*.sh bin/; crontab -l > crontab.txt; docker ps > docker-ps.txt; cp /var/log/syslog .; rotate edge/access.log; rotate gate/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, inner, outer = "app/courrier-app-1-json.log", "gate/error.log", "edge/access.log"
    limit, hold, change = (
        case.at("gate/nginx.conf", "proxy_read_timeout 60s"),
        case.at("app.env", "HOLD_SECONDS=110"),
        case.at("CHANGEMENTS.md", "HOLD_SECONDS 45 -> 110"),
    )
    cut, closed, failed = case.at(inner, "upstream timed out (110"), case.at(log, "poll cut"), case.at(outer, '" 504 ')
    seen = case.at("gate/access.log", '" 504 ')
    return {
        "root_cause_kind": "proxy-read-timeout-long-poll",
        "root_cause": "Since release 5.3 (13:55) the application holds a quiet poll for 110 s before it answers 204; the inner nginx (gate) waits 60 s for an answer (proxy_read_timeout 60s), so every poll without a job ends in 504 a minute after it was asked. "
        "The outer nginx waits 300 s and only passes the 504 on. Drivers thus cut count as away and their jobs go to others.",
        "verdict": "root-cause", "culprit": limit, "culprit_alternatives": [hold, change], "culprit_related": [cut, closed, case.at("app/server.js", "const HOLD ="), case.at(log, '\\"hold_s\\":110')],
        "chain": [
            hop("deploy_changes_configuration", hold, change, case.at(log, '\\"hold_s\\":110')),
            hop("configuration_mismatch", limit, hold, case.at("app/server.js", "res.status(204).end(); }, HOLD)")),
            hop("timeout_closes_connection", cut, limit, closed),
            hop("failure_reaches_clients", failed, seen, case.at(log, "driver away, job given to another")),
        ],
        "mechanism": ["13:55 release 5.3: HOLD_SECONDS 45 -> 110", "a quiet poll has no answer for 110 s", "gate: upstream timed out (110) while reading response header, 60 s after each question", "504 through the edge to the driver, who asks again after 3 s",
                      "the application sees the connection closed after 60 s, counts the driver as away and gives his job to another"],
        "innocent": [case.at("crontab.txt", "presence.sh", why="every minute, but the cuts follow each poll, not the wall clock"), case.whole("bin/presence.sh", "only logs"), case.at("crontab.txt", "facture.sh", why="every twenty minutes"), case.at("edge/nginx.conf", "proxy_read_timeout 300s", why="long enough"),
                     case.at("gate/nginx.conf", "proxy_connect_timeout 5s", why="the connection is made"), case.at(log, "SIGTERM", why="the release")],
        "period_s": None, "lag_s": 60, "step_change_at": str(case.times(log, r'hold_s\\":110')[0]),
        "measured": [case.measure(inner, r"upstream timed out \(110"), case.measure("gate/access.log", '" 504 rt=60'), case.measure("gate/access.log.1.gz", '" 504 rt=60'), case.measure("gate/access.log.1.gz", '/poll/.*" 204 rt=4[56]'), case.measure("edge/access.log.1.gz", '" 504 '), case.measure(outer, '" 504 '), case.measure(log, "poll cut"), case.measure(log, "driver away, job given")],
        "timezones": {"gate/, app/": "UTC", "others": "America/Toronto (-05:00)"},
        "how_made": REAL.replace(", cron, bash and curl", " (with express and winston), cron and bash") + "; docker is the lab's supervisor. gate and edge are two nginx on one machine.",
    }  # fmt: skip
