# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release keeps every import's whole catalogue for an undo; the heap limit of the container's command is reached at every third or fourth import."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""'use strict';
const express = require('express');
const pino = require('pino');

const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime });
const heap = () => Math.round(process.memoryUsage().heapUsed / 1048576);
let catalogue = [];
@STATE@
function readCatalogue(stamp) {
  const rows = [];
  for (let i = 0; i < 90000; i += 1) rows.push({ sku: `TP-${i}`, price: (i * 7919) % 9000, name: `Pond item ${i}`, seen: stamp });
  return rows;
}

const app = express();
app.get('/items/:id', (req, res) => {
  const item = catalogue[Number(req.params.id) * 3];
  if (!item || Number(req.params.id) > 860) return res.status(404).json({ error: 'unknown item' });
  return setTimeout(() => res.json(item), 50 + Math.random() * 150);
});
app.post('/orders', (req, res) => setTimeout(() => { log.info('order placed'); res.status(201).end(); }, 200));
app.post('/internal/import', (req, res) => {
@IMPORT@  catalogue = readCatalogue(Date.now());
  log.info({ rows: catalogue.length, heapMb: heap()@KEPT@ }, 'catalogue imported');
  res.json({ rows: catalogue.length });
});
@UNDO@app.use((req, res) => res.status(404).end());

catalogue = readCatalogue(0);
setTimeout(() => app.listen(3100, '127.0.0.1', () => log.info({ heapMb: heap() }, 'shop ready')), 9000);
setInterval(() => log.info({ heapMb: heap() }, 'memory'), 120000);
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""
OLD = SERVER.replace("@STATE@", "").replace("@IMPORT@", "").replace("@KEPT@", "").replace("@UNDO@", "")
NEW = (
    SERVER.replace("@STATE@", "const undo = []; // the catalogues before, newest last\n")
    .replace("@IMPORT@", "  undo.push(catalogue);\n")
    .replace("@KEPT@", ", undoSteps: undo.length")
    .replace("@UNDO@", "app.post('/internal/undo', (req, res) => { catalogue = undo.pop() ?? catalogue; res.end(); });\n")
)

COMPOSE = """name: teal
services:
  shop:
    image: registry.example.org/teal/shop:2.6.1
    container_name: teal-shop
    command: node --max-old-space-size=72 server.js
    network_mode: host
    restart: unless-stopped
  web:
    image: nginx:1.22
    container_name: teal-web
    network_mode: host
    restart: unless-stopped
    volumes:
      - ./nginx.conf:/etc/nginx/nginx.conf:ro
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    log_format timed '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time "$http_user_agent"';
    access_log /var/log/nginx/access.log timed;
    server {
        listen 80;
        server_name teal.example.com;
        client_max_body_size 20m;
        location /internal/ { deny all; }
        location / { proxy_pass http://127.0.0.1:3100; proxy_connect_timeout 3s; }
    }
}
"""

CRON = """# teal pond
SHELL=/bin/bash
*/10 * * * *  deploy  /srv/teal/bin/import.sh >> /var/log/teal/import.log 2>&1
*/30 * * * *  deploy  /srv/teal/bin/sitemap.sh
15 * * * *    root    /srv/teal/bin/dump.sh
"""
IMPORT = """#!/bin/bash
# the supplier's catalogue; the shop reads it itself
sleep 5
answer=$(curl -sS -m 60 -X POST http://127.0.0.1:3100/internal/import 2>&1)
echo "$(date '+%F %T') import: $answer"
"""

INCIDENT = Incident(
    host="teal", start="2026-08-11T13:03:30+00:00", minutes=118, factor=55, apps=["/srv/teal/shop"],
    project={"project": "teal", "config_files": "/srv/teal/docker-compose.yml", "working_dir": "/srv/teal"},
    files={"/srv/teal/shop/server.js": OLD, "/root/new.js": NEW, "/srv/teal/docker-compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/teal": CRON, "/srv/teal/bin/import.sh": IMPORT,
           "/srv/teal/bin/sitemap.sh": "#!/bin/sh\nsleep 12\nlogger -t sitemap '90000 addresses written'\n", "/srv/teal/bin/dump.sh": "#!/bin/sh\nsleep 30\nlogger -t dump 'orders dumped, 2.1 MB'\n",
           "/srv/teal/deploys.log": "2026-08-11 09:40 2.6.0 marek thumbnails lazy\n"},
    prepare="mkdir -p /var/log/teal; chown deploy: /var/log/teal; cd /srv/teal/shop; diff -u --label a/shop/server.js --label b/shop/server.js server.js /root/new.js > /srv/teal/2.6.1.diff; true",
    services={"shop": {"container": "teal-shop", "image": "registry.example.org/teal/shop:2.6.1", "command": ["node", "--max-old-space-size=72", "server.js"], "directory": "/srv/teal/shop", "restart": "unless-stopped", "log": {"kind": "json", "path": "/var/log/teal/shop-json.log"}, "wait": 12},
              "web": {**NGINX_CONTAINER, "container": "teal-web"}},
    visitors={"base": "http://127.0.0.1", "host": "teal.example.com", "delay": 60,
              "visits": [{"perSecond": 0.3, "bots": 0.06, "aborts": 0.03, "abortAfter": 0.08, "paths": [[8, "GET", "/items/{n}"], [2, "POST", "/orders", '{"sku":{n}}'], [1, "POST", "/internal/import"]]}]},
    during=[(27, "cp /root/new.js /srv/teal/shop/server.js; echo '2026-08-11 13:30 2.6.1 marek imports can be undone' >> /srv/teal/deploys.log; cd /srv/teal; docker restart teal-shop")],
    collect="""mkdir -p nginx bin log; cp /srv/teal/docker-compose.yml /srv/teal/deploys.log /srv/teal/2.6.1.diff .; cp /srv/teal/shop/server.js .; cp /srv/teal/bin/* bin/; cp /etc/cron.d/teal bin/cron.d-teal
cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /var/log/teal/* /var/log/syslog log/; docker ps -a > docker-ps.txt; docker events > docker-events.txt""",
)  # fmt: skip


