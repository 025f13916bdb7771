# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A watchdog waits 5 s for an endpoint that needs 6 s or more while a newsletter brings people: it restarts a shop that answers, again and again."""

import json
from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""'use strict';
const express = require('express');
const app = express();
const write = (level, msg, more) => process.stdout.write(JSON.stringify({ ts: Date.now(), level, msg, ...more }) + '\n');
let open = 0;

// one query of the catalogue database; it is a small one and gives each of us less the more we are
const query = async () => {
  open += 1;
  await new Promise((done) => setTimeout(done, 300 + 620 * Math.sqrt(open - 1) + Math.random() * 250));
  open -= 1;
};
app.use((req, res, next) => {
  const start = Date.now();
  res.on('close', () => write(res.writableFinished ? 'info' : 'warn', `${req.method} ${req.originalUrl}`, { status: res.statusCode, ms: Date.now() - start, open, ...(res.writableFinished ? {} : { aborted: true }) }));
  next();
});
app.get('/api/ready', async (req, res) => {
  for (const part of ['boxes', 'growers', 'routes']) await query(part);
  res.json({ ready: true });
});
app.get('/api/boxes/:n', async (req, res) => { await query(); res.json({ box: req.params.n, plums: 'Victoria' }); });
app.post('/api/orders', async (req, res) => { await query(); res.status(201).json({ ok: true }); });
app.get('/', (req, res) => res.send('<h1>Plum boxes</h1>'));
const server = app.listen(9010, '127.0.0.1', () => write('info', 'shop is listening', { port: 9010 }));
process.on('SIGTERM', () => {
  write('warn', 'SIGTERM', { open });
  server.close();
  setTimeout(() => process.exit(0), 300);
});
"""

WATCH = r"""#!/usr/bin/env bash
# watchdog.sh - every minute from root's crontab
# Two bad minutes in a row and the shop gets a restart.
#
# 2026-08-11 dmk: limit 20 s -> 5 s, a hanging shop should be noticed sooner
STATE=/run/watchdog.bad
LOG=/opt/plumboxes/log/watchdog.log
say() { echo "$(date -Is) $*" >> "$LOG"; }

