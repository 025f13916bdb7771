# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: a watchdog that could restart everything never does, a payment service answers on the second try, a rehearsal of the standby, a one-shot container, scanners."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""'use strict';
const express = require('express');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({ format: combine(timestamp(), printf((i) => `${i.timestamp} ${i.level.toUpperCase()} ${process.env.ROLE} ${i.message}`)), transports: [new winston.transports.Console()] });
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const app = express();
async function pay(n) {
  for (let attempt = 1; ; attempt += 1) {
    await sleep(80);
    if (Math.random() > 0.25 || attempt === 4) { if (attempt > 1) log.info(`payment ${n}: accepted at attempt ${attempt}`); return; }
    log.error(`payment ${n}: Error: socket hang up (ECONNRESET) pay.example.net, attempt ${attempt} of 4, again in 1 s`);
    await sleep(1000);
  }
}
app.get('/healthz', (req, res) => res.json({ ok: true, role: process.env.ROLE }));
app.get('/', (req, res) => res.send('<h1>Copse Hut</h1>'));
app.get('/huts/:n', (req, res) => {
  const n = Number(req.params.n);
  if (n > 870) return res.status(404).json({ error: 'no such hut' });
  const slow = Math.random() < 0.015;
  return setTimeout(() => { if (slow) log.warn(`slow query: photos of hut ${n} took 4 s`); res.json({ hut: n, beds: n % 9 }); }, slow ? 4000 : 60);
});
app.post('/nights', express.json({ limit: '20kb' }), async (req, res) => {
  if (req.body.n % 37 === 0) { log.warn(`night ${req.body.n}: overbooked, refused`); return res.status(409).end(); }
  await pay(req.body.n);
  return res.status(201).end();
});
const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => log.info(`copse 9.4.1 listening on ${process.env.PORT}`));
process.on('SIGTERM', () => { log.info('SIGTERM received, shutting down'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""
MIGRATE = r"""console.log('migrate: 38 of 38 applied, nothing to do'); process.exit(0);
"""
COMPOSE = """name: copse
services:
  site:
    image: registry.example.se/copse:9.4.1
    environment: { ROLE: site, PORT: "3510" }
    restart: unless-stopped
    network_mode: host
    healthcheck: { test: ["CMD", "curl", "-fsS", "http://127.0.0.1:3510/healthz"], interval: 30s, timeout: 10s, retries: 3 }
  standby:          # gets no visitors unless site is down (backup in nginx)
    image: registry.example.se/copse:9.4.1
    environment: { ROLE: standby, PORT: "3511" }
    restart: unless-stopped
    network_mode: host
  migrate:          # once at each up
    image: registry.example.se/copse:9.4.1
    command: node migrate.js
    restart: "no"
  nginx:
    image: nginx:1.22
    restart: unless-stopped
    network_mode: host
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events {}
http {
    log_format main '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time $upstream_addr';
    access_log /var/log/nginx/access.log main;
    client_max_body_size 16k;
    upstream copse {
        server 127.0.0.1:3510;
        server 127.0.0.1:3511 backup;
    }
    server {
        listen 80 default_server;
        server_name copse.example.se;
        location ~ /\\. { deny all; }
        location / { proxy_pass http://copse; proxy_read_timeout 30s; proxy_set_header Host $host; }
    }
}
"""
GUARD = r"""#!/bin/bash
# copse-guard: three bad answers in a row, then the whole stack is restarted
cd /srv/copse
COUNT=/run/copse-guard.count
code=$(curl -s -m 25 -o /dev/null -w '%{http_code}' http://127.0.0.1/healthz)
if [ "$code" = 200 ]; then
    echo 0 > $COUNT
    echo "$(date '+%F %T') ok"
    exit 0
fi
n=$(( $(cat $COUNT 2>/dev/null || echo 0) + 1 ))
echo $n > $COUNT
echo "$(date '+%F %T') HTTP $code ($n of 3)"
if [ $n -ge 3 ]; then
    echo "$(date '+%F %T') restarting the stack"
    docker compose restart
    echo 0 > $COUNT
fi
"""
REHEARSE = r"""#!/bin/bash
# rehearse-standby: is the standby fit to start? It has no visitors.
echo "$(date '+%F %T') rehearsal: restart of the standby"
docker restart copse-standby-1 > /dev/null
sleep 25
echo "$(date '+%F %T') rehearsal: standby answers $(curl -s -m 20 -o /dev/null -w '%{http_code}' http://127.0.0.1:3511/healthz)"
"""
BACKUP = r"""#!/bin/bash
# the office share is switched off outside office hours; then the copy stays here until the next time
sleep 12
echo "$(date '+%F %T') copy of photos made; ERROR: office share not reachable, kept in /var/backups (as every early morning)"
"""
CRON = """*/5 * * * *     /srv/copse/bin/copse-guard >> /var/log/copse/guard.log 2>&1
20,50 * * * *   /srv/copse/bin/rehearse-standby >> /var/log/copse/rehearsal.log 2>&1
15,45 * * * *   /srv/copse/bin/photos-copy >> /var/log/copse/copy.log 2>&1
"""
SCAN = """for p in {old,new,backup,test,dev,wp,api,cgi-bin}/{index.php,.env,config.json,db.sql,login,setup.cgi}; do curl -s -o /dev/null -A 'Mozilla/5.0 (compatible; Nmap Scripting Engine)' -H 'Host: copse.example.se' --interface 192.0.2.144 http://127.0.0.1/$p & done; wait
head -c 30000 /dev/zero | curl -s -o /dev/null -A 'Mozilla/5.0 (compatible; Nmap Scripting Engine)' -H 'Host: copse.example.se' --interface 192.0.2.144 --data-binary @- http://127.0.0.1/nights"""


def app(role: str, port: str, **more: object) -> dict[str, Any]:
    return {"container": f"copse-{role}-1", "image": "registry.example.se/copse:9.4.1", "command": ["node", "server.js"], "directory": "/srv/copse/app", "environment": {"ROLE": role, "PORT": port}, "restart": "unless-stopped", "log": {"kind": "compose", "path": "/var/log/copse/compose.log"}, "wait": 7, **more}  # fmt: skip


INCIDENT = Incident(
    host="copse", start="2026-10-20T06:08:00+02:00", minutes=94, factor=32, zone="Europe/Stockholm", apps=["/srv/copse/app"],
    project={"project": "copse", "config_files": "/srv/copse/compose.yml", "working_dir": "/srv/copse"},
    files={"/srv/copse/app/server.js": SERVER, "/srv/copse/app/migrate.js": MIGRATE, "/srv/copse/compose.yml": COMPOSE, "/srv/copse/bin/copse-guard": GUARD, "/srv/copse/bin/rehearse-standby": REHEARSE, "/srv/copse/bin/photos-copy": BACKUP,
           "/etc/nginx/nginx.conf": NGINX},
    crontabs={"root": CRON}, prepare="mkdir -p /var/log/copse",
    services={"migrate": {"container": "copse-migrate-1", "image": "registry.example.se/copse:9.4.1", "command": ["node", "migrate.js"], "directory": "/srv/copse/app", "restart": "no", "log": {"kind": "compose", "path": "/var/log/copse/compose.log"}, "wait": 6},
              "site": app("site", "3510", health={"command": "curl -fsS http://127.0.0.1:3510/healthz", "interval": 60, "timeout": 25, "retries": 3}), "standby": app("standby", "3511"), "nginx": {**NGINX_CONTAINER, "container": "copse-nginx-1"}},
    during=[(37.3, SCAN), (56.2, "sed -i 's/# once at each up/# once, at each up/' /srv/copse/compose.yml; docker kill -s HUP copse-nginx-1 > /dev/null")],
    visitors={"base": "http://127.0.0.1", "host": "copse.example.se", "delay": 60,
              "visits": [{"perSecond": 0.35, "bots": 0.08, "aborts": 0.03, "abortAfter": 0.1, "paths": [[6, "GET", "/huts/{n}"], [2, "POST", "/nights", '{"n":{n}}'], [2, "GET", "/"]]}],
              "monitors": [{"every": 60, "path": "/", "address": "198.51.100.7", "agent": "Better Uptime Bot", "log": "/var/log/betteruptime.log", "name": "betteruptime"}]},
    collect="""mkdir -p logs bin nginx; cp /var/log/copse/*.log logs/; cp /var/log/betteruptime.log logs/; cp /var/log/syslog logs/; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /srv/copse/compose.yml .; cp /srv/copse/bin/* bin/; crontab -l > crontab-root.txt; docker ps -a > docker-ps-a.txt; docker events > docker-events.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, errors, access, guard, events = (
        "logs/compose.log",
        "nginx/error.log",
        "nginx/access.log",
        "logs/guard.log",
        "docker-events.txt",
    )
    return {
        "root_cause": "No incident: no visitor got a 5xx, the site's container never stopped, the guard always saw 200 and restarted nothing, the outside monitor was always up. The payment service hangs up now and then and accepts at the next attempt; every half hour the standby, which has no visitors, is restarted as a rehearsal; "
        "migrate is meant to end (0); the office share is off in the early morning; scanners get 403, 404 and 413.",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [
            case.at("crontab-root.txt", "copse-guard", why="could restart the stack, always saw 200"), case.at("bin/copse-guard", "docker compose restart", why="never reached"), case.at(guard, " ok", why="always so"),
            case.at("crontab-root.txt", "rehearse-standby", why="restarts a standby without visitors, as planned"), case.at("bin/rehearse-standby", "docker restart copse-standby-1", why="ordered, and harmless"), case.at(log, "SIGTERM received", why="the standby, ordered"), case.at(events, "copse-standby-1", why="the rehearsals"),
            case.at("crontab-root.txt", "photos-copy", why="its share is off until the office opens"), case.at("logs/copy.log", "ERROR: office share", why="as every early morning"), case.at(log, "socket hang up", why="accepted at a later attempt, the visitor got 201"),
            case.at(log, "slow query", why="four seconds, answered"), case.at(log, "overbooked", why="409 as meant"), case.at(errors, "access forbidden by rule", why="scanners"), case.at(errors, "too large body", why="a scanner; 413 is right"), case.at("docker-ps-a.txt", "copse-migrate-1", why="a one-shot, Exited (0)"),
            case.at(access, '" 499 ', why="people who left"), case.at(access, "Nmap Scripting Engine", why="a scanner"),
        ],
        "measured": [case.measure(access, '" 5[0-9][0-9] '), case.measure(guard, " ok$"), case.measure(guard, "HTTP "), case.measure("logs/betteruptime.log", " up 200"), case.measure("logs/betteruptime.log", "DOWN"), case.measure(log, "SIGTERM received"), case.measure(log, "socket hang up"), case.measure(errors, "access forbidden")],
        "timezones": {log: "UTC (Z)", "logs/betteruptime.log, docker-events.txt": "UTC (Z)", "others": "Europe/Stockholm (+02:00)"},
        "how_made": REAL + " (with express, winston); docker is the lab's supervisor. The payment service's hang-ups are the server's own dice.",
    }  # fmt: skip
