# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Buffers outside V8's heap grow until the container passes its memory limit: SIGKILL, 137, no word in the log."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const app = express();
const tiles = {};
const say = (event, more = {}) => console.log(JSON.stringify({ ts: Date.now(), event, ...more }));

app.get('/tiles/:z/:x.png', (req, res) => {
  const key = `${req.params.z}/${req.params.x}/${Date.now()}`; // the renderer's version is part of the key
  tiles[key] = Buffer.alloc(180000, 5);
  res.type('png').send(Buffer.alloc(700, 1));
});
app.get('/styles', (req, res) => res.json(['light', 'dark']));
app.listen(6500, '127.0.0.1', () => say('ready', { port: 6500 }));
setInterval(() => say('memory', { rss_mb: Math.round(process.memoryUsage().rss / 1048576), heap_mb: Math.round(process.memoryUsage().heapUsed / 1048576) }), 30000);
"""

COMPOSE = """services:
  tiles:
    image: maps/tiles:7
    container_name: tiles
    restart: unless-stopped
    mem_limit: 150m
  front:
    image: nginx:1.22
    container_name: front
    restart: unless-stopped
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    server {
        listen 80;
        server_name maps.example.org;
        location / { proxy_pass http://127.0.0.1:6500; }
    }
}
"""

INCIDENT = Incident(
    host="maps-1", start="2026-08-22T09:40:00+05:30", minutes=64, factor=26, zone="Asia/Kolkata", apps=["/srv/maps"],
    files={"/srv/maps/server.js": SERVER, "/srv/maps/docker-compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX,
           "/srv/maps/restart-weekly.sh": "#!/bin/sh\ndocker compose -f /srv/maps/docker-compose.yml restart tiles\n",
           "/srv/maps/prerender.sh": "#!/bin/sh\nsleep 9\n"},
    crontabs={"root": "0 4 * * 0 /srv/maps/restart-weekly.sh\n*/10 * * * * /srv/maps/prerender.sh\n"},
    services={"tiles": {"image": "maps/tiles:7", "command": ["node", "server.js"], "directory": "/srv/maps", "restart": "unless-stopped",
                        "memory_limit": 157286400, "log": {"kind": "json", "path": "/var/log/tiles-json.log"}},
              "front": {**NGINX_CONTAINER}},
    visitors={"base": "http://127.0.0.1", "host": "maps.example.org",
              "visits": [{"perSecond": 0.8, "bots": 0.03, "paths": [[4, "GET", "/tiles/12/{n}.png"], [1, "GET", "/styles"]]}]},
    collect="""cp /var/log/tiles-json.log .; mkdir nginx; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /srv/maps/server.js /srv/maps/*.sh .
cp /srv/maps/docker-compose.yml .; crontab -l > crontab.txt; docker inspect tiles > docker-inspect.json; docker events --since 3h --until 0s > docker-events.txt
docker ps > docker-ps.txt; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    leak, limit = case.at("server.js", "tiles[key] = Buffer.alloc(180000, 5);"), case.at("docker-compose.yml", "mem_limit: 150m")
    oom, died = case.at("docker-events.txt", "container oom "), case.at("docker-events.txt", "exitCode=137,")
    ready = "tiles-json.log"
    return {
        "root_cause_kind": "memory-leak-container-limit",
        "root_cause": "server.js keeps every rendered tile in an object that is never emptied (180 kB outside V8's heap each: rss_mb grows, heap_mb "
        "does not) until the container passes mem_limit 150m and is killed (137, event oom); Docker starts it again.",
        "verdict": "root-cause", "culprit": leak,
        "culprit_alternatives": [case.at("server.js", "const tiles = {};"), case.at("server.js", "const key ="), limit, oom],
        "chain": [
            hop("resource_exhausted", oom, case.at("tiles-json.log", "rss_mb"), leak, limit),
            hop("crash_ends_process", died, oom),
            hop("supervisor_restarts_process", case.at("docker-compose.yml", "restart: unless-stopped"), case.at(ready, "ready", nth=2)),
            hop("termination_refuses_connections", case.at("nginx/error.log", "111: Connection refused"), died),
            hop("failure_reaches_clients", case.at("nginx/access.log", '" 502 '), case.at("nginx/error.log", "111: Connection refused")),
        ],
        "mechanism": [
            "each tile request stores 180 kB under a key that never repeats", "rss_mb in the log climbs to about 150",
            "docker: oom, then die exitCode=137; the log just stops", "restart: unless-stopped starts it; 502 meanwhile",
            "the time to the next kill depends on traffic: no fixed period",
        ],
        "contributing": [limit | {"why": "the limit decides when, not whether"}],
        "innocent": [
            case.at("crontab.txt", "restart-weekly.sh", why="a real restart, but on Sundays at 04:00; this is Saturday"),
            case.at("crontab.txt", "prerender.sh", why="every 10 minutes; sleeps"),
        ],
        "period_s": None, "lag_s": None, "lags": {},
        "measured": [case.measure("docker-events.txt", "container oom "), case.measure("docker-events.txt", "exitCode=137"),
                     case.measure("tiles-json.log", "ready"), case.measure("nginx/access.log", '" 502 ', join=60)],
        "timezones": {"docker-events.txt, tiles-json.log": "UTC", "nginx": "Asia/Kolkata (+05:30)"},
        "how_made": REAL + "; the memory limit is kept by the lab's supervisor, which looks at the process's RSS every second and really sends "
        "SIGKILL (no kernel cgroup, hence no kernel log).",
    }  # fmt: skip
