# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release parses each of PUBLIC_ORIGINS as a URL, and one of them in .env never had a scheme: the container ends at each start, Docker waits ever longer."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

ORIGINS_OLD = r"""'use strict';
// who may call us from a browser
const list = (process.env.PUBLIC_ORIGINS || '').split(',').filter(Boolean);
exports.count = list.length;
exports.allowed = (origin) => list.some((one) => String(origin).endsWith(one));
"""
ORIGINS_NEW = r"""'use strict';
// who may call us from a browser; endsWith() also let evil-lagoon.example.org in (audit, point 4)
const hosts = new Set();
for (const one of (process.env.PUBLIC_ORIGINS || '').split(',').filter(Boolean)) {
  hosts.add(new URL(one).host);
}
exports.count = hosts.size;
exports.allowed = (origin) => { try { return hosts.has(new URL(origin).host); } catch { return false; } };
"""
SERVER = r"""'use strict';
const express = require('express');
const pino = require('pino');
const log = pino({ base: { app: 'tours' }, timestamp: pino.stdTimeFunctions.isoTime });
log.info({ release: process.env.TAG, node: process.version }, 'tours starting');
const origins = require('./lib/origins');

const app = express();
app.use((req, res, next) => { if (origins.allowed(req.headers.origin)) res.set('Access-Control-Allow-Origin', req.headers.origin); next(); });
app.get('/api/ping', (req, res) => res.send('pong'));
app.get('/api/tours/:n', (req, res) => {
  const n = Number(req.params.n);
  if (n > 860) return res.status(404).json({ error: 'unknown tour' });
  if (n % 47 === 0) log.error({ tour: n, err: { type: 'Error', message: 'weather.example.net: ETIMEDOUT' } }, 'no forecast, tour shown without');
  return setTimeout(() => res.json({ tour: n, seats: n % 12 }), 70);
});
app.post('/api/bookings', express.json(), (req, res) => { log.info({ tour: req.body.tour }, 'booked'); res.status(201).end(); });
const server = app.listen(3300, '127.0.0.1', () => log.info({ origins: origins.count }, 'listening on 3300'));
process.on('SIGTERM', () => { log.info('SIGTERM, closing'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""
WORKER = r"""'use strict';
const pino = require('pino');
const log = pino({ base: { app: 'mailer' }, timestamp: pino.stdTimeFunctions.isoTime });
log.info({ release: process.env.TAG }, 'mailer starting');
setInterval(() => log.info({ sent: Math.floor(Math.random() * 4) }, 'outbox looked through'), 60000);
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""
COMPOSE = """name: lagoon
services:
  tours:
    image: registry.example.org/lagoon/tours:${TAG}
    env_file: .env
    restart: unless-stopped
    network_mode: host
    command: node server.js
  mailer:
    image: registry.example.org/lagoon/tours:${TAG}
    env_file: .env
    restart: unless-stopped
    network_mode: host
    command: node mailer.js
  web:
    image: nginx:1.22
    restart: unless-stopped
    network_mode: host
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
"""
RELEASE = r"""#!/bin/bash
# release.sh TAG  - pull, recreate tours and mailer
set -eu
cd /srv/lagoon
say() { echo "$(date '+%Y-%m-%d %H:%M:%S') $*"; }
say "release $1 (was $(sed -n 's/^TAG=//p' .env))"
sed -i "s/^TAG=.*/TAG=$1/" .env
/srv/lagoon/bin/pull "$1"
docker compose up -d tours mailer
say "release $1 done"
"""
PULL = r"""#!/bin/sh
# the image's files
rm -rf /srv/lagoon/app/lib; cp -r "/srv/lagoon/images/$1/." /srv/lagoon/app/
"""
ENV = """# lagoon tours
TAG=7.3.2
TZ=UTC
# 2026-01-11 the resellers' widget runs on their own host
PUBLIC_ORIGINS=https://lagoon.example.org,https://www.lagoon.example.org,widget.palms-travel.example
SMTP_HOST=127.0.0.1
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    client_max_body_size 2m;
    server {
        listen 80 default_server;
        server_name lagoon.example.org;
        location /api/ {
            proxy_pass http://127.0.0.1:3300;
            proxy_read_timeout 20s;
        }
        location / { return 200 "Lagoon Tours\\n"; }
    }
}
"""
PING = r"""#!/bin/sh
# a line a minute for the office's dashboard; does nothing else
echo "$(date '+%F %T') $(curl -s -m 20 -o /dev/null -w '%{http_code} %{time_total}' http://127.0.0.1/api/ping)"
"""
COPY = r"""#!/bin/sh
# copy of bookings to the other disk
sleep 15
echo "$(date '+%F %T') bookings: $(shuf -i 900-990 -n 1) kB copied"
"""
CRON = """# deploy@lagoon
* * * * *   /srv/lagoon/bin/ping.sh >> /srv/lagoon/log/ping.log 2>&1
*/15 * * * * /srv/lagoon/bin/copy-bookings.sh >> /srv/lagoon/log/copy.log 2>&1
5 * * * *   find /srv/lagoon/tmp -mmin +600 -delete
"""


