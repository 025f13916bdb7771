# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Two hosts whose clocks differ by three minutes; on one of them logrotate stops the service around each rotation."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const log = winston.createLogger({
  level: 'info',
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DDTHH:mm:ss.SSS' }),
    winston.format.printf((i) => `${i.level} [${i.timestamp}] telemetry: ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/telemetry/api.log' })],
});
const app = express();
app.post('/v2/points', (req, res) => { log.info('batch of points accepted'); setTimeout(() => res.status(202).end(), 250); });
app.get('/v2/series/:id', (req, res) => setTimeout(() => res.json([1, 2, 3]), 300 + Math.random() * 900));
const server = app.listen(7700, '172.18.0.10', () => log.info('api listens on 172.18.0.10:7700'));
process.on('SIGTERM', () => {
  log.info('SIGTERM: no new connections');
  server.close(() => { log.info('drained'); process.exit(0); });
  server.closeIdleConnections();
});
"""

ROTATE = """/var/log/telemetry/*.log {
    rotate 12
    missingok
    nocompress
    sharedscripts
    prerotate
        # a quiet file rotates best
        systemctl stop telemetry-api
        sleep 25
    endscript
    postrotate
        systemctl start telemetry-api
    endscript
}
"""

CRON = """PATH=/usr/sbin:/usr/bin:/sbin:/bin
3,23,43 * * * * root logrotate -f /etc/telemetry/logrotate.conf
3,23,43 * * * * root /usr/share/telemetry/downsample
*/10 * * * *    root /usr/share/telemetry/vacuum
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    server {
        listen 80;
        server_name metrics.example.dev;
        location /v2/ {
            proxy_pass http://172.18.0.10:7700;
            proxy_set_header Host $host;
        }
    }
}
"""

INCIDENT = Incident(
    host="tele-app", start="2026-01-27T23:11:00+00:00", minutes=86, factor=32, kind="systemd", apps=["/srv/telemetry"],
    files={"/srv/telemetry/server.js": SERVER, "/etc/telemetry/logrotate.conf": ROTATE, "/etc/cron.d/telemetry": CRON, "/etc/nginx/nginx.conf": NGINX,
           "/usr/share/telemetry/downsample": "#!/bin/sh\nsleep 11\nlogger -t downsample done\n",
           "/usr/share/telemetry/vacuum": "#!/bin/sh\nsleep 2\nlogger -t vacuum '0 series dropped'\n"},
    prepare="mkdir -p /var/log/telemetry",
    services={"telemetry-api": {"description": "Telemetry API", "command": ["node", "server.js"], "directory": "/srv/telemetry", "restart": "on-failure"},
              "nginx": {**NGINX_UNIT, "environment": {"CLOCK_SKEW": "-187"}}},
    visitors={"base": "http://127.0.0.1", "host": "metrics.example.dev",
              "visits": [{"perSecond": 0.3, "bots": 0.03, "paths": [[3, "POST", "/v2/points", '{"n":{n}}'], [2, "GET", "/v2/series/{n}"]]}]},
    collect="""mkdir -p app/log app/etc proxy
cp /var/log/telemetry/* app/log/; cp /var/log/syslog app/log/; cp /etc/telemetry/logrotate.conf app/etc/; cp /etc/cron.d/telemetry app/etc/cron.d-telemetry
cp /usr/share/telemetry/downsample /usr/share/telemetry/vacuum app/; sed -i '/nginx/d' app/log/syslog
cp /var/log/nginx/*.log /etc/nginx/nginx.conf proxy/
echo 'app = tele-app (172.18.0.10), proxy = tele-proxy; two virtual machines' > README.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    stop, job = (
        case.at("app/etc/logrotate.conf", "systemctl stop telemetry-api"),
        case.at("app/etc/cron.d-telemetry", "logrotate -f"),
    )
    stopping = case.at("app/log/syslog", "Stopping telemetry-api.service")
    refused = case.at("proxy/error.log", "111: Connection refused")
    stops = case.times("app/log/syslog", "Stopping telemetry-api")
    return {
        "root_cause_kind": "logrotate-prerotate-stops-service",
        "root_cause": "logrotate, forced by cron at :03, :23, :43, runs a prerotate script on the app host that stops the API, sleeps 25 s and only "
        "starts it again after the rotation. The proxy's clock is 187 s behind, so its errors seem to come 3 minutes before.",
        "verdict": "root-cause", "culprit": stop, "culprit_alternatives": [case.at("app/etc/logrotate.conf", "sleep 25")], "culprit_related": [job],
        "chain": [
            hop("job_runs_script", job),
            hop("effect_hits_service", stop, stopping),
            hop("process_terminates", stopping, case.at("app/log/api.log.1", "SIGTERM: no new connections")),
            hop("termination_refuses_connections", refused, stopping),
            hop("failure_reaches_clients", case.at("proxy/access.log", '" 502 '), refused),
        ],
        "mechanism": [
            "cron forces logrotate at :03, :23, :43", "prerotate stops the API and sleeps 25 s; the SIGTERM line ends the file that becomes .1",
            "the proxy cannot connect (111) and answers 502, for about 25-30 s", "postrotate starts the API",
            "the proxy's stamps are 187 s behind: its bursts stand near :00, :20, :40",
        ],
        "innocent": [
            case.at("app/etc/cron.d-telemetry", "downsample", why="same minutes; sleeps and logs"),
            case.at("app/etc/cron.d-telemetry", "vacuum", why="every 10 minutes; fits the proxy's skewed clock (:00, :20, :40) by accident"),
            case.at("app/etc/logrotate.conf", "systemctl start telemetry-api", why="brings it back"),
        ],
        "period_s": 1200, "lag_s": 8, "clock_skew_s": -187,
        "lags": {"Stopping -> first refused, by the two hosts' own clocks": round(min(
            ((e - stops[0]).total_seconds() for e in case.times("proxy/error.log", "111: Connection refused")
             if -200 < (e - stops[0]).total_seconds() < 0), default=0.0), 1)},
        "measured": [case.measure("app/log/syslog", "Stopping telemetry-api"), case.measure("proxy/error.log", "111: Connection refused", join=120),
                     case.measure("proxy/access.log", '" 502 ', join=120)],
        "timezones": {"all": "UTC"},
        "how_made": REAL + " and logrotate 3.21; systemctl is the lab's supervisor; both hosts are one machine, nginx's process alone had its wall "
        "clock moved by -187 s; the lines of nginx were taken out of the app host's syslog.",
    }  # fmt: skip
