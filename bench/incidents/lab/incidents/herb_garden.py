# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Every search is remembered for "you looked for", by a global list nobody shortens; V8's limit in the compose file ends the container."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const pino = require('pino');
const log = pino({ base: undefined, timestamp: () => `,"ts":"${new Date().toISOString()}"` });
const recent = require('./recent');
const app = express();
app.use((req, res, next) => {
  const start = Date.now();
  res.on('finish', () => { if (res.statusCode >= 400) log.warn({ url: req.url, status: res.statusCode, ms: Date.now() - start }, 'request'); });
  next();
});
app.get('/herbs/:n', (req, res) => (req.params.n % 41 ? res.json({ herb: Number(req.params.n), sown: true }) : res.status(404).end()));
app.get('/search', (req, res) => {
  const hits = Array.from({ length: 300 + Math.floor(Math.random() * 900) }, (_, i) => ({ id: i, name: `herb ${i} ${req.query.q}`, tags: ['sun', 'dry', String(i * 7)] }));
  recent.remember(req.query.q, hits);
  setTimeout(() => res.json(hits.slice(0, 20)), 150);
});
setTimeout(() => app.listen(8200, '127.0.0.1', () => log.info({ port: 8200 }, 'garden open')), 3000);
setInterval(() => { const m = process.memoryUsage(); log.info({ rssMB: Math.round(m.rss / 1048576), heapMB: Math.round(m.heapUsed / 1048576), searches: recent.count() }, 'memory'); }, 90000);
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

RECENT = """// "you looked for ..." on the start page
const searches = [];

exports.remember = (query, hits) => {
  searches.push({ at: Date.now(), query, hits });
};
exports.count = () => searches.length;
exports.last = () => searches.slice(-5).map((search) => search.query);
"""

COMPOSE = """services:
  garden:
    image: ghcr.example/herbs/garden:0.31
    restart: on-failure
    network_mode: host
    environment:
      NODE_ENV: production
      NODE_OPTIONS: --max-old-space-size=72
    logging: {driver: json-file, options: {max-size: 5m}}
    healthcheck:
      test: ["CMD-SHELL", "curl -sf http://127.0.0.1:8200/herbs/1 > /dev/null"]
      interval: 60s
      timeout: 10s
      retries: 4
  nginx:
    image: nginx:1.22
    network_mode: host
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
    restart: always
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name herbs.example.ie;
        location / { proxy_pass http://127.0.0.1:8200; }
    }
}
"""

HEAL = """#!/bin/sh
# restart what docker calls unhealthy
for c in $(docker ps --filter health=unhealthy --format '{{.Names}}'); do
    logger -t heal "restarting $c"
    docker restart "$c"
done
"""

CRON = """*/10 * * * * root /opt/herbs/heal.sh
*/10 * * * * root /opt/herbs/sitemap.sh
*/10 * * * * root /opt/herbs/thumbs.sh
"""

