# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A watch wants three containers that say (healthy); the compose file really deployed gives one of them no healthcheck, so the well stack is restarted."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const { createServer } = require('http');
const { Server } = require('socket.io');
const Redis = require('ioredis');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp({ format: 'YYYY-MM-DD HH:mm:ss.SSS' }), printf((i) => `${i.timestamp} [${i.level.toUpperCase()}] ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/srv/fair/logs/api.log' })],
});
const redis = new Redis({ host: '127.0.0.1', port: 6379 });
redis.on('error', (error) => log.warn(`redis: ${error.message}`));
const app = express();
const server = createServer(app);
const io = new Server(server);
app.get('/health', (req, res) => res.json({ status: 'ok' }));
app.get('/api/stalls/:n', (req, res) => setTimeout(() => res.json({ stall: req.params.n, free: true }), 60));
app.post('/api/bookings', express.json(), async (req, res) => {
  try {
    const number = await redis.incr('bookings');
    if (req.body.stall % 50 === 0) { log.error(`booking refused: stall ${req.body.stall} is taken`); return res.status(409).end(); }
    log.info(`booking ${number} stall ${req.body.stall}`);
    return res.status(201).end();
  } catch (error) { log.error(`booking failed: ${error.message}`); return res.status(503).end(); }
});
app.get('/', (req, res) => res.send('<h1>Alpaka-Markt</h1>'));
io.on('connection', (socket) => {
  log.info(`socket ${socket.id} connected`);
  socket.on('disconnect', (reason) => log.info(`socket ${socket.id} disconnected: ${reason}`));
});
server.listen(3000, '127.0.0.1', () => log.info('api listening on 3000'));
process.on('SIGTERM', () => { log.info('Received SIGTERM, shutting down'); io.close(); server.close(); setTimeout(() => process.exit(0), 4000); });
"""

WATCH = """#!/bin/bash
# stack-watch.sh - cron, alle zehn Minuten
# Jeder Container des Stacks hat einen Healthcheck: drei muessen (healthy) melden, sonst neu starten.

cd /srv/fair || exit 1
FILE=docker-compose.yml
WANT=3

say() { echo "$(date '+%F %T') $*"; }

HEALTHY=$(docker compose -f "$FILE" ps | grep -c '(healthy)')

if [ "$HEALTHY" -ge "$WANT" ]; then
    say "ok: $HEALTHY/$WANT healthy"
    exit 0
fi

say "ALARM: only $HEALTHY/$WANT healthy, restarting stack"
docker compose -f "$FILE" restart
say "restart finished"
"""

COMPOSE = """name: fair
services:
  redis:
    image: redis:7
    restart: unless-stopped
    healthcheck:
      test: ["CMD", "redis-cli", "ping"]
      interval: 30s
      timeout: 20s
  api:
    {build}
    restart: unless-stopped
    network_mode: host
    depends_on: [redis]
{health}  nginx:
    image: nginx:1.22
    restart: unless-stopped
    network_mode: host
    volumes: ["./nginx/nginx.conf:/etc/nginx/nginx.conf:ro"]
    healthcheck:
      test: ["CMD", "curl", "-fs", "-o", "/dev/null", "http://127.0.0.1/nginx-alive"]
      interval: 30s
      timeout: 20s
"""
HEALTH = """    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:3000/health"]
      interval: 30s
      timeout: 20s
"""

DEPLOY = """#!/bin/bash
# deploy.sh TAG   (since March the image comes ready from the registry, no build on the server any more)
set -e
cd /srv/fair
export TAG=$1
docker compose -f docker-compose.prebuilt.yml pull -q
docker compose -f docker-compose.prebuilt.yml up -d
echo "$(date '+%F %T') deployed $TAG" >> logs/deploy.log
"""

NGINX = r"""worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events {}
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80 default_server;
        server_name markt.example.de;
        location = /nginx-alive { access_log off; return 204; }
        location / {
            proxy_pass http://127.0.0.1:3000;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $host;
            proxy_read_timeout 600s;
        }
    }
}
"""
CRON = """# m h dom mon dow command
*/10 * * * * /srv/fair/bin/stack-watch.sh >> /srv/fair/logs/stack-watch.log 2>&1
*/10 * * * * /srv/fair/bin/mail-queue.sh >> /srv/fair/logs/mail-queue.log 2>&1
*/30 * * * * /srv/fair/bin/backup-redis.sh >> /srv/fair/logs/backup.log 2>&1
"""
MAIL = """#!/bin/bash
# confirmations that could not be sent at once
sleep 5
echo "$(date '+%F %T') queue: $((RANDOM % 4)) sent, 0 left"
"""
BACKUP = """#!/bin/bash
# redis in the background, then copy
redis-cli -p 6379 bgsave > /dev/null
sleep 15
cp /srv/fair/data/dump.rdb "/srv/fair/backup/dump-$(date +%H%M).rdb" 2> /dev/null
echo "$(date '+%F %T') backup done"
"""

INCIDENT = Incident(
    host="markt1", start="2026-04-16T09:03:10+02:00", minutes=68, factor=24, zone="Europe/Berlin", apps=["/srv/fair/api"],
    project={"project": "fair", "config_files": "/srv/fair/docker-compose.prebuilt.yml", "working_dir": "/srv/fair"},
    files={"/srv/fair/api/server.js": SERVER, "/srv/fair/bin/stack-watch.sh": WATCH, "/srv/fair/bin/deploy.sh": DEPLOY, "/srv/fair/bin/mail-queue.sh": MAIL, "/srv/fair/bin/backup-redis.sh": BACKUP,
           "/srv/fair/docker-compose.yml": COMPOSE.format(build="build: ./api", health=HEALTH), "/srv/fair/docker-compose.prebuilt.yml": COMPOSE.format(build="image: registry.example.de/fair/api:${TAG:-4.1.0}", health=""),
           "/etc/nginx/nginx.conf": NGINX, "/srv/fair/logs/deploy.log": "2026-03-02 15:20:11 deployed 4.0.2\n2026-04-16 08:58:40 deployed 4.1.0\n"},
    crontabs={"root": CRON}, prepare="mkdir -p /srv/fair/data /srv/fair/backup",
    services={"redis": {"container": "fair-redis-1", "image": "redis:7", "command": ["redis-server", "--port", "6379", "--dir", "/srv/fair/data", "--save", ""], "restart": "unless-stopped", "log": {"kind": "plain", "path": "/srv/fair/logs/redis.log"}, "wait": 5,
                        "health": {"command": "redis-cli -p 6379 ping", "interval": 30, "timeout": 90, "retries": 3}},
              "api": {"container": "fair-api-1", "image": "registry.example.de/fair/api:4.1.0", "command": ["node", "server.js"], "directory": "/srv/fair/api", "environment": {"TZ": "Europe/Berlin"}, "restart": "unless-stopped", "wait": 12},
              "nginx": {**NGINX_CONTAINER, "container": "fair-nginx-1", "health": {"command": "curl -fs -o /dev/null http://127.0.0.1/nginx-alive", "interval": 30, "timeout": 90, "retries": 3}}},
    visitors={"base": "http://127.0.0.1", "host": "markt.example.de", "delay": 60,
              "visits": [{"perSecond": 0.45, "bots": 0.05, "aborts": 0.004, "paths": [[5, "GET", "/api/stalls/{n}"], [2, "POST", "/api/bookings", '{"stall":{n}}'], [2, "GET", "/"]]}],
              "monitors": [{"every": 60, "path": "/health", "address": "198.51.100.8", "agent": "UptimeRobot/2.0", "log": "/srv/fair/logs/uptime.txt", "name": "markt"}],
              "browsers": [{"count": 8, "log": "/srv/fair/logs/browser.txt", "tag": "markt"}]},
    collect="""mkdir nginx bin logs; cp /srv/fair/docker-compose*.yml .; cp /srv/fair/bin/*.sh bin/; cp /etc/nginx/nginx.conf nginx/; cp /var/log/nginx/*.log nginx/
cp /srv/fair/logs/*.log logs/; mv /srv/fair/logs/uptime.txt uptime-robot.txt; mv /srv/fair/logs/browser.txt browser-console.txt; cp /var/log/syslog .; crontab -l > crontab.txt; docker ps > docker-ps.txt; docker inspect fair-api-1 > docker-inspect-api.json; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    watch, tab, deployed, inspect = "bin/stack-watch.sh", "crontab.txt", "docker-compose.prebuilt.yml", "docker-inspect-api.json"
    count, want, act, file = (
        case.at(watch, "HEALTHY=$("),
        case.at(watch, "WANT=3"),
        case.at(watch, 'docker compose -f "$FILE" restart'),
        case.at(watch, "FILE=docker-compose.yml"),
    )
    compare, job = case.at(watch, 'if [ "$HEALTHY" -ge "$WANT" ]'), case.at(tab, "stack-watch.sh")
    api, told, gone = (
        case.at(deployed, "image: registry.example.de/fair/api"),
        case.at("logs/stack-watch.log", "ALARM: only"),
        case.at("logs/api.log", "Received SIGTERM"),
    )
    listed, really = case.at("docker-ps.txt", "fair-api-1"), case.at(inspect, "docker-compose.prebuilt.yml")
    refused, dropped = case.at("nginx/error.log", "111: Connection refused"), case.at("browser-console.txt", "disconnected:")
    terms = case.times("logs/api.log", "Received SIGTERM")
    return {
        "root_cause_kind": "health-check-expects-missing-healthcheck",
        "root_cause": "stack-watch.sh (cron, */10) counts containers that `docker compose ps` calls (healthy) and wants three. The stack runs from docker-compose.prebuilt.yml, where api has no healthcheck, so never more than two can say so: "
        "a well stack is restarted every ten minutes.",
        "verdict": "root-cause", "culprit": count, "culprit_alternatives": [want, compare, act, api], "culprit_related": [file, job, listed, really, told],
        "chain": [
            hop("job_runs_script", job, case.at("syslog", "stack-watch.sh"), told),
            hop("probe_gets_answer", count, told, listed, api),
            hop("answer_takes_branch", compare, told, want),
            hop("effect_hits_service", act, case.at("logs/stack-watch.log", "Container fair-api-1"), told),
            hop("process_terminates", gone),
            hop("termination_closes_connections", dropped, gone, case.at("logs/api.log", "disconnected: ")),
            hop("termination_refuses_connections", refused, gone),
        ],
        "mechanism": ["deploy.sh starts the stack from docker-compose.prebuilt.yml; there api has no healthcheck (docker-compose.yml gives it one)", "docker ps: redis and nginx say (healthy), api only Up", "stack-watch.sh: 2/3 healthy, docker compose restart: all three containers",
                      "Received SIGTERM, sockets close, connect() failed (111), 502 until api listens again; nginx itself is down for some seconds"],
        "contributing": [case.at(watch, "FILE=docker-compose.yml", why="names the file the stack was not started from; the project's name is the same, so ps and restart reach it all the same"), case.at("docker-compose.yml", "http://127.0.0.1:3000/health", why="the healthcheck that only the unused file has")],
        "innocent": [case.at(tab, "mail-queue.sh", why="same minutes, sends mail only"), case.at(tab, "backup-redis.sh", why="same minute as every third restart; saves in the background"), case.whole("bin/backup-redis.sh", "bgsave and a copy"), case.whole("bin/mail-queue.sh", "touches nothing"),
                     case.at("nginx/nginx.conf", "proxy_read_timeout 600s", why="long enough")],
        "period_s": 600, "lag_s": case.lag(case.times("syslog", r"CMD \(/srv/fair/bin/stack-watch"), terms, 120), "lags": {"ALARM -> SIGTERM": case.lag(case.times("logs/stack-watch.log", "ALARM"), terms, 60), "SIGTERM -> refused": case.lag(terms, case.times("nginx/error.log", "111: Conn"))},
        "measured": [case.measure("logs/stack-watch.log", "ALARM: only"), case.measure("logs/api.log", "Received SIGTERM"), case.measure("nginx/error.log", "111: Connection refused", join=120), case.measure("browser-console.txt", "disconnected:"), case.measure("uptime-robot.txt", "DOWN", join=120)],
        "timezones": {"api.log, nginx, cron": "Europe/Berlin (without zone in logs/ and error.log)", "uptime-robot.txt, browser-console.txt, redis.log, inspect": "UTC"},
        "how_made": REAL.replace("and curl", "and redis 7.0") + " (with express, socket.io, ioredis, winston); docker is the lab's supervisor. The deploys of deploy.log were before the machine booted.",
    }  # fmt: skip
