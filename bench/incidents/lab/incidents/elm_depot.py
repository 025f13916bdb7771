# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A whole office comes through one address; from the start of its shift its dashboards together ask more than nginx allows one address: 503, at home it works."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const { combine, timestamp, json } = winston.format;
const log = winston.createLogger({ format: combine(timestamp(), json()), transports: [new winston.transports.File({ filename: '/var/log/depot/depot.log' })] });
const app = express();
app.get('/api/board', (req, res) => setTimeout(() => res.json({ ramps: 12 }), 40));
app.get('/api/ramps/:n', (req, res) => setTimeout(() => res.json({ ramp: req.params.n, truck: null }), 50));
app.post('/api/arrivals', express.json(), (req, res) => {
  if (req.body.truck % 70 === 0) { log.warn('arrival without slot', { truck: req.body.truck }); return res.status(422).end(); }
  log.info('arrival', { truck: req.body.truck });
  return res.status(201).end();
});
app.get('/', (req, res) => res.send('<h1>Depot</h1>'));
app.get('/ping', (req, res) => res.send('pong'));
const server = app.listen(9010, '127.0.0.1', () => log.info('depot on 9010', { version: require('fs').readFileSync('/srv/depot/VERSION', 'utf8').trim() }));
process.on('SIGTERM', () => { log.info('SIGTERM'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 1024; }
http {
    log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time urt=$upstream_response_time';
    access_log /var/log/nginx/depot_access.log timed;
    include /etc/nginx/conf.d/*.conf;
}
"""
LIMITS = """# against the scraper of January: one address, one request a second, some in reserve
limit_req_zone $binary_remote_addr zone=one:10m rate=60r/m;
limit_conn_zone $binary_remote_addr zone=conns:10m;
"""
SITE = """server {
    listen 80 default_server;
    server_name depot.example.at;
    limit_conn conns 60;
    location /api/ {
        limit_req zone=one burst=12 nodelay;
        proxy_pass http://127.0.0.1:9010;
        proxy_read_timeout 20s;
    }
    location / {
        proxy_pass http://127.0.0.1:9010;
    }
}
"""
CRON = """# /etc/cron.d/depot
0,30 * * * * depot /srv/depot/bin/slots.sh >> /var/log/depot/slots.log 2>&1
*/10 * * * * depot /srv/depot/bin/customs.sh >> /var/log/depot/customs.log 2>&1
"""
SLOTS = """#!/bin/bash
# Slots der naechsten Stunde rechnen (etwas Last fuer eine halbe Minute)
sleep 25
echo "$(date '+%F %T') slots: 48 gerechnet"
"""
CUSTOMS = """#!/bin/bash
# Zollstatus ueber die eigene Schnittstelle, hoeflich
for n in 1 2 3; do
    code=$(curl -s -m 30 -o /dev/null -w '%{http_code}' "http://127.0.0.1:9010/api/ramps/$n")
    echo "$(date '+%F %T') ramp $n $code"
    sleep 4
done
"""
TICKET = """Ticket 4417
Von: Lager Wels (Halle 2)
Betreff: Anzeigetafeln leer

Seit Schichtbeginn um 6 sind bei uns die Rampentafeln und die Bildschirme im Buero immer wieder leer,
"503 Service Temporarily Unavailable". Wir haben seit Montag vierzehn Tafeln statt vier.
Die Disponentin arbeitet heute von zu Hause, bei ihr geht alles. Fahrer am Handy sagen auch, es geht.
Gestern Abend war ein Update?

> Antwort Betrieb: Der Server hat nichts, CPU 5 %, Dienst laeuft seit dem Update durch. Schauen wir an.
"""


def board(number: int) -> dict[str, Any]:
    return {
        "every": 9 if number % 2 else 11,
        "jitter": 2,
        "offset": 1560 + number * 23,
        "path": "/api/board" if number % 3 else f"/api/ramps/{number}",
        "address": "203.0.113.44",
        "agent": "Mozilla/5.0 (X11; CrOS armv7l 15474.70.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    }


INCIDENT = Incident(
    host="depot", start="2026-02-25T05:32:00+01:00", minutes=68, factor=26, kind="systemd", zone="Europe/Vienna", apps=["/srv/depot"], users=["depot"],
    files={"/srv/depot/server.js": SERVER, "/srv/depot/VERSION": "7.12.0\n", "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/conf.d/00-limits.conf": LIMITS, "/etc/nginx/conf.d/depot.conf": SITE, "/etc/cron.d/depot": CRON, "/srv/depot/bin/slots.sh": SLOTS, "/srv/depot/bin/customs.sh": CUSTOMS, "/srv/depot/ticket-4417.txt": TICKET},
    owners={"/srv/depot": "depot", "/var/log/depot": "depot"}, prepare="mkdir -p /var/log/depot",
    services={"depot": {"description": "Depot", "command": ["node", "server.js"], "directory": "/srv/depot", "user": "depot", "restart": "always", "wait": 14}, "nginx": NGINX_UNIT},
    during=[(13, 'echo 7.12.1 > /srv/depot/VERSION; systemctl restart depot; echo "$(date +%FT%T%z) depot 7.12.1 (Druckvorlage)" >> /var/log/depot/deploy.log')],
    visitors={"base": "http://127.0.0.1", "host": "depot.example.at", "delay": 60,
              "visits": [{"perSecond": 0.5, "bots": 0.05, "aborts": 0.005, "paths": [[3, "GET", "/api/ramps/{n}"], [2, "POST", "/api/arrivals", '{"truck":{n}}'], [2, "GET", "/"], [1, "GET", "/api/board"]]}],
              "monitors": [{"every": 60, "path": "/ping", "address": "192.0.2.5", "agent": "Zabbix", "log": "/var/log/zabbix.log", "name": "depot"}, *(board(n) for n in range(14)),
                           {"every": 10, "jitter": 3, "path": "/api/board", "address": "203.0.113.44", "agent": "Mozilla/5.0 (X11; CrOS armv7l 15474.70.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"}]},
    collect="""mkdir -p etc/nginx/conf.d etc/cron.d bin log; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/nginx/conf.d/* etc/nginx/conf.d/; cp /etc/cron.d/depot etc/cron.d/; cp /srv/depot/bin/* bin/; cp /srv/depot/ticket-4417.txt .
cp /var/log/nginx/*.log /var/log/depot/*.log /var/log/syslog log/; mv log/error.log log/depot_error.log; mv /var/log/zabbix.log log/; systemctl status depot nginx > status.txt; rotate log/depot_access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    limits, site, error, access = (
        "etc/nginx/conf.d/00-limits.conf",
        "etc/nginx/conf.d/depot.conf",
        "log/depot_error.log",
        "log/depot_access.log",
    )
    zone, use = case.at(limits, "limit_req_zone $binary_remote_addr"), case.at(site, "limit_req zone=one burst=12 nodelay;")
    said, refused = case.at(error, "limiting requests, excess: 12"), case.at(access, '" 503 ')
    office = r"limiting requests.*client: 203\.0\.113\.44"
    first = case.times(error, office)
    return {
        "root_cause_kind": "limit-per-address-behind-nat",
        "root_cause": "The office in Wels reaches the site through one address, 203.0.113.44; from 06:00 its boards together ask about 1.5 requests a second of /api/, nginx allows one address 60 a minute (limit_req zone one, burst 12) and answers the rest 503. The application never sees them.",
        "verdict": "root-cause", "culprit": zone, "culprit_alternatives": [use], "culprit_related": [said, refused, case.at("ticket-4417.txt", "vierzehn Tafeln")],
        "chain": [
            hop("limit_rejects_requests", said, use, zone),
            hop("failure_reaches_clients", refused, said, case.at("ticket-4417.txt", "503 Service Temporarily Unavailable")),
        ],
        "mechanism": ["January: limit_req 60r/m per $binary_remote_addr", "the office is one address (NAT) and has fourteen boards since Monday, shift from 06:00", 'limiting requests, excess: 12.x by zone "one", client: 203.0.113.44', "503 for the office alone; urt=- : the upstream was not asked"],
        "innocent": [case.at("etc/cron.d/depot", "slots.sh", why="at 06:00 as the 503s begin, and at 06:30 while they go on; touches nothing"), case.at("etc/cron.d/depot", "customs.sh", why="three requests, past nginx"), case.at("log/deploy.log", "7.12.1", why="05:45, well for a quarter of an hour after it"),
                     case.whole("log/depot.log", "the application is well"), case.at(site, "limit_conn conns 60;", why="never reached"), case.whole("bin/slots.sh", "touches nothing"), case.whole("bin/customs.sh", "well behaved")],
        "period_s": None, "lag_s": None, "lags": {}, "step_change_at": str(first[0]),
        "measured": [case.measure(error, office), case.measure(error, "limiting requests"), case.measure(access, r'^203\.0\.113\.44 .*" 503 '), case.measure(access, r'" 503 ')],
        "timezones": {"nginx, cron, deploy.log": "Europe/Vienna (+01:00), error.log without zone", "depot.log, zabbix.log": "UTC (Z)"},
        "how_made": REAL + " (with express, winston); systemctl is the lab's supervisor; the boards are the lab's clients, all from one address; the ticket is the story as the office would tell it.",
    }  # fmt: skip
