# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: a restart each night that nobody feels, a reload for a new certificate, a watch that always passes, scanners and people who leave."""

import json
from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const express = require('express');
const pino = require('pino');
const log = pino({ base: undefined, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, pino.destination({ dest: '/var/log/lodge/lodge.log', sync: true }));
const app = express();
app.use((req, res, next) => {
  const begun = Date.now();
  res.on('finish', () => {
    const ms = Date.now() - begun;
    log[ms > 2500 ? 'warn' : 'info']({ path: req.originalUrl, status: res.statusCode, ms }, ms > 2500 ? 'slow request' : 'request');
  });
  res.on('close', () => { if (!res.writableFinished) log.info({ path: req.originalUrl }, 'client went away'); });
  next();
});
app.get('/alive', (req, res) => res.send('yes'));
app.get('/', (req, res) => res.send('<h1>Pine Lodge</h1>'));
app.get('/rooms/:n', (req, res) => (Number(req.params.n) > 870 ? res.sendStatus(404) : setTimeout(() => res.json({ room: req.params.n, free: true }), 120 + Math.random() * 900)));
app.get('/year/:n', (req, res) => setTimeout(() => res.json({ nights: 211 }), 2200 + Math.random() * 2500)); // the sum over all nights
app.post('/login', express.json(), (req, res) => {
  if (req.body.n % 4) return res.json({ ok: true });
  log.error({ user: req.body.n }, 'login refused: wrong password');
  return res.status(401).json({ ok: false });
});
const server = app.listen(6500, '127.0.0.1', () => log.info({ port: 6500 }, 'lodge open'));
process.on('SIGTERM', () => {
  log.warn('SIGTERM, no new guests');
  server.close(() => { log.info('all requests answered, bye'); process.exit(0); });
  server.closeIdleConnections();
});
"""
WATCH = """#!/bin/bash
# lodge-watch: restarts the lodge if /alive does not answer twice in a row
for try in 1 2; do
    code=$(curl -s -o /dev/null -m 20 -w '%{http_code}' http://127.0.0.1:6500/alive)
    if [ "$code" = 200 ]; then
        echo "$(date '+%F %T') alive ($code)"
        exit 0
    fi
    sleep 20
done
echo "$(date '+%F %T') no answer ($code), restarting"
systemctl restart lodge
"""
NIGHT = """#!/bin/bash
# night.sh, 04:10: the template library never gives memory back, a fresh process each night is enough (agreed with the hotel)
logger -t night "restart for the night, was $(ps -C node -o rss= | sort -n | tail -1) kB"
systemctl restart lodge
logger -t night "lodge is up again"
"""
CERT = """#!/bin/sh
# renewed certificate: nginx has to read it
nginx -t -q && nginx -s reload && logger -t cert 'nginx reloaded'
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name lodge.example.fi;
        root /srv/lodge/public;
        location = /favicon.ico { }
        location /img/ { }
        location / {
            proxy_pass http://127.0.0.1:6500;
            proxy_set_header Host $host;
        }
    }
}
"""
CRON = """SHELL=/bin/bash
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
10 4 * * *  root   /srv/lodge/bin/night.sh
*/5 * * * * root   /srv/lodge/bin/lodge-watch >> /var/log/lodge/watch.log 2>&1
30 8 * * *  root   /srv/lodge/bin/cert-reload
40 3 * * *  root   /srv/lodge/bin/dump > /dev/null
"""
GUESTS = {
    "base": "http://127.0.0.1", "host": "lodge.example.fi", "delay": 1,
    "visits": [{"perSecond": 0.5, "bots": 0.09, "aborts": 0.05, "abortAfter": 0.6, "paths": [[6, "GET", "/rooms/{n}"], [2, "GET", "/"], [1, "GET", "/year/{n}"], [1, "POST", "/login", '{"n":{n}}'], [1, "GET", "/img/{n}.jpg"]]}],
}  # fmt: skip
MORNING = (
    "cd /; (setsid bash -c 'node /usr/lib/lab/visitors.mjs /run/guests.json & p=$!; sleep {}; kill $p' > /run/guests.out 2>&1 &)"
)

INCIDENT = Incident(
    host="mokki", start="2026-03-10T04:07:00+02:00", minutes=76, factor=26, kind="systemd", zone="Europe/Helsinki", users=["lodge"], apps=["/srv/lodge"],
    files={"/srv/lodge/server.js": SERVER, "/srv/lodge/bin/lodge-watch": WATCH, "/srv/lodge/bin/night.sh": NIGHT, "/srv/lodge/bin/cert-reload": CERT, "/srv/lodge/bin/dump": "#!/bin/sh\n# guests and nights\nsleep 40\nlogger -t dump ok\n", "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/lodge": CRON, "/srv/lodge/public/index.txt": "\n",
           "/etc/systemd/system/lodge.service": "[Unit]\nDescription=Pine Lodge bookings\n\n[Service]\nUser=lodge\nWorkingDirectory=/srv/lodge\nExecStart=/usr/bin/node server.js\nRestart=always\nRestartSec=3\n",
           "/root/ticket.txt": "#2217  Could somebody look through the logs of 10 and 11 March? New colleague saw 'SIGTERM' and 'login refused'\nand a page of 404 and asks whether we were hacked. No guest complained.\n"},
    prepare="mkdir -p /var/log/lodge; chown lodge: /var/log/lodge; cat > /run/guests.json <<'JSON'\n" + json.dumps(GUESTS) + "\nJSON",
    services={"lodge": {"description": "Pine Lodge bookings", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/lodge", "user": "lodge", "restart": "always", "restart_seconds": 3, "wait": 10}, "nginx": NGINX_UNIT},
    during=[(8.2, "leap 14400"), (9.2, MORNING.format(1700)), (40.2, "leap 69600"), (47.2, "leap 14400"), (48.2, MORNING.format(1500))],
    visitors={"base": "http://127.0.0.1", "host": "lodge.example.fi", "delay": 30, "monitors": [{"every": 300, "offset": 60, "path": "/", "address": "192.0.2.99", "agent": "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)"}]},
    collect="""mkdir -p nginx bin; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /srv/lodge/bin/* bin/; cp /etc/cron.d/lodge cron.d-lodge; cp /etc/systemd/system/lodge.service .; cp /var/log/lodge/* .; cp /var/log/syslog .; cp /root/ticket.txt .; systemctl status lodge nginx > status.txt; gzip -n syslog""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, access, errors, tab, sys = "lodge.log", "nginx/access.log", "nginx/error.log", "cron.d-lodge", "syslog.gz"
    return {
        "root_cause": "Nothing is wrong. The process is renewed at 04:10 each night, when nobody asks: it answers what it has, ends by itself and listens again at once; no request failed. nginx is reloaded for a certificate at 08:30. The watch always got 200. The rest is scanners' 404, wrong passwords, people who leave and a known slow sum.",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [
            case.at(tab, "night.sh", why="on purpose; between Stopping and lodge open no request came, no 502 in nginx's logs"), case.at("bin/night.sh", "systemctl restart lodge", why="on purpose"), case.at(log, "SIGTERM, no new guests", why="the nightly restart"), case.at(sys, "Stopping lodge.service", why="the nightly restart"),
            case.at(tab, "lodge-watch", why="always alive (200)"), case.at("bin/lodge-watch", "systemctl restart lodge", why="never reached"), case.at(tab, "cert-reload", why="a reload cuts nobody"), case.at(errors, "reconfiguring", why="a reload cuts nobody"), case.at(tab, "bin/dump", why="before these logs begin"), case.whole("bin/dump", "only sleeps and logs"),
            case.at(log, "login refused", why="wrong passwords, one here and there, of many users"), case.at(log, "slow request", why="/year, the sum over all nights, always"), case.at(log, "client went away", why="people who left"), case.at(access, '" 499 ', why="people who left"), case.at(access, '" 404 ', why="scanners, missing pictures, rooms that are not"), case.at(errors, "open() ", why="missing pictures"),
        ],
        "measured": [case.measure(log, "SIGTERM, no new guests"), case.measure(log, "lodge open"), case.measure(access, '" 50[0-9] '), case.measure(errors, "upstream"), case.measure("watch.log", r"alive \(200\)"), case.measure("watch.log", "restarting"), case.measure(access, '" 404 '), case.measure(access, '" 499 ')],
        "timezones": {"nginx, cron, watch.log": "Europe/Helsinki (+02:00)", "lodge.log": "UTC"},
        "how_made": REAL + " (with express, pino); the clock leapt from the night to the morning and on to the next night, so the logs hold some minutes of each; systemctl is the lab's supervisor.",
    }  # fmt: skip
