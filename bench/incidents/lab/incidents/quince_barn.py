# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A new page cache keeps every answer for a quarter of an hour, a 503 "starting" as well: seconds of a release become fifteen minutes of errors."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp({ format: 'DD.MM.YYYY HH:mm:ss' }), printf((i) => `${i.timestamp} ${i.level.toUpperCase()} ${i.message}`)),
  transports: [new winston.transports.Console()],
});
const version = process.env.npm_package_version || require('./package.json').version;
let events = null;
let busy = 0;

const app = express();
app.get('/tervis', (req, res) => res.send('korras'));
app.use((req, res, next) => {
  if (events) return next();
  busy += 1;
  return res.status(503).json({ olek: 'laen sündmusi' });
});
app.get('/', (req, res) => res.send(`<h1>Kava</h1><p>${events} sündmust</p>`));
app.get('/linn/:linn', (req, res) => setTimeout(() => res.send(`<h1>${req.params.linn}</h1>`), 60 + Math.random() * 240));
app.get('/api/nadal', (req, res) => setTimeout(() => res.json({ sundmusi: 312 }), 150));
app.get('/sundmus/:n', (req, res) => (req.params.n % 17 ? res.send(`<h1>Sündmus ${req.params.n}</h1>`) : res.status(404).send('pole sellist')));
app.listen(3300, '127.0.0.1', () => log.info(`kava ${version} kuulab pordil 3300`));
// the events come from the culture ministry's interface, page by page
setTimeout(() => { events = 4810; log.info(`sündmused laetud (${events}), vahepeal ${busy} päringut 503`); }, 40000);
process.on('SIGTERM', () => { log.info('SIGTERM, lõpetan'); setTimeout(() => process.exit(0), 700); });
"""

DEPLOY = """#!/bin/bash
# paigalda.sh VERSIOON - uus kava tootmisse
set -euo pipefail
cd /opt/kava
echo "[$(date '+%d.%m.%Y %H:%M:%S')] paigaldan $1"
sed -i "s/\\"version\\": \\".*\\"/\\"version\\": \\"$1\\"/" app/package.json
rm -rf /var/cache/nginx/kava/*   # vanad lehed minema
docker compose -f compose.yml restart kava 2>&1
sleep 8
echo "[$(date '+%d.%m.%Y %H:%M:%S')] tervis: $(curl -s -m 10 http://127.0.0.1:3300/tervis)"
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 512; }
http {
    log_format kava '$remote_addr [$time_local] "$request" $status $body_bytes_sent $upstream_cache_status "$http_user_agent"';
    access_log /var/log/nginx/kava.log kava;
    include /etc/nginx/conf.d/*.conf;
}
"""
SITE = """server {
    listen 80;
    server_name kava.example.ee;

    location / {
        proxy_pass http://127.0.0.1:3300;
        proxy_set_header Host $host;
        include /etc/nginx/snippets/puhver.con[f];
    }
}
"""
CACHE_ZONE = """proxy_cache_path /var/cache/nginx/kava levels=1 keys_zone=kava:2m max_size=60m inactive=30m;
"""
CACHE = """# lehed puhvrisse, server on nadalavahetusel aeglane
proxy_cache kava;
proxy_cache_key $request_uri;
proxy_cache_valid any 15m;
"""
COMPOSE = """name: kava
services:
  kava:
    image: registry.example.ee/kava:latest
    network_mode: host
    restart: unless-stopped
    volumes: ["./app:/app"]
    environment: { TZ: Europe/Tallinn }
  veeb:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
    volumes: ["./nginx:/etc/nginx", "/var/cache/nginx/kava:/var/cache/nginx/kava"]
"""
CHANGES = """## MUUDATUSED (uuemad all)
- 28.03 kava 7.1 (otsing linna järgi), paigaldus 17.10, paar 503, pool minutit
"""
CRON = """# m h dom mon dow user käsk
*/15 * * * * root /opt/kava/bin/ilm.sh >> /var/log/kava/ilm.log 2>&1
10,40 * * * * root /opt/kava/bin/piletid.sh >> /var/log/kava/piletid.log 2>&1
"""
WEATHER = """#!/bin/bash
# ilmateade kava kõrvale
sleep 4
echo "$(date '+%d.%m.%Y %H:%M:%S') ilm uuendatud"
"""
TICKETS = """#!/bin/bash
# piletimüügi seis müüjalt; mõni saal ei vasta alati
sleep 11
n=$((RANDOM % 3))
[ $n = 0 ] || echo "$(date '+%d.%m.%Y %H:%M:%S') VIGA: $n saali ei vastanud, jääb vana seis"
echo "$(date '+%d.%m.%Y %H:%M:%S') piletid: $((RANDOM % 40 + 200)) rida"
"""

INCIDENT = Incident(
    host="veeb2", start="2026-04-11T09:31:00+03:00", minutes=92, factor=30, zone="Europe/Tallinn", apps=["/opt/kava/app"],
    files={"/opt/kava/app/server.js": SERVER, "/opt/kava/app/package.json": '{\n  "name": "kava",\n  "version": "7.1.0"\n}\n', "/opt/kava/bin/paigalda.sh": DEPLOY, "/opt/kava/bin/ilm.sh": WEATHER, "/opt/kava/bin/piletid.sh": TICKETS, "/opt/kava/compose.yml": COMPOSE, "/opt/kava/MUUDATUSED.md": CHANGES,
           "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/conf.d/kava.conf": SITE, "/root/zone.conf": CACHE_ZONE, "/root/puhver.conf": CACHE, "/etc/cron.d/kava": CRON},
    prepare="mkdir -p /var/log/kava /etc/nginx/snippets; install -d -o www-data /var/cache/nginx/kava",
    services={"kava": {"container": "kava-kava-1", "image": "registry.example.ee/kava:latest", "command": ["node", "server.js"], "directory": "/opt/kava/app", "environment": {"TZ": "Europe/Tallinn"}, "restart": "unless-stopped", "log": {"kind": "plain", "path": "/var/log/kava/rakendus.log"}, "wait": 60},
              "veeb": {**NGINX_CONTAINER, "container": "kava-veeb-1"}},
    project={"project": "kava", "config_files": "/opt/kava/compose.yml", "working_dir": "/opt/kava"},
    visitors={"base": "http://127.0.0.1", "host": "kava.example.ee", "delay": 110,
              "visits": [{"perSecond": 0.5, "bots": 0.05, "paths": [[4, "GET", "/"], [3, "GET", "/api/nadal"], [3, "GET", "/linn/tartu"], [3, "GET", "/linn/tallinn"], [2, "GET", "/linn/narva"], [2, "GET", "/linn/parnu"], [2, "GET", "/linn/viljandi"], [2, "GET", "/sundmus/{n}"]]}]},
    during=[(10.2, "/opt/kava/bin/paigalda.sh 7.1.1 >> /var/log/kava/paigaldus.log 2>&1; echo '- 11.04 09.41 kava 7.1.1 (trükivead)' >> /opt/kava/MUUDATUSED.md"),
            (22, "cp /root/zone.conf /etc/nginx/conf.d/00-puhver.conf; cp /root/puhver.conf /etc/nginx/snippets/puhver.conf; docker kill -s HUP kava-veeb-1 > /dev/null; echo '- 11.04 09.53 nginx: lehtede puhver (Madis), snippets/puhver.conf, laetud HUPiga' >> /opt/kava/MUUDATUSED.md"),
            (39.3, "/opt/kava/bin/paigalda.sh 7.2.0 >> /var/log/kava/paigaldus.log 2>&1; echo '- 11.04 10.10 kava 7.2.0 (nädalavaade)' >> /opt/kava/MUUDATUSED.md"),
            (69.1, "/opt/kava/bin/paigalda.sh 7.2.1 >> /var/log/kava/paigaldus.log 2>&1; echo '- 11.04 10.40 kava 7.2.1: kas 7.2.0 oli katki? 503 kogu aeg, aga konteiner töötab' >> /opt/kava/MUUDATUSED.md")],
    collect="""mkdir -p nginx/conf.d nginx/snippets logid skriptid; cp /var/log/nginx/*.log logid/; cp /var/log/kava/* logid/; cp /etc/nginx/nginx.conf nginx/; cp /etc/nginx/conf.d/*.conf nginx/conf.d/; cp /etc/nginx/snippets/puhver.conf nginx/snippets/; cp /opt/kava/bin/*.sh skriptid/; cp /etc/cron.d/kava skriptid/cron.d-kava; cp /opt/kava/compose.yml /opt/kava/MUUDATUSED.md /opt/kava/app/server.js .; docker ps -a > docker-ps.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    access, deploys, errors = "logid/kava.log", "logid/paigaldus.log", "logid/error.log"
    keeps = case.at("nginx/snippets/puhver.conf", "proxy_cache_valid any 15m;")
    hit, missed = case.at(access, '" 503 25 HIT '), case.at(access, '" 503 25 MISS ')
    noted, reloaded = case.at("MUUDATUSED.md", "lehtede puhver"), case.at(errors, "signal 1 (SIGHUP) received")
    starting, wiped, restart = (
        case.at("server.js", "res.status(503)"),
        case.at("skriptid/paigalda.sh", "rm -rf /var/cache/nginx/kava/*"),
        case.at("skriptid/paigalda.sh", "docker compose -f compose.yml restart kava"),
    )
    ran = case.at(deploys, "paigaldan 7.2.0")
    held = case.measure(access, '" 503 [0-9]+ HIT ')
    assert held["lines"] > 100, held
    return {
        "root_cause_kind": "cache-keeps-error-answers",
        "root_cause": "The page cache of 09:53 says proxy_cache_valid any 15m: also answers of 503 are kept. A release empties the cache and restarts the application, which says 503 for the forty seconds in which it loads its events; nginx stores those 503 and serves them for a quarter of an hour (HIT), long after the application is well. "
        "The release of 09:41, before the cache, cost forty seconds.",
        "verdict": "root-cause", "culprit": keeps, "culprit_alternatives": [hit, noted], "culprit_related": [starting, wiped, restart, ran, reloaded],
        "chain": [
            hop("deploy_changes_configuration", noted, reloaded, keeps),
            hop("effect_hits_service", restart, ran, wiped),
            hop("configuration_mismatch", keeps, starting, hit),
            hop("failure_reaches_clients", hit, missed, case.at(access, '" 503 ')),
        ],
        "mechanism": ["09:53 proxy_cache with proxy_cache_valid any 15m, nginx reloaded", "10:10 and 10:40 paigalda.sh empties the cache and restarts kava", "for forty seconds kava answers 503 (laen sündmusi): MISS, stored", "then kava is well (sündmused laetud), but nginx answers 503 from its cache, HIT, until 10:25 and 10:55"],
        "contributing": [wiped | {"why": "with the old pages still in the cache fewer would have been asked in those forty seconds"}],
        "innocent": [case.at("skriptid/cron.d-kava", "piletid.sh", why="at :10 and :40, the minutes of both spells; asks the ticket seller and writes a line"), case.whole("skriptid/piletid.sh", "touches neither nginx nor kava"), case.at("skriptid/cron.d-kava", "ilm.sh", why="every quarter of an hour; logs"),
                     case.at("logid/piletid.log", "VIGA", why="a hall that does not answer the ticket job: all day, no visitor sees it"), case.at("MUUDATUSED.md", "kava 7.2.0", why="the release itself is well: 7.2.1 and, before the cache, 7.1.1 started alike"), case.at(deploys, "paigaldan 7.1.1", why="before the cache: forty seconds of 503")],
        "period_s": None, "lag_s": case.lag(case.times(deploys, r"paigaldan 7\.2"), case.times(access, '" 503 [0-9]+ HIT '), 120), "lags": {}, "step_change_at": str(case.times(errors, "SIGHUP")[0]),
        "measured": [held, case.measure(access, '" 503 [0-9]+ MISS '), case.measure(access, '" 503 [0-9]+ - '), case.measure(deploys, "paigaldan")],
        "timezones": {"all": "Europe/Tallinn (+03:00)"},
        "how_made": REAL + " with express and winston; docker is the lab's supervisor. Loading the events is a timer of forty seconds.",
    }  # fmt: skip
