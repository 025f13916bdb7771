# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A nightly report inside the web process reads the whole ledger into memory; once the ledger is large, the container's limit kills it each night."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const schedule = require('./schedule');
const report = require('./report');
const log = (fields) => console.log(Object.entries({ at: new Date().toISOString(), ...fields }).map(([key, value]) => `${key}=${/\s/.test(value) ? JSON.stringify(value) : value}`).join(' '));
const app = express();
app.use((req, res, next) => {
  res.on('finish', () => { if (req.method === 'POST') log({ level: 'info', msg: 'booking taken', room: req.params.n ?? req.url.split('/')[2], status: res.statusCode }); });
  next();
});
app.get('/rooms/:n', (req, res) => setTimeout(() => res.json({ room: req.params.n % 23, free: req.params.n % 3 > 0 }), 90));
app.post('/rooms/:n/book', (req, res) => setTimeout(() => res.status(201).end(), 180));
setTimeout(() => app.listen(4460, '127.0.0.1', () => log({ level: 'info', msg: 'barn is open', port: 4460, pid: process.pid })), 5000); // reads the rooms
schedule.daily('04:20', () => report.nightly(log));
setInterval(() => log({ level: 'info', msg: 'heartbeat', rss_mb: Math.round(process.memoryUsage().rss / 1048576) }), 120000);
process.on('SIGTERM', () => { log({ level: 'warn', msg: 'SIGTERM' }); process.exit(0); });
"""

SCHEDULE = r"""// daily('hh:mm', work): in the container's zone
exports.daily = (clock, work) => {
  let last = '';
  setInterval(() => {
    const now = new Date();
    if (now.toTimeString().slice(0, 5) !== clock || now.getSeconds() >= 20 || last === now.toDateString()) return;
    last = now.toDateString();
    work();
  }, 8000);
};
"""

REPORT = r"""const fs = require('fs');
const readline = require('readline');