INCIDENT = Incident(
    host="herbs-prod", start="2026-04-29T18:21:00+01:00", minutes=112, factor=32, zone="Europe/Dublin", apps=["/opt/herbs/app"],
    files={"/opt/herbs/app/server.js": SERVER, "/opt/herbs/app/recent.js": RECENT, "/opt/herbs/compose.yaml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/opt/herbs/heal.sh": HEAL, "/etc/cron.d/herbs": CRON,
           "/opt/herbs/sitemap.sh": "#!/bin/sh\nsleep 9\nlogger -t sitemap '1203 addresses'\n", "/opt/herbs/thumbs.sh": "#!/bin/sh\nsleep 4\nlogger -t thumbs 'none missing'\n",
           "/opt/herbs/deploys.md": "| when | what |\n| --- | --- |\n| 2026-04-22 | 0.29 search |\n| 2026-04-27 | 0.30 prices with tax |\n| 2026-04-28 | 0.31 you looked for ... |\n"},
    services={"garden": {"container": "herbs-garden-1", "image": "ghcr.example/herbs/garden:0.31", "command": ["node", "server.js"], "directory": "/opt/herbs/app", "environment": {"NODE_ENV": "production", "NODE_OPTIONS": "--max-old-space-size=72"},
                         "restart": "on-failure", "log": {"kind": "json", "path": "/var/log/garden-json.log"},
                         "health": {"command": "curl -sf http://127.0.0.1:8200/herbs/1 > /dev/null", "interval": 60, "timeout": 10, "retries": 4}},
              "nginx": {**NGINX_CONTAINER, "container": "herbs-nginx-1", "restart": "always"}},
    visitors={"base": "http://127.0.0.1", "host": "herbs.example.ie", "delay": 60, "visits": [{"perSecond": 0.42, "bots": 0.05, "aborts": 0.02, "paths": [[4, "GET", "/herbs/{n}"], [5, "GET", "/search?q=thyme{n}"]]}]},
    collect="""mkdir -p docker host nginx; cp /var/log/garden-json.log docker/b7c1-json.log; docker ps -a > docker/ps.txt; docker inspect garden > docker/inspect-garden.json; cp /opt/herbs/compose.yaml /opt/herbs/deploys.md .; cp /opt/herbs/app/*.js docker/
cp /opt/herbs/*.sh /etc/cron.d/herbs host/; cp /var/log/syslog host/; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    leak, limit, log = (
        case.at("docker/recent.js", "searches.push("),
        case.at("compose.yaml", "--max-old-space-size=72"),
        "docker/b7c1-json.log",
    )
    fatal, grows, refused = (
        case.at(log, "JavaScript heap out of memory"),
        case.at(log, "heapMB"),
        case.at("nginx/error.log", "111: Connection refused"),
    )
    return {
        "root_cause_kind": "heap-leak",
        "root_cause": "recent.js, new in 0.31, keeps every search with all its hits in a global list that nobody shortens. When V8's heap reaches the 72 MB of NODE_OPTIONS the process aborts (FATAL ERROR ... heap out of memory, 134), docker starts it again and the list fills again.",
        "verdict": "root-cause", "culprit": leak, "culprit_alternatives": [case.at("docker/recent.js", "const searches = []"), limit, fatal, case.at("docker/server.js", "recent.remember(")], "culprit_related": [case.at("deploys.md", "0.31"), grows],
        "chain": [
            hop("resource_exhausted", fatal, grows, leak, limit),
            hop("crash_ends_process", fatal),
            hop("supervisor_restarts_process", case.at("compose.yaml", "restart: on-failure"), case.at("docker/inspect-garden.json", '"RestartCount"'), case.at(log, "garden open", nth=2)),
            hop("termination_refuses_connections", refused, fatal),
            hop("failure_reaches_clients", case.at("nginx/access.log.1.gz", '" 502 '), refused),
        ],
        "mechanism": ["every /search pushes its hits into a global list", "heapMB grows from one memory line to the next", "FATAL ERROR: ... JavaScript heap out of memory; abort, exit status 134", "docker starts the container (restart: on-failure); three seconds and more until it listens", "nginx: connect() failed (111): 502"],
        "innocent": [case.at("host/herbs", "heal.sh", why="would restart an unhealthy container; never found one"), case.at("host/herbs", "sitemap.sh", why="every ten minutes, only logs"), case.at("host/herbs", "thumbs.sh", why="every ten minutes, only logs"),
                     case.whole("host/heal.sh", "never acted"), case.at("compose.yaml", "retries: 4", why="never reached"), case.at("compose.yaml", "max-size: 5m", why="the log is smaller")],
        "period_s": None, "lag_s": None,
        "measured": [case.measure(log, "JavaScript heap out of memory"), case.measure(log, "garden open"), case.measure("nginx/error.log", "111: Connection refused", join=60)],
        "timezones": {log: "UTC (Z)", "others": "Europe/Dublin (+01:00)"},
        "how_made": REAL + " (with express, pino); docker is the lab's supervisor. The stack V8 prints is its own.",
    }  # fmt: skip