def after(case: Case, file: str, text: str) -> dict[str, Any]:
    """The first such line since the first crash (those before are of the release's own restart)."""
    nth = sum(text in line and not ("14:10" in line or "14:50" in line) for line in case.lines(file)) + 1
    return case.at(file, text, nth)


def truth(case: Case) -> dict[str, Any]:
    app, errors, access = "log/shop-json.log", "nginx/error.log", "nginx/access.log"
    push, limit, fatal = (
        case.at("server.js", "undo.push(catalogue)"),
        case.at("docker-compose.yml", "--max-old-space-size=72"),
        case.at(app, "FATAL ERROR"),
    )
    state, diff, deploy = (
        case.at("server.js", "const undo = []"),
        case.at("2.6.1.diff", "+  undo.push(catalogue)"),
        case.at("deploys.log", "2.6.1 marek"),
    )
    died, refused, failed = (
        case.at("docker-events.txt", "exitCode=134"),
        after(case, errors, "111: Connection refused"),
        after(case, access, '" 502 '),
    )
    job, steps = case.at("bin/cron.d-teal", "import.sh"), case.at(app, "undoSteps")
    call = case.at("bin/import.sh", "/internal/import")
    return {
        "root_cause_kind": "heap-limit-unbounded-undo-list",
        "root_cause": "Since 2.6.1 (13:30) the shop keeps the whole catalogue of every import in the array `undo`, without bound. Each import adds its ninety thousand rows to the heap; the command's limit of 72 MB (--max-old-space-size) is reached after some imports, V8 ends the process (exit code 134), Docker starts it anew, nginx answers 502 meanwhile.",
        "verdict": "root-cause", "verdict_accepted": [], "culprit": push, "culprit_alternatives": [state, diff, case.at("2.6.1.diff", "+const undo = []"), deploy, limit], "culprit_related": [case.at("docker-compose.yml", "shop:2.6.1"), job, call, steps],
        "chain": [
            hop("job_runs_script", job, call, case.at("log/syslog", "/srv/teal/bin/import.sh")),
            hop("resource_exhausted", fatal, limit, push, steps, state),
            hop("crash_ends_process", fatal, died),
            hop("supervisor_restarts_process", case.at("docker-compose.yml", "restart: unless-stopped"), died, case.at(app, "shop ready", 3)),
            hop("termination_refuses_connections", refused, fatal, died),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["13:30 release 2.6.1: undo.push(catalogue) before each import", "every ten minutes import.sh has the shop read the catalogue anew; heapMb grows step by step with undoSteps", "the limit of 72 MB: FATAL ERROR, exit code 134, always right after an import.sh request", "Docker restarts, nine seconds of start: 502"],
        "contributing": [limit | {"why": "enough for two catalogues, as before; without the list it never would be reached"}],
        "innocent": [
            case.at("bin/cron.d-teal", "sitemap.sh", why="on every third import's minute; writes a file"), case.at("bin/cron.d-teal", "dump.sh", why="hourly, nothing falls at :15"), case.at("deploys.log", "2.6.0 marek", why="hours before; imports were well until 13:30"),
            case.at(errors, "access forbidden by rule", why="visitors' own tries at /internal, denied as meant"), case.at(app, "order placed", why="ordinary"),
        ],
        "period_s": None, "lag_s": case.lag(case.times("log/syslog", r"/srv/teal/bin/import.sh"), case.times("docker-events.txt", "exitCode=134")), "step_change_at": str(case.times(app, "SIGTERM")[0]),
        "lags": {"import.sh -> exit 134": case.lag(case.times("log/syslog", r"/srv/teal/bin/import.sh"), case.times("docker-events.txt", "exitCode=134"))},
        "measured": [case.measure(app, "FATAL ERROR"), case.measure(app, "catalogue imported"), case.measure("docker-events.txt", "exitCode=134"), case.measure(access, '" 502 ', join=120)],
        "timezones": {"all": "UTC"},
        "how_made": REAL + " (with express and pino), and V8's own heap limit; docker is the lab's supervisor.",
    }  # fmt: skip
