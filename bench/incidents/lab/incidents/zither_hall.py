# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A watchdog subtracts the container's UTC from the host's wall clock: right all winter in London, an hour wrong since the night of summer time."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""'use strict';
const fs = require('fs');
const express = require('express');
const winston = require('winston');

const stamp = () => new Date().toISOString().slice(0, 19).replace('T', ' ');
const log = winston.createLogger({
  format: winston.format.printf(({ level, message, ...rest }) => `[${stamp()}] ${level.toUpperCase()} ${message}${Object.keys(rest).length ? ` ${JSON.stringify(rest)}` : ''}`),
  transports: [new winston.transports.Console()],
});
let sold = 0;

function heartbeat() {
  fs.appendFileSync('/data/heartbeat.log', `${stamp()} alive pid=${process.pid} sold=${sold}\n`);
}

const app = express();
app.get('/events/:id', (req, res) => {
  if (Number(req.params.id) > 840) return res.status(404).json({ error: 'no such event' });
  return setTimeout(() => res.json({ id: req.params.id, seats: 212 - (sold % 200) }), 60);
});
app.post('/orders', (req, res) => setTimeout(() => {
  sold += 1;
  log.info('order taken', { order: 41800 + sold });
  res.status(201).json({ order: 41800 + sold });
}, 220));
app.use((req, res) => res.status(404).end());

log.info('loading seating plans');
heartbeat();
setInterval(heartbeat, 20000);
setTimeout(() => app.listen(4000, '127.0.0.1', () => log.info('box office open', { port: 4000 })), 14000);
process.on('SIGTERM', () => { log.info('SIGTERM, closing the box office', { uptime: Math.round(process.uptime()) }); process.exit(0); });
"""

WATCHDOG = '''#!/usr/bin/python3
"""Watchdog for the box office. It hung twice in November without exiting, so we look at its heartbeat, not at the process.

