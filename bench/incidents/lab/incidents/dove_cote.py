# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A nightly update recreates the application's container; the third time it gets another address, which nginx, never reloaded, does not learn."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const http = require('http');
const stamp = () => new Date().toISOString().replace('T', ' ').slice(0, 19);
const say = (level, text) => console.log(`[${stamp()}] [${level}] cote - ${text}`);
const server = http.createServer((req, res) => {
  if (req.url.startsWith('/rings/0')) say('WARN', `ring without a number: ${req.url}`);
  setTimeout(() => res.end(`<p>${req.url}</p>`), 70);
});
server.listen(3000, process.env.BIND_ADDRESS, () => say('INFO', `listening on ${process.env.BIND_ADDRESS}:3000`));
process.on('SIGTERM', () => { say('INFO', 'SIGTERM'); server.close(() => process.exit(0)); server.closeAllConnections(); });
"""

UPDATE = r"""#!/bin/bash
# scripts/update.sh: newest images, every night
cd "$(dirname "$0")/.." || exit 1
log() { printf '%s %s\n' "$(date '+%d.%m.%y %H:%M:%S')" "$*" >> logs/update.log; }
log "pull"
sleep 12 # docker-compose pull -q
log "recreate cote"
docker-compose -f compose/docker-compose.yml up -d --force-recreate cote >> logs/update.log 2>&1
sleep 5
code=$(curl -s -m 5 -o /dev/null -w '%{http_code}' http://cote:3000/rings/1)
log "cote answers $code"
"""

COMPOSE = """version: '3'
services:
  web:
    container_name: web
    image: nginx:1.22
    ports: ["80:80"]
    volumes: ["../nginx:/etc/nginx/conf.d:ro"]
    restart: always
  cote:
    container_name: cote
    image: taubenschlag/cote:latest
    expose: ["3000"]
    restart: always
  feeder:
    container_name: feeder
    image: taubenschlag/feeder:latest
    restart: always
"""

SITE = """server {
    listen 80 default_server;
    server_name tauben.example.lu;
    access_log /var/log/nginx/cote.access.log;
    error_log  /var/log/nginx/cote.error.log;
    location / {
        proxy_pass http://cote:3000;
        proxy_connect_timeout 5s;
    }
}
"""
NGINX = "worker_processes 1;\npid /run/nginx.pid;\nevents {}\nhttp {\n    include /etc/nginx/conf.d/*.conf;\n}\n"

CRON = """# /etc/cron.d/taubenschlag
SHELL=/bin/bash
25 3 * * *  root    /home/tauben/scripts/update.sh
25 3 * * *  tauben  /home/tauben/scripts/count-eggs.sh
25 3 * * *  root    /home/tauben/scripts/prune-images.sh
*/30 * * * *  tauben  /home/tauben/scripts/webcam.sh
"""
NIGHT = "leap 84600"

INCIDENT = Incident(
    host="schlag", start="2026-09-14T03:12:00+02:00", minutes=150, factor=46, zone="Europe/Luxembourg", users=["tauben"],
    files={"/home/tauben/app/server.js": SERVER, "/home/tauben/scripts/update.sh": UPDATE, "/home/tauben/compose/docker-compose.yml": COMPOSE, "/etc/nginx/conf.d/cote.conf": SITE, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/taubenschlag": CRON,
           "/home/tauben/feeder.js": "const stamp = () => new Date().toISOString();\nsetInterval(() => console.log(`${stamp()} fed, ${Math.floor(Math.random() * 9)} kg left`), 240000);\nprocess.on('SIGTERM', () => process.exit(0));\n",
           "/home/tauben/scripts/count-eggs.sh": "#!/bin/bash\nsleep 9\nlogger -t count-eggs \"$((RANDOM % 12)) eggs\"\n", "/home/tauben/scripts/prune-images.sh": "#!/bin/bash\nsleep 20\nlogger -t prune-images 'reclaimed 0B'\n",
           "/home/tauben/scripts/webcam.sh": "#!/bin/bash\nlogger -t webcam still\n"},
    prepare="mkdir -p /home/tauben/logs",
    services={"cote": {"image": "taubenschlag/cote:latest", "command": ["node", "server.js"], "directory": "/home/tauben/app", "restart": "always", "log": {"kind": "plain", "path": "/home/tauben/logs/cote.log"}, "wait": 5, "ports": "3000/tcp",
                       "addresses": ["172.18.0.3", "172.18.0.3", "172.18.0.3", "172.18.0.5", "172.18.0.5"]},
              "feeder": {"image": "taubenschlag/feeder:latest", "command": ["node", "feeder.js"], "directory": "/home/tauben", "restart": "always", "log": {"kind": "plain", "path": "/home/tauben/logs/feeder.log"}},
              "web": {**NGINX_CONTAINER, "ports": "0.0.0.0:80->80/tcp", "restart": "always"}},
    during=[(30, NIGHT), (60, NIGHT), (90, "docker inspect cote > /home/tauben/logs/inspect-wednesday.json"), (90.2, NIGHT), (120, "true")],
    visitors={"base": "http://127.0.0.1", "host": "tauben.example.lu", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.07, "paths": [[5, "GET", "/rings/{n}"], [1, "GET", "/cote"]]}]},
    collect="""cp -r /home/tauben/scripts /home/tauben/compose /home/tauben/logs .; cp -r /etc/nginx/conf.d nginx; cp /etc/nginx/nginx.conf nginx/main.conf; cp /etc/cron.d/taubenschlag cron; mkdir nginx-logs; cp /var/log/nginx/cote.* nginx-logs/; cp /var/log/syslog logs/
docker inspect cote > inspect-cote.json; mv logs/inspect-wednesday.json .; docker ps > ps; rotate nginx-logs/cote.access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, cron, log, errors = "scripts/update.sh", "cron", "logs/cote.log", "nginx-logs/cote.error.log"
    proxy, recreate, job = (
        case.at("nginx/cote.conf", "proxy_pass http://cote:3000"),
        case.at(script, "--force-recreate cote"),
        case.at(cron, "update.sh"),
    )
    moved, refused = case.at(log, "listening on 172.18.0.5:3000"), case.at(errors, 'upstream: "http://172.18.0.3:3000')
    failed = case.at("nginx-logs/cote.access.log", '" 502 ')
    return {
        "root_cause_kind": "stale-upstream-address",
        "root_cause": "update.sh recreates the container `cote` every night (--force-recreate). nginx resolves proxy_pass http://cote:3000 once, at its start; two nights the container got its old address again, on the third it got 172.18.0.5, and nginx, never reloaded, goes on asking 172.18.0.3: 502 for everybody since.",
        "verdict": "root-cause", "culprit": proxy, "culprit_alternatives": [recreate, case.at(script, "sleep 5"), moved], "culprit_related": [job, case.at("logs/update.log", "recreate cote"), case.at("inspect-cote.json", "172.18.0.5")],
        "chain": [
            hop("deploy_changes_configuration", recreate, job, moved, case.at("logs/update.log", "recreate cote"), case.at("inspect-cote.json", "172.18.0.5")),
            hop("configuration_mismatch", moved, proxy, refused, case.at("inspect-cote.json", "172.18.0.5")),
            hop("termination_refuses_connections", refused, moved),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["cron at 03:25: update.sh, docker-compose up -d --force-recreate cote", "two nights: listening on 172.18.0.3 again; some seconds of 502 each", "third night: listening on 172.18.0.5", "nginx asks 172.18.0.3:3000, refused, 502; update.sh's own check asks by name and is content"],
        "contributing": [case.at(script, "curl -s -m 5", why="asks past nginx and reports 200")],
        "innocent": [case.at(cron, "count-eggs.sh", why="same minute, only logs"), case.at(cron, "prune-images.sh", why="same minute, only logs"), case.at(cron, "webcam.sh", why="every half hour, only logs"), case.whole("logs/feeder.log", "another container, well all the time"),
                     case.whole("scripts/prune-images.sh", "touches nothing"), case.whole("scripts/count-eggs.sh", "touches nothing"), case.at("compose/docker-compose.yml", "restart: always", why="nothing crashed")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(log, "listening on 172.18.0.5:3000")[0]),
        "measured": [case.measure(log, "listening on"), case.measure(log, "SIGTERM"), case.measure(errors, "111: Connection refused", join=300), case.measure("logs/update.log", "recreate cote")],
        "timezones": {log: "UTC without saying so", "update.log, nginx": "Europe/Luxembourg (+02:00)"},
        "how_made": REAL + "; docker-compose is the lab's supervisor, the containers' network are addresses on the loopback (a dead one refuses). Between the nights the wall clock leapt by 23.5 h.",
    }  # fmt: skip
