# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: scanners, impatient phones, wrong passwords, a slow nightly sum, a reload for a new certificate."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const http = require('http');
const express = require('express');
const winston = require('winston');
const { Server } = require('socket.io');

const log = winston.createLogger({ format: winston.format.combine(winston.format.timestamp(), winston.format.json()), transports: [new winston.transports.Console()] });
const app = express();
app.use(express.json());
const server = http.createServer(app);
const io = new Server(server);
io.on('connection', (socket) => {
  log.info('visitor on the live map', { id: socket.id });
  socket.on('disconnect', (reason) => log.warn('visitor left', { id: socket.id, reason }));
});
app.get('/health', (req, res) => res.json({ ok: true }));
app.get('/stalls/:n', (req, res) => {
  if (req.params.n > 860) { log.warn('no such stall', { stall: req.params.n }); return res.status(404).json({ error: 'no such stall' }); }
  setTimeout(() => res.json({ stall: req.params.n }), 90 + Math.random() * 300);
});
app.post('/login', (req, res) => {
  if (req.body.user % 9 === 0) { log.error('login failed', { user: req.body.user, error: 'InvalidPasswordError: password does not match' }); return res.status(401).json({ error: 'wrong password' }); }
  res.json({ ok: true });
});
app.get('/search', (req, res) => {
  const took = 600 + Math.random() * 3200;
  setTimeout(() => { if (took > 3000) log.warn('slow search', { ms: Math.round(took), q: req.query.q }); res.json([]); }, took);
});
app.post('/admin/sums', (req, res) => {
  log.info('sums of the day begin');
  setTimeout(() => { log.warn('sums of the day were slow', { seconds: 38 }); res.json({ ok: true }); }, 38000);
});
server.listen(8300, '127.0.0.1', () => log.info('plum fair listening', { port: 8300 }));
setInterval(() => log.info('process', { rssMB: Math.round(process.memoryUsage().rss / 1048576), sockets: io.engine.clientsCount }), 180000);
process.on('SIGTERM', () => { log.warn('SIGTERM'); process.exit(0); });
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log info;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    server {
        listen 80;
        server_name plums.example.au;
        root /srv/plums/www;
        location ~ ^/(stalls|login|search)  { proxy_pass http://127.0.0.1:8300; proxy_read_timeout 60s; }
        location /socket.io/ { proxy_pass http://127.0.0.1:8300; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_read_timeout 90s; }
    }
}
"""
COMPOSE = """name: plums
services:
  fair:
    image: plums/fair:26.2
    network_mode: host
    restart: unless-stopped
    healthcheck:
      test: ["CMD-SHELL", "curl -fs -o /dev/null http://127.0.0.1:8300/health"]
      interval: 60s
      timeout: 20s
      retries: 3
  web:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
"""
SUMS = """#!/bin/sh
# what was sold today; takes longer every year
out=$(curl -fsS --max-time 300 -X POST http://127.0.0.1:8300/admin/sums 2>&1)
logger -t sums "$out"
"""
PRUNE = """#!/bin/sh
# remove carts older than a week
rm /srv/plums/carts/*.old 2>&1 | logger -t prune
"""
CERT = """#!/bin/sh
# after a renewal (deploy hook)
logger -t certbot 'Certificate for plums.example.au renewed, reloading nginx'
docker kill -s HUP plums-web-1 > /dev/null
"""
CRON = """MAILTO=""
5 18,19 * * *  /srv/plums/bin/sums.sh
*/20 * * * *   /srv/plums/bin/prune.sh
"""
INCIDENT = Incident(
    host="stanthorpe", start="2026-02-14T17:38:00+11:00", minutes=105, factor=34, zone="Australia/Hobart", apps=["/srv/plums"], project={"project": "plums", "config_files": "/srv/plums/compose.yml", "working_dir": "/srv/plums"},
    files={"/srv/plums/server.js": SERVER, "/srv/plums/compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/srv/plums/www/index.html": "<h1>Plum fair</h1>\n", "/srv/plums/bin/sums.sh": SUMS, "/srv/plums/bin/prune.sh": PRUNE, "/srv/plums/bin/certbot-hook.sh": CERT},
    crontabs={"root": CRON}, prepare="mkdir -p /srv/plums/carts /srv/plums/logs",
    services={"fair": {"container": "plums-fair-1", "image": "plums/fair:26.2", "command": ["node", "server.js"], "directory": "/srv/plums", "restart": "unless-stopped", "wait": 7, "log": {"kind": "json", "path": "/srv/plums/logs/fair-json.log"},
                       "health": {"command": "curl -fs -o /dev/null http://127.0.0.1:8300/health", "interval": 60, "timeout": 20, "retries": 3}},
              "web": {**NGINX_CONTAINER, "container": "plums-web-1"}},
    during=[(61.4, "/srv/plums/bin/certbot-hook.sh")],
    visitors={"base": "http://127.0.0.1", "host": "plums.example.au", "delay": 70, "browsers": [{"count": 5, "emitEvery": 40}, {"count": 2, "asleep": 240}],
              "visits": [{"perSecond": 0.22, "bots": 0.14, "aborts": 0.1, "abortAfter": 0.9, "paths": [[5, "GET", "/stalls/{n}"], [1, "POST", "/login", '{"user":{n}}'], [2, "GET", "/search?q=plum+{n}"], [1, "GET", "/"]]}],
              "monitors": [{"every": 300, "path": "/", "address": "192.0.2.9", "agent": "uptime/4"}]},
    collect="""mkdir -p nginx cron; cp /srv/plums/compose.yml .; cp /srv/plums/logs/fair-json.log .; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; crontab -l > cron/root; cp /srv/plums/bin/*.sh cron/; cp /var/log/syslog .; docker ps > docker-ps.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, access = "fair-json.log", "nginx/access.log"
    return {
        "root_cause": "No incident: no answer of 5xx, no restart (one container start, 'Up 2 hours'). Scanners and mistyped stalls get 404, wrong passwords 401, impatient visitors leave (499), phones drop off the live map when their screen goes dark; the sums of the day take 38 s, as long as they may; "
        "nginx was reloaded once for a new certificate, its old worker went on for the open sockets.",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [
            case.at(log, "login failed", why="wrong password, 401"), case.at(log, "no such stall", why="404 for a stall that never was"), case.at(log, "slow search", why="3-4 s, answered"), case.at(log, "visitor left", why="phones and closed tabs"),
            case.at(log, "sums of the day were slow", why="38 s, ordered by cron, nothing else waits for it"), case.at("cron/root", "sums.sh", why="slow, harmless"), case.at("cron/root", "prune.sh", why="finds nothing to remove and says so"),
            case.at("syslog", "cannot remove", why="no old carts"), case.at("syslog", "Certificate for plums.example.au renewed", why="ordered reload"), case.at("compose.yml", "retries: 3", why="always healthy"), case.whole("cron/certbot-hook.sh", "a reload, no restart"),
        ],
        "measured": [case.measure(access, '" 499 '), case.measure(access, '" 404 '), case.measure(access, '" 401 '), case.measure(access, '" 5[0-9][0-9] '), case.measure(log, "plum fair listening"), case.measure(log, "visitor left"), case.measure("syslog", "cannot remove")],
        "timezones": {log: "UTC", "others": "Australia/Hobart (+11:00)"},
        "how_made": REAL + " (with express, socket.io, winston); docker is the lab's supervisor; the sums are a wait.",
    }  # fmt: skip
