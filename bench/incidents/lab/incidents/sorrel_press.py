# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Two things at once: a release renames the variable of the orders service's port, and a logrotate hook ends the sockets' server instead of reopening its log."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

ORDERS = r"""'use strict';
const express = require('express');
const winston = require('winston');

const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss.SSS' }),
    winston.format.printf(({ timestamp, level, message }) => `${timestamp} [${level}] ${message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/sorrel/orders.log' })],
});
const app = express();
app.get('/orders/:id', (req, res) => {
  if (Number(req.params.id) > 850) { log.warn(`order ${req.params.id} unknown`); return res.status(404).end(); }
  return setTimeout(() => res.json({ order: req.params.id, state: 'printing' }), 60 + Math.random() * 200);
});
app.post('/orders', (req, res) => setTimeout(() => { log.info('order accepted'); res.status(201).end(); }, 200));
app.use((req, res) => res.status(404).end());
const port = Number(process.env.@VARIABLE@ || 3000);
app.listen(port, '127.0.0.1', () => log.info(`orders service listens on ${port}`));
process.on('SIGTERM', () => { log.info('SIGTERM, bye'); process.exit(0); });
"""
OLD, NEW = ORDERS.replace("@VARIABLE@", "PORT"), ORDERS.replace("@VARIABLE@", "ORDERS_PORT")

LIVE = r"""'use strict';
const fs = require('node:fs');
const http = require('node:http');
const { Server } = require('socket.io');

const out = fs.createWriteStream('/var/log/sorrel/live.log', { flags: 'a' });
fs.writeFileSync('/run/sorrel-live.pid', String(process.pid));
const say = (text) => out.write(`${new Date().toISOString()} live ${text}\n`);
const server = http.createServer((req, res) => { res.statusCode = 404; res.end(); });
const io = new Server(server, { path: '/live/' });
io.on('connection', (socket) => {
  say(`join ${socket.id}, ${io.engine.clientsCount} open`);
  socket.on('disconnect', (reason) => say(`leave ${socket.id}: ${reason}`));
});
setInterval(() => io.emit('queue', Math.floor(Math.random() * 40)), 20000);
setTimeout(() => server.listen(3500, '127.0.0.1', () => say('press queue on air, port 3500')), 8000);
"""

UNIT = """[Unit]
Description={}

[Service]
WorkingDirectory=/srv/sorrel
ExecStart=/usr/bin/node {}.js
{}Restart=always
RestartSec=3

[Install]
WantedBy=multi-user.target
"""
ROTATE = """/var/log/sorrel/live.log {
    rotate 6
    nocompress
    missingok
    notifempty
    postrotate
        # reopen the log, as nginx does
        kill -HUP $(cat /run/sorrel-live.pid)
    endscript
}
"""
CRON = """# sorrel press
MAILTO=""
*/20 * * * * root /usr/sbin/logrotate -f -s /var/lib/logrotate/live.state /etc/logrotate.d/sorrel-live
*/20 * * * *  root  /srv/sorrel/bin/proofs.sh
*/6 * * * *   root  /srv/sorrel/bin/paper.sh
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name sorrel.example.com;
        proxy_connect_timeout 3s;
        location /orders { proxy_pass http://127.0.0.1:3200; }
        location /live/ {
            proxy_pass http://127.0.0.1:3500;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_read_timeout 1h;
        }
        location / { return 200 "Sorrel Press\\n"; }
    }
}
"""