// Turnover a guest, for the bookkeeper. Runs at 04:20 when nobody is awake.
exports.nightly = async (log) => {
  log({ level: 'info', msg: 'turnover report begins' });
  const bookings = [];
  const lines = readline.createInterface({ input: fs.createReadStream(process.env.LEDGER) });
  for await (const line of lines) {
    const [id, at, who, room, cents, note] = line.split(';');
    bookings.push({ id: Number(id), at: new Date(at), who, room, cents: Number(cents), note });
    if (bookings.length % 30000 === 0) log({ level: 'info', msg: 'turnover report', rows: bookings.length, rss_mb: Math.round(process.memoryUsage().rss / 1048576) });
  }
  const sums = new Map();
  for (const booking of bookings) sums.set(booking.who, (sums.get(booking.who) ?? 0) + booking.cents);
  fs.writeFileSync('/srv/barn/data/turnover.csv', [...sums].map((pair) => pair.join(';')).join('\n'));
  log({ level: 'info', msg: 'turnover report done', rows: bookings.length, guests: sums.size });
};
"""

COMPOSE = """name: barn
services:
  booking:
    image: tithe/booking:2026.9
    container_name: barn-booking
    network_mode: host
    restart: unless-stopped
    deploy:
      resources:
        limits:
          memory: 160M
    environment:
      TZ: America/Chicago
      LEDGER: /srv/barn/data/ledger.csv
    volumes: ["./data:/srv/barn/data"]
  gate:
    image: nginx:1.22
    container_name: barn-gate
    network_mode: host
    restart: unless-stopped
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/gate_error.log;
events {}
http {
    log_format gate '$remote_addr - [$time_local] $host "$request" $status $body_bytes_sent $request_time "$upstream_addr" $upstream_status "$http_user_agent"';
    access_log /var/log/nginx/gate_access.log gate;
    server {
        listen 80;
        server_name barn.example.us;
        location / { proxy_pass http://127.0.0.1:4460; proxy_connect_timeout 4s; }
    }
}
"""

LEDGER = """import random, sys
path, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(path, 'a') as ledger:
    for n in range(first, first + count):
        ledger.write(f'{n};2026-{n % 9 + 1:02d}-{n % 28 + 1:02d}T{n % 24:02d}:00:00Z;guest-{n * 7919 % 100003};room {n % 23};{n * 13 % 90000};paid by card, {n % 4 + 1} persons, breakfast\\n')
"""
CRON = """# /etc/cron.d/barn (America/Chicago)
20 4 * * *  root  /srv/barn/jobs/snapshot.sh
20 4 * * *  root  /srv/barn/jobs/restart-printer.sh
*/15 * * * *  root  /srv/barn/jobs/disk.sh
"""
NIGHT = "leap 84960"


def import_ledger(first: int, count: int) -> str:
    return f"python3 /usr/lib/lab/ledger.py /srv/barn/data/ledger.csv {first} {count}; logger -t ledger-import '{count} rows from the branches'"


INCIDENT = Incident(
    host="barn", start="2026-09-21T04:08:00-05:00", minutes=119, factor=38, zone="America/Chicago", apps=["/srv/barn/app"],
    files={"/srv/barn/app/server.js": SERVER, "/srv/barn/app/report.js": REPORT, "/srv/barn/app/schedule.js": SCHEDULE, "/srv/barn/compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/barn": CRON, "/usr/lib/lab/ledger.py": LEDGER,
           "/srv/barn/jobs/snapshot.sh": "#!/bin/sh\n# btrfs snapshot of the data, read-only\nsleep 6\nlogger -t snapshot \"data@$(date +%F)\"\n",
           "/srv/barn/jobs/restart-printer.sh": "#!/bin/sh\n# the label printer hangs after a day\nsleep 3\nlogger -t printer 'restarted'\n",
           "/srv/barn/jobs/disk.sh": "#!/bin/sh\nlogger -t disk \"/ 41% /srv/barn 12%\"\n"},
    prepare="mkdir -p /srv/barn/data /srv/barn/logs; python3 /usr/lib/lab/ledger.py /srv/barn/data/ledger.csv 1 110000",
    services={"booking": {"container": "barn-booking", "image": "tithe/booking:2026.9", "command": ["node", "server.js"], "directory": "/srv/barn/app", "environment": {"TZ": "America/Chicago", "LEDGER": "/srv/barn/data/ledger.csv"},
                          "memory_limit": 160 * 1048576, "restart": "unless-stopped", "log": {"kind": "json", "path": "/srv/barn/logs/booking-json.log"}, "wait": 8},
              "gate": {**NGINX_CONTAINER, "container": "barn-gate"}},
    during=[(22, NIGHT), (27, import_ledger(110001, 140000)), (46, NIGHT), (51, import_ledger(250001, 30000)), (70, NIGHT), (75, import_ledger(280001, 25000)), (94, NIGHT), (98, import_ledger(305001, 31000))],
    visitors={"base": "http://127.0.0.1", "host": "barn.example.us", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.06, "paths": [[5, "GET", "/rooms/{n}"], [2, "POST", "/rooms/{n}/book", "{}"]]}]},
    collect="""mkdir -p app containers gate cron jobs; cp /srv/barn/app/*.js app/; cp /srv/barn/compose.yml .; cp /srv/barn/logs/booking-json.log containers/; docker inspect booking > containers/booking-inspect.json; docker events > containers/events.txt; docker ps -a > containers/ps.txt
cp /etc/nginx/nginx.conf /var/log/nginx/gate_*.log gate/; cp /etc/cron.d/barn cron/barn; cp /srv/barn/jobs/* jobs/; cp /var/log/syslog cron/syslog; rotate gate/gate_access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, events, errors, access = (
        "containers/booking-json.log",
        "containers/events.txt",
        "gate/gate_error.log",
        "gate/gate_access.log.1.gz",
    )
    limit, schedule = case.at("compose.yml", "memory: 160M"), case.at("app/server.js", "schedule.daily('04:20'")
    keeps, reads = case.at("app/report.js", "bookings.push("), case.at("app/report.js", "fs.createReadStream(process.env.LEDGER)")
    oom, died, begins = (
        case.at(events, "container oom"),
        case.at(events, "exitCode=137"),
        case.at(log, "turnover report begins", nth=2),
    )
    grows, refused, failed = case.at(log, "rows=30000"), case.at(errors, "111: Connection refused"), case.at(access, '" 502 ')
    return {
        "root_cause_kind": "memory-limit-hit-by-scheduled-report",
        "root_cause": "At 04:20 the web process itself (server.js) runs the turnover report, which keeps every row of the ledger in an array. Since the ledger grew in the second night, the container passes its 160 MB then and is killed (oom, 137) every night; docker starts it again and visitors get 502 meanwhile. "
        "In the first night the report was done.",
        "verdict": "root-cause", "culprit": keeps, "culprit_alternatives": [limit, schedule, reads, case.at("app/report.js", "const bookings = []"), case.at("app/report.js", "exports.nightly"), oom, begins],
        "culprit_related": [died, grows, case.at("app/schedule.js", "work();"), case.at("containers/booking-inspect.json", '"Memory"'), case.at("cron/syslog", "140000 rows from the branches")],
        "chain": [
            hop("resource_exhausted", oom, keeps, limit, begins, grows, schedule, died),
            hop("crash_ends_process", died, oom),
            hop("supervisor_restarts_process", case.at("compose.yml", "restart: unless-stopped"), case.at(log, "barn is open", nth=2), case.at("containers/booking-inspect.json", '"RestartCount"')),
            hop("termination_refuses_connections", refused, died, case.at(errors, "104: Connection reset by peer")),
            hop("failure_reaches_clients", failed, refused, case.at("gate/gate_access.log", '" 502 ')),
        ],
        "mechanism": ["04:20 every night, inside the process: turnover report begins", "rss_mb in its lines climbs with the rows", "docker: oom, die exitCode=137; the log stops in the middle of the report", "restart: unless-stopped; some seconds until 'barn is open'; 502 meanwhile"],
        "contributing": [case.at("cron/syslog", "140000 rows from the branches", why="the ledger more than doubled before the second night")],
        "innocent": [case.at("cron/barn", "snapshot.sh", why="same minute, only logs"), case.at("cron/barn", "restart-printer.sh", why="same minute, restarts a printer"), case.at("cron/barn", "disk.sh", why="every quarter of an hour, only logs"), case.whole("jobs/snapshot.sh", "only logs"), case.whole("jobs/restart-printer.sh", "only logs"),
                     case.at("gate/nginx.conf", "proxy_connect_timeout 4s", why="nothing waits that long")],
        "period_s": 86400, "lag_s": case.lag(case.times(log, "turnover report begins"), case.times(events, "container oom"), 300), "lags": {"report begins -> oom": case.lag(case.times(log, "turnover report begins"), case.times(events, "container oom"), 300)},
        "measured": [case.measure(events, "container oom"), case.measure(log, "turnover report begins"), case.measure(log, "turnover report done"), case.measure(log, "barn is open"), case.measure(errors, "111: Connection refused", join=120)],
        "timezones": {f"{log}, {events}": "UTC", "others": "America/Chicago (-05:00)"},
        "how_made": REAL.replace(" and curl", "") + " (with express); docker is the lab's supervisor, which keeps the limit by looking at the process's RSS every second and really sends SIGKILL (no cgroup, no kernel log). Between the nights the wall clock leapt by 23.6 h.",
    }  # fmt: skip