cron: */5. The container writes /srv/zither/data/heartbeat.log every 20 s.
"""

import subprocess
from datetime import datetime, timedelta
from pathlib import Path

HEARTBEAT = Path("/srv/zither/data/heartbeat.log")
LIMIT = timedelta(minutes=10)

now = datetime.now()
last = datetime.strptime(HEARTBEAT.read_text().splitlines()[-1][:19], "%Y-%m-%d %H:%M:%S")
age = now - last
if age > LIMIT:
    print(f"{now:%d/%m/%Y %H:%M:%S} heartbeat {age.seconds} s old (limit {LIMIT.seconds}), restarting zither-boxoffice", flush=True)
    subprocess.run(["docker", "restart", "-t", "10", "zither-boxoffice"], check=False)
else:
    print(f"{now:%d/%m/%Y %H:%M:%S} ok, heartbeat {age.seconds} s old")
'''

COMPOSE = """services:
  boxoffice:
    image: registry.example.org/zither/boxoffice:3.9.0
    container_name: zither-boxoffice
    command: node server.js
    network_mode: host
    restart: unless-stopped
    volumes:
      - /srv/zither/data:/data
  web:
    image: nginx:1.22
    container_name: zither-web
    network_mode: host
    restart: unless-stopped
    volumes:
      - ./nginx.conf:/etc/nginx/nginx.conf:ro
      - /var/log/nginx:/var/log/nginx
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    log_format main '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                    '"$http_referer" "$http_user_agent" rt=$request_time';
    access_log /var/log/nginx/access.log main;
    server {
        listen 80;
        server_name tickets.example.org;
        proxy_connect_timeout 3s;
        proxy_read_timeout 20s;
        location ~ ^/(events|orders) { proxy_pass http://127.0.0.1:4000; }
        location / { return 200 "Zither Hall\\n"; }
    }
}
"""

CRON = """# Zither Hall, /etc/cron.d/zither
SHELL=/bin/bash
*/5 * * * *   root    /srv/zither/ops/watchdog.py >> /var/log/zither/watchdog.log 2>&1
*/10 * * * *  deploy  /srv/zither/ops/mailqueue.sh
30 1 * * *    deploy  /srv/zither/ops/accounts.sh
20 2 * * *    root    /srv/zither/ops/dump.sh
"""

INCIDENT = Incident(
    host="zither", start="2026-03-29T00:34:00+00:00", minutes=63, factor=28, zone="Europe/London", apps=["/srv/zither/app"],
    project={"project": "zither", "config_files": "/srv/zither/docker-compose.yml", "working_dir": "/srv/zither"},
    files={"/srv/zither/app/server.js": SERVER, "/srv/zither/ops/watchdog.py": WATCHDOG, "/srv/zither/docker-compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/zither": CRON,
           "/srv/zither/ops/mailqueue.sh": "#!/bin/sh\n# send what waits\nsleep 4\nlogger -t mailqueue \"$(shuf -i 0-6 -n 1) sent, 0 deferred\"\n",
           "/srv/zither/ops/accounts.sh": "#!/bin/sh\n# yesterday's takings to the accounts office; reads the ledger only\nsleep 40\nlogger -t accounts 'takings of 2026-03-28 sent, 61 orders'\n",
           "/srv/zither/ops/dump.sh": "#!/bin/sh\nset -e\nsleep 25\ntar -C /srv/zither -czf /var/backups/zither-data.tgz data\nlogger -t dump \"zither-data.tgz $(stat -c %s /var/backups/zither-data.tgz) bytes\"\n",
           "/srv/zither/deploys.txt": "2026-02-11 14:02 3.8.2 gwen: new seating plan of the small hall\n2026-03-28 16:47 3.9.0 gwen: easter programme, order numbers from 41800\n"},
    prepare="mkdir -p /data /srv/zither/data /var/log/zither /var/backups; rmdir /data; ln -s /srv/zither/data /data",
    services={"boxoffice": {"container": "zither-boxoffice", "image": "registry.example.org/zither/boxoffice:3.9.0", "command": ["node", "server.js"], "directory": "/srv/zither/app", "environment": {"TZ": "UTC"}, "restart": "unless-stopped", "log": {"kind": "plain", "path": "/var/log/zither/boxoffice.log"}, "wait": 16},
              "web": {**NGINX_CONTAINER, "container": "zither-web"}},
    visitors={"base": "http://127.0.0.1", "host": "tickets.example.org", "delay": 70, "visits": [{"perSecond": 0.4, "bots": 0.06, "aborts": 0.03, "abortAfter": 0.1, "paths": [[8, "GET", "/events/{n}"], [3, "POST", "/orders", "{\"event\": {n}}"], [1, "GET", "/"]]}]},
    collect="""mkdir -p nginx ops log; cp /srv/zither/docker-compose.yml /srv/zither/deploys.txt .; cp /srv/zither/app/server.js .; cp /srv/zither/ops/* ops/; cp /etc/cron.d/zither ops/cron.d-zither; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/
cp /var/log/zither/*.log /var/log/syslog log/; cp /srv/zither/data/heartbeat.log log/; docker ps -a > docker-ps.txt; docker events > docker-events.txt; { timedatectl 2>/dev/null || date '+%a %F %T %Z (%z)'; cat /etc/timezone; echo '$ docker exec zither-boxoffice date'; date -u '+%a %b %e %T UTC %Y'; } > clocks.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, dog, app, errors, access = (
        "ops/watchdog.py",
        "log/watchdog.log",
        "log/boxoffice.log",
        "nginx/error.log",
        "nginx/access.log",
    )
    now, age, action, job = (
        case.at(script, "now = datetime.now()"),
        case.at(script, "age = now - last"),
        case.at(script, '["docker", "restart"'),
        case.at("ops/cron.d-zither", "watchdog.py"),
    )
    parse, branch, said = (
        case.at(script, "datetime.strptime("),
        case.at(script, "if age > LIMIT:"),
        case.at(dog, "restarting zither-boxoffice"),
    )
    term, refused, failed = (
        case.at(app, "SIGTERM, closing"),
        case.at(errors, "111: Connection refused"),
        case.at(access, '" 502 '),
    )
    kill = case.at("docker-events.txt", "container kill")
    return {
        "root_cause_kind": "watchdog-naive-local-time-minus-utc",
        "root_cause": "The watchdog subtracts the heartbeat's stamp, which the container writes in UTC, from datetime.now(), the host's wall clock. All winter London is UTC and the age was right; at 01:00 UTC of 29 March summer time began (02:00 BST), "
        "every heartbeat looks an hour old (3600 s, limit 600) and the watchdog restarts a healthy box office every five minutes; while it loads its seating plans nginx is refused and answers 502.",
        "verdict": "root-cause", "verdict_accepted": [], "culprit": now, "culprit_alternatives": [age, parse, branch, action], "culprit_related": [job, said, case.at("server.js", "const stamp = () =>"), case.at("log/heartbeat.log", "2026-03-29 01:0")],
        "chain": [
            hop("job_runs_script", job, case.at("log/syslog", "/srv/zither/ops/watchdog.py >>")),
            hop("configuration_mismatch", now, parse, age, case.at("server.js", "const stamp = () =>")),
            hop("answer_takes_branch", said, branch, action),
            hop("effect_hits_service", action, said, kill),
            hop("process_terminates", term, kill),
            hop("termination_refuses_connections", refused, term),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["the container writes its heartbeat every 20 s in UTC, without a zone", "01:00 UTC: the host's clock jumps from 00:59 GMT to 02:00 BST", "cron, every five minutes: watchdog.py finds the last heartbeat 3600 s old and restarts the container", "SIGTERM, 14 s of seating plans, connect() failed (111), 502", "the heartbeat goes on every 20 s all the time"],
        "contributing": [case.at("server.js", "'box office open'", why="14 seconds of loading make each restart felt")],
        "innocent": [
            case.at("ops/cron.d-zither", "accounts.sh", why="01:30 did not exist that night, cron ran it at 02:00, at the first restart; it only reads"), case.whole("ops/accounts.sh", "only reads"),
            case.at("ops/cron.d-zither", "mailqueue.sh", why="every ten minutes, touches nothing"), case.at("ops/cron.d-zither", "dump.sh", why="once, and only reads"), case.whole("ops/mailqueue.sh", "touches nothing"), case.whole("ops/dump.sh", "only reads"),
            case.at("deploys.txt", "3.9.0 gwen", why="nine hours before; the watchdog said ok until 00:55"), case.at("docker-compose.yml", "restart: unless-stopped", why="nothing crashed"),
        ],
        "period_s": 300, "lag_s": case.lag(case.times(dog, "restarting"), case.times(app, "SIGTERM", hours=1), 60), "step_change_at": str(case.times(dog, "restarting")[0]),
        "lags": {"restart said -> SIGTERM": case.lag(case.times(dog, "restarting"), case.times(app, "SIGTERM", hours=1), 60), "SIGTERM -> open": case.lag(case.times(app, "SIGTERM"), case.times(app, "box office open"), 120)},
        "measured": [case.measure(dog, "ok, heartbeat"), case.measure(dog, "restarting zither-boxoffice"), case.measure(app, "SIGTERM, closing"), case.measure(errors, "111: Connection refused", join=60), case.measure(access, '" 502 ', join=60)],
        "timezones": {"log/boxoffice.log, log/heartbeat.log, docker-events.txt": "UTC", "nginx, log/syslog, log/watchdog.log": "Europe/London (GMT until 00:59:59, then BST)"},
        "how_made": REAL.replace("bash and curl", "Python 3.11 and bash") + " (with express and winston), across the night of summer time; docker is the lab's supervisor; loading the plans is a wait in the server.",
    }  # fmt: skip
