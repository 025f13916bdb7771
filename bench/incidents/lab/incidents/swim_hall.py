# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release puts the status page behind a key; the timer's check, a Node script, takes 401 for death and restarts the API."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import JOURNAL_ISO, NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const config = require('./config.json');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp(), printf((i) => `${i.level.toUpperCase()} [pool-api] ${i.message}`)),
  transports: [new winston.transports.Console()],
});
const app = express();
app.use((req, res, next) => {
  if (!config.protect.some((prefix) => req.path.startsWith(prefix))) return next();
  if (req.get('x-pool-key') === 'k-' + config.season) return next();
  return res.status(401).json({ error: 'key required' });
});
app.get('/api/status', (req, res) => res.json({ up: Math.round(process.uptime()), version: config.version }));
app.get('/lanes/:n', (req, res) => setTimeout(() => res.json({ lane: (req.params.n % 8) + 1, free: req.params.n % 3 > 0 }), 120));
app.post('/bookings', express.json(), (req, res) => {
  if (Math.random() < 0.08) { log.warn('booking refused: lane full'); return res.status(409).end(); }
  return setTimeout(() => res.status(201).end(), 200);
});
const server = app.listen(4180, '127.0.0.1', () => log.info(`version ${config.version} listening on 4180`));
process.on('SIGTERM', () => {
  log.info('SIGTERM, closing');
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
"""

CHECK = r"""// Is the pool API alive? Started by pool-check.timer.
import { execFileSync } from 'node:child_process';

const url = 'http://127.0.0.1:4180/api/status';

async function alive() {
  try {
    const reply = await fetch(url, { signal: AbortSignal.timeout(25000) });
    return reply.ok;
  } catch {
    return false;
  }
}

if (await alive()) {
  console.log('pool-api ok');
} else {
  console.log('pool-api not ok, restart');
  execFileSync('systemctl', ['restart', 'pool-api.service']);
}
"""

DEPLOY = r"""#!/usr/bin/env bash
# ops/deploy.sh VERSION
set -euo pipefail
cd /srv/pool
cp "releases/config-$1.json" config.json
systemctl restart pool-api.service
echo "$(date '+%d/%m/%Y %H:%M') $1 by ${SUDO_USER:-root}" >> ops/deploys.txt
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/hall_error.log;
events {}
http {
    log_format hall '$time_iso8601 $remote_addr $status "$request_method $request_uri" $request_time $upstream_status';
    access_log /var/log/nginx/hall_access.log hall;
    server {
        listen 80;
        server_name hall.example.at;
        location / { proxy_pass http://127.0.0.1:4180; proxy_connect_timeout 3s; }
    }
}
"""

TIMER = "[Unit]\nDescription={0}\n\n[Timer]\nOnCalendar=*:0/6\nAccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n"
ONESHOT = "[Unit]\nDescription={0}\n\n[Service]\nType=oneshot\nExecStart={1}\n"
JOBS = {
    "pool-check": ("Pool API check", "/usr/bin/node /srv/pool/ops/check.mjs"),
    "chlorine-sample": ("Chlorine sample", "/srv/pool/ops/chlorine-sample"),
    "lane-board": ("Lane board", "/srv/pool/ops/lane-board"),
}
CONFIG = '{{\n  "version": "{0}",\n  "season": 2026,\n  "protect": [{1}]\n}}\n'

INCIDENT = Incident(
    host="halle2", start="2026-02-17T15:04:10+01:00", minutes=92, factor=30, kind="systemd", zone="Europe/Vienna", apps=["/srv/pool"],
    files={"/srv/pool/server.js": SERVER, "/srv/pool/ops/check.mjs": CHECK, "/srv/pool/ops/deploy.sh": DEPLOY, "/etc/nginx/nginx.conf": NGINX, "/etc/rsyslog.conf": JOURNAL_ISO,
           "/srv/pool/config.json": CONFIG.format("3.8.2", '"/admin"'), "/srv/pool/releases/config-3.8.3.json": CONFIG.format("3.8.3", '"/admin"'),
           "/srv/pool/releases/config-3.9.0.json": CONFIG.format("3.9.0", '"/admin", "/api"'),
           "/srv/pool/ops/deploys.txt": "03/02/2026 11:20 3.8.1 by lena\n11/02/2026 09:05 3.8.2 by lena\n",
           "/srv/pool/ops/chlorine-sample": "#!/bin/sh\n# one reading into the log book\nsleep 3\necho \"Cl 0.$((RANDOM % 40 + 30)) mg/l\"\n",
           "/srv/pool/ops/lane-board": "#!/bin/sh\n# draws the board at the entrance; restarts nothing\nsleep 7\necho 'board drawn'\n",
           "/etc/systemd/system/pool-api.service": "[Unit]\nDescription=Pool API\nAfter=network.target\n\n[Service]\nWorkingDirectory=/srv/pool\nExecStart=/usr/bin/node server.js\nRestart=on-failure\nRestartSec=2\n",
           **{f"/etc/systemd/system/{name}.timer": TIMER.format(words[0]) for name, words in JOBS.items()},
           **{f"/etc/systemd/system/{name}.service": ONESHOT.format(*words) for name, words in JOBS.items()}},
    services={"pool-api": {"description": "Pool API", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/pool", "restart": "on-failure", "restart_seconds": 2, "log": {"kind": "syslog", "tag": "node"}, "wait": 8},
              "nginx": NGINX_UNIT,
              **{name: {"description": words[0], "command": words[1].split(), "every": 360} for name, words in JOBS.items()}},
    during=[(12.4, "SUDO_USER=lena /srv/pool/ops/deploy.sh 3.8.3"), (38.2, "SUDO_USER=lena /srv/pool/ops/deploy.sh 3.9.0")],
    visitors={"base": "http://127.0.0.1", "host": "hall.example.at", "delay": 60,
              "visits": [{"perSecond": 0.5, "bots": 0.05, "paths": [[6, "GET", "/lanes/{n}"], [2, "POST", "/bookings", "{}"]]}],
              "monitors": [{"every": 75, "path": "/api/status", "address": "192.0.2.61", "agent": "lobby-screen/2", "headers": {"x-pool-key": "k-2026"}}]},
    collect="""mkdir -p halle2/journal halle2/units halle2/web halle2/srv-pool/ops; cp /etc/systemd/system/*.service /etc/systemd/system/*.timer halle2/units/
cp /srv/pool/server.js /srv/pool/config.json halle2/srv-pool/; cp /srv/pool/ops/* halle2/srv-pool/ops/; cp /var/log/syslog halle2/journal/today.txt
cp /var/log/nginx/hall_*.log /etc/nginx/nginx.conf halle2/web/; rotate halle2/web/hall_access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    check, log, errors = "halle2/srv-pool/ops/check.mjs", "halle2/journal/today.txt", "halle2/web/hall_error.log"
    url, test, branch, action = (
        case.at(check, "const url = "),
        case.at(check, "return reply.ok"),
        case.at(check, "if (await alive())"),
        case.at(check, "execFileSync('systemctl'"),
    )
    said, protect = case.at(log, "pool-api not ok, restart"), case.at("halle2/srv-pool/config.json", '"/api"')
    refuses = case.at("halle2/srv-pool/server.js", "res.status(401)")
    stopped = case.at(
        log,
        "SIGTERM, closing",
        nth=sum(time < case.times(log, "not ok, restart")[0] for time in case.times(log, "SIGTERM, closing")) + 1,
    )
    refused = case.at(errors, "111: Connection refused")
    return {
        "root_cause_kind": "health-check-misreads-unauthorized",
        "root_cause": "Release 3.9.0 (15:42) puts /api behind a key. check.mjs, started by pool-check.timer every six minutes, asks /api/status without one, is answered 401, takes `!reply.ok` for death and restarts a healthy API.",
        "verdict": "root-cause", "culprit": test, "culprit_alternatives": [url, branch, case.at(check, "await fetch(url"), protect, action],
        "culprit_related": [refuses, case.at("halle2/srv-pool/ops/deploys.txt", "3.9.0"), case.at("halle2/units/pool-check.timer", "OnCalendar=*:0/6"), case.at("halle2/units/pool-check.service", "ExecStart=")],
        "chain": [
            hop("job_runs_script", case.at("halle2/units/pool-check.timer", "OnCalendar=*:0/6"), case.at("halle2/units/pool-check.service", "ExecStart="), case.at(log, "Starting pool-check.service")),
            hop("probe_gets_answer", case.at(check, "await fetch(url"), url, test, refuses, protect),
            hop("answer_takes_branch", branch, test, said, action),
            hop("effect_hits_service", action, said, case.at(log, "Stopping pool-api.service")),
            hop("process_terminates", stopped, case.at(log, "Stopping pool-api.service")),
            hop("termination_refuses_connections", refused, stopped),
            hop("failure_reaches_clients", case.at("halle2/web/hall_access.log", " 502 "), refused),
        ],
        "mechanism": ["deploy 3.9.0 protects /api", "pool-check.timer runs check.mjs every six minutes", "401: reply.ok is false", "'pool-api not ok, restart': systemctl restart pool-api.service", "SIGTERM; nginx: connect() failed (111), 502 for some seconds"],
        "innocent": [case.at("halle2/units/chlorine-sample.timer", "OnCalendar", why="same timer schedule, only logs"), case.at("halle2/units/lane-board.timer", "OnCalendar", why="same timer schedule, only draws"),
                     case.whole("halle2/srv-pool/ops/lane-board", "restarts nothing"), case.whole("halle2/srv-pool/ops/chlorine-sample", "restarts nothing"), case.at("halle2/units/pool-api.service", "Restart=on-failure", why="every end is ordered"),
                     case.at("halle2/srv-pool/ops/deploys.txt", "3.8.3", why="a deploy like every other")],
        "period_s": 360, "lag_s": 27, "step_change_at": "2026-02-17 15:42:21",
        "lags": {"check's line -> SIGTERM": case.lag(case.times(log, "not ok, restart"), case.times(log, "SIGTERM, closing"), 30)},
        "measured": [case.measure(log, "pool-api not ok, restart"), case.measure(log, "SIGTERM, closing"), case.measure(errors, "111: Connection refused", join=60), case.measure("halle2/web/hall_access.log", " 502 ", join=60)],
        "timezones": {"journal, access log": "+01:00", errors: "Europe/Vienna without zone", "deploys.txt": "Europe/Vienna without zone"},
        "how_made": REAL.replace(" and curl", "") + " (with express, winston), fetch of Node 20; systemctl, timers and systemd[1]'s lines are the lab's supervisor, the journal's form is rsyslog's template.",
    }  # fmt: skip