def node(script: str) -> dict[str, Any]:
    name = script.split(".")[0].replace("server", "tours")
    return {"container": f"lagoon-{name}-1", "image": "registry.example.org/lagoon/tours", "command": ["node", script], "directory": "/srv/lagoon/app", "environment_file": "/srv/lagoon/.env", "restart": "unless-stopped", "log": {"kind": "json", "path": f"/srv/lagoon/log/lagoon-{name}-1-json.log"}, "wait": 8}  # fmt: skip


INCIDENT = Incident(
    host="lagoon", start="2026-02-24T13:41:00+04:00", minutes=47, factor=16, zone="Indian/Mauritius", apps=["/srv/lagoon/app"],
    project={"project": "lagoon", "config_files": "/srv/lagoon/compose.yml", "working_dir": "/srv/lagoon"},
    files={"/srv/lagoon/app/server.js": SERVER, "/srv/lagoon/app/mailer.js": WORKER, "/srv/lagoon/app/lib/origins.js": ORIGINS_OLD,
           **{f"/srv/lagoon/images/{tag}/{path}": text for tag, origins in (("7.3.2", ORIGINS_OLD), ("7.4.0", ORIGINS_NEW)) for path, text in (("server.js", SERVER), ("mailer.js", WORKER), ("lib/origins.js", origins))},
           "/srv/lagoon/compose.yml": COMPOSE, "/srv/lagoon/.env": ENV, "/srv/lagoon/bin/release.sh": RELEASE, "/srv/lagoon/bin/pull": PULL, "/srv/lagoon/bin/ping.sh": PING, "/srv/lagoon/bin/copy-bookings.sh": COPY, "/etc/nginx/nginx.conf": NGINX,
           "/srv/lagoon/RELEASES": "7.3.2  2026-02-03  mailer: one connection per batch\n7.4.0  2026-02-24  audit point 4: origins are compared by host\n"},
    crontabs={"deploy": CRON}, owners={"/srv/lagoon/log": "deploy", "/srv/lagoon/tmp": "deploy"}, prepare="mkdir -p /srv/lagoon/log /srv/lagoon/tmp",
    services={"tours": node("server.js"), "mailer": node("mailer.js"), "web": {**NGINX_CONTAINER, "container": "lagoon-web-1"}},
    during=[(11.5, "docker restart tours > /dev/null"), (15.6, "sed -i 's/max_body_size 2m/max_body_size 8m/' /etc/nginx/nginx.conf; docker kill -s HUP lagoon-web-1"),
            (19.3, "/srv/lagoon/bin/release.sh 7.4.0 >> /srv/lagoon/log/release.log 2>&1")],
    visitors={"base": "http://127.0.0.1", "host": "lagoon.example.org", "delay": 45,
              "visits": [{"perSecond": 0.5, "bots": 0.07, "aborts": 0.02, "abortAfter": 0.1, "paths": [[6, "GET", "/api/tours/{n}"], [2, "POST", "/api/bookings", '{"tour":{n}}'], [2, "GET", "/"]]}]},
    collect="""mkdir -p bin nginx app/lib log; cp /srv/lagoon/compose.yml /srv/lagoon/RELEASES .; cp /srv/lagoon/.env env.txt; cp /srv/lagoon/bin/* bin/; cp /etc/nginx/nginx.conf nginx/; cp /var/log/nginx/*.log nginx/; cp /srv/lagoon/app/*.js app/; cp /srv/lagoon/app/lib/*.js app/lib/
cp /srv/lagoon/log/*.log log/; cp /var/log/syslog log/; cp /var/spool/cron/crontabs/deploy crontab-deploy; docker ps -a > docker-ps-a.txt; docker inspect lagoon-tours-1 > docker-inspect-tours.json; docker events > docker-events.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, release, errors, access, events = (
        "log/lagoon-tours-1-json.log",
        "log/release.log",
        "nginx/error.log",
        "nginx/access.log",
        "docker-events.txt",
    )
    entry, parse, deploy = (
        case.at("env.txt", "PUBLIC_ORIGINS="),
        case.at("app/lib/origins.js", "new URL(one).host"),
        case.at(release, "release 7.4.0 (was 7.3.2)"),
    )
    thrown, done = case.at(log, "Invalid URL"), case.at(release, "release 7.4.0 done")
    names = case.at("RELEASES", "7.4.0")
    given = case.at(log, "input: 'widget.palms-travel.example'")
    died = case.at(events, "exitCode=1")
    state, refused = (
        case.at("docker-ps-a.txt", "Restarting (1)"),
        case.at(errors, "111: Connection refused", nth=sum("111: Connection refused" in line for line in case.lines(errors))),
    )
    failed = case.at(access, '" 502 ', nth=sum('" 502 ' in line for line in case.lines(access)))
    again = case.at(log, "tours starting", nth=sum("tours starting" in line for line in case.lines(log)))
    return {
        "root_cause_kind": "deploy-stricter-parsing-of-old-setting-crash-loop",
        "root_cause": "Release 7.4.0 (14:00) makes a URL of each entry of PUBLIC_ORIGINS when lib/origins.js is loaded; .env has held widget.palms-travel.example, without a scheme, since January. new URL() throws ERR_INVALID_URL, node ends with 1 at each start, "
        "Docker starts it again after ever longer pauses, and nginx is refused (111): 502 for /api since then.",
        "verdict": "root-cause", "verdict_accepted": [], "culprit": entry,
        "culprit_alternatives": [parse, deploy, thrown, given, names, done, case.at("bin/release.sh", "docker compose up -d tours mailer"), case.at(log, "ERR_INVALID_URL"), case.at("app/server.js", "require('./lib/origins')")],
        "culprit_related": [died, state, case.at("app/lib/origins.js", "for (const one of")],
        "chain": [
            hop("deploy_changes_configuration", deploy, names, done, parse, case.at("bin/release.sh", "docker compose up -d tours mailer")),
            hop("configuration_mismatch", entry, parse, given, thrown),
            hop("crash_ends_process", thrown, given, died, case.at(log, "ERR_INVALID_URL")),
            hop("supervisor_restarts_process", again, state, died, case.at("compose.yml", "restart: unless-stopped")),
            hop("termination_refuses_connections", refused, thrown),
            hop("failure_reaches_clients", failed, refused, case.at("log/ping.log", " 502 ", nth=3)),
        ],
        "mechanism": ["14:00: release 7.4.0 brings lib/origins.js that parses each entry as a URL", "PUBLIC_ORIGINS holds an entry without a scheme", "TypeError [ERR_INVALID_URL] while loading, exit 1", "Docker starts it again, the pauses double up to a minute", "nobody listens on 3300: 502"],
        "contributing": [case.at("bin/release.sh", 'say "release $1 done"', why="says done without asking /api/ping")],
        "innocent": [
            case.at("crontab-deploy", "copy-bookings.sh", why="also at 14:00; only copies"), case.whole("bin/copy-bookings.sh", "only copies"), case.at("crontab-deploy", "ping.sh", why="asks, does nothing"), case.whole("bin/ping.sh", "asks, does nothing"), case.at("crontab-deploy", "find /srv/lagoon/tmp", why="old temporary files"),
            case.at(log, "no forecast, tour shown without", why="the weather service's, before as well"), case.at(log, "SIGTERM, closing", why="a restart by hand at 13:52, it came back"), case.at("nginx/nginx.conf", "client_max_body_size 8m", why="a reload at 13:56, nothing changed for visitors"),
            case.whole("log/lagoon-mailer-1-json.log", "the same .env and release, does not load origins.js"), case.at(access, '" 404 ', why="bots and unknown tours"), case.at("compose.yml", "restart: unless-stopped", why="brings back what ends by itself"),
        ],
        "period_s": None, "lag_s": case.lag(case.times(release, "release 7.4.0 done"), case.times(errors, "111: Connection refused"), 60), "step_change_at": str(case.times(release, "was 7.3.2")[0]),
        "lags": {"release -> first crash": case.lag(case.times(release, "was 7.3.2", hours=-4), case.times(events, "exitCode=1"), 60)},
        "measured": [case.measure(events, "exitCode=1"), case.measure(log, "code: 'ERR_INVALID_URL'"), case.measure(errors, "111: Connection refused"), case.measure(access, '" 502 '), case.measure("log/ping.log", " 502 ")],
        "timezones": {"docker logs, docker-events.txt": "UTC (Z)", "nginx, log/release.log, log/ping.log, syslog": "Indian/Mauritius (+04:00)"},
        "how_made": REAL + " (with express and pino); docker and its restart back-off are the lab's supervisor; the image is a folder that is copied.",
    }  # fmt: skip
