# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A check loop in a container asks over plain http, wget follows no redirect, and `docker compose up --force-recreate` cuts every viewer."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const { createServer } = require('http');
const { Server } = require('socket.io');
const pino = require('pino');
const log = pino({ base: { app: 'puffin' }, timestamp: pino.stdTimeFunctions.isoTime });
const app = express();
const server = createServer(app);
const io = new Server(server);
app.use((req, res, next) => (req.headers['x-forwarded-proto'] === 'https' || req.path.startsWith('/socket.io') ? next() : res.redirect(308, `https://puffin.example.is${req.url}`)));
app.get('/', (req, res) => res.send('<h1>puffins</h1>'));
app.get('/nests/:n', (req, res) => res.json({ eggs: 1 }));
io.on('connection', (socket) => {
  log.info({ id: socket.id }, 'viewer joined');
  socket.on('disconnect', (reason) => log.info({ id: socket.id, reason }, 'viewer left'));
});
server.listen(8085, '127.0.0.1', () => log.info('puffin cam live'));
process.on('SIGTERM', () => { log.warn({ signal: 'SIGTERM' }, 'stopping'); io.close(); setTimeout(() => process.exit(0), 1500); });
"""

WATCH = """#!/bin/sh
# keeps the camera alive; runs as the service "watch" of compose.yaml
PROBE="wget -q -T 4 -t 1 --max-redirect=0 -O /dev/null"
while sleep "${EVERY:-420}"; do
  if $PROBE http://127.0.0.1:8085/; then
    fails=0
    continue
  fi
  fails=$((${fails:-0} + 1))
  echo "watch: no picture ($fails)"
  docker compose -f /srv/puffin/compose.yaml up -d --force-recreate cam
done
"""

COMPOSE = """services:
  cam:
    image: lundi/puffin:3
    container_name: cam
    restart: unless-stopped
  tls:
    image: nginx:1.22
    container_name: tls
    network_mode: host
  watch:
    image: docker:27-cli
    container_name: watch
    environment:
      EVERY: "420"
    command: /srv/puffin/watch.sh
    volumes: ["/var/run/docker.sock:/var/run/docker.sock", "./:/srv/puffin:ro"]
"""

NGINX = r"""worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    log_format main '$remote_addr $host [$time_iso8601] "$request" $status $request_length $upstream_response_time';
    access_log /var/log/nginx/access.log main;
    server {
        listen 80;
        server_name puffin.example.is;
        location / {
            proxy_pass http://127.0.0.1:8085;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header X-Forwarded-Proto https; # a balancer ends TLS in front of us
            proxy_read_timeout 3600s;
        }
    }
}
"""

LOG = {"kind": "compose", "path": "/srv/puffin/compose.log"}
INCIDENT = Incident(
    host="lundi", start="2026-06-17T22:10:40+00:00", minutes=66, factor=26, apps=["/srv/puffin"],
    files={"/srv/puffin/server.js": SERVER, "/srv/puffin/watch.sh": WATCH, "/srv/puffin/compose.yaml": COMPOSE, "/etc/nginx/nginx.conf": NGINX,
           "/srv/puffin/thumbs.sh": "#!/bin/sh\nsleep 3\nlogger -t thumbs 'made 4 thumbnails'\n"},
    crontabs={"root": "*/7 * * * * /srv/puffin/thumbs.sh\n"},
    services={"cam": {"image": "lundi/puffin:3", "command": ["node", "server.js"], "directory": "/srv/puffin", "restart": "unless-stopped", "log": LOG, "wait": 8}, "tls": NGINX_CONTAINER,
              "watch": {"image": "docker:27-cli", "command": ["/bin/sh", "/srv/puffin/watch.sh"], "restart": "no", "environment": {"EVERY": "420"}, "log": LOG}},
    visitors={"base": "http://127.0.0.1", "host": "puffin.example.is", "delay": 60,
              "visits": [{"perSecond": 0.5, "bots": 0.04, "paths": [[1, "GET", "/"], [3, "GET", "/nests/{n}"]]}], "browsers": [{"count": 6, "log": "/srv/puffin/console.txt", "tag": "viewer"}]},
    collect="""cp /srv/puffin/compose.yaml /srv/puffin/*.sh /srv/puffin/server.js /srv/puffin/compose.log /srv/puffin/console.txt .; mkdir tls
cp /var/log/nginx/*.log /etc/nginx/nginx.conf tls/; cp /var/log/syslog .; docker ps > docker-ps.txt; crontab -l > crontab""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    probe, flags = case.at("watch.sh", "if $PROBE http://127.0.0.1:8085/"), case.at("watch.sh", 'PROBE="wget')
    action, loop = case.at("watch.sh", "docker compose -f"), case.at("watch.sh", "while sleep")
    told, gone = case.at("compose.log", "watch: no picture"), case.at("compose.log", '"msg":"stopping"')
    refused, redirect = case.at("tls/error.log", "111: Connection refused"), case.at("server.js", "res.redirect(308")
    left = case.at("compose.log", '"msg":"viewer left"')
    return {
        "root_cause_kind": "health-check-misreads-redirect",
        "root_cause": "watch.sh asks http://127.0.0.1:8085/ without X-Forwarded-Proto and allows wget no redirect; the app sends plain http to https with 308, wget fails, "
        "and every 420 s the loop recreates the healthy container and cuts all viewers.",
        "verdict": "root-cause", "culprit": probe, "culprit_alternatives": [flags, action], "culprit_related": [loop, redirect, case.at("compose.yaml", 'EVERY: "420"')],
        "chain": [
            hop("probe_gets_answer", probe, flags, redirect),
            hop("answer_takes_branch", probe, told, case.at("watch.sh", "fails=$((")),
            hop("effect_hits_service", action, told),
            hop("process_terminates", gone),
            hop("termination_closes_connections", left, gone, case.at("console.txt", "disconnected:")),
            hop("termination_refuses_connections", refused, gone),
        ],
        "mechanism": ["every 420 s (and the time of a recreate) the loop asks over plain http", "the app answers 308 to https, wget --max-redirect=0 fails", "docker compose up -d --force-recreate cam: SIGTERM",
                      "viewers are disconnected, then connect() failed (111), 502"],
        "innocent": [case.at("crontab", "thumbs.sh", why="every seven minutes on the clock, as long as the loop's pause; only logs"), case.whole("thumbs.sh", "touches nothing"),
                     case.at("compose.yaml", "restart: unless-stopped", why="nothing crashed"), case.at("tls/nginx.conf", "proxy_read_timeout 3600s", why="long enough")],
        "period_s": None, "lag_s": case.lag(case.times("compose.log", '"msg":"stopping"'), case.times("tls/error.log", "111: Connection refused")),
        "measured": [case.measure("compose.log", "watch: no picture"), case.measure("compose.log", '"msg":"stopping"'), case.measure("compose.log", '"msg":"viewer left"', join=60),
                     case.measure("tls/access.log", '" 502 ', join=60)],
        "how_made": REAL + " (with socket.io, pino, wget); docker is the lab's supervisor.",
    }  # fmt: skip
