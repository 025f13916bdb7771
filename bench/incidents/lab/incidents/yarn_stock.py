# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The team's own price sync sends three hundred requests from twelve lanes at an API whose limit was set against scrapers: 429 for dozens of them."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

API = r"""const express = require('express');
const pino = require('pino');
const log = pino({ name: 'yarn', timestamp: pino.stdTimeFunctions.isoTime });
const app = express();
app.use(express.json());
app.get('/api/v1/yarns/:n', (req, res) => setTimeout(() => res.json({ yarn: Number(req.params.n), metres: 220 }), 60));
app.put('/api/v1/prices/:n', (req, res) => setTimeout(() => { log.debug({ sku: req.params.n }, 'price'); res.status(204).end(); }, 40));
app.get('/', (req, res) => res.send('<h1>yarn</h1>'));
app.listen(7711, '127.0.0.1', () => log.info('yarn stock up'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

SYNC = r"""#!/usr/bin/env node
// Prices from the wholesaler's list into the shop, every half hour.
import { readFileSync, appendFileSync } from 'node:fs';

const base = process.env.SHOP ?? 'http://127.0.0.1/api/v1';
const skus = readFileSync('/opt/yarn/jobs/skus.txt', 'utf8').trim().split('\n');
const put = (sku) => fetch(`${base}/prices/${sku}`, {
  method: 'PUT',
  headers: { 'content-type': 'application/json', 'user-agent': 'price-sync/3' },
  body: JSON.stringify({ cents: 490 + (sku % 300) }),
}).then((reply) => reply.status, () => 0);

