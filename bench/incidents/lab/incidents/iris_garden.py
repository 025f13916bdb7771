# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release gathers the internal pages under /interne; cron's watch goes on asking /ping, gets 404 and restarts a healthy application every five minutes."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }), winston.format.printf((i) => `${i.timestamp} ${i.level.toUpperCase()} ${i.message}`)),
  transports: [new winston.transports.Console()],
});
const app = express();
app.use((req, res, next) => {
  const debut = Date.now();
  res.on('finish', () => log.log(res.statusCode >= 500 ? 'error' : 'info', `${req.method} ${req.originalUrl} ${res.statusCode} ${Date.now() - debut}ms "${(req.get('user-agent') || '-').slice(0, 40)}"`));
  next();
});
@ROUTES@
app.get('/', (req, res) => res.send('<h1>Le jardin</h1>'));
app.get('/plantes/:id', (req, res) => {
  if (Number(req.params.id) > 880) return res.status(404).json({ erreur: 'plante inconnue' });
  return setTimeout(() => res.json({ id: req.params.id, arrosage: 'mardi' }), 80 + Math.random() * 700);
});
app.post('/semis', express.json(), (req, res) => setTimeout(() => res.status(201).json({ ok: true }), 150));
log.info('iris @VERSION@ charge l\'herbier');
setTimeout(() => {
  const serveur = app.listen(3200, '127.0.0.1', () => log.info('iris @VERSION@ ecoute sur 3200'));
  process.on('SIGTERM', () => {
    log.warn('SIGTERM recu, arret');
    serveur.close();
    setTimeout(() => { log.info('arret termine'); process.exit(0); }, 3000);
  });
}, 5000);
"""
OLD = "app.get('/ping', (req, res) => res.send('pong'));\napp.get('/metrics', (req, res) => res.type('text').send(`heap ${process.memoryUsage().heapUsed}\\n`));"
NEW = """// pages internes, voir NOUVEAUTES.md
const interne = express.Router();
interne.get('/ping', (req, res) => res.send('pong'));
interne.get('/metrics', (req, res) => res.type('text').send(`heap ${process.memoryUsage().heapUsed}\\n`));
app.use('/interne', interne);"""
NEWS = """# Nouveautés

## 5.0 (12 mai)
- l'arrosage est calculé par parcelle
- les pages internes (ping, metrics) sont rangées sous /interne
- tas limité à 384 Mo (--max-old-space-size), on n'en utilisait jamais plus de 120

## 4.7 (2 avril)
- photos de semis
"""

WATCH = """#!/bin/sh
# surveille.sh : relance l'appli si elle ne repond plus
# cron, toutes les cinq minutes, voir aussi /etc/logrotate.d/iris

URL=http://127.0.0.1:3200/ping
COMPOSE=/srv/iris/compose.yml

dire() { echo "$(date '+%d/%m/%Y %H:%M:%S') $*"; }

if wget -q -t 1 -T 10 -O /dev/null "$URL"; then
    exit 0
fi

