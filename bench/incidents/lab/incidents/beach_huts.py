# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release moves the API to another port and brings the site's nginx file along; the partners' file, kept by hand, goes on with the old port."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import JOURNAL_ISO, NGINX_UNIT, REAL

SERVER = r"""'use strict';
const http = require('http');
const fs = require('fs');
const pino = require('pino');

const config = JSON.parse(fs.readFileSync(`${__dirname}/config.json`));
const log = pino({ base: { app: 'huts' }, timestamp: pino.stdTimeFunctions.isoTime });
const server = http.createServer((req, res) => {
  const { pathname } = new URL(req.url, 'http://huts');
  const answer = (status, body, wait) => setTimeout(() => {
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }, wait);
  if (pathname === '/healthz') return answer(200, { ok: true, release: config.release }, 1);
  if (/^\/api\/huts\/\d+$/.test(pathname)) return answer(200, { hut: pathname.slice(10), free: true }, 40 + Math.random() * 200);
  if (pathname === '/api/bookings' && req.method === 'POST') {
    log.info({ booking: Math.floor(Math.random() * 90000) + 10000 }, 'booking taken');
    return answer(201, {}, 180);
  }
  if (pathname === '/partner/availability') return answer(200, { free: 31 }, 90);
  log.warn({ url: req.url }, 'no such route');
  return answer(404, {}, 1);
});
server.listen(config.port, '127.0.0.1', () => log.info(`huts ${config.release} listening on 127.0.0.1:${config.port}`));
process.on('SIGTERM', () => { log.info('SIGTERM, closing'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""

MAILER = r"""#!/usr/bin/python3
import logging
import time

logging.basicConfig(format="%(asctime)s %(levelname)s huts-mailer %(message)s", level=logging.INFO)
logging.info("mailer started")
while True:
    time.sleep(240)
    logging.info("queue empty")
