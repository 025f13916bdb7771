# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The app's machine is seventeen minutes behind: by its own log it ends when the gateway's report runs, by the number both wrote down when the price job asks it to reload."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import REAL

SERVER = r"""'use strict';
const express = require('express');
const winston = require('winston');

const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss.SSS' }),
    winston.format.printf(({ timestamp, level, message }) => `${timestamp} ${level} ${message}`)),
  transports: [new winston.transports.Console()],
});
const app = express();
app.get('/slots/:day', (req, res) => {
  if (Number(req.params.day) > 860) { log.warn(`no calendar for day ${req.params.day}`); return res.status(404).end(); }
  return setTimeout(() => res.json({ day: req.params.day, free: 6 }), 50 + Math.random() * 200);
});
app.post('/bookings', (req, res) => setTimeout(() => { log.info('booking kept'); res.status(201).end(); }, 180));
app.get('/stats', (req, res) => setTimeout(() => { log.info('stats asked'); res.json({ bookings: 212 }); }, 300));
app.post('/admin/reload', (req, res) => {
  log.info(`reload asked, ref ${req.get('x-ref')}, leaving; I come back with the new fees`);
  res.status(202).end();
  setTimeout(() => process.exit(0), 300);
});
app.use((req, res) => res.status(404).end());
log.info('reading fees and calendars');
setTimeout(() => app.listen(7000, '172.18.0.20', () => log.info('clinic ready on 7000')), 17000);
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

FEES = """#!/bin/bash
# fees.sh (gateway): newest fees to the app, then have it read them
APP=http://172.18.0.20:7000
ref=$(date +%s | tail -c 6)
sleep 4
code=$(curl -s -m 10 -o /dev/null -w '%{http_code}' -X POST -H "X-Ref: $ref" $APP/admin/reload)
echo "$(date '+%F %T') fees sent, reload ref $ref -> $code"
"""
REPORT = """#!/bin/bash
# report.sh (gateway): how many bookings, for the waiting room's screen
n=$(curl -s -m 10 http://172.18.0.20:7000/stats)
echo "$(date '+%F %T') report: ${n:-no answer}"
"""
CRON = """# gateway
SHELL=/bin/bash
5,35 * * * *   deploy  /opt/gateway/fees.sh >> /var/log/gateway/fees.log 2>&1
18,48 * * * *  deploy  /opt/gateway/report.sh >> /var/log/gateway/report.log 2>&1
*/10 * * * *   root    /opt/gateway/blocklist.sh
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    log_format gw '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" $upstream_addr $request_time';
    access_log /var/log/nginx/access.log gw;
    server {
        listen 80;
        server_name sedge.example.org;
        location /admin/ { return 403; }
        location / { proxy_pass http://172.18.0.20:7000; proxy_connect_timeout 4s; }
    }
}
"""
COMPOSE = """name: sedge
services:
  clinic:
    image: registry.example.org/sedge/clinic:5.2.0
    container_name: sedge-clinic
    command: node server.js
    restart: always
    ports:
      - "172.18.0.20:7000:7000"
"""
CLOCKS = """cat > clocks.txt <<END
gateway\\$ date -u
$(date -u)
gateway\\$ curl -sI http://172.18.0.20:7000/slots/3 | grep Date
$(curl -sI http://172.18.0.20:7000/slots/3 | grep Date | tr -d '\\r')
END"""

INCIDENT = Incident(
    host="gateway", start="2026-06-09T12:06:30+00:00", minutes=118, factor=54, apps=["/srv/sedge"],
    project={"project": "sedge", "config_files": "/srv/sedge/docker-compose.yml", "working_dir": "/srv/sedge"},
    files={"/srv/sedge/server.js": SERVER, "/srv/sedge/docker-compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/gateway": CRON, "/opt/gateway/fees.sh": FEES, "/opt/gateway/report.sh": REPORT,
           "/opt/gateway/blocklist.sh": "#!/bin/sh\nsleep 3\nlogger -t blocklist \"$(shuf -i 880-920 -n 1) networks\"\n",
           "/srv/sedge/releases.txt": "2026-06-08 18:20 5.1.9 hana: bookings twice as fast\n2026-06-09 12:00 5.2.0 hana: fees are read at start (they change by the half hour now)\n"},
    prepare="mkdir -p /var/log/gateway /var/log/clinic; chown deploy: /var/log/gateway",
    services={"clinic": {"container": "sedge-clinic", "image": "registry.example.org/sedge/clinic:5.2.0", "command": ["node", "server.js"], "directory": "/srv/sedge", "restart": "always", "environment": {"CLOCK_SKEW": "-1020"}, "log": {"kind": "plain", "path": "/var/log/clinic/clinic.log"}, "wait": 19},
              "nginx": {"container": "gateway-nginx", "image": "nginx:1.22", "command": ["nginx", "-g", "daemon off;"], "restart": "unless-stopped", "stop_signal": "QUIT"}},
    visitors={"base": "http://127.0.0.1", "host": "sedge.example.org", "delay": 60,
              "visits": [{"perSecond": 0.32, "bots": 0.05, "aborts": 0.03, "abortAfter": 0.08, "paths": [[7, "GET", "/slots/{n}"], [2, "POST", "/bookings", '{"day":{n}}']]}],
              "monitors": [{"path": "/slots/1", "every": 300, "address": "198.51.100.14", "agent": "Uptime-Kuma/1.23"}]},
    collect=f"""mkdir -p gateway/log gateway/etc app; cp /var/log/nginx/*.log /var/log/gateway/* /var/log/syslog gateway/log/; cp /etc/cron.d/gateway gateway/etc/cron.d-gateway; cp /etc/nginx/nginx.conf gateway/etc/; cp /opt/gateway/*.sh gateway/
cp /srv/sedge/server.js /srv/sedge/docker-compose.yml /srv/sedge/releases.txt /var/log/clinic/clinic.log app/; echo 'gateway: nginx and cron. app (172.18.0.20): the clinic container, another machine.' > README.txt; {CLOCKS}""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, cron, app, errors, access, system = (
        "gateway/fees.sh",
        "gateway/etc/cron.d-gateway",
        "app/clinic.log",
        "gateway/log/error.log",
        "gateway/log/access.log",
        "gateway/log/syslog",
    )
    call, job, leave, asked = (
        case.at(script, "/admin/reload"),
        case.at(cron, "fees.sh"),
        case.at("app/server.js", "process.exit(0), 300"),
        case.at(app, "reload asked, ref"),
    )
    route, sent, refused, failed = (
        case.at("app/server.js", "app.post('/admin/reload'"),
        case.at("gateway/log/fees.log", "reload ref"),
        case.at(errors, "111: Connection refused"),
        case.at(access, '" 502 '),
    )
    release = case.at("app/releases.txt", "5.2.0 hana")
    return {
        "root_cause_kind": "job-asks-reload-that-ends-process-other-clock",
        "root_cause": "fees.sh on the gateway asks the app at :05 and :35 to reload (POST /admin/reload); the app does so by ending itself, and is away 17 s for its start: 502. The app's machine is 1020 s behind the gateway, so its own log stamps the end at :48 and :18, the minutes of report.sh. The reference number in both logs, and the Date header beside the gateway's date, prove it.",
        "verdict": "root-cause", "verdict_accepted": [], "culprit": call, "culprit_alternatives": [leave, route, job, sent, asked], "culprit_related": [release, case.at("clocks.txt", "Date:")],
        "chain": [
            hop("job_runs_script", job, case.at(system, "/opt/gateway/fees.sh")),
            hop("effect_hits_service", call, route, sent, asked),
            hop("process_terminates", leave, asked),
            hop("termination_refuses_connections", refused, asked),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["cron at :05 and :35 runs fees.sh", "POST /admin/reload with a reference number", "the app writes the same number, by its clock seventeen minutes earlier, and exits 0 after 0.3 s", "restart: always; 17 s of reading: connect() failed (111), 502"],
        "contributing": [case.at("app/server.js", "17000);", why="seventeen seconds of start make each reload felt")],
        "innocent": [
            case.at(cron, "report.sh", why="at :18 and :48, where the app's slow clock puts the ends; one GET"), case.whole("gateway/report.sh", "one GET of /stats"), case.at(cron, "blocklist.sh", why="every ten minutes; a line"),
            case.at("app/releases.txt", "5.1.9 hana", why="the evening before"), case.at("app/docker-compose.yml", "restart: always", why="brings it back"), case.at(app, "no calendar for day", why="404s all day"),
        ],
        "period_s": 1800, "lag_s": case.lag(case.times("gateway/log/fees.log", "reload ref"), case.times(app, "reload asked", hours=1020 / 3600), 60), "clock_skew_s": -1020,
        "lags": {"cron -> first 502": case.lag(case.times(system, "/opt/gateway/fees.sh"), case.times(access, '" 502 '))},
        "measured": [case.measure("gateway/log/fees.log", "reload ref"), case.measure(app, "reload asked, ref"), case.measure(errors, "111: Connection refused", join=120), case.measure(access, '" 502 ', join=120)],
        "timezones": {"all": "UTC; app/clinic.log 1020 s behind"},
        "how_made": REAL + " (with express and winston); docker is the lab's supervisor; both machines are one, the app's process alone had its wall clock moved by -1020 s.",
    }  # fmt: skip
