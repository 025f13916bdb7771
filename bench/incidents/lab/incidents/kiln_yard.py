# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release asks the stock service at a port where nobody listens; the application machine's clock is seven minutes fast, so on paper the proxy's reload came just before the errors and the release only after them."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

APP = r"""'use strict';
const http = require('http');
const express = require('express');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp({ format: 'YYYY-MM-DD HH:mm:ss.SSS' }), printf((i) => `${i.timestamp} ${i.level.toUpperCase()} ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/kiln/kiln.log' })],
});
const STOCK = process.env.STOCK_URL;
const app = express();
app.use((req, res, next) => {
  const begun = Date.now();
  res.on('finish', () => log.info(`[${req.get('x-request-id') || '-'}] ${req.method} ${req.originalUrl} ${res.statusCode} ${Date.now() - begun}ms`));
  next();
});
app.get('/', (req, res) => res.send('<h1>Kiln Yard</h1>'));
app.get('/pots/:n', (req, res) => (Number(req.params.n) > 880 ? res.sendStatus(404) : setTimeout(() => res.json({ pot: req.params.n }), 60 + Math.random() * 500)));
app.get('/stock/:n', (req, res) => {
  http.get(`${STOCK}/level/${req.params.n}`, (reply) => { res.type('json'); reply.pipe(res); })
    .on('error', (err) => { log.error(`[${req.get('x-request-id') || '-'}] stock of ${req.params.n}: ${err.message}`); res.status(502).json({ error: 'stock' }); });
});
const server = app.listen(7300, '172.18.0.20', () => log.info(`kiln ${process.env.RELEASE} on 172.18.0.20:7300, stock at ${STOCK}`));
process.on('SIGTERM', () => { log.info('SIGTERM, draining'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""
STOCK = r"""'use strict';
const http = require('http');
http.createServer((req, res) => setTimeout(() => res.end(JSON.stringify({ level: 3 })), 40)).listen(7400, '172.18.0.20', () => console.log('stock on 7400'));
process.on('SIGTERM', () => process.exit(0));
"""
RELEASE = """#!/bin/bash
# release.sh RELEASE: its settings, then a restart
set -e
cd /srv/kiln
cp "releases/$1.env" kiln.env
systemctl restart kiln
echo "$(date '+%Y-%m-%d %H:%M:%S') $1 live" >> releases.log
"""
OLD = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 512; }
http {
    log_format ids '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" id=$request_id up=$upstream_status/$upstream_response_time';
    access_log /var/log/nginx/access.log ids;
    server {
        listen 80;
        server_name kiln.example.nz;
        location / {
            proxy_pass http://172.18.0.20:7300;
            proxy_set_header X-Request-ID $request_id;
            proxy_set_header Host $host;
            proxy_connect_timeout 5s;
        }
    }
}
"""
NEW = OLD.replace(
    "    server {\n", "    gzip on;\n    gzip_types application/json;\n    client_max_body_size 4m;\n    server {\n"
).replace("proxy_connect_timeout 5s;", "proxy_connect_timeout 4s;\n            proxy_buffers 16 8k;")
PROXY_NOTE = """# proxy1, what was done (newest last)
2026-07-21 16:40  certificates moved to the load balancer
2026-08-18 14:19  gzip for JSON, body size, buffers; nginx reloaded  -- Rawiri
2026-08-18 14:55  14:21 on: /stock answers 502 for everybody. Rawiri's reload? Took his nginx.conf back at 14:50, no change.
"""
CRON_APP = """*/10 * * * * root /srv/kiln/bin/thumbs
26 *    * * * root /srv/kiln/bin/count-glazes
"""
NGINX_BACK = (
    "cp /etc/nginx/nginx.conf /etc/nginx/nginx.conf.rawiri; cp /etc/nginx/nginx.conf.orig /etc/nginx/nginx.conf; nginx -s reload"
)

