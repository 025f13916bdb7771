# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""node closes an idle kept connection after some 8 s, nginx keeps it for a minute, and the gateway posts every 8 s or so: now and then they meet."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const fs = require('fs');
const http = require('http');
const bunyan = require('bunyan');
const log = bunyan.createLogger({ name: 'smokehouse', streams: [{ path: '/var/log/smokehouse/app.log' }] });

const readings = [];
const answer = (res, status, body) => {
  const text = JSON.stringify(body);
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  res.end(text);
};
const server = http.createServer((req, res) => {
  let size = 0;
  req.on('data', (chunk) => { size += chunk.length; });
  req.on('end', () => {
    res.on('finish', () => {
      req.socket.served = (req.socket.served || 0) + 1;
      req.socket.last = Date.now();
      log.info({ method: req.method, url: req.url, status: res.statusCode, size }, 'request');
    });
    if (req.method === 'POST' && req.url.startsWith('/ingest/')) {
      readings.push({ at: Date.now(), kiln: req.url.slice(8), smoke: Math.random() * 90 });
      return answer(res, 202, { stored: readings.length });
    }
    if (req.url.startsWith('/kilns/')) return setTimeout(() => answer(res, 200, readings.slice(-20)), 180);
    if (req.url === '/') return answer(res, 200, { kilns: 4 });
    return answer(res, 404, { error: 'unknown' });
  });
});

// means for the display in the yard, over all readings, carried on from the last ones
const MEANS = '/var/lib/smokehouse/means.json';
const means = () => fs.readFile(MEANS, 'utf8', (error, text) => {
  let sum = error ? 0 : JSON.parse(text).sum;
  for (let i = 0; i < 7000000; i += 1) sum += Math.sqrt(readings.length ? readings[i % readings.length].smoke : i);
  fs.writeFile(MEANS, JSON.stringify({ sum: sum % 1000 }), () => {});
  setTimeout(means, 4000 + Math.random() * 9000);
});
setTimeout(means, 20000);

