# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Three zones: the shop's container logs UTC without saying so, the host's cron is +05:45, the jobs container +05:30. By its minutes the log points at a host job that is innocent."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const { createServer } = require('http');
const { Server } = require('socket.io');
const app = express();
const server = createServer(app);
const io = new Server(server);
const say = (level, text) => console.log(`${new Date().toISOString().slice(0, 19).replace('T', ' ')} ${level.padEnd(5)} ${text}`);
app.get('/ovens/:n', (req, res) => setTimeout(() => res.json({ oven: req.params.n, heat: 210 }), 60));
app.post('/orders', express.json(), (req, res) => {
  if (req.body.loaf % 80 === 0) { say('WARN', `order refused: loaf ${req.body.loaf} sold out`); return res.status(409).end(); }
  say('INFO', `order loaf=${req.body.loaf}`);
  return res.status(201).end();
});
app.get('/', (req, res) => res.send('<h1>Flint</h1>'));
io.on('connection', (socket) => socket.on('disconnect', (reason) => say('INFO', `till ${socket.id} gone: ${reason}`)));
server.listen(8400, '127.0.0.1', () => say('INFO', `shop open on 8400, price list ${process.env.PRICES || 'default'}`));
process.on('SIGTERM', () => { say('WARN', 'SIGTERM, closing the shop'); io.close(); setTimeout(() => process.exit(0), 3000); });
"""

TICK = r"""// a very small cron for the jobs container: reads ./crontab, runs each line when its minute comes (minutes only)
const fs = require('fs');
const { exec } = require('child_process');
const zone = process.env.TZ || 'UTC';
const now = () => new Date().toLocaleString('sv-SE', { timeZone: zone });
const jobs = fs.readFileSync(`${__dirname}/crontab`, 'utf8').split('\n').filter((line) => line.trim() && !line.startsWith('#'))
  .map((line) => line.trim().split(/\s+/)).map(([minutes, , , , , ...command]) => ({ minutes: minutes.split(',').map(Number), command: command.join(' ') }));
console.log(`time="${now()}" zone=${zone} msg="${jobs.length} jobs"`);
let last = '';
setInterval(() => {
  const minute = now().slice(0, 16);
  if (minute === last) return;
  last = minute;
  for (const job of jobs.filter((one) => one.minutes.includes(Number(minute.slice(14))))) {
    console.log(`time="${now()}" job="${job.command}" msg=start`);
    exec(job.command, (error, out) => console.log(`time="${now()}" job="${job.command}" msg=${error ? 'failed' : 'done'} ${out.trim()}`));
  }
}, 2000);
"""
JOBS = """# crontab of the jobs container
5,25,45 * * * * /srv/flint/jobs/price-list.sh
10,40 * * * * /srv/flint/jobs/sitemap.sh
"""
PRICES = """#!/bin/sh
# prices from the mill; the shop reads them at its start only
sleep 2
docker restart flint-shop-1 > /dev/null
echo "37 prices"
"""
SITEMAP = """#!/bin/sh
sleep 6
echo "212 pages"
"""
COMPOSE = """name: flint
services:
  shop:
    image: flint/shop:12
    restart: unless-stopped
    network_mode: host
  jobs:
    image: flint/jobs:12
    restart: unless-stopped
    environment:
      TZ: Asia/Kolkata      # the mill's office counts in IST
    volumes: ["/var/run/docker.sock:/var/run/docker.sock", "./jobs:/srv/flint/jobs:ro"]
  web:
    image: nginx:1.22
    restart: unless-stopped
    network_mode: host
    environment:
      TZ: Asia/Kathmandu