dire "l'appli ne repond pas, relance"
docker compose -f "$COMPOSE" restart app
dire "relance faite"
"""
DEPLOY = """#!/bin/bash
# deploie.sh VERSION
set -e
test -d "/srv/iris/releases/$1"
ln -sfn "/srv/iris/releases/$1" /srv/iris/current
docker compose -f /srv/iris/compose.yml up -d app
echo "$(date '+%d/%m/%Y %H:%M:%S') $1 en place ($USER)" >> /srv/iris/logs/deploiements.log
"""
PHOTOS = """#!/bin/sh
# vignettes des photos du jour
sleep 8
echo "$(date '+%d/%m/%Y %H:%M:%S') $(( $(date +%s) % 23 )) vignettes"
"""
DUMP = """#!/bin/sh
# copie des semis
sleep 15
echo "$(date '+%d/%m/%Y %H:%M:%S') copie terminee"
"""
COMPOSE = """name: iris
services:
  app:
    image: node:20-slim
    working_dir: /srv/iris/current
    command: node --max-old-space-size=384 server.js
    network_mode: host
    restart: unless-stopped
    volumes: ["/srv/iris:/srv/iris:ro"]
  web:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
    volumes: ["/etc/nginx/nginx.conf:/etc/nginx/nginx.conf:ro"]
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    log_format jardin '$remote_addr - [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" $request_time';
    access_log /var/log/nginx/access.log jardin;
    server {
        listen 80;
        server_name iris.example.fr;
        location /interne { return 404; }
        location = /ping { return 404; }
        location / {
            proxy_pass http://127.0.0.1:3200;
            proxy_set_header Host $host;
        }
    }
}
"""
CRON = """MAILTO=""
*/5 * * * * /srv/iris/bin/surveille.sh >> /srv/iris/logs/surveille.log 2>&1
*/10 * * * * /srv/iris/bin/vignettes.sh >> /srv/iris/logs/vignettes.log 2>&1
15 * * * * /srv/iris/bin/copie.sh >> /srv/iris/logs/copie.log 2>&1
"""

INCIDENT = Incident(
    host="potager", start="2026-05-12T13:46:00+02:00", minutes=74, factor=26, zone="Europe/Paris", users=["chloe"], apps=["/srv/iris"],
    project={"project": "iris", "config_files": "/srv/iris/compose.yml", "working_dir": "/srv/iris"},
    files={"/srv/iris/releases/4.7/server.js": SERVER.replace("@ROUTES@", OLD).replace("@VERSION@", "4.7"), "/srv/iris/releases/5.0/server.js": SERVER.replace("@ROUTES@", NEW).replace("@VERSION@", "5.0"),
           "/srv/iris/releases/5.0/NOUVEAUTES.md": NEWS, "/srv/iris/bin/surveille.sh": WATCH, "/srv/iris/bin/deploie.sh": DEPLOY, "/srv/iris/bin/vignettes.sh": PHOTOS, "/srv/iris/bin/copie.sh": DUMP,
           "/srv/iris/compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/srv/iris/logs/deploiements.log": "02/04/2026 10:12:40 4.7 en place (chloe)\n",
           "/root/mot.txt": "Depuis l'apres-midi le site a des trous (502), ca revient toujours. Farid pense a la memoire :\nla 5.0 limite le tas a 384 Mo. On revient a 512 ?\n"},
    crontabs={"chloe": CRON}, prepare="ln -s /srv/iris/releases/4.7 /srv/iris/current; chown -R chloe: /srv/iris/logs",
    services={"app": {"container": "iris-app-1", "image": "node:20-slim", "command": ["node", "--max-old-space-size=384", "server.js"], "directory": "/srv/iris/current", "restart": "unless-stopped", "log": {"kind": "json", "path": "/srv/iris/app-json.log"}, "wait": 20},
              "web": {**NGINX_CONTAINER, "container": "iris-web-1"}},
    during=[(26.4, "USER=chloe /srv/iris/bin/deploie.sh 5.0")],
    visitors={"base": "http://127.0.0.1", "host": "iris.example.fr", "delay": 80,
              "visits": [{"perSecond": 0.42, "bots": 0.05, "aborts": 0.02, "abortAfter": 0.5, "paths": [[6, "GET", "/plantes/{n}"], [2, "GET", "/"], [1, "POST", "/semis", '{"n":{n}}']]}],
              "monitors": [{"every": 60, "offset": 20, "path": "/", "address": "198.51.100.23", "agent": "Uptime-Kuma/1.23.13"}]},
    collect="""mkdir -p srv/bin srv/logs srv/5.0 srv/4.7 nginx; cp /srv/iris/bin/* srv/bin/; cp /srv/iris/logs/* srv/logs/; cp /srv/iris/compose.yml srv/; cp /srv/iris/releases/5.0/* srv/5.0/; cp /srv/iris/releases/4.7/* srv/4.7/; cp /srv/iris/app-json.log iris-app-1-json.log
cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; crontab -u chloe -l > crontab-chloe.txt; docker ps > docker-ps.txt; cp /var/log/syslog /root/mot.txt .; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    watch, app, tab, errors, access = (
        "srv/bin/surveille.sh",
        "iris-app-1-json.log",
        "crontab-chloe.txt",
        "nginx/error.log",
        "nginx/access.log",
    )
    url, compare, act = (
        case.at(watch, "URL=http://127.0.0.1:3200/ping"),
        case.at(watch, "if wget -q"),
        case.at(watch, 'docker compose -f "$COMPOSE" restart app'),
    )
    job, moved, news = (
        case.at(tab, "surveille.sh"),
        case.at("srv/5.0/server.js", "app.use('/interne', interne)"),
        case.at("srv/5.0/NOUVEAUTES.md", "rangées sous /interne"),
    )
    told, got, gone = (
        case.at("srv/logs/surveille.log", "ne repond pas"),
        case.at(app, "GET /ping 404"),
        case.at(app, "SIGTERM recu", 2),
    )
    refused, deployed = case.at(errors, "111: Connection refused"), case.at("srv/logs/deploiements.log", "5.0 en place")
    terms = case.times(app, "SIGTERM recu")
    return {
        "root_cause_kind": "health-check-asks-moved-path",
        "root_cause": "Release 5.0 moved /ping to /interne/ping. cron's surveille.sh (*/5) still asks /ping on the application's port; wget takes the 404 for a failure, the script says that the application does not answer and restarts the container, which is well.",
        "verdict": "root-cause", "culprit": url, "culprit_alternatives": [compare, act, moved, news], "culprit_related": [job, got, told, deployed, case.at("srv/4.7/server.js", "app.get('/ping'")],
        "chain": [
            hop("deploy_changes_configuration", moved, news, deployed),
            hop("job_runs_script", job, case.at("syslog", "surveille.sh"), told),
            hop("probe_gets_answer", got, url),
            hop("answer_takes_branch", compare, told),
            hop("effect_hits_service", act, case.at("srv/logs/surveille.log", "Container iris-app-1"), told),
            hop("process_terminates", gone),
            hop("termination_refuses_connections", refused, gone, case.at("srv/5.0/server.js", "}, 5000);")),
            hop("failure_reaches_clients", case.at(access, '" 502 '), case.at("nginx/access.log.1.gz", '" 502 '), refused),
        ],
        "mechanism": ["5.0 is deployed at 14:12; /ping is now /interne/ping", "every five minutes surveille.sh asks /ping: the container's log shows 404 for Wget", "wget ends with a status other than 0; the script restarts app", "SIGTERM, 3 s later the process ends; the new one listens after 5 s", "connect() failed (111), 502"],
        "innocent": [
            case.at("srv/5.0/NOUVEAUTES.md", "tas limité", why="exit is by SIGTERM, no heap message anywhere"), case.at("mot.txt", "384 Mo", why="a guess"), case.at("srv/compose.yml", "--max-old-space-size=384", why="no heap error"),
            case.at(tab, "vignettes.sh", why="same minutes as every other restart; only counts"), case.whole("srv/bin/vignettes.sh", "touches nothing"), case.at(tab, "copie.sh", why="hourly"), case.whole("srv/bin/copie.sh", "touches nothing"),
            case.at("nginx/nginx.conf", "location = /ping", why="for the public; the probe does not pass nginx"), case.at("nginx/access.log.1.gz", '" 499 ', why="people who left"),
        ],
        "period_s": 300, "lag_s": case.lag(case.times("syslog", r"CMD \(/srv/iris/bin/surveille"), terms, 120), "step_change_at": "2026-05-12 14:15:00",
        "lags": {"404 -> SIGTERM": case.lag(case.times(app, "GET /ping 404"), terms, 60)},
        "measured": [case.measure(app, "GET /ping 404"), case.measure(app, "GET /ping 200"), case.measure(app, "SIGTERM recu"), case.measure(errors, "111: Connection refused", join=120), case.measure(access, '" 502 ', join=120), case.measure("nginx/access.log.1.gz", '" 502 ', join=120)],
        "timezones": {"cron, nginx, scripts": "Europe/Paris (+02:00)", "iris-app-1-json.log": "json time UTC; the message's own stamp +02:00"},
        "how_made": REAL.replace("bash and curl", "bash and wget") + " (with express, winston); docker is the lab's supervisor; loading the herbarium is a wait of 5 s.",
    }  # fmt: skip