if out=$(curl -sS -m 5 -o /dev/null -w '%{http_code} in %{time_total}s' -H 'Host: boxes.example.ie' http://127.0.0.1/api/ready 2>&1); then
    [ -f "$STATE" ] && say "good again: $out"
    rm -f "$STATE"
    exit 0
fi

if [ ! -f "$STATE" ]; then
    say "bad: $out"
    touch "$STATE"
    exit 1
fi
say "bad twice: $out -- restarting shop"
rm -f "$STATE"
cd /opt/plumboxes && docker compose restart shop
"""

STOCK = r"""#!/bin/sh
# what the growers have reported since the last time
sleep 9
echo "$(date -Is) stock: $(( $(date +%s) % 37 + 4 )) crates" >> /opt/plumboxes/log/stock.log
"""

COMPOSE = """services:
  shop:
    image: plumboxes/shop:2026.8
    container_name: plum-shop
    restart: unless-stopped
    network_mode: host
    stop_grace_period: 10s
  edge:
    image: nginx:1.22
    container_name: plum-edge
    restart: unless-stopped
    network_mode: host
    volumes:
      - ./edge.conf:/etc/nginx/nginx.conf:ro
"""

NGINX = """worker_processes auto;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 1024; }
http {
    log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time urt=$upstream_response_time';
    access_log /var/log/nginx/access.log timed;
    server {
        listen 80;
        server_name boxes.example.ie;
        location / {
            proxy_pass http://127.0.0.1:9010;
            proxy_set_header Host $host;
            proxy_read_timeout 60s;
        }
    }
}
"""

VISITS = {
    "bots": 0.05,
    "aborts": 0.03,
    "abortAfter": 0.6,
    "paths": [[6, "GET", "/api/boxes/{n}"], [2, "POST", "/api/orders", "{}"], [2, "GET", "/"]],
}
RUSH = {"base": "http://127.0.0.1", "host": "boxes.example.ie", "delay": 1, "headers": {"Referer": "https://news.example.ie/plums-are-in"},
        "visits": [{"perSecond": 2.7, "bots": 0, "paths": [[7, "GET", "/api/boxes/{n}"], [3, "POST", "/api/orders", "{}"], [1, "GET", "/"]]}]}  # fmt: skip

INCIDENT = Incident(
    host="orchard", start="2026-08-19T11:31:00+01:00", minutes=74, factor=24, zone="Europe/Dublin", apps=["/opt/plumboxes"],
    files={"/opt/plumboxes/server.js": SERVER, "/opt/plumboxes/watchdog.sh": WATCH, "/opt/plumboxes/stock.sh": STOCK, "/opt/plumboxes/docker-compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/usr/lib/lab/rush.json": json.dumps(RUSH),
           "/opt/plumboxes/notes.md": "# Notes\n\n- 19 Aug, noon: newsletter \"The plums are in\" (4,100 readers). Last year's took an hour to calm down.\n- stock.sh still polls, growers' API has no push\n"},
    crontabs={"root": "# shop\n* * * * * /opt/plumboxes/watchdog.sh >/dev/null 2>&1\n*/5 * * * * /opt/plumboxes/stock.sh\n15 3 * * * docker compose -f /opt/plumboxes/docker-compose.yml pull -q\n"},
    prepare="mkdir -p /opt/plumboxes/log",
    services={"shop": {"container": "plum-shop", "image": "plumboxes/shop:2026.8", "command": ["node", "server.js"], "directory": "/opt/plumboxes", "restart": "unless-stopped", "log": {"kind": "json", "path": "/var/log/shop-json.log"}, "wait": 12},
              "edge": {**NGINX_CONTAINER, "container": "plum-edge"}},
    project={"project": "plumboxes", "file": "docker-compose.yml", "directory": "/opt/plumboxes"},
    during=[(29.3, "cd /; (setsid bash -c 'node /usr/lib/lab/visitors.mjs /usr/lib/lab/rush.json & p=$!; sleep 1620; kill $p' > /run/rush.out 2>&1 &)")],
    visitors={"base": "http://127.0.0.1", "host": "boxes.example.ie", "delay": 60, "visits": [{"perSecond": 0.3, **VISITS}]},
    collect="""mkdir edge plumboxes; cp /var/log/nginx/*.log /etc/nginx/nginx.conf edge/; cp -r /opt/plumboxes/log plumboxes/; cp /opt/plumboxes/*.sh /opt/plumboxes/server.js /opt/plumboxes/docker-compose.yml /opt/plumboxes/notes.md plumboxes/
cp /var/log/shop-json.log shop-container.log; docker ps > docker-ps.txt; docker inspect plum-shop > docker-inspect-shop.json; crontab -l > crontab.root; rotate edge/access.log; gzip -n shop-container.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, told, cron = "plumboxes/watchdog.sh", "plumboxes/log/watchdog.log", "crontab.root"
    errors, older, shop = "edge/error.log", "edge/access.log.1.gz", "shop-container.log.gz"
    limit, changed, restart = (
        case.at(script, "curl -sS -m 5"),
        case.at(script, "limit 20 s -> 5 s"),
        case.at(script, "docker compose restart shop"),
    )
    late, twice, gone = (
        case.at(told, "timed out after 5"),
        case.at(told, "bad twice"),
        case.at(older, '"GET /api/ready HTTP/1.1" 499'),
    )
    ended, closed, refused, failed = (
        case.at(shop, "SIGTERM"),
        case.at(errors, "prematurely closed"),
        case.at(errors, "111: Connection refused"),
        case.at(older, '" 502 '),
    )
    slow = r"GET /api/ready.*\\\"aborted"
    return {
        "root_cause_kind": "probe-timeout-shorter-than-answer",
        "root_cause": "The watchdog gives /api/ready 5 s (20 s until 11 August). At rest it answers in one to three, but it makes three queries one after the other, and while the newsletter's readers are there the three together take between four and seven seconds: curl gives up (28) more often than not, nginx notes 499 after 5 s, and the second time in a row the watchdog restarts a shop that answers everybody else with 200, every few minutes as long as the crowd stays. Each restart cuts the requests in flight and refuses the next ones.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": limit,
        "culprit_alternatives": [changed, restart, case.at("plumboxes/server.js", "for (const part of"), case.at("plumboxes/server.js", "app.get('/api/ready'")],
        "culprit_related": [case.at(cron, "watchdog.sh"), twice, case.at("plumboxes/notes.md", "newsletter")],
        "chain": [
            hop("job_runs_script", case.at(cron, "watchdog.sh"), case.at(script, "limit 20 s -> 5 s")),
            hop("probe_gets_answer", late, gone, limit),
            hop("answer_takes_branch", twice, case.at(script, "bad twice")),
            hop("effect_hits_service", restart, twice),
            hop("process_terminates", ended),
            hop("termination_closes_connections", closed),
            hop("termination_refuses_connections", refused),
            hop("failure_reaches_clients", failed, closed, refused),
        ],
        "mechanism": ["the newsletter brings ten times the visitors; answers become slower, all still 200", "the watchdog's curl gives up after 5 s of the five to seven that /api/ready needs then: 499 in nginx, aborted in the shop", "twice in a row: docker compose restart shop", "SIGTERM: requests in flight are cut, the next refused: 502", "the crowd is back within the minute, so the next question is late as well"],
        "innocent": [
            case.at(cron, "stock.sh", why="every five minutes, only writes a line"), case.whole("plumboxes/stock.sh", "touches nothing"), case.at(cron, "docker compose -f", why="at night"),
            case.at("plumboxes/notes.md", "newsletter", why="the load: slower answers, but the shop held"), case.at("edge/nginx.conf", "proxy_read_timeout 60s", why="never reached"), case.at(older, '" 404 ', why="bots"),
        ],
        "period_s": None, "lag_s": case.lag(case.times(told, "bad twice"), case.times(shop, "SIGTERM", hours=1)), "lags": {"bad twice -> SIGTERM": case.lag(case.times(told, "bad twice"), case.times(shop, "SIGTERM", hours=1))},
        "measured": [case.measure(told, "bad twice"), case.measure(told, "bad: "), case.measure(told, "good again"), case.measure(older, '"GET /api/ready HTTP/1.1" 499'), case.measure(older, '"GET /api/ready HTTP/1.1" 200'), case.measure(shop, "SIGTERM"), case.measure(shop, slow), case.measure(older, '" 502 ', join=30)],
        "timezones": {"nginx, watchdog, stock": "Europe/Dublin (+01:00)", "shop-container": "UTC"},
        "how_made": REAL + " (with express); the database is a wait that grows with the requests in flight; docker is the lab's supervisor.",
    }  # fmt: skip