INCIDENT = Incident(
    host="yard-app", start="2026-08-18T13:44:00+12:00", minutes=76, factor=26, kind="systemd", zone="Pacific/Auckland", users=["kiln"], apps=["/srv/kiln"],
    files={"/srv/kiln/app.js": APP, "/srv/kiln/stock.js": STOCK, "/srv/kiln/release.sh": RELEASE, "/srv/kiln/kiln.env": "RELEASE=2.8\nSTOCK_URL=http://172.18.0.20:7400\nTZ=Pacific/Auckland\n", "/srv/kiln/releases/2.8.env": "RELEASE=2.8\nSTOCK_URL=http://172.18.0.20:7400\nTZ=Pacific/Auckland\n",
           "/srv/kiln/releases/2.9.env": "RELEASE=2.9\n# the new stock service, see wiki\nSTOCK_URL=http://172.18.0.20:7401\nTZ=Pacific/Auckland\n", "/srv/kiln/releases.log": "2026-08-04 11:02:13 2.7 live\n2026-08-11 10:47:50 2.8 live\n",
           "/etc/nginx/nginx.conf": OLD, "/etc/nginx/nginx.conf.orig": OLD, "/etc/nginx/nginx.conf.new": NEW, "/root/proxy-notes.txt": PROXY_NOTE, "/etc/cron.d/kiln": CRON_APP,
           "/srv/kiln/bin/thumbs": "#!/bin/sh\nsleep 7\nlogger -t thumbs done\n", "/srv/kiln/bin/count-glazes": "#!/bin/sh\nsleep 3\nlogger -t count-glazes '44 glazes'\n"},
    prepare="mkdir -p /var/log/kiln; chown kiln: /var/log/kiln",
    services={"stock": {"description": "Stock levels", "command": ["/usr/bin/node", "stock.js"], "directory": "/srv/kiln", "user": "kiln", "restart": "always", "wait": 6},
              "kiln": {"description": "Kiln yard", "command": ["/usr/bin/node", "app.js"], "directory": "/srv/kiln", "user": "kiln", "environment_file": "/srv/kiln/kiln.env", "environment": {"CLOCK_SKEW": "431"}, "restart": "always", "wait": 10}, "nginx": NGINX_UNIT},
    during=[(35.2, "cp /etc/nginx/nginx.conf.new /etc/nginx/nginx.conf; nginx -s reload"), (37.1, "CLOCK_SKEW=431 /srv/kiln/release.sh 2.9"), (66.3, NGINX_BACK)],
    visitors={"base": "http://127.0.0.1", "host": "kiln.example.nz", "delay": 70, "visits": [{"perSecond": 0.4, "bots": 0.05, "aborts": 0.02, "abortAfter": 0.4, "paths": [[4, "GET", "/pots/{n}"], [3, "GET", "/stock/{n}"], [1, "GET", "/"]]}]},
    collect="""mkdir -p proxy1 yard-app; cp /var/log/nginx/*.log proxy1/; cp /etc/nginx/nginx.conf /etc/nginx/nginx.conf.rawiri proxy1/; cp /root/proxy-notes.txt proxy1/notes.txt
cp /var/log/kiln/kiln.log /srv/kiln/app.js /srv/kiln/release.sh /srv/kiln/releases.log /srv/kiln/kiln.env yard-app/; cp /srv/kiln/releases/2.8.env yard-app/kiln-2.8.env; cp /etc/cron.d/kiln yard-app/cron.d-kiln; cp /srv/kiln/bin/* yard-app/
(date '+%a %F %T %Z'; echo 'proxy1') > proxy1/date.txt; (CLOCK_SKEW=431 date '+%a %F %T %Z'; echo 'yard-app (both asked at the same moment over ssh)'; echo 'System clock synchronized: no'; echo 'NTP service: inactive') > yard-app/timedatectl.txt
gzip -n proxy1/access.log; mv proxy1/access.log.gz proxy1/access.log.2026-08-18.gz""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    env, app, access, notes = "yard-app/kiln.env", "yard-app/kiln.log", "proxy1/access.log.2026-08-18.gz", "proxy1/notes.txt"
    port, live, failed = (
        case.at(env, "STOCK_URL=http://172.18.0.20:7401"),
        case.at("yard-app/releases.log", "2.9 live"),
        case.at(app, "connect ECONNREFUSED 172.18.0.20:7401"),
    )
    started, answered = case.at(app, "kiln 2.9 on"), case.at(access, "up=502/")
    first_502, first_error = case.times(access, "up=502/")[0], case.times(app, "ECONNREFUSED")[0]
    return {
        "root_cause_kind": "release-names-wrong-port",
        "root_cause": "Release 2.9 of the application sets STOCK_URL to port 7401, where nobody listens (the stock service is at 7400): each /stock request ends in ECONNREFUSED and the application answers 502. yard-app's clock is 431 s ahead of proxy1's: by the stamps the errors on proxy1 begin after the reload of 14:19 and seven minutes before the release, in truth right after the release.",
        "verdict": "root-cause", "culprit": port, "culprit_alternatives": [live, failed, started], "culprit_related": [case.at("yard-app/kiln-2.8.env", "STOCK_URL=http://172.18.0.20:7400"), answered, case.at("yard-app/app.js", "const STOCK = process.env.STOCK_URL"), case.at("yard-app/timedatectl.txt", "System clock synchronized: no")],
        "chain": [
            hop("deploy_changes_configuration", live, port, started),
            hop("configuration_mismatch", port, failed, case.at("yard-app/kiln-2.8.env", "STOCK_URL=")),
            hop("termination_refuses_connections", failed),
            hop("failure_reaches_clients", answered, case.at(app, " 502 ")),
        ],
        "mechanism": ["release.sh 2.9 copies its settings and restarts kiln, 14:21 by proxy1's clock, 14:28 by its own", "STOCK_URL is 7401; connect ECONNREFUSED 172.18.0.20:7401", "the application answers 502 itself (nginx: up=502; its error log has but three refused requests, all in the second in which kiln was restarted)", "the same request ids stand in both logs, 431 s apart"],
        "innocent": [
            case.at(notes, "gzip for JSON", why="before the errors by two minutes, but the 502 are the application's own answer, and taking it back changed nothing"), case.at("proxy1/nginx.conf.rawiri", "gzip on", why="harmless"), case.at("proxy1/nginx.conf.rawiri", "proxy_connect_timeout 4s", why="never reached: the upstream answers in milliseconds"),
            case.at("proxy1/error.log", "reconfiguring", why="reloads that hurt nobody"), case.at(notes, "Rawiri's reload?", why="a guess, and refuted in the same line"), case.at("yard-app/cron.d-kiln", "count-glazes", why="at :26, two minutes before the first error by the same machine's clock; only counts"),
            case.whole("yard-app/count-glazes", "only logs"), case.at("yard-app/cron.d-kiln", "thumbs", why="every ten minutes"), case.whole("yard-app/thumbs", "only logs"), case.at("yard-app/releases.log", "2.8 live", why="a week before"), case.at(access, '" 404 ', why="bots and unknown pots"), case.at(access, '" 499 ', why="people who left"),
        ],
        "period_s": None, "lag_s": None, "step_change_at": str(first_502), "clock_skew_s": 431, "lags": {"first 502 on proxy1 -> first error on yard-app, each by its own clock": round((first_error - first_502).total_seconds(), 1)},
        "measured": [case.measure(app, "connect ECONNREFUSED"), case.measure(access, "up=502/"), case.measure(app, "kiln 2"), case.measure("proxy1/error.log", "reconfiguring")],
        "timezones": {"all": "Pacific/Auckland (+12:00); yard-app 431 s ahead, step_change_at is by proxy1"},
        "how_made": REAL.replace(", cron, bash and curl", ", cron and bash") + " (with express, winston); both hosts are one machine, the clock of the application's process and of release.sh was moved by 431 s; systemctl is the lab's supervisor; notes.txt and the last two lines of timedatectl.txt were written by hand.",
    }  # fmt: skip
