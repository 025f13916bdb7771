# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A hardening makes the containers' file systems read-only; the API makes its cache directory at start, ends with EROFS each time and Docker waits ever longer."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""'use strict';
const http = require('http');
const fs = require('fs');
const path = require('path');
const { open } = require('./lib/cache');

const say = (level, text) => console.log(`${new Date().toISOString()} ${level} api: ${text}`);
say('info', `starting, build ${process.env.BUILD || 'dev'}, heap limit ${process.env.HEAP || 'default'}`);
const cache = open(path.join(__dirname, 'cache'));
const server = http.createServer((req, res) => {
  const begun = Date.now();
  res.on('finish', () => say(res.statusCode > 499 ? 'error' : 'info', `${req.method} ${req.url} ${res.statusCode} ${Date.now() - begun} ms`));
  const tree = /^\/drzewa\/(\d+)$/.exec(req.url);
  if (req.url === '/') return res.end('<h1>Sad</h1>');
  if (!tree || Number(tree[1]) > 880) { res.writeHead(404); return res.end(); }
  return setTimeout(() => { cache.put(tree[1], { plon: Number(tree[1]) % 40 }); res.end(JSON.stringify({ drzewo: tree[1] })); }, 120);
});
server.listen(8110, '127.0.0.1', () => say('info', `listening on 8110, ${cache.size()} entries in the cache`));
process.on('SIGTERM', () => { say('info', 'SIGTERM, bye'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""
CACHE = r"""'use strict';
const fs = require('fs');
const path = require('path');

/** A directory of small JSON files, made if it is not there. */
exports.open = (directory) => {
  if (!fs.existsSync(directory)) fs.mkdirSync(directory);
  const known = new Set(fs.readdirSync(directory));
  return {
    size: () => known.size,
    put: (key, value) => { known.add(key); fs.writeFileSync(path.join(directory, `${key}.json`), JSON.stringify(value)); },
  };
};
"""
MAILER = r"""'use strict';
const say = (text) => console.log(`${new Date().toISOString()} info mailer: ${text}`);
say('waiting for letters');
setInterval(() => say(`${Math.floor(Math.random() * 5)} letters sent`), 180000);
process.on('SIGTERM', () => { say('SIGTERM'); process.exit(0); });
"""
COMPOSE = """name: sad
services:
  api:
    image: registry.example.pl/sad/api:${BUILD:-318}
    network_mode: host
    restart: unless-stopped
    environment: { BUILD: "${BUILD:-318}" }
@HARD@  mailer:
    image: registry.example.pl/sad/mailer:77
    restart: unless-stopped
@HARD@  web:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
    volumes:
      - /etc/nginx/nginx.conf:/etc/nginx/nginx.conf:ro
      - /var/log/nginx:/var/log/nginx
"""
HARD = """    # audyt 09/2026, punkt 4
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    read_only: true
    tmpfs: [/tmp]
    mem_limit: 256m
"""
# A new container's file system: without the cache of the one before and, if the compose file says so, read-only.
ENTRY = """#!/bin/sh
if grep -q read_only /srv/sad/compose.yml && [ ! -e /run/read-only ]; then
    touch /run/read-only; rm -rf /app/cache; mount --bind /app /app; mount -o remount,ro,bind /app
fi
exec "$@"
"""
DEPLOY = """#!/bin/bash
# wdroz.sh - bierze compose.yml z gita i podnosi to, co sie zmienilo
set -e
cd /srv/sad
cp compose.yml compose.yml.poprzedni
cp git/compose.yml compose.yml
docker compose -f compose.yml up -d api mailer
echo "$(date '+%Y-%m-%d %H:%M:%S') wdrozone: $(tail -1 git/HEAD.txt)" >> wdrozenia.log
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name sad.example.pl;
        location /static/ { root /srv/sad; }
        location / {
            proxy_pass http://127.0.0.1:8110;
            proxy_set_header X-Forwarded-For $remote_addr;
        }
    }
}
"""
CRON = """*/10 * * * * /srv/sad/bin/pogoda.sh
*/20 * * * * docker image prune -f >> /srv/sad/prune.log 2>&1
"""
LOG = {"kind": "compose", "path": "/srv/sad/compose.log"}

INCIDENT = Incident(
    host="orzech", start="2026-09-22T16:41:00+02:00", minutes=46, factor=16, zone="Europe/Warsaw", users=["sad"], apps=[],
    project={"project": "sad", "config_files": "/srv/sad/compose.yml", "working_dir": "/srv/sad"},
    files={"/app/server.js": SERVER, "/app/lib/cache.js": CACHE, "/usr/local/bin/docker-entrypoint.sh": ENTRY, "/opt/mailer/mailer.js": MAILER, "/srv/sad/compose.yml": COMPOSE.replace("@HARD@", ""), "/srv/sad/git/compose.yml": COMPOSE.replace("@HARD@", HARD), "/srv/sad/bin/wdroz.sh": DEPLOY, "/etc/nginx/nginx.conf": NGINX,
           "/srv/sad/git/HEAD.txt": "9f21c07 compose: utwardzenie kontenerow po audycie (api, mailer)\n", "/srv/sad/wdrozenia.log": "2026-09-08 11:20:31 wdrozone: 41be003 api 317\n2026-09-15 09:47:12 wdrozone: c0a9d55 api 318, szybsza lista drzew\n",
           "/srv/sad/bin/pogoda.sh": "#!/bin/sh\n# prognoza dla sadu\nsleep 6\nlogger -t pogoda 'prognoza zapisana'\n"},
    crontabs={"root": CRON},
    services={"api": {"container": "sad-api-1", "image": "registry.example.pl/sad/api:318", "command": ["docker-entrypoint.sh", "node", "server.js"], "directory": "/app", "environment": {"BUILD": "318"}, "restart": "unless-stopped", "log": LOG, "wait": 6},
              "mailer": {"container": "sad-mailer-1", "image": "registry.example.pl/sad/mailer:77", "command": ["node", "mailer.js"], "directory": "/opt/mailer", "restart": "unless-stopped", "log": LOG, "wait": 6},
              "web": {**NGINX_CONTAINER, "container": "sad-web-1"}},
    during=[(14.6, "/srv/sad/bin/wdroz.sh")],
    visitors={"base": "http://127.0.0.1", "host": "sad.example.pl", "delay": 70,
              "visits": [{"perSecond": 0.4, "bots": 0.06, "aborts": 0.02, "abortAfter": 0.3, "paths": [[6, "GET", "/drzewa/{n}"], [2, "GET", "/"], [1, "GET", "/static/sad.css"]]}],
              "monitors": [{"every": 120, "offset": 10, "path": "/", "address": "192.0.2.200", "agent": "StatusCake"}]},
    collect="""mkdir -p nginx api/lib bin; cp /srv/sad/compose.yml /srv/sad/compose.yml.poprzedni /srv/sad/wdrozenia.log .; cp /srv/sad/compose.log compose-logs.txt; cp /app/server.js api/; cp /app/lib/cache.js api/lib/; cp /srv/sad/bin/* bin/; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/
for again in 1 2 3 4 5 6 7 8; do docker ps | grep -q Restarting && break; sleep 3; done; docker ps > docker-ps.txt; docker inspect sad-api-1 > inspect-api.json; docker events > docker-events.txt; crontab -l > crontab.txt; cp /var/log/syslog .; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, events, errors, access = "compose-logs.txt", "docker-events.txt", "nginx/error.log", "nginx/access.log"
    readonly, change, made = (
        case.at("compose.yml", "read_only: true"),
        case.at("wdrozenia.log", "utwardzenie"),
        case.at("api/lib/cache.js", "fs.mkdirSync(directory)"),
    )
    erofs, died, refused = (
        case.at(log, "EROFS: read-only file system"),
        case.at(events, "exitCode=1"),
        case.at(errors, "111: Connection refused"),
    )
    listed = case.at("docker-ps.txt", "sad-api-1")
    return {
        "root_cause_kind": "read-only-file-system-after-deploy",
        "root_cause": "The compose file deployed at 16:55 makes the containers' root file systems read-only (audit, point 4). The API makes its cache directory beside its code at start: mkdir fails with EROFS, node ends with 1 before it listens, and Docker starts it again with pauses that double up to a minute. nginx has nobody to ask: 502 until the end of the logs.",
        "verdict": "root-cause", "culprit": readonly, "culprit_alternatives": [erofs, change, made, case.at("api/server.js", "open(path.join(__dirname, 'cache'))"), case.at("compose.yml", "tmpfs: [/tmp]")],
        "culprit_related": [died, listed, case.at("bin/wdroz.sh", "cp git/compose.yml compose.yml"), case.whole("compose.yml.poprzedni", "the file before: no read_only")],
        "chain": [
            hop("deploy_changes_configuration", readonly, change),
            hop("crash_ends_process", erofs, died, case.at("inspect-api.json", '"RestartCount"')),
            hop("supervisor_restarts_process", died, listed, case.at("compose.yml", "restart: unless-stopped"), case.at(log, "starting, build 318", 2)),
            hop("termination_refuses_connections", refused, died),
            hop("failure_reaches_clients", case.at("nginx/access.log.1.gz", '" 502 '), case.at(access, '" 502 '), refused),
        ],
        "mechanism": ["wdroz.sh brings compose.yml with read_only: true and recreates api and mailer", "api: mkdirSync('/app/cache') -> EROFS, exit code 1, before it listens", "restart: unless-stopped: Docker tries again, after 0.2, 0.4, ... 60 s", "connect() failed (111), 502 for every page; the mailer, hardened in the same way, writes nothing and works"],
        "innocent": [
            case.at("compose.yml", "mem_limit: 256m", why="no OOM: exit code 1, OOMKilled false"), case.at("compose.yml", "cap_drop: [ALL]", why="the error is EROFS, not EPERM; the port is above 1024"), case.at("wdrozenia.log", "api 318, szybsza", why="a week before, the same image ran well until 16:55"),
            case.at("crontab.txt", "docker image prune", why="every 20 minutes, removes only what is not used"), case.at("crontab.txt", "pogoda.sh", why="every ten minutes, only logs"), case.whole("bin/pogoda.sh", "only logs"), case.at("nginx/access.log.1.gz", '" 404 ', why="bots and unknown trees"),
        ],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(errors, "111: Connection refused")[0]), "lags": {},
        "measured": [case.measure(events, "container die .*exitCode=1"), case.measure(log, "EROFS: read-only file system, mkdir"), case.measure(log, "api: listening on"), case.measure(errors, "111: Connection refused"), case.measure("nginx/access.log.1.gz", '" 502 '), case.measure(access, '" 502 ')],
        "timezones": {"nginx, cron, wdrozenia.log": "Europe/Warsaw (+02:00)", "compose-logs.txt, docker-events.txt": "UTC"},
        "how_made": REAL.replace(" and curl", "") + "; docker is the lab's supervisor; read_only is a bind mount of /app made read-only by the entrypoint at the new container's first start.",
    }  # fmt: skip