"""
NGINX = r"""worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80 default_server;
        server_name flint.example.np;
        location / {
            proxy_pass http://127.0.0.1:8400;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 900s;
        }
    }
}
"""
CRON = """15,35,55 * * * * /srv/flint/bin/till-export.sh >> /var/log/flint/till-export.log 2>&1
12,42 * * * * /srv/flint/bin/disk-note.sh >> /var/log/flint/disk.log 2>&1
"""
EXPORT = """#!/bin/bash
# the tills' journal for the accountant
start=$(date '+%F %T')
sleep 18
echo "$start till export: $((RANDOM % 90 + 20)) rows, until $(date '+%T')"
"""
DISK = """#!/bin/bash
echo "$(date '+%F %T') $(df -h /srv | awk 'NR==2 {print $5}')"
"""
LOG = {"kind": "plain", "path": "/var/log/flint/shop.out"}

INCIDENT = Incident(
    host="bakery", start="2026-05-11T06:10:30+05:45", minutes=112, factor=38, zone="Asia/Kathmandu", apps=["/srv/flint/shop"],
    project={"project": "flint", "config_files": "/srv/flint/compose.yml", "working_dir": "/srv/flint"},
    files={"/srv/flint/shop/server.js": SERVER, "/srv/flint/jobs/tick.js": TICK, "/srv/flint/jobs/crontab": JOBS, "/srv/flint/jobs/price-list.sh": PRICES, "/srv/flint/jobs/sitemap.sh": SITEMAP, "/srv/flint/compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/srv/flint/bin/till-export.sh": EXPORT, "/srv/flint/bin/disk-note.sh": DISK},
    crontabs={"root": CRON}, prepare="mkdir -p /var/log/flint",
    services={"shop": {"container": "flint-shop-1", "image": "flint/shop:12", "command": ["node", "server.js"], "directory": "/srv/flint/shop", "environment": {"TZ": "UTC"}, "restart": "unless-stopped", "log": LOG, "wait": 12},
              "jobs": {"container": "flint-jobs-1", "image": "flint/jobs:12", "command": ["node", "/srv/flint/jobs/tick.js"], "environment": {"TZ": "Asia/Kolkata"}, "restart": "unless-stopped", "log": {"kind": "plain", "path": "/var/log/flint/jobs.out"}},
              "web": {**NGINX_CONTAINER, "container": "flint-web-1"}},
    visitors={"base": "http://127.0.0.1", "host": "flint.example.np", "delay": 80,
              "visits": [{"perSecond": 0.28, "bots": 0.05, "aborts": 0.004, "paths": [[4, "GET", "/ovens/{n}"], [3, "POST", "/orders", '{"loaf":{n}}'], [2, "GET", "/"]]}],
              "browsers": [{"count": 5, "log": "/var/log/flint/till.txt", "tag": "till-2"}]},
    collect="""mkdir host jobs nginx; crontab -l > host/crontab; cp /srv/flint/bin/*.sh host/; cp /var/log/flint/till-export.log /var/log/flint/disk.log host/; cp /var/log/syslog host/; cp /srv/flint/jobs/* jobs/; cp /var/log/flint/jobs.out jobs/jobs.log; cp /var/log/flint/shop.out shop.log
cp /srv/flint/compose.yml .; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; mv /var/log/flint/till.txt till-console.txt; docker ps > docker-ps.txt; { timedatectl 2>/dev/null || cat /etc/timezone; date; date -u; } > host/date.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    shop, jobs, script, tab = "shop.log", "jobs/jobs.log", "jobs/price-list.sh", "jobs/crontab"
    act, job, ran = (
        case.at(script, "docker restart flint-shop-1"),
        case.at(tab, "price-list.sh"),
        case.at(jobs, 'job="/srv/flint/jobs/price-list.sh" msg=start'),
    )
    gone, refused, dropped = (
        case.at(shop, "SIGTERM, closing the shop"),
        case.at("nginx/error.log", "111: Connection refused"),
        case.at("till-console.txt", "disconnected:"),
    )
    terms = case.times(shop, "SIGTERM, closing")
    return {
        "root_cause_kind": "job-restarts-service",
        "root_cause": "In the jobs container (TZ Asia/Kolkata) price-list.sh runs at :05, :25 and :45 IST and ends with docker restart flint-shop-1: that is :35, :55, :15 in the shop's log, which is UTC, and :20, :40, :00 on the host (+05:45) and for nginx. Each time sockets drop and nginx answers 502.",
        "verdict": "root-cause", "culprit": act, "culprit_alternatives": [job], "culprit_related": [ran, case.at("compose.yml", "TZ: Asia/Kolkata"), gone],
        "chain": [
            hop("job_runs_script", job, ran),
            hop("effect_hits_service", act, ran),
            hop("process_terminates", gone),
            hop("termination_closes_connections", dropped, gone, case.at(shop, "gone: ")),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", case.at("nginx/access.log", '" 502 '), refused, dropped),
        ],
        "mechanism": ["jobs.log (IST): price-list.sh starts at :05, :25, :45", "docker restart flint-shop-1", "shop.log (UTC): SIGTERM at :35, :55, :15", "nginx (+05:45): 111 and 502 at :20, :40, :00; till-console (Z): transport close"],
        "innocent": [case.at("host/crontab", "till-export.sh", why="at :15, :35, :55 of the host, the very minutes in the shop's log, but that log is UTC: it really runs a quarter of an hour away; only reads"), case.at("host/crontab", "disk-note.sh", why="half-hourly, only df"), case.at(tab, "sitemap.sh", why="half-hourly, touches nothing"),
                     case.whole("host/till-export.sh", "touches nothing"), case.whole("jobs/sitemap.sh", "touches nothing"), case.at("compose.yml", "restart: unless-stopped", why="nothing crashed")],
        "period_s": 1200, "lag_s": case.lag(case.times(jobs, r"price-list\.sh. msg=start", -5.5), terms, 120), "lags": {"SIGTERM -> refused": case.lag(terms, case.times("nginx/error.log", "111: Connection", -5.75), 120)},
        "measured": [case.measure(shop, "SIGTERM, closing"), case.measure(jobs, r'price-list\.sh" msg=start'), case.measure("nginx/error.log", "111: Connection refused", join=200), case.measure("till-console.txt", "disconnected:")],
        "timezones": {shop: "UTC, not said", "till-console.txt": "UTC (Z)", jobs: "Asia/Kolkata (+05:30), not said in each line", "host/*, nginx/*": "Asia/Kathmandu (+05:45), without zone but in the access log"},
        "how_made": REAL.replace(" and curl", "") + " (with express, socket.io); the jobs container's small scheduler is Node; docker is the lab's supervisor.",
    }  # fmt: skip