INCIDENT = Incident(
    host="sorrel", start="2026-11-17T14:06:30+00:00", minutes=100, factor=60, kind="systemd", apps=["/srv/sorrel"],
    files={"/srv/sorrel/orders.js": OLD, "/root/new.js": NEW, "/srv/sorrel/live.js": LIVE, "/etc/systemd/system/orders.service": UNIT.format("Sorrel orders", "orders", "EnvironmentFile=/etc/sorrel/orders.env\n"), "/etc/systemd/system/live.service": UNIT.format("Sorrel live queue", "live", ""),
           "/etc/sorrel/orders.env": "# orders service\nPORT=3200\nNODE_ENV=production\n", "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/sorrel": CRON, "/etc/logrotate.d/sorrel-live": ROTATE,
           "/srv/sorrel/bin/proofs.sh": "#!/bin/sh\nsleep 11\nlogger -t proofs \"$(shuf -i 2-9 -n 1) proofs drawn\"\n", "/srv/sorrel/bin/paper.sh": "#!/bin/sh\nlogger -t paper \"A3 $(shuf -i 300-420 -n 1) sheets\"\n",
           "/srv/sorrel/RELEASES": "2026-11-16 18:10 orders 3.9.4 lena: faster list\n2026-11-17 13:20 live 1.2 otto: queue every 20 s\n"},
    prepare="mkdir -p /var/log/sorrel; cd /srv/sorrel; diff -u --label a/orders.js --label b/orders.js orders.js /root/new.js > orders-4.0.0.diff; true",
    services={"orders": {"description": "Sorrel orders", "command": ["/usr/bin/node", "orders.js"], "directory": "/srv/sorrel", "environment_file": "/etc/sorrel/orders.env", "restart": "always", "restart_seconds": 3, "wait": 5},
              "live": {"description": "Sorrel live queue", "command": ["/usr/bin/node", "live.js"], "directory": "/srv/sorrel", "restart": "always", "restart_seconds": 3, "wait": 10}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "sorrel.example.com", "delay": 60,
              "visits": [{"perSecond": 0.3, "bots": 0.05, "aborts": 0.03, "abortAfter": 0.08, "paths": [[5, "GET", "/orders/{n}"], [2, "POST", "/orders", '{"copies":{n}}'], [2, "GET", "/"]]}],
              "browsers": [{"path": "/live/", "count": 5, "tag": "queue", "log": "/var/log/sorrel/browser-console.txt"}]},
    during=[(62, "cp /root/new.js /srv/sorrel/orders.js; echo '2026-11-17 15:08 orders 4.0.0 lena: one machine, many services: each reads its own port variable' >> /srv/sorrel/RELEASES; systemctl restart orders")],
    collect="""mkdir -p logs etc bin app; cp /var/log/nginx/*.log /var/log/syslog /var/log/sorrel/* logs/; cp /etc/cron.d/sorrel etc/cron.d-sorrel; cp /etc/logrotate.d/sorrel-live etc/logrotate.d-sorrel-live; cp /etc/nginx/nginx.conf /etc/systemd/system/orders.service /etc/systemd/system/live.service /etc/sorrel/orders.env etc/
 cp /srv/sorrel/bin/*.sh bin/; cp /srv/sorrel/orders.js /srv/sorrel/live.js /srv/sorrel/orders-4.0.0.diff app/; cp /srv/sorrel/RELEASES .; systemctl status orders live nginx > status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    system, errors, access, orders = "logs/syslog", "logs/error.log", "logs/access.log", "logs/orders.log"
    read, setting, upstream = (
        case.at("app/orders.js", "process.env.ORDERS_PORT"),
        case.at("etc/orders.env", "PORT=3200"),
        case.at("etc/nginx.conf", "http://127.0.0.1:3200"),
    )
    release, diff, listens = (
        case.at("RELEASES", "orders 4.0.0"),
        case.at("app/orders-4.0.0.diff", "+const port = Number(process.env.ORDERS_PORT"),
        case.at(orders, "listens on 3000"),
    )
    lines = [line for line in case.lines(access) if '" 502 ' in line]
    earlier = next(number for number, line in enumerate(lines) if "/orders" in line)  # those before are of the sockets
    refused, failed, restart = (
        case.at(errors, "http://127.0.0.1:3200"),
        case.at(access, '" 502 ', earlier + 1),
        case.at(system, "Stopping orders.service"),
    )
    hook, job, ran = (
        case.at("etc/logrotate.d-sorrel-live", "kill -HUP"),
        case.at("etc/cron.d-sorrel", "logrotate -f"),
        case.at(system, "CMD (/usr/sbin/logrotate -f"),
    )
    ended, back, gone = (
        case.at(system, "live.service: Main process exited"),
        case.at(system, "live.service: Scheduled restart"),
        case.at("logs/browser-console.txt", "disconnected:"),
    )
    hup = case.times(system, "live.service: Main process exited")
    return {
        "root_cause_kind": "renamed-port-variable-and-logrotate-hup",
        "root_cause": "Release 4.0.0 (15:08) of the orders service reads ORDERS_PORT; orders.env still sets PORT=3200, so it listens on its default 3000, while nginx asks 3200: every /orders request is 502 from then on. Beside it and since before, logrotate's postrotate sends SIGHUP every twenty minutes to the live queue's server, which has no handler for it and ends.",
        "verdict": "root-cause", "verdict_accepted": [], "culprit": setting, "culprit_alternatives": [read, release, diff, listens, upstream], "culprit_related": [case.at("app/orders.js", "|| 3000"), restart],
        "chain": [
            hop("deploy_changes_configuration", release, diff, read, restart),
            hop("configuration_mismatch", setting, read, upstream, listens, diff),
            hop("termination_refuses_connections", refused, upstream, listens),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["15:08 release 4.0.0: the port is read from ORDERS_PORT, which nobody sets", "orders listens on 3000", "nginx asks 127.0.0.1:3200: connect() failed (111), 502 for every /orders until the end", "apart from it: every twenty minutes logrotate's hook ends live, sockets are cut, half a minute later it is back"],
        "contributing": [],
        "innocent": [
            case.at("etc/cron.d-sorrel", "proofs.sh", why="the rotation's minutes; a line"), case.whole("bin/proofs.sh", "a line"), case.at("etc/cron.d-sorrel", "paper.sh", why="every six minutes; a line"), case.at("RELEASES", "live 1.2", why="an hour before; its queue's rhythm ends nothing"),
            case.at("RELEASES", "orders 3.9.4", why="the evening before; orders was well until 15:08"), case.at("etc/live.service", "Restart=always", why="brings it back"), case.at(orders, "unknown", why="404s all day"),
        ],
        "other_causes": [{
            "root_cause_kind": "logrotate-hup-ends-process",
            "root_cause": "cron forces logrotate every twenty minutes; the postrotate sends SIGHUP to the process of /run/sorrel-live.pid, for it to reopen its log. live.js handles no SIGHUP, so Node's default ends it (killed, status=1/HUP); systemd brings it back after 3 s, it is on air half a minute later; the browsers' sockets are cut and their polls get 502 meanwhile.",
            "culprit": hook, "culprit_alternatives": [job, ran, ended], "period_s": 1200, "lag_s": case.lag(case.times(system, r"CMD \(/usr/sbin/logrotate"), hup),
            "chain": [
                hop("job_runs_script", job, ran),
                hop("effect_terminates_process", hook, ended),
                hop("process_terminates", ended, back),
                hop("termination_closes_connections", gone, case.at(errors, "127.0.0.1:3500"), ended),
            ],
        }],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(system, "Stopping orders.service")[0]),
        "lags": {"release -> first 502 of /orders": case.lag(case.times(system, "Stopping orders.service"), case.times(access, '/orders.*" 502 '), 600), "logrotate -> HUP": case.lag(case.times(system, r"CMD \(/usr/sbin/logrotate"), hup)},
        "measured": [case.measure(access, '/orders[^"]*" 502 '), case.measure(errors, "127.0.0.1:3200"), case.measure(system, "live.service: Main process exited"), case.measure("logs/browser-console.txt", "disconnected:"), case.measure(access, '/live/[^"]*" 502 ', join=120)],
        "timezones": {"all": "UTC"},
        "how_made": REAL + " (with express, winston, socket.io) and logrotate 3.21; systemctl is the lab's supervisor.",
    }  # fmt: skip
