# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A slow yearly table times out on one server, nginx asks the other, which times out as well: both count as down for two minutes and a half, and everybody gets 502 from two well servers."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""import express from 'express';
import pino from 'pino';
const { NAME, PORT } = process.env;
const log = pino({ base: { srv: NAME }, timestamp: () => `,"at":"${new Date().toISOString()}"` });
const app = express();
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
app.get('/up', (req, res) => res.send('up'));
app.get('/tides/:port', async (req, res) => { await pause(60 + Math.random() * 240); res.json({ port: req.params.port, high: '11:42' }); });
app.get('/tables/:port/:year', async (req, res) => {
  const began = Date.now();
  log.info({ port: req.params.port, year: req.params.year, for: req.get('x-real-ip') }, 'table asked');
  for (let month = 1; month <= 12; month += 1) await pause(5600 + Math.random() * 900); // the harmonic service, a month at a time
  log.info({ seconds: Math.round((Date.now() - began) / 1000), gone: res.destroyed || req.destroyed }, 'table done');
  res.json({ months: 12 });
});
app.post('/log/:boat', async (req, res) => { await pause(150); log.info({ boat: req.params.boat }, 'entry'); res.sendStatus(201); });
app.listen(PORT, '127.0.0.1', () => log.info({ port: PORT }, 'listening'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""
UPSTREAM = """# both behind one name; a server that fails is left alone for a while (Morwenna, March)
upstream wheel {
    server 127.0.0.1:3801 max_fails=1 fail_timeout=150s;
    server 127.0.0.1:3802 max_fails=1 fail_timeout=150s;
}
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    include /etc/nginx/upstreams/*.conf;
    log_format w '$remote_addr [$time_local] "$request" $status $body_bytes_sent $request_time $upstream_addr $upstream_status';
    access_log /var/log/nginx/wheel.log w;
    server {
        listen 80;
        server_name wheel.example.co.uk;
        location / {
            proxy_pass http://wheel;
            proxy_connect_timeout 4s;
            proxy_read_timeout 25s;
            proxy_set_header X-Real-IP $remote_addr;
        }
    }
}
"""
COMPOSE = """name: wheel
services:
  wheel-a:
    image: ghcr.example.net/wheel:7.4.2
    environment: { NAME: a, PORT: "3801" }
    network_mode: host
    restart: unless-stopped
    mem_limit: 512m
  wheel-b:
    image: ghcr.example.net/wheel:7.4.2
    environment: { NAME: b, PORT: "3802" }
    network_mode: host
    restart: unless-stopped
    mem_limit: 512m
  web:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
    volumes: [./nginx:/etc/nginx:ro, ./log:/var/log/nginx]
"""
GUARD = r"""#!/bin/sh
# guard: restarts a server that does not answer (asked directly, past nginx)
for port in 3801 3802; do
    name=wheel-a; [ $port = 3802 ] && name=wheel-b
    if wget -q -T 10 -t 2 -O /dev/null "http://127.0.0.1:$port/up"; then echo "$(date -Iseconds) $name up"
    else echo "$(date -Iseconds) $name DOWN, restarting"; docker restart "$name"; fi
done
"""
CRON = """*/4 * * * * root /srv/wheel/ops/guard.sh >> /srv/wheel/ops/guard.log 2>&1
*/15 * * * * root /srv/wheel/ops/gauges.sh >> /srv/wheel/ops/gauges.log 2>&1
"""


def server(name: str, port: str) -> dict[str, Any]:
    return {
        "container": f"wheel-{name}",
        "image": "ghcr.example.net/wheel:7.4.2",
        "command": ["node", "server.mjs"],
        "directory": "/srv/wheel",
        "environment": {"NAME": name, "PORT": port},
        "restart": "unless-stopped",
        "log": {"kind": "json", "path": f"/srv/wheel/wheel-{name}-json.log"},
        "wait": 8,
    }


INCIDENT = Incident(
    host="wheelhouse", start="2026-04-21T13:12:00+01:00", minutes=98, factor=28, zone="Europe/London", apps=["/srv/wheel"],
    project={"project": "wheel", "config_files": "/srv/wheel/compose.yaml", "working_dir": "/srv/wheel"},
    files={"/srv/wheel/server.mjs": SERVER, "/srv/wheel/compose.yaml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/upstreams/wheel.conf": UPSTREAM, "/etc/cron.d/wheel": CRON, "/srv/wheel/ops/guard.sh": GUARD,
           "/srv/wheel/ops/gauges.sh": "#!/bin/sh\n# heights from the harbour gauges\nsleep 11\necho \"$(date -Iseconds) 9 gauges read, 0 late\"\n"},
    services={"wheel-a": server("a", "3801"), "wheel-b": server("b", "3802"), "web": {**NGINX_CONTAINER, "container": "wheel-web"}},
    visitors={"base": "http://127.0.0.1", "host": "wheel.example.co.uk", "delay": 60,
              "visits": [{"perSecond": 0.4, "bots": 0.05, "aborts": 0.02, "abortAfter": 0.12, "paths": [[6, "GET", "/tides/{n}"], [2, "POST", "/log/{n}", "{}"]]}],
              "monitors": [{"every": 830, "jitter": 560, "offset": 700, "path": "/tables/18/2027", "address": "192.0.2.121", "agent": "almanac-press/1.3"}]},
    collect="""mkdir -p stack/upstreams ops log; cp /srv/wheel/compose.yaml /etc/nginx/nginx.conf /srv/wheel/server.mjs stack/; cp /etc/nginx/upstreams/wheel.conf stack/upstreams/; cp /srv/wheel/ops/* ops/; cp /etc/cron.d/wheel ops/cron.d-wheel
cp /srv/wheel/*-json.log log/; cp /var/log/nginx/wheel.log /var/log/nginx/error.log log/; docker ps -a > ops/docker-ps.txt; docker events > ops/docker-events.txt; rotate log/wheel.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    errors, access, conf = "log/error.log", "log/wheel.log", "stack/upstreams/wheel.conf"
    if not any('"GET /tables/' in line for line in case.lines(access)):
        access = "log/wheel.log.1.gz"
    mark, second = (
        case.at(conf, "127.0.0.1:3801 max_fails=1 fail_timeout=150s"),
        case.at(conf, "127.0.0.1:3802 max_fails=1 fail_timeout=150s"),
    )
    late, live, failed = (
        case.at(errors, "upstream timed out (110"),
        case.at(errors, "no live upstreams"),
        case.at(access, " 502 "),
    )
    wait, slow, asked = (
        case.at("stack/nginx.conf", "proxy_read_timeout 25s"),
        case.at("stack/server.mjs", "a month at a time"),
        case.at("log/wheel-a-json.log", "table asked"),
    )
    return {
        "root_cause_kind": "slow-request-marks-all-upstreams-down",
        "root_cause": "192.0.2.121 (almanac-press) asks now and then for a yearly table, which takes more than 70 s; nginx waits 25 s (proxy_read_timeout), counts the server as failed and asks the other one, where the same happens. With max_fails=1 fail_timeout=150s one timeout is enough: after fifty seconds both are marked down and everybody gets 502 (no live upstreams) for most of two minutes, from two servers that answered all along and never ended.",
        "verdict": "root-cause", "culprit": mark, "culprit_alternatives": [second, wait, slow, asked, late, case.at("stack/server.mjs", "app.get('/tables/:port/:year'"), case.at(access, '"GET /tables/')],
        "culprit_related": [live],
        "chain": [
            hop("timeout_closes_connection", late, wait, slow, case.at(access, '"GET /tables/'), asked),
            hop("configuration_mismatch", mark, second, live, wait),
            hop("failure_reaches_clients", failed, live),
        ],
        "mechanism": ["a yearly table is asked for, at no regular time", "25 s: upstream timed out (110), that server is marked down for 150 s; nginx asks the other one", "another 25 s: the other is marked down too; the asker gets 504", "no live upstreams while connecting to upstream: 502 for all, until the first mark runs out"],
        "innocent": [case.at("ops/cron.d-wheel", "guard.sh", why="asks each server directly; always up, restarts nothing"), case.at("ops/guard.sh", "docker restart", why="never reached"), case.at("ops/cron.d-wheel", "gauges.sh", why="reads gauges"),
                     case.at("stack/compose.yaml", "mem_limit: 512m", why="no container was killed or restarted"), case.at("stack/nginx.conf", "proxy_connect_timeout 4s", why="both accept at once")],
        "period_s": None, "lag_s": 50,
        "measured": [case.measure(errors, "upstream timed out"), case.measure(errors, "no live upstreams", join=100), case.measure("log/wheel-a-json.log", "table asked"), case.measure("ops/guard.log", " up$"), case.measure(access, '"GET /tables/')],
        "timezones": {"json logs": "UTC (Z)", "others": "Europe/London (+01:00)"},
        "how_made": REAL.replace(" and curl", "") + " (with express, pino); docker is the lab's supervisor, the harmonic service a pause.",
    }  # fmt: skip
