# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release makes the event streams' heartbeat rarer than nginx's read timeout: each quiet stream is cut 100 s after it was opened."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const pino = require('pino');
const log = pino({ base: { app: 'nestkast' }, timestamp: pino.stdTimeFunctions.isoTime });
const pingEvery = Number(process.env.SSE_PING_SECONDS || 20) * 1000;
const app = express();
let streams = 0;
const rooms = new Map();

app.get('/healthz', (req, res) => res.send('ok'));
app.get('/api/nests/:n', (req, res) => setTimeout(() => res.json({ nest: req.params.n, eggs: 3 }), 300 + Math.random() * 900));

// one event stream per nest; the browser's EventSource reopens it by itself
app.get('/events/:room', (req, res) => {
  const id = ++streams;
  const opened = Date.now();
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  res.write('retry: 3000\n\n');
  const room = rooms.get(req.params.room) || new Set();
  rooms.set(req.params.room, room.add(res));
  log.info({ stream: id, room: req.params.room, streams: [...rooms.values()].reduce((n, r) => n + r.size, 0) }, 'stream opened');
  const ping = setInterval(() => res.write(': ping\n\n'), pingEvery);
  req.on('close', () => {
    clearInterval(ping);
    room.delete(res);
    log.info({ stream: id, room: req.params.room, seconds: Math.round((Date.now() - opened) / 1000) }, 'stream closed by peer');
  });
});
const say = (name, data) => (rooms.get(name) || []).forEach((res) => res.write(`data: ${JSON.stringify(data)}\n\n`));
setInterval(() => say('chat', { from: 'bezoeker', text: 'kijk!' }), 14000); // the chat is never quiet for long
setInterval(() => Math.random() < 0.25 && say(`nest-${1 + Math.floor(Math.random() * 3)}`, { seen: 'adult bird' }), 120000);

const server = app.listen(8300, '127.0.0.1', () => log.info({ port: 8300, pingEvery }, 'listening'));
process.on('SIGTERM', () => { log.info('SIGTERM, stopping'); process.exit(0); });
"""

COMPOSE = """name: nestkast
services:
  nestkast:
    image: registry.example.nl/nestkast:${TAG}
    container_name: nestkast
    restart: unless-stopped
    network_mode: host
    env_file: .env
    healthcheck:
      test: curl -fsS http://127.0.0.1:8300/healthz
      interval: 30s
      timeout: 5s
      retries: 3
  web:
    image: nginx:1.22
    container_name: web
    restart: unless-stopped
    network_mode: host
    volumes:
      - ./nginx/nginx.conf:/etc/nginx/nginx.conf:ro
      - ./nginx/proxy.inc:/etc/nginx/proxy.inc:ro
      - ./logs:/var/log/nginx
"""

DEPLOY = r"""#!/bin/sh
# uitrol.sh: neemt .env.nieuw over en zet de container opnieuw neer
set -e
cd /srv/nestkast
cp .env ".env.$(date +%H%M)"
cp .env.nieuw .env
docker compose up -d nestkast
echo "$(date '+%Y-%m-%d %H:%M:%S') uitgerold: $(grep TAG .env)" >> uitrol.log
"""

STILLS = r"""#!/bin/sh
# elke twee minuten een stilstaand beeld van elke nestkast
for n in 1 2 3; do
    curl -s -o /dev/null -w "$(date '+%Y-%m-%d %H:%M:%S') nest $n %{http_code} %{time_total}s\n" -H 'Host: nest.example.nl' "http://127.0.0.1/api/nests/$n" >> /srv/nestkast/stills.log
done
"""

PROXY = """proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_set_header Host $host;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_connect_timeout 4s;
proxy_read_timeout 100s;
proxy_buffering off;
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 1024; }
http {
    log_format tijd '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time "$http_user_agent"';
    access_log /var/log/nginx/access.log tijd;
    keepalive_timeout 65;
    server {
        listen 80;
        server_name nest.example.nl;
        location / {
            proxy_pass http://127.0.0.1:8300;
            include /etc/nginx/proxy.inc;
        }
    }
}
"""

INCIDENT = Incident(
    host="nestkast-vps", start="2026-04-15T09:12:00+02:00", minutes=62, factor=18, zone="Europe/Amsterdam", apps=["/srv/nestkast"],
    files={"/srv/nestkast/server.js": SERVER, "/srv/nestkast/compose.yml": COMPOSE, "/srv/nestkast/uitrol.sh": DEPLOY, "/srv/nestkast/stills.sh": STILLS, "/srv/nestkast/.env": "TAG=1.12.3\nSSE_PING_SECONDS=25\n",
           "/srv/nestkast/.env.nieuw": "TAG=1.13.0\n# minder data voor telefoons\nSSE_PING_SECONDS=150\n", "/srv/nestkast/uitrol.log": "2026-04-09 20:15:31 uitgerold: TAG=1.12.3\n",
           "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/proxy.inc": PROXY},
    crontabs={"root": "*/2 * * * * /srv/nestkast/stills.sh\n*/15 * * * * docker system df >/dev/null 2>&1\n10 4 * * 0 docker image prune -f\n"},
    services={"nestkast": {"container": "nestkast", "image": "registry.example.nl/nestkast:1.12.3", "command": ["node", "server.js"], "directory": "/srv/nestkast", "environment_file": "/srv/nestkast/.env", "restart": "unless-stopped",
                           "log": {"kind": "json", "path": "/var/log/nestkast-json.log"}, "health": {"command": "curl -fsS -o /dev/null http://127.0.0.1:8300/healthz", "interval": 30, "timeout": 5, "retries": 3}, "wait": 10},
              "web": {**NGINX_CONTAINER, "container": "web"}},
    project={"project": "nestkast", "file": "compose.yml", "directory": "/srv/nestkast"},
    during=[(19.3, "/srv/nestkast/uitrol.sh")],
    visitors={"base": "http://127.0.0.1", "host": "nest.example.nl", "delay": 40,
              "visits": [{"perSecond": 0.3, "bots": 0.07, "aborts": 0.05, "abortAfter": 0.6, "paths": [[5, "GET", "/api/nests/{n}"], [1, "GET", "/"]]}],
              "streams": [{"path": "/events/nest-1", "count": 3, "spread": 17}, {"path": "/events/nest-2", "count": 2, "spread": 29}, {"path": "/events/nest-3", "count": 2, "spread": 41}, {"path": "/events/chat", "count": 3, "spread": 13}]},
    collect="""mkdir -p docker nginx cron app; cp /var/log/nestkast-json.log docker/
