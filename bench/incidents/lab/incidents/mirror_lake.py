# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: it is the night in which the clocks go back, local stamps run from 01:00 to 02:00 twice, and logs and jobs look as if time had jumped."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const fs = require('fs');
const express = require('express');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }), winston.format.printf((i) => `${i.timestamp} ${i.level.padEnd(5)} lake: ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/lake/lake.log' })],
});
const app = express();
const started = process.hrtime.bigint();
app.get('/ready', (req, res) => res.send('ready'));
app.get('/berths/:n', (req, res) => setTimeout(() => res.json({ berth: req.params.n, free: true }), 80 + Math.random() * 400));
app.post('/bookings/:n', (req, res) => setTimeout(() => {
  if (Number(req.params.n) % 7 === 0) { log.error(`booking of berth ${req.params.n} rejected: overlaps with another booking`); return res.status(409).end(); }
  log.info(`booking of berth ${req.params.n} stored`);
  return res.status(201).end();
}, 200));
app.listen(6200, '127.0.0.1', () => log.info('lake 8.2 listening on 6200'));
setInterval(() => { const m = process.memoryUsage(); log.info(`up ${Number((process.hrtime.bigint() - started) / 60000000000n)} min, heap ${Math.round(m.heapUsed / 1e6)} MB`); }, 600000);
process.on('SIGTERM', () => { log.warn('SIGTERM, closing'); process.exit(0); });
"""
WATCH = r"""#!/usr/bin/env python3
# lake-watch: is the log alive, does the site answer? Restarts lake when it does not answer three times in a row.
import subprocess
import sys
import time
import urllib.request
from datetime import datetime

last = open("/var/log/lake/lake.log").read().splitlines()[-1][:19]
age = (datetime.now() - datetime.fromisoformat(last)).total_seconds()
for attempt in range(3):
    try:
        urllib.request.urlopen("http://127.0.0.1:6200/ready", timeout=20).read()
        break
    except OSError as error:
        print(datetime.now().strftime("%b %d %H:%M:%S"), "WARNING no answer:", error)
        time.sleep(20)
else:
    print(datetime.now().strftime("%b %d %H:%M:%S"), "CRITICAL lake is dead, restarting")
    sys.exit(subprocess.call(["systemctl", "restart", "lake"]))
word = "WARNING last line of the log is from the future" if age < -5 else "ok, last line"
print(datetime.now().strftime("%b %d %H:%M:%S"), word, f"({age:.0f} s old), /ready answers")
"""
CRON = """*/10 * * * * root /opt/lake/lake-watch >> /var/log/lake/watch.log 2>&1
*/20 * * * * root /opt/lake/reminders
30 1 * * * root /opt/lake/night-copy
12 1 * * * root nginx -s reload   # certificates, if certbot got new ones
0 5 * * 1 root systemctl restart lake
"""
COPY = r"""#!/bin/sh
# night-copy: the bookings, beside the running service
logger -t night-copy "begin"
sleep 240
logger -t night-copy "done, 0 errors"
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name lake.example.com;
        location /internal { deny all; }
        location / { proxy_pass http://127.0.0.1:6200; }
    }
}
"""
UNIT = "[Unit]\nDescription=Mirror Lake berths\n\n[Service]\nUser=root\nWorkingDirectory=/srv/lake\nExecStart=/usr/bin/node server.js\nRestart=on-failure\n"

INCIDENT = Incident(
    host="lake", start="2026-11-01T00:36:00-04:00", minutes=126, factor=36, kind="systemd", zone="America/New_York", apps=["/srv/lake"],
    files={"/srv/lake/server.js": SERVER, "/opt/lake/lake-watch": WATCH, "/opt/lake/night-copy": COPY, "/opt/lake/reminders": "#!/bin/sh\n# texts for tomorrow's guests\nsleep 15\nlogger -t reminders \"$(shuf -i 0-4 -n 1) sent\"\n", "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/lake.service": UNIT, "/etc/cron.d/lake": CRON},
    prepare="mkdir -p /var/log/lake",
    services={"lake": {"description": "Mirror Lake berths", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/lake", "restart": "on-failure", "wait": 8}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "lake.example.com", "delay": 50,
              "visits": [{"perSecond": 0.22, "bots": 0.1, "aborts": 0.04, "abortAfter": 0.25, "paths": [[5, "GET", "/berths/{n}"], [2, "POST", "/bookings/{n}", "{}"]]}],
              "monitors": [{"every": 120, "path": "/ready", "address": "192.0.2.31", "agent": "updown.io daemon 2.12", "log": "/var/log/lake/updown.txt", "name": "updown"}]},
    collect="""mkdir -p lake/ops lake/log nginx; cp /srv/lake/server.js /etc/systemd/system/lake.service lake/; cp /opt/lake/* lake/ops/; cp /etc/cron.d/lake lake/ops/cron.d-lake; cp /var/log/lake/* lake/log/; cp /var/log/syslog lake/log/; cp /var/log/nginx/* /etc/nginx/nginx.conf nginx/
systemctl status lake > lake/status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    cron, log, watch = "lake/ops/cron.d-lake", "lake/log/lake.log", "lake/log/watch.log"
    return {
        "root_cause": "No incident: on 1 November at 02:00 daylight time the clocks of New York go back to 01:00, so the local stamps of lake.log, syslog and watch.log run from 01:00 to 02:00 twice; nginx's access log shows the change of offset (-0400, -0500), the monitor's log in UTC has no gap and is up throughout. The process runs from the first line to the last (its uptime counts on), no answer is a 5xx. 409 are overlapping bookings, 404 and 403 scanners, 499 the impatient.",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [
            case.at(cron, "lake-watch", why="always answered"), case.at("lake/ops/lake-watch", '"systemctl", "restart", "lake"', why="never reached"), case.at(cron, "systemctl restart lake", why="Mondays at five"), case.at(cron, "night-copy", why="copies beside the running service"),
            case.at(cron, "nginx -s reload", why="at 01:12, not found in cron's PATH, so it does nothing; there was no new certificate either"), case.at(cron, "reminders", why="only sends texts"), case.at(log, "overlaps with another booking", why="409, as it must be"), case.at("nginx/nginx.conf", "deny all", why="as configured"),
        ],
        "measured": [case.measure(watch, "/ready answers"), case.measure(watch, "CRITICAL"), case.measure("lake/log/updown.txt", " up "), case.measure("lake/log/updown.txt", "DOWN"), case.measure("nginx/access.log", '" 5[0-9][0-9] '), case.measure(log, "listening on 6200"), case.measure("lake/log/syslog", "night-copy: begin")],
        "timezones": {"updown.txt": "UTC (Z)", "others": "America/New_York, from -04:00 to -05:00 at 02:00 daylight time"},
        "how_made": REAL.replace(" and curl", "") + " (with express, winston), Python 3.11; systemctl is the lab's supervisor.",
    }  # fmt: skip
