# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: a crontab full of restarts that never happen, a front-end release, scanners, and people who do not wait."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const { createServer } = require('http');
const { Server } = require('socket.io');
const pino = require('pino');
const log = pino({ base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination('/var/log/hemp/api.log'));
const app = express();
const server = createServer(app);
const io = new Server(server);
app.get('/api/health', (req, res) => res.json({ status: 'up', clients: io.engine.clientsCount }));
app.get('/api/ropes/:n', (req, res) => setTimeout(() => {
  if (req.params.n % 35 === 0) { log.warn({ rope: req.params.n }, 'no such rope'); return res.status(404).json({ error: 'not found' }); }
  return res.json({ rope: Number(req.params.n), metres: 220 });
}, 60));
app.get('/api/offer/:n', (req, res) => {
  const begin = Date.now();
  const timer = setTimeout(() => { const ms = Date.now() - begin; if (ms > 3500) log.warn({ ms, offer: req.params.n }, 'slow offer'); res.json({ offer: req.params.n }); }, 900 + Math.random() * 3400);
  res.on('close', () => { if (!res.writableFinished) { clearTimeout(timer); log.info({ offer: req.params.n }, 'client went away, calculation dropped'); } });
});
app.post('/api/login', express.json(), (req, res) => {
  if (req.body.user % 9 === 0) { log.error({ user: req.body.user }, 'login failed: wrong password'); return res.status(401).end(); }
  return res.json({ ok: true });
});
io.on('connection', (socket) => socket.on('disconnect', (reason) => log.info({ id: socket.id, reason }, 'display off')));
server.listen(5520, '127.0.0.1', () => log.info({ port: 5520 }, 'hemp api listening'));
setInterval(() => log.info({ rss_mb: Math.round(process.memoryUsage().rss / 1048576), clients: io.engine.clientsCount }, 'stats'), 120000);
process.on('SIGTERM', () => { log.warn('SIGTERM'); process.exit(0); });
"""

WATCH = r"""#!/bin/bash
# api-watch.sh: startet die API neu, wenn sie dreimal nicht antwortet
for try in 1 2 3; do
    if curl -fs -m 20 -o /dev/null http://127.0.0.1:5520/api/health; then
        echo "$(date '+%F %T') api ok (Versuch $try)"
        exit 0
    fi
    sleep 5
done
echo "$(date '+%F %T') api antwortet nicht, Neustart"
systemctl restart hemp-api
"""
ZOMBIES = r"""#!/bin/bash
# haengengebliebene Seilberechnungen (eigene Prozesse, rope-calc) beenden
n=$(pgrep -cx rope-calc)
if [ "$n" -gt 0 ]; then pkill -9 -x rope-calc; fi
echo "$(date '+%F %T') rope-calc beendet: $n"
"""
STOCK = """#!/bin/bash
# Bestand aus der Warenwirtschaft; die ist nachts nicht da, das macht nichts
echo "$(date '+%F %T') Abgleich"
sleep 6
if [ $((RANDOM % 3)) -eq 0 ]; then echo "ERROR: connection to wawi timed out, next try in 15 min" >&2; exit 0; fi
echo "$(date '+%F %T') $((RANDOM % 40)) Artikel"
"""
CRON = """# m h  dom mon dow   command
*/2 * * * *  /opt/hemp/bin/api-watch.sh >> /var/log/hemp/api-watch.log 2>&1
*/10 * * * * /opt/hemp/bin/kill-zombies.sh >> /var/log/hemp/zombies.log 2>&1
*/15 * * * * /opt/hemp/bin/bestand.sh >> /var/log/hemp/bestand.log 2>&1
0 4 * * *    systemctl restart hemp-api
30 4 * * 0   /sbin/reboot
"""
RELEASE = r"""#!/bin/bash
# neue Oberflaeche: auspacken, umhaengen, nginx neu einlesen (die API bleibt, wie sie ist)
set -e
rel=/opt/hemp/web/$1
mkdir -p "$rel"
cp -n /opt/hemp/web/current/app.*.js "$rel"/   # die alten Skripte bleiben fuer offene Seiten
echo "<h1>Reeperbahn Hanf $1</h1>" > "$rel/index.html"; echo "// $1" > "$rel/app.$1.js"
ln -sfn "$rel" /opt/hemp/web/current
nginx -t && systemctl reload nginx
logger -t release "web $1 (jonas)"
"""
NGINX = """user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 768; }
http {
    types { text/html html; text/javascript js; }
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    access_log /var/log/nginx/access.log;
    server {
        listen 80 default_server;
        server_name hanf.example.de;
        root /opt/hemp/web/current;
        location ~ /\\.(git|env|ht) { deny all; }
        location ~ ^/(api|socket.io)/ {
            proxy_pass http://127.0.0.1:5520;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 75s;
        }
    }
}
"""
UNIT = """[Unit]
Description=Hemp API
StartLimitBurst=3

[Service]
User=hemp
WorkingDirectory=/opt/hemp/api
ExecStart=/usr/bin/node server.js
Restart=always
MemoryMax=500M

