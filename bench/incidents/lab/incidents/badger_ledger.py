# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release needs a module that stands under devDependencies, the image is built with --omit=dev: the container ends at each start and Docker waits ever longer."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

OLD = r"""const express = require('express');
const pino = require('pino');

const log = pino({ base: { svc: 'ledger-api', release: '3.8.1' }, timestamp: pino.stdTimeFunctions.isoTime });
const app = express();
app.get('/healthz', (req, res) => res.send('ok'));
app.get('/facturas/:n', (req, res) => {
  if (req.params.n % 60 === 0) { log.warn({ factura: Number(req.params.n) }, 'factura without NIF'); return res.status(404).end(); }
  return setTimeout(() => res.json({ factura: Number(req.params.n), total: 120.5 }), 80);
});
app.post('/facturas', express.json(), (req, res) => { log.info({ cliente: req.body.cliente }, 'factura issued'); res.status(201).end(); });
app.post('/internal/kick', (req, res) => { log.info('queue kicked'); res.status(202).end(); });
const server = app.listen(3200, '127.0.0.1', () => log.info({ port: 3200 }, 'ledger-api listening'));
process.on('SIGTERM', () => { log.info('SIGTERM'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""
NEW = OLD.replace(
    "const express", "const nodemailer = require('nodemailer'); // facturas go out by mail since 3.9.0\nconst express", 1
).replace("3.8.1", "3.9.0")
NEW = NEW.replace(
    "const app = express();", "const mail = nodemailer.createTransport({ host: '127.0.0.1', port: 25 });\nconst app = express();"
)
PACKAGE = """{
  "name": "ledger-api",
  "version": "3.9.0",
  "main": "server.js",
  "dependencies": {
    "express": "^4.21.0",
    "pino": "^9.4.0"
  },
  "devDependencies": {
    "eslint": "^9.12.0",
    "nodemailer": "^6.9.15",
    "vitest": "^2.1.3"
  }
}
"""
DOCKERFILE = """FROM node:20-slim
WORKDIR /app
COPY package*.json ./
RUN npm ci --omit=dev
COPY . .
CMD ["node", "server.js"]
"""
COMPOSE = """name: ledger
services:
  api:
    build: ./app
    image: ledger-api:local
    restart: unless-stopped
    network_mode: host
  proxy:
    image: nginx:1.22
    restart: unless-stopped
    network_mode: host
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
"""
DEPLOY = """#!/bin/bash
# deploy.sh VERSAO: copia a versao, constroi a imagem, levanta o servico
set -e
cd /srv/ledger
stamp() { date '+%Y-%m-%dT%H:%M:%S%z'; }
echo "$(stamp) deploy $1"
cp -r "releases/$1/." app/
docker compose up -d --build api
echo "$(stamp) deploy $1: ok"
"""
KICK = """#!/bin/sh
# a fila de facturas recorrentes, uma vez por minuto
code=$(curl -s -m 20 -o /dev/null -w '%{http_code}' -X POST http://127.0.0.1:3200/internal/kick)
echo "$(date '+%F %T') kick $code"
"""
VAT = """#!/bin/sh
# taxas de IVA
sleep 6
echo "$(date '+%F %T') 4 taxas, 0 novas"
"""
NGINX = r"""worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format curto '$remote_addr [$time_local] "$request" $status $body_bytes_sent $request_time "$http_user_agent"';
    access_log /var/log/nginx/ledger.access.log curto;
    server {
        listen 80 default_server;
        server_name facturas.example.pt;
        location / {
            proxy_pass http://127.0.0.1:3200;
            proxy_set_header Host $host;
        }
    }
}
"""
CRON = """* * * * * /srv/ledger/bin/kick.sh >> /var/log/ledger/kick.log 2>&1
10,30,50 * * * * /srv/ledger/bin/taxas-iva.sh >> /var/log/ledger/iva.log 2>&1
"""
LOG = {"kind": "json", "path": "/var/log/ledger/api-json.log"}

INCIDENT = Incident(
    host="contas", start="2026-06-09T14:02:00+01:00", minutes=34, factor=12, zone="Europe/Lisbon", apps=["/srv/ledger/app"],
    project={"project": "ledger", "config_files": "/srv/ledger/docker-compose.yml", "working_dir": "/srv/ledger"},
    files={"/srv/ledger/app/server.js": OLD, "/srv/ledger/releases/3.8.1/server.js": OLD, "/srv/ledger/releases/3.9.0/server.js": NEW, "/srv/ledger/releases/3.9.0/package.json": PACKAGE, "/srv/ledger/app/Dockerfile": DOCKERFILE,
           "/srv/ledger/releases/3.8.1/package.json": PACKAGE.replace("3.9.0", "3.8.1").replace('    "nodemailer": "^6.9.15",\n', ""), "/srv/ledger/docker-compose.yml": COMPOSE, "/srv/ledger/bin/deploy.sh": DEPLOY, "/srv/ledger/bin/kick.sh": KICK,
           "/srv/ledger/bin/taxas-iva.sh": VAT, "/etc/nginx/nginx.conf": NGINX},
    crontabs={"root": CRON}, prepare="mkdir -p /var/log/ledger",
    services={"api": {"container": "ledger-api-1", "image": "ledger-api:local", "command": ["node", "server.js"], "directory": "/srv/ledger/app", "restart": "unless-stopped", "log": LOG, "wait": 12},
              "proxy": {**NGINX_CONTAINER, "container": "ledger-proxy-1"}},
    during=[(8.15, "/srv/ledger/bin/deploy.sh 3.9.0 >> /var/log/ledger/deploy.log 2>&1"),
            (24, "docker ps -a > /var/log/ledger/docker-ps-1423.txt"),
            (29, "/srv/ledger/bin/deploy.sh 3.8.1 >> /var/log/ledger/deploy.log 2>&1")],
    visitors={"base": "http://127.0.0.1", "host": "facturas.example.pt", "delay": 40,
              "visits": [{"perSecond": 0.7, "bots": 0.05, "aborts": 0.004, "paths": [[5, "GET", "/facturas/{n}"], [2, "POST", "/facturas", '{"cliente":{n}}']]}]},
    collect="""mkdir nginx bin logs app; cp /srv/ledger/docker-compose.yml .; cp /srv/ledger/bin/*.sh bin/; cp /etc/nginx/nginx.conf nginx/; cp /var/log/nginx/*.log nginx/; cp /srv/ledger/app/Dockerfile app/
cp /srv/ledger/releases/3.9.0/package.json app/package-3.9.0.json; cp /srv/ledger/releases/3.9.0/server.js app/server-3.9.0.js; cp /var/log/ledger/*.log logs/; mv /var/log/ledger/docker-ps-1423.txt docker-ps.txt; cp /var/log/syslog .; crontab -l > crontab""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, deploy, package, docker = "logs/api-json.log", "logs/deploy.log", "app/package-3.9.0.json", "app/Dockerfile"
    missing, dev, omit = (
        case.at(log, "Cannot find module 'nodemailer'"),
        case.at(package, '"nodemailer"'),
        case.at(docker, "npm ci --omit=dev"),
    )
    need, began = case.at("app/server-3.9.0.js", "require('nodemailer')"), case.at(deploy, "deploy 3.9.0")
    policy, refused = (
        case.at("docker-compose.yml", "restart: unless-stopped"),
        case.at("nginx/error.log", "111: Connection refused"),
    )
    bad, listed = case.at("nginx/ledger.access.log", '" 502 '), case.at("docker-ps.txt", "ledger-api-1")
    return {
        "root_cause_kind": "deploy-lacks-dependency",
        "root_cause": "Release 3.9.0 (14:10) requires nodemailer, which package.json lists under devDependencies, while the image is built with npm ci --omit=dev: node ends at once with MODULE_NOT_FOUND, Docker starts it again with pauses that double up to a minute, "
        "nginx answers 502 until 3.8.1 is back at 14:31.",
        "verdict": "root-cause", "culprit": dev, "culprit_alternatives": [missing, need, omit, began], "culprit_related": [policy, listed, case.at(deploy, "deploy 3.8.1")],
        "chain": [
            hop("deploy_changes_configuration", began, need, dev),
            hop("configuration_mismatch", dev, omit, missing, need),
            hop("crash_ends_process", missing, case.at(log, "MODULE_NOT_FOUND"), need),
            hop("supervisor_restarts_process", policy, listed, missing),
            hop("termination_refuses_connections", refused),
            hop("failure_reaches_clients", bad, refused),
        ],
        "mechanism": ["14:10 deploy.sh 3.9.0: server.js begins with require('nodemailer')", "nodemailer is a devDependency, the image has none: Error: Cannot find module 'nodemailer', exit 1", "restart: unless-stopped, pauses 0.2 s, 0.4 s, ... 60 s: from then on a start a minute, which looks like the job that runs each minute",
                      "connect() failed (111), 502 for everybody", "14:31 deploy.sh 3.8.1 ends it"],
        "innocent": [case.at("crontab", "kick.sh", why="each minute all day, also when nothing crashed; its 000 are the outage's"), case.at("crontab", "taxas-iva.sh", why="at 14:10, the minute of the release; also at 14:30 without effect; touches nothing"),
                     case.whole("bin/kick.sh", "one POST"), case.whole("bin/taxas-iva.sh", "touches nothing"), case.at(log, "factura without NIF", why="ordinary 404")],
        "period_s": None, "lag_s": case.lag(case.times(deploy, "deploy 3.9.0$"), case.times("nginx/error.log", "111: Connection refused"), 120), "step_change_at": str(case.times(deploy, "deploy 3.9.0$")[0]),
        "measured": [case.measure(log, "Error: Cannot find module 'nodemailer'"), case.measure("nginx/error.log", "111: Connection refused"), case.measure("logs/kick.log", "kick 000"), case.measure(log, "SIGTERM")],
        "timezones": {"api-json.log": "UTC (Z)", "others": "Europe/Lisbon (+01:00), in error.log, kick.log, iva.log without zone"},
        "how_made": REAL + " (with express, pino); docker and its back-off are the lab's supervisor. The module is really missing; no image was built, the lab's node_modules hold no nodemailer.",
    }  # fmt: skip