"""

SITE = """# deployed from huts/deploy/nginx, do not edit here
server {
    listen 80 default_server;
    server_name strandhuts.example.co.uk;
    root /srv/huts/web;
    access_log /var/log/nginx/huts.access.log combined;
    error_log /var/log/nginx/huts.error.log;

    location /api/ {
        proxy_pass http://127.0.0.1:%d;
        include snippets/proxy.conf;
    }
    location / { try_files $uri $uri/ =404; }
}
"""

PARTNERS = """# tourist board and coach firms, by IP. hand-kept (Moira)
server {
    listen 80;
    server_name partners.strandhuts.example.co.uk;
    access_log /var/log/nginx/partners.access.log combined;
    error_log /var/log/nginx/partners.error.log;

    location /partner/ {
        proxy_pass http://127.0.0.1:5010;
        include snippets/proxy.conf;
    }
    location / { return 404; }
}
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    include mime.types;
    set_real_ip_from 127.0.0.1;
    server_tokens off;
    include sites-enabled/*;
}
"""

DEPLOY = r"""#!/bin/bash
# deploy.sh RELEASE: switch the site to a release that CI has put under /srv/huts/releases
set -euo pipefail
say() { echo "$(date '+%d/%m/%Y %H:%M:%S') $*"; }
rel=/srv/huts/releases/$1
say "release $1"
ln -sfn "$rel" /srv/huts/current
cp "$rel/deploy/nginx/huts.conf" /etc/nginx/sites-available/huts.conf
nginx -t 2>&1
systemctl restart huts-api
systemctl reload nginx
sleep 4
say "smoke: api $(curl -s -o /dev/null -w '%{http_code}' -H 'Host: strandhuts.example.co.uk' http://127.0.0.1/api/huts/1), page $(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/)"
say "done"
"""

UNIT = """[Unit]
Description=Beach hut bookings API
After=network.target

[Service]
User=huts
WorkingDirectory=/srv/huts/current
ExecStart=/usr/bin/node server.js
Restart=on-failure
RestartSec=2

[Install]
WantedBy=multi-user.target
"""

CHANGES = """## 3.8.0
- the API listens on 5020 (5010 is wanted by the new exporter on all our machines); nginx file adapted

## 3.7.2
- fewer queries for the calendar

## 3.7.1
- bookings in the past are refused
"""

CRONTAB = """# m h dom mon dow command
*/10 * * * * /srv/huts/bin/weather.sh
*/15 * * * * systemctl restart huts-mailer   # it forgets its SMTP login
25 3 * * *   certbot -q renew
"""
RELEASES = {"3.7.1": 5010, "3.7.2": 5010, "3.8.0": 5020}

INCIDENT = Incident(
    host="strand2", start="2026-06-09T13:04:00+01:00", minutes=84, factor=32, kind="systemd", zone="Europe/London", users=["huts", "moira"], apps=["/srv/huts/releases/node"],
    files={**{f"/srv/huts/releases/{name}/server.js": SERVER for name in RELEASES},
           **{f"/srv/huts/releases/{name}/config.json": f'{{\n  "release": "{name}",\n  "port": {port},\n  "currency": "GBP"\n}}\n' for name, port in RELEASES.items()},
           **{f"/srv/huts/releases/{name}/deploy/nginx/huts.conf": SITE % port for name, port in RELEASES.items()},
           "/srv/huts/CHANGES.md": CHANGES, "/srv/huts/bin/deploy.sh": DEPLOY, "/srv/huts/bin/mailer.py": MAILER, "/srv/huts/web/index.html": "<h1>Strand huts</h1>\n", "/srv/huts/web/huts.css": "body { color: navy }\n",
           "/srv/huts/bin/weather.sh": "#!/bin/sh\nsleep 6\nlogger -t weather 'forecast stored'\n", "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/sites-available/huts.conf": SITE % 5010, "/etc/nginx/sites-available/partners.conf": PARTNERS,
           "/etc/nginx/snippets/proxy.conf": "proxy_set_header Host $host;\nproxy_set_header X-Forwarded-For $remote_addr;\nproxy_connect_timeout 5s;\n", "/etc/systemd/system/huts-api.service": UNIT, "/etc/rsyslog.conf": JOURNAL_ISO},
    crontabs={"root": CRONTAB},
    prepare="""ln -s releases/3.7.1 /srv/huts/current; ln -s releases/node/node_modules /srv/huts/node_modules; rm -rf /etc/nginx/sites-enabled/*; mkdir -p /etc/nginx/sites-enabled
ln -s ../sites-available/huts.conf ../sites-available/partners.conf /etc/nginx/sites-enabled/""",
    services={"huts-api": {"description": "Beach hut bookings API", "command": ["node", "server.js"], "directory": "/srv/huts/current", "user": "huts", "restart": "on-failure", "restart_seconds": 2, "log": {"kind": "syslog", "tag": "node"}},
              "huts-mailer": {"description": "Beach hut mailer", "command": ["/usr/bin/python3", "/srv/huts/bin/mailer.py"], "restart": "always", "log": {"kind": "syslog", "tag": "mailer.py"}}, "nginx": NGINX_UNIT},
    during=[(22.4, "/srv/huts/bin/deploy.sh 3.7.2 >> /var/log/huts-deploy.log 2>&1"), (46.7, "/srv/huts/bin/deploy.sh 3.8.0 >> /var/log/huts-deploy.log 2>&1")],
    visitors={"base": "http://127.0.0.1", "host": "strandhuts.example.co.uk", "delay": 40,
              "visits": [{"perSecond": 0.28, "bots": 0.07, "aborts": 0.02, "abortAfter": 0.3, "paths": [[5, "GET", "/api/huts/{n}"], [1, "POST", "/api/bookings", "{}"], [3, "GET", "/"], [2, "GET", "/huts.css"]]}],
              "monitors": [{"every": 60, "path": "/api/huts/1", "address": "192.0.2.77", "agent": "updown.io daemon 2.11"},
                           {"every": 47, "jitter": 25, "offset": 9, "path": "/partner/availability?from=tourist-board", "host": "partners.strandhuts.example.co.uk", "address": "203.0.113.180", "agent": "VisitCoast/1.9 (feeds)"},
                           {"every": 85, "jitter": 60, "offset": 31, "path": "/partner/availability?from=coaches", "host": "partners.strandhuts.example.co.uk", "address": "198.51.100.61", "agent": "Apache-HttpClient/4.5.14 (Java/17.0.11)"}]},
    collect="""mkdir -p nginx/sites huts; journal=journal.txt; cp /var/log/syslog $journal; cp /var/log/nginx/*.log nginx/; cp /etc/nginx/nginx.conf nginx/; cp -L /etc/nginx/sites-enabled/* nginx/sites/
cp /srv/huts/bin/deploy.sh /srv/huts/bin/weather.sh /srv/huts/CHANGES.md /srv/huts/current/config.json /etc/systemd/system/huts-api.service huts/; cp /var/log/huts-deploy.log deploy.log; crontab -l > crontab.root
{ echo "\\$ curl -si http://127.0.0.1:5010/healthz"; curl -si -S http://127.0.0.1:5010/healthz 2>&1; echo "\\$ curl -s http://127.0.0.1:5020/healthz"; curl -s http://127.0.0.1:5020/healthz; echo; } > tried.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    journal, errors, access = "journal.txt", "nginx/partners.error.log", "nginx/partners.access.log"
    old, port = (
        case.at("nginx/sites/partners.conf", "proxy_pass http://127.0.0.1:5010"),
        case.at("huts/config.json", '"port": 5020'),
    )
    release, listens, note = (
        case.at("deploy.log", "release 3.8.0"),
        case.at(journal, "listening on 127.0.0.1:5020"),
        case.at("huts/CHANGES.md", "the API listens on 5020"),
    )
    copied, new = (
        case.at("huts/deploy.sh", "sites-available/huts.conf"),
        case.at("nginx/sites/huts.conf", "proxy_pass http://127.0.0.1:5020"),
    )
    refused, failed = case.at(errors, "111: Connection refused"), case.at(access, '" 502 ')
    onset = case.times(errors, "111: Connection refused")[0]
    return {
        "root_cause_kind": "upstream-port-changed",
        "root_cause": "Release 3.8.0 moves the API from port 5010 to 5020 and brings the site's own nginx file; sites/partners.conf, kept by hand, still passes to 127.0.0.1:5010, where nobody listens any more: every partner gets 502 from the release on, the site itself is well.",
        "verdict": "root-cause", "culprit": old, "culprit_alternatives": [port, note, release, copied],
        "culprit_related": [listens, new, case.at("huts/deploy.sh", "ln -sfn"), case.at("tried.txt", "curl: (7)")],
        "chain": [
            hop("deploy_changes_configuration", release, port, listens, note, copied, new, case.at("huts/deploy.sh", "ln -sfn")),
            hop("configuration_mismatch", old, listens, port, refused),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["deploy.sh 3.8.0: link moved, the site's nginx file replaced, huts-api restarted, nginx reloaded", "huts 3.8.0 listening on 127.0.0.1:5020", "partners.conf still passes to 5010: connect() failed (111)", "502 for both partners, for good; the site, which asks 5020, and the smoke test are well"],
        "contributing": [case.at("huts/deploy.sh", "smoke: api", why="asks only the site, not the partners' name")],
        "innocent": [
            case.at("crontab.root", "systemctl restart huts-mailer", why="a real restart every quarter of an hour, of a service nobody asks over HTTP"), case.at("crontab.root", "weather.sh", why="only logs"), case.at("crontab.root", "certbot", why="at night, not in these logs"),
            case.at("deploy.log", "release 3.7.2", why="a release that did no harm"), case.whole("nginx/huts.error.log", "the site's own few refused connections in the seconds of each release, and bots"),
        ],
        "period_s": None, "lag_s": 3, "step_change_at": str(onset),
        "measured": [case.measure(errors, "111: Connection refused"), case.measure(access, '" 502 '), case.measure(access, '" 200 '), case.measure(journal, "listening on"), case.measure(journal, "Started huts-mailer.service")],
        "timezones": {"journal.txt": "Europe/London (+01:00), pino's own stamps in it UTC (Z)", "others": "Europe/London"},
        "how_made": REAL + " (with pino), python3; systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