[Install]
WantedBy=multi-user.target
"""

INCIDENT = Incident(
    host="reep", start="2026-09-29T13:41:00+02:00", minutes=76, factor=30, kind="systemd", zone="Europe/Berlin", apps=["/opt/hemp/api"], users=["hemp"],
    files={"/opt/hemp/api/server.js": SERVER, "/opt/hemp/bin/api-watch.sh": WATCH, "/opt/hemp/bin/kill-zombies.sh": ZOMBIES, "/opt/hemp/bin/bestand.sh": STOCK, "/opt/hemp/bin/release.sh": RELEASE, "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/hemp-api.service": UNIT,
           "/opt/hemp/web/8.3/index.html": "<h1>Reeperbahn Hanf</h1>\n", "/opt/hemp/web/8.3/app.8.3.js": "// 8.3\n"},
    owners={"/var/log/hemp": "hemp"}, crontabs={"root": CRON}, prepare="mkdir -p /var/log/hemp; ln -s /opt/hemp/web/8.3 /opt/hemp/web/current",
    services={"hemp-api": {"description": "Hemp API", "command": ["/usr/bin/node", "server.js"], "directory": "/opt/hemp/api", "user": "hemp", "restart": "always", "wait": 18}, "nginx": NGINX_UNIT},
    during=[(33.4, "/opt/hemp/bin/release.sh 8.4 > /dev/null 2>&1")],
    visitors={"base": "http://127.0.0.1", "host": "hanf.example.de", "delay": 70,
              "visits": [{"perSecond": 0.45, "bots": 0.13, "aborts": 0.09, "abortAfter": 1.2, "paths": [[5, "GET", "/api/ropes/{n}"], [3, "GET", "/api/offer/{n}"], [1, "POST", "/api/login", '{"user":{n}}'], [2, "GET", "/"], [1, "GET", "/app.8.3.js"]]}],
              "browsers": [{"count": 4, "emitEvery": 50}, {"count": 2, "asleep": 200}], "monitors": [{"every": 60, "path": "/api/health", "address": "198.51.100.61", "agent": "Icinga/2.14", "log": "/var/log/icinga.txt", "name": "hanf"}]},
    collect="""mkdir -p bin nginx log etc; cp /opt/hemp/bin/*.sh bin/; cp /etc/nginx/nginx.conf etc/; cp /etc/systemd/system/hemp-api.service etc/; crontab -l > etc/crontab-root; cp /var/log/nginx/*.log nginx/; cp /var/log/hemp/*.log /var/log/syslog log/; mv /var/log/icinga.txt .; systemctl status hemp-api nginx > systemctl.txt; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    tab, api, access, errors = "etc/crontab-root", "log/api.log", "nginx/access.log", "nginx/error.log"
    return {
        "root_cause": "No incident: no answer of 5xx, one start of the API and no end, every watch says ok, Icinga up all the time. Scanners get 403 and 404, wrong passwords 401, people who do not wait for an offer leave (499), displays that fall asleep drop their socket; the release of 14:14 was of the web pages only, with a reload of nginx that nobody noticed; "
        "the stock job could not reach the shop system now and then, tries again and harms nobody.",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [
            case.at(tab, "api-watch.sh", why="would restart the API; says ok each time"), case.at(tab, "kill-zombies.sh", why="pkill -9, but of rope-calc by exact name, and there is none"), case.at(tab, "systemctl restart hemp-api", why="04:00, not in these hours"), case.at(tab, "/sbin/reboot", why="Sundays; this is Tuesday"),
            case.at(tab, "bestand.sh", why="its errors are its own"), case.at("log/bestand.log", "timed out", why="the shop system is away now and then, next run well"), case.at("log/syslog", "release: web 8.4", why="pages only, reload"), case.whole("bin/release.sh", "a reload, no restart; old scripts stay"),
            case.at(api, "login failed", why="wrong password, 401"), case.at(api, "slow offer", why="some 4 s, answered"), case.at(api, "client went away", why="people who do not wait"), case.at(api, "display off", why="screens go to sleep and come back"), case.at(errors, "access forbidden by rule", why="scanners"), case.at(access, '" 499 ', why="the visitor left"),
            case.at("log/api-watch.log", "Versuch 2", why="once, while the host came up; well at the second try"), case.at("etc/hemp-api.service", "MemoryMax=500M", why="some 70 MB all day"),
        ],
        "measured": [case.measure(access, '" 499 '), case.measure(access, '" 404 '), case.measure(access, '" 403 '), case.measure(access, '" 5[0-9][0-9] '), case.measure(api, "hemp api listening"), case.measure(api, "SIGTERM"), case.measure("log/api-watch.log", "api ok"), case.measure("log/api-watch.log", "Neustart"), case.measure("icinga.txt", "DOWN")],
        "timezones": {"api.log, icinga.txt": "UTC (Z)", "others": "Europe/Berlin (+02:00)"},
        "how_made": REAL + " (with express, socket.io, pino); systemctl is the lab's supervisor.",
    }  # fmt: skip