cp /var/log/nginx/*.log /etc/nginx/nginx.conf /etc/nginx/proxy.inc nginx/; crontab -l > cron/root; cp /srv/nestkast/*.log /srv/nestkast/*.sh /srv/nestkast/server.js /srv/nestkast/compose.yml app/; cp /srv/nestkast/.env app/env; cp /srv/nestkast/.env.0* app/; mv app/.env.0* app/env.vorige""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    app, errors, access, proxy = "docker/nestkast-json.log", "nginx/error.log", "nginx/access.log", "nginx/proxy.inc"
    limit, ping, told = (
        case.at(proxy, "proxy_read_timeout 100s"),
        case.at("app/env", "SSE_PING_SECONDS=150"),
        case.at("app/uitrol.log", "uitgerold: TAG=1.13.0"),
    )
    listening, cut, again = (
        case.at(app, 'pingEvery\\":150000'),
        case.at(errors, "timed out) while reading upstream"),
        case.at(app, "stream closed by peer", nth=len(case.times(app, "stream closed by peer"))),
    )
    before = case.at("app/env.vorige", "SSE_PING_SECONDS=25", why="what it was: a byte every 25 s kept each stream open")
    short = r'"GET /events/nest-[123] HTTP/1.1" 200 \d+ 100\.'
    return {
        "root_cause_kind": "heartbeat-longer-than-proxy-read-timeout",
        "root_cause": "Release 1.13.0 (09:31) raised SSE_PING_SECONDS from 25 to 150, but nginx closes a proxied stream after 100 s without a byte (proxy_read_timeout 100s). Since then every quiet stream is cut 100 s after its last byte, mostly 100 s after it was opened, and EventSource opens it again 3 s later; the chat's streams, which get a message every 14 s, live on.",
        "verdict": "root-cause", "culprit": limit,
        "culprit_alternatives": [ping, told, case.at("app/server.js", "const pingEvery"), case.at("app/server.js", "const ping = setInterval"), case.at("app/uitrol.sh", "cp .env.nieuw .env"), listening],
        "culprit_related": [case.at("nginx/nginx.conf", "include /etc/nginx/proxy.inc"), before, cut],
        "chain": [
            hop("deploy_changes_configuration", told, ping, listening, case.at("app/uitrol.sh", "cp .env.nieuw .env")),
            hop("configuration_mismatch", ping, limit, listening, case.at("app/server.js", "const pingEvery")),
            hop("timeout_closes_connection", cut, limit, again),
            hop("failure_reaches_clients", case.at(access, '"GET /events/nest-1 HTTP/1.1" 200 18 100.'), again, cut),
        ],
        "mechanism": ["the release sets the heartbeat to 150 s", "nginx waits 100 s for the next byte of the upstream", "100 s after the last byte: upstream timed out (110) while reading upstream; the server sees the stream closed by its peer", "the browser reopens the stream 3 s later: the next 100 s begin"],
        "innocent": [
            case.at("cron/root", "stills.sh", why="every two minutes by the wall clock; the ends follow each stream's own start"), case.whole("app/stills.sh", "three questions to the API"), case.at("cron/root", "docker system df", why="only measures"),
            case.at("cron/root", "docker image prune", why="on Sunday nights"), case.at("app/compose.yml", "healthcheck:", why="asks another path, answers each time"), case.at(app, "SIGTERM, stopping", why="the release's one planned restart"), case.at(errors, "111: Connection refused", why="the release's few seconds"),
            case.at(access, '" 499 ', why="people who left"), case.at(access, '" 404 ', why="bots"), case.at("nginx/nginx.conf", "keepalive_timeout 65", why="between requests of clients, not within a stream"),
        ],
        "period_s": None, "lag_s": 100, "lags": {"release -> first stream cut": case.lag(case.times("app/uitrol.log", "1.13.0"), case.times(errors, "110: Connection timed out"), within=400)}, "step_change_at": str(case.times(errors, "110: Connection timed out")[0]),
        "measured": [case.measure(errors, "110: Connection timed out"), case.measure(access, short), case.measure(app, "stream closed by peer"), case.measure(app, "stream opened"), case.measure(access, "/events/chat")],
        "timezones": {"nginx, uitrol.log, stills.log": "Europe/Amsterdam (+02:00)", "docker": "UTC"},
        "how_made": REAL + " (with express, pino; event streams reopened by the lab's clients); docker is the lab's supervisor. The release makes all streams begin together, so those of one room stay in step for a while.",
    }  # fmt: skip