const seen = {};
const queue = [...skus];
async function lane() {
  for (let sku = queue.pop(); sku; sku = queue.pop()) {
    const status = await put(sku);
    seen[status] = (seen[status] ?? 0) + 1;
  }
}
await Promise.all(Array.from({ length: 12 }, lane));
appendFileSync('/opt/yarn/jobs/sync.out', `${new Date().toISOString()} ${JSON.stringify(seen)}\n`);
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events {}
http {
    limit_req_zone $binary_remote_addr zone=perip:10m rate=8r/s;
    limit_req_status 429;
    log_format vhost '$host $remote_addr [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" $request_time';
    access_log /var/log/nginx/vhost.log vhost;
    server {
        listen 80;
        server_name wolle.example.de;
        location /api/ {
            limit_req zone=perip burst=30 nodelay;
            proxy_pass http://127.0.0.1:7711;
        }
        location / { proxy_pass http://127.0.0.1:7711; }
    }
}
"""

COMPOSE = """services:
  yarn:
    image: wolle/yarn:44
    network_mode: host
    restart: always
  nginx:
    image: nginx:1.22-alpine
    network_mode: host
    volumes: [./nginx.conf:/etc/nginx/nginx.conf:ro]
"""

CRONTAB = """*/30 * * * * node /opt/yarn/jobs/price-sync.mjs
*/30 * * * * /opt/yarn/jobs/newsletter-queue.sh
*/30 * * * * /opt/yarn/jobs/stock-report.sh
0 6 * * * docker compose -f /opt/yarn/compose.yml restart yarn
"""

INCIDENT = Incident(
    host="wolle", start="2026-10-20T09:21:00+02:00", minutes=104, factor=18, zone="Europe/Berlin", apps=["/opt/yarn/app"], users=["wolle"],
    files={"/opt/yarn/app/server.js": API, "/opt/yarn/jobs/price-sync.mjs": SYNC, "/etc/nginx/nginx.conf": NGINX, "/opt/yarn/compose.yml": COMPOSE, "/opt/yarn/jobs/skus.txt": "\n".join(str(n) for n in range(1001, 1301)) + "\n",
           "/opt/yarn/jobs/newsletter-queue.sh": "#!/bin/sh\nsleep 14\nlogger -t newsletter 'queue empty'\n", "/opt/yarn/jobs/stock-report.sh": "#!/bin/sh\n# asks the shop once\ncurl -s -m 20 -o /dev/null -A stock-report http://127.0.0.1/api/v1/yarns/7\nlogger -t stock-report printed\n"},
    crontabs={"wolle": CRONTAB}, prepare="chown -R wolle: /opt/yarn/jobs",
    services={"yarn": {"container": "yarn-yarn-1", "image": "wolle/yarn:44", "command": ["node", "server.js"], "directory": "/opt/yarn/app", "restart": "always", "log": {"kind": "compose", "path": "/var/log/yarn-compose.log"}},
              "nginx": {**NGINX_CONTAINER, "container": "yarn-nginx-1", "image": "nginx:1.22-alpine"}},
    visitors={"base": "http://127.0.0.1", "host": "wolle.example.de", "delay": 60, "visits": [{"perSecond": 0.2, "bots": 0.05, "paths": [[5, "GET", "/api/v1/yarns/{n}"], [2, "GET", "/"]]}]},
    collect="""mkdir -p opt-yarn/jobs log; cp /opt/yarn/compose.yml /etc/nginx/nginx.conf opt-yarn/; cp /opt/yarn/jobs/*.mjs /opt/yarn/jobs/*.sh opt-yarn/jobs/; head -5 /opt/yarn/jobs/skus.txt > opt-yarn/jobs/skus-head.txt; crontab -u wolle -l > opt-yarn/crontab_wolle
cp /var/log/yarn-compose.log /var/log/syslog log/; cp /var/log/nginx/vhost.log log/nginx-vhost.log; cp /var/log/nginx/error.log log/nginx-error.log; docker ps > opt-yarn/docker-ps.txt; cp /etc/os-release /etc/crontab . 2>/dev/null; rotate log/nginx-vhost.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, tab, errors = "opt-yarn/jobs/price-sync.mjs", "opt-yarn/crontab_wolle", "log/nginx-error.log"
    lanes, job, limit = (
        case.at(script, "Array.from({ length: 12 }, lane)"),
        case.at(tab, "price-sync.mjs"),
        case.at("opt-yarn/nginx.conf", "limit_req zone=perip burst=30 nodelay"),
    )
    zone, said = (
        case.at("opt-yarn/nginx.conf", "limit_req_zone $binary_remote_addr zone=perip:10m rate=8r/s"),
        case.at(errors, "limiting requests, excess"),
    )
    turned, older = case.at("log/nginx-vhost.log", '" 429 '), case.at("log/nginx-vhost.log.1.gz", '" 429 ')
    return {
        "root_cause_kind": "own-batch-rate-limited",
        "root_cause": "price-sync.mjs, every half hour, sends its 300 prices from twelve lanes at once through nginx, whose limit for one address is 8 requests a second and a burst of 30: 34 to 94 are refused with 429 each time, and as the script only counts the answers, those prices stay old.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": lanes, "culprit_alternatives": [limit, zone, job, case.at(script, "await put(sku)"), case.at(script, "method: 'PUT'"), case.at(script, "const put = ")], "culprit_related": [said, case.at("opt-yarn/nginx.conf", "limit_req_status 429")],
        "chain": [
            hop("job_runs_script", job),
            hop("limit_rejects_requests", said, limit, zone, lanes),
            hop("failure_reaches_clients", turned, older, said),
        ],
        "mechanism": ["cron of wolle, every half hour: three jobs", "price-sync.mjs: twelve lanes, one PUT after the other, no pause, no second try", "nginx: limiting requests, excess ... by zone perip: 429", "visitors, who ask now and then, are not refused"],
        "innocent": [case.at(tab, "newsletter-queue.sh", why="same half hours, only logs"), case.at(tab, "stock-report.sh", why="same half hours; one request"), case.at(tab, "restart yarn", why="at six, not in these logs"), case.whole("opt-yarn/jobs/newsletter-queue.sh", "touches nothing"),
                     case.at("opt-yarn/compose.yml", "restart: always", why="nothing ended")],
        "period_s": 1800, "lag_s": None,
        "measured": [case.measure(errors, "limiting requests", join=300), case.measure("log/nginx-vhost.log.1.gz", '" 429 ', join=300), case.measure("log/nginx-vhost.log", '" 429 ', join=300)],
        "timezones": {"all": "Europe/Berlin (+02:00); nginx's error log without zone; yarn's log UTC (Z)"},
        "how_made": REAL + " (with express, pino), fetch of Node 20; docker is the lab's supervisor. The script's own count (sync.out) was not collected.",
    }  # fmt: skip