// who closes what, and after how long? (looking for the gateway's 502s, 9 Feb)
server.on('connection', (socket) => {
  const port = socket.remotePort;
  socket.on('close', () => log.info({ port, served: socket.served, idle: Date.now() - socket.last }, 'connection closed'));
});
server.keepAliveTimeout = 7000; // do not collect idle sockets of the old gateways
server.listen(4600, '127.0.0.1', () => log.info({ port: 4600, version: process.env.VERSION }, 'listening'));
process.on('SIGTERM', () => { log.info('SIGTERM'); server.close(() => process.exit(0)); setTimeout(() => process.exit(0), 1500); });
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    log_format json escape=json '{"time":"$time_iso8601","ip":"$remote_addr","req":"$request","status":$status,"bytes":$body_bytes_sent,"rt":$request_time,"up":"$upstream_addr","us":"$upstream_status","urt":"$upstream_response_time","ua":"$http_user_agent"}';
    access_log /var/log/nginx/access.json json;
    upstream smokehouse {
        server 127.0.0.1:4600;
        keepalive 8;
        keepalive_timeout 60s;
    }
    server {
        listen 80;
        server_name smoke.example.no;
        location / {
            proxy_pass http://smokehouse;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
        }
    }
}
"""

EXPORT = r"""#!/bin/sh
# the day's readings for the inspection authority
set -e
sleep 6
wc -l < /var/log/smokehouse/app.log > /var/lib/smokehouse/export.count
logger -t export "$(cat /var/lib/smokehouse/export.count) lines exported"
"""
RELEASE = r"""#!/bin/bash
# release.sh VERSION
echo "VERSION=$1" > /srv/smokehouse/version.env
systemctl restart smokehouse
echo "$(date -Is) $1 released" >> /srv/smokehouse/releases.log
"""
UNIT = "[Unit]\nDescription=Smokehouse readings\n\n[Service]\nEnvironmentFile=/srv/smokehouse/version.env\nExecStart=/usr/bin/node /srv/smokehouse/server.js\nRestart=on-failure\nRestartSec=2\n"
CRON = "*/10 * * * * /srv/smokehouse/export.sh\n0 * * * * test -x /usr/sbin/logrotate && /usr/sbin/logrotate -s /var/lib/logrotate/hourly /etc/logrotate.d/smokehouse\n"
ROTATE = "/var/log/smokehouse/*.log {\n    size 20M\n    rotate 6\n    compress\n    copytruncate\n    missingok\n}\n"

INCIDENT = Incident(
    host="roykeri", start="2026-02-11T05:20:00+00:00", minutes=66, factor=20, kind="systemd", apps=["/srv/smokehouse"],
    files={"/srv/smokehouse/server.js": SERVER, "/srv/smokehouse/export.sh": EXPORT, "/srv/smokehouse/release.sh": RELEASE, "/srv/smokehouse/version.env": "VERSION=2.4.0\n", "/srv/smokehouse/releases.log": "2026-01-30T11:02:51+00:00 2.4.0 released\n", "/etc/nginx/nginx.conf": NGINX,
           "/etc/systemd/system/smokehouse.service": UNIT, "/etc/logrotate.d/smokehouse": ROTATE},
    crontabs={"root": CRON}, prepare="mkdir -p /var/log/smokehouse /var/lib/smokehouse",
    services={"smokehouse": {"description": "Smokehouse readings", "command": ["/usr/bin/node", "/srv/smokehouse/server.js"], "environment_file": "/srv/smokehouse/version.env", "restart": "on-failure", "restart_seconds": 2, "grace": 90, "log": {"kind": "syslog", "tag": "node"}, "wait": 12}, "nginx": NGINX_UNIT},
    during=[(27.4, "/srv/smokehouse/release.sh 2.4.1")],
    visitors={"base": "http://127.0.0.1", "host": "smoke.example.no", "delay": 45,
              "visits": [{"perSecond": 0.035, "bots": 0.15, "aborts": 0.02, "paths": [[4, "GET", "/kilns/{n}"], [1, "GET", "/"]]}],
              "monitors": [{"every": 8, "jitter": 1.1, "method": "POST", "path": "/ingest/2", "body": "{\"smoke\":[41,44,40,39],\"temp\":[71,70,72,71]}", "address": "198.51.100.20", "agent": "kiln-gateway/1.9", "log": "/var/log/gateway.log", "name": "gateway"}]},
    collect="""mkdir -p logs/nginx config app; cp /var/log/nginx/* logs/nginx/; cp /var/log/smokehouse/app.log logs/; cp /var/log/syslog logs/; tail -400 /var/log/gateway.log > logs/kiln-gateway.log; cp /etc/nginx/nginx.conf /etc/systemd/system/smokehouse.service config/; cp /etc/logrotate.d/smokehouse config/logrotate-smokehouse; crontab -l > config/crontab; cp /srv/smokehouse/*.sh /srv/smokehouse/server.js /srv/smokehouse/releases.log app/""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    errors, access, app, gateway, system = (
        "logs/nginx/error.log",
        "logs/nginx/access.json",
        "logs/app.log",
        "logs/kiln-gateway.log",
        "logs/syslog",
    )
    node, proxy, pool = (
        case.at("app/server.js", "server.keepAliveTimeout = 7000"),
        case.at("config/nginx.conf", "keepalive_timeout 60s"),
        case.at("config/nginx.conf", "keepalive 8;"),
    )
    reset, failed, down = (
        case.at(errors, "104: Connection reset by peer"),
        case.at(access, '"req":"POST /ingest/2 HTTP/1.1","status":502'),
        case.at(gateway, "DOWN 502"),
    )
    races = "104: Connection reset by peer|prematurely closed"
    return {
        "root_cause_kind": "keepalive-race",
        "root_cause": "nginx keeps idle connections to the upstream for 60 s, node closes them after 7 s (and the second it adds), and the kiln gateway posts every eight seconds or so. Now and then its post goes out on a kept connection in the moment in which node closes it: connection reset, and since a POST is not sent again nginx answers 502. No process ends, node never sees those posts, and there is no period.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": node, "culprit_alternatives": [proxy, pool],
        "culprit_related": [reset, case.at(app, "connection closed"), case.at("config/nginx.conf", 'proxy_set_header Connection ""')],
        "chain": [
            hop("configuration_mismatch", node, proxy, pool),
            hop("timeout_closes_connection", reset, node, case.at(app, "connection closed")),
            hop("failure_reaches_clients", failed, down, reset),
        ],
        "contributing": [case.at("app/server.js", "i < 7000000", why="the means keep node busy for a second or more now and then; a post that comes meanwhile waits unread while the connection's time runs out, which makes the race common")],
        "mechanism": ["nginx keeps the connection of the last request for the next one, up to 60 s", "about eight seconds later node's keepAliveTimeout ends it while the gateway's next post is on its way", "recv() failed (104: Connection reset by peer) while reading response header from upstream", "a POST that was sent is not tried again: 502 for the gateway; the app's log has no such request"],
        "innocent": [
            case.at("app/releases.log", "2.4.1 released", why="one planned restart; resets before and after it alike"), case.at(system, "Stopping smokehouse.service", why="that release"),
            case.at("config/crontab", "/srv/smokehouse/export.sh", why="every ten minutes, only counts lines"), case.whole("app/export.sh", "only counts lines"), case.at("config/crontab", "logrotate", why="hourly, and never reaches the size"), case.whole("config/logrotate-smokehouse", "copytruncate, 20M: never due"),
            case.at(access, '"status":404', why="bots"),
        ],
        "period_s": None, "lag_s": None, "lags": {},
        "measured": [case.measure(errors, races), case.measure(errors, "111: Connection refused"), case.measure(access, '"status":502'), case.measure(access, "POST /ingest"), case.measure(gateway, "DOWN"), case.measure(app, '"status":202'), case.measure(app, "connection closed"), case.measure(app, "listening"), case.measure(system, "Stopping smokehouse.service")],
        "timezones": {"all": "UTC"},
        "how_made": REAL.replace(" and curl", "") + " (with bunyan); the means keep node busy for a second of the scaled clock, which makes the race commoner than on an idle machine; systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
