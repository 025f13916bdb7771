# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A certificate renewal runs a pre-hook that stops nginx while the new certificate is fetched, twice a day."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DDTHH:mm:ss.SSSZZ' }),
    winston.format.printf((i) => `${i.timestamp} ${i.level}: ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/radio/archive.log' })],
});
const app = express();
app.get('/api/shows', (req, res) => res.json([]));
app.get('/api/shows/:id/audio', (req, res) => {
  log.info(`audio ${req.params.id} requested`);
  setTimeout(() => res.send('x'.repeat(4000)), 400 + Math.random() * 2000);
});
app.listen(9200, '127.0.0.1', () => log.info('archive api on 9200'));
"""

RENEW = r"""#!/bin/bash
# renew-cert.sh - fetch a fresh certificate from the station's own CA (valid two days, renewed twice a day)
set -e
DIR=/etc/radio-tls
HOOKS=/etc/radio-tls/hooks
say() { echo "$(date '+%Y-%m-%d %H:%M:%S,%3N') renew-cert: $*"; }

say "renewing archive.radio.example"
run-parts --verbose "$HOOKS/pre" 2>&1
sleep 75   # the CA answers challenges in batches
openssl req -new -key "$DIR/privkey.pem" -subj /CN=archive.radio.example -out "$DIR/request.pem"
openssl x509 -req -in "$DIR/request.pem" -CA "$DIR/ca.pem" -CAkey "$DIR/ca-key.pem" -CAcreateserial -days 2 -out "$DIR/fullchain.pem" 2>&1
say "new certificate until $(openssl x509 -noout -enddate -in "$DIR/fullchain.pem" | cut -d= -f2)"
run-parts --verbose "$HOOKS/post" 2>&1
say "done"
"""

PRE = """#!/bin/sh
# the CA's standalone check wants port 443 for itself
systemctl stop nginx
"""

POST = """#!/bin/sh
systemctl start nginx
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log;
    server {
        listen 443 ssl;
        server_name archive.radio.example;
        ssl_certificate     /etc/radio-tls/fullchain.pem;
        ssl_certificate_key /etc/radio-tls/privkey.pem;
        location /api/ { proxy_pass http://127.0.0.1:9200; }
        location / { return 200 "archive\\n"; }
    }
}
"""

CRON = """SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
10 3,15 * * * root /usr/local/bin/renew-cert.sh >> /var/log/radio/renew-cert.log 2>&1
10 3 * * * root /usr/local/bin/reindex.sh >> /var/log/radio/reindex.log 2>&1
*/5 * * * * root /usr/local/bin/playlist.sh
"""

INCIDENT = Incident(
    host="archiv", start="2026-10-04T03:03:10+02:00", minutes=66, factor=26, kind="systemd", zone="Europe/Vienna", apps=["/opt/radio"],
    files={"/opt/radio/server.js": SERVER, "/usr/local/bin/renew-cert.sh": RENEW, "/etc/radio-tls/hooks/pre/10-free-port": PRE,
           "/etc/radio-tls/hooks/post/90-web": POST, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/radio": CRON,
           "/usr/local/bin/reindex.sh": "#!/bin/sh\nsleep 40\necho \"$(date '+%F %T') reindexed\"\n",
           "/usr/local/bin/playlist.sh": "#!/bin/sh\nlogger -t playlist 'refreshed'\n"},
    prepare="""mkdir -p /var/log/radio; cd /etc/radio-tls
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem -subj /CN=radio-ca -days 900 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout privkey.pem -out request.pem -subj /CN=archive.radio.example 2>/dev/null
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -out fullchain.pem 2>/dev/null""",
    services={"radio-api": {"description": "Radio archive API", "command": ["node", "server.js"], "directory": "/opt/radio", "restart": "always"},
              "nginx": NGINX_UNIT},
    during=[(13, f"leap {12 * 3600 - 12 * 60}"), (26, f"leap {12 * 3600 - 13 * 60}"), (39, f"leap {12 * 3600 - 13 * 60}"),
            (52, f"leap {12 * 3600 - 13 * 60}")],
    visitors={"base": "https://127.0.0.1", "host": "archive.radio.example",
              "visits": [{"perSecond": 0.4, "bots": 0.04, "paths": [[4, "GET", "/api/shows"], [3, "GET", "/api/shows/{n}/audio"], [2, "GET", "/"]]}],
              "monitors": [{"every": 30, "path": "/", "address": "192.0.2.250", "agent": "uptime/2.1", "log": "/var/log/uptime.log", "name": "archive"}]},
    collect="""mkdir -p etc/cron.d etc/nginx etc/radio-tls usr/local/bin log
cp /etc/cron.d/radio etc/cron.d/; cp /etc/nginx/nginx.conf etc/nginx/; cp -r /etc/radio-tls/hooks etc/radio-tls/
cp /usr/local/bin/renew-cert.sh /usr/local/bin/reindex.sh /usr/local/bin/playlist.sh usr/local/bin/
cp /var/log/nginx/access.log log/nginx-access.log; cp /var/log/nginx/error.log log/nginx-error.log
cp /var/log/radio/*.log /var/log/syslog log/; mv /var/log/uptime.log uptime-monitor.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    renew, stop = "usr/local/bin/renew-cert.sh", case.at("etc/radio-tls/hooks/pre/10-free-port", "systemctl stop nginx")
    job, call = case.at("etc/cron.d/radio", "renew-cert.sh"), case.at(renew, 'run-parts --verbose "$HOOKS/pre"')
    stopping = case.at("log/syslog", "Stopping nginx.service")
    down = case.at("uptime-monitor.log", "DOWN ECONNREFUSED")
    stops = case.times("log/syslog", "Stopping nginx.service")
    return {
        "root_cause_kind": "renewal-hook-stops-service",
        "root_cause": "The renewal at 03:10 and 15:10 runs the pre-hook 10-free-port, which stops nginx; it stays down for the 75 s and more "
        "that the certificate takes, so every visitor is refused.",
        "verdict": "root-cause", "culprit": stop, "culprit_alternatives": [call], "culprit_related": [job, case.at(renew, "sleep 75")],
        "chain": [
            hop("job_runs_script", job),
            hop("script_calls_script", call, case.at("log/renew-cert.log", "hooks/pre/10-free-port")),
            hop("effect_hits_service", stop, stopping),
            hop("process_terminates", stopping, case.at("log/nginx-error.log", "shutting down")),
            hop("termination_refuses_connections", down, stopping),
            hop("failure_reaches_clients", down),
        ],
        "mechanism": [
            "cron runs renew-cert.sh at 03:10 and 15:10", "run-parts runs every hook in hooks/pre, among them 10-free-port",
            "10-free-port runs systemctl stop nginx", "nginx shuts down (notice lines in its error log; systemd says Stopping/Stopped)",
            "for 75-80 s nobody listens on 443: no line in the access log, the uptime monitor sees ECONNREFUSED",
            "the post hook starts nginx again",
        ],
        "contributing": [case.at(renew, "sleep 75", why="the slow CA makes the gap long")],
        "innocent": [
            case.at("etc/cron.d/radio", "reindex.sh", why="same minute as the night's renewal; sleeps and logs"),
            case.at("etc/cron.d/radio", "playlist.sh", why="every 5 minutes, also at 03:10 and 15:10"),
            case.at("etc/radio-tls/hooks/post/90-web", "systemctl start nginx", why="brings nginx back"),
            case.whole("log/archive.log", "the API never stops"),
        ],
        "period_s": 43200, "lag_s": 3, "lags": {"Stopping nginx -> monitor down": case.lag(stops, case.times("uptime-monitor.log", "DOWN", hours=2), 60)},
        "measured": [case.measure("log/syslog", "Stopping nginx.service"), case.measure("log/syslog", "Started nginx.service"),
                     case.measure("uptime-monitor.log", "DOWN", join=120), case.measure("log/renew-cert.log", "renewing archive")],
        "timezones": {"uptime-monitor.log": "UTC (Z)", "others": "Europe/Vienna (+02:00)"},
        "how_made": REAL + "; openssl really issued the certificates; systemctl is the lab's supervisor; the CA's slowness is a sleep. "
        "Between the renewals the machine's wall clock leapt ahead (as if suspended), so the logs hold only some minutes around each.",
    }  # fmt: skip
