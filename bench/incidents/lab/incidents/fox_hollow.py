# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A hardening script gives every rotated log to root; at the next rotation the service may not open its own log file, ends, and cannot start either."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const express = require('express');
const pino = require('pino');

const file = pino.destination({ dest: '/var/log/fox/fox.log', sync: true });
const log = pino({ name: 'fox', base: undefined, timestamp: () => `,"ts":${Date.now()}` }, file);
process.on('SIGHUP', () => file.reopen()); // logrotate

const app = express();
app.use((req, res, next) => {
  const begin = Date.now();
  res.on('finish', () => log.info({ m: req.method, u: req.url, s: res.statusCode, ms: Date.now() - begin }));
  next();
});
app.get('/spor/:n', (req, res) => setTimeout(() => res.json({ spor: Number(req.params.n), kamera: req.params.n % 11 }), 25));
app.post('/observation', express.json(), (req, res) => {
  if (req.body.n % 75 === 0) log.warn({ n: req.body.n }, 'observation uden koordinater');
  res.status(201).end();
});
app.get('/', (req, res) => res.send('<h1>Rævehulen</h1>'));
app.listen(3900, '127.0.0.1', () => log.info('fox 2.9.1 lytter, port 3900'));
process.on('SIGTERM', () => { log.info('SIGTERM, lukker'); process.exit(0); });
"""

HARDEN = r"""#!/bin/bash
# harden.sh: points from the audit of 2 November, host by host
#   A1  ssh: no passwords            (done in September)
#   A4  rotated logs belong to root, nobody else may write them
#   A7  no world readable backups
set -e
say() { logger -t harden "$*"; echo "$(date '+%F %T') $*"; }

for file in /etc/logrotate.d/*; do
    sed -i -E 's/^( *create) .*/\1 0640 root adm/' "$file"
    say "A4 $file: $(grep -E '^ *create' "$file" | xargs)"
done
chmod -R o-rwx /var/backups && say "A7 /var/backups closed"
"""

ROTATE_FOX = """/var/log/fox/*.log {
    size 10k
    rotate 8
    missingok
    notifempty
    compress
    delaycompress
    create 0640 fox adm
    sharedscripts
    postrotate
        systemctl reload fox
    endscript
}
"""

ROTATE_NGINX = """/var/log/nginx/*.log {
    size 60k
    rotate 8
    missingok
    notifempty
    compress
    delaycompress
    create 0640 www-data adm
    sharedscripts
    postrotate
        [ -f /run/nginx.pid ] && kill -USR1 $(cat /run/nginx.pid)
    endscript
}
"""

UNIT = """[Unit]
Description=Fox Hollow observations
After=network.target

[Service]
User=fox
WorkingDirectory=/srv/fox
ExecStart=/usr/bin/node server.js
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=30
SyslogIdentifier=fox

[Install]
WantedBy=multi-user.target
"""

COUNT = r"""#!/bin/bash
# observationer pr. kamera, til skoven
sleep 8
logger -t optael "11 kameraer"
"""

COPY = r"""#!/bin/bash
tar -C /srv -czf /var/backups/fox-$(date +%H%M).tgz --exclude node_modules fox && logger -t backup "fox, $(ls /var/backups | wc -l) copies"
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log;
    limit_req_zone $binary_remote_addr zone=obs:1m rate=5r/s;
    server {
        listen 80;
        server_name raevehulen.example.dk;
        location /observation { limit_req zone=obs burst=10; proxy_pass http://127.0.0.1:3900; }
        location / { proxy_pass http://127.0.0.1:3900; }
    }
}
"""

CRONTAB = """# m h dom mon dow command
*/20 * * * * /usr/sbin/logrotate /etc/logrotate.conf
*/20 * * * * /srv/fox/bin/optael.sh
33 * * * * /srv/fox/bin/backup.sh
"""

CHAT = 'say() { echo "[$(date +%H:%M)] $*" >> /srv/chat.txt; };'

INCIDENT = Incident(
    host="skov02", start="2026-11-12T09:07:00+01:00", minutes=83, factor=34, kind="systemd", zone="Europe/Copenhagen", users=["fox"], apps=["/srv/fox"],
    files={"/srv/fox/server.js": SERVER, "/srv/fox/bin/optael.sh": COUNT, "/srv/fox/bin/backup.sh": COPY, "/root/harden.sh": HARDEN, "/etc/logrotate.conf": "su root adm\ninclude /etc/logrotate.d\n",
           "/etc/logrotate.d/fox": ROTATE_FOX, "/etc/logrotate.d/nginx": ROTATE_NGINX, "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/fox.service": UNIT},
    crontabs={"root": CRONTAB}, prepare="mkdir -p /var/log/fox /var/backups; chown fox: /var/log/fox",
    services={"fox": {"description": "Fox Hollow observations", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/fox", "user": "fox", "restart": "always", "restart_seconds": 30, "log": {"kind": "syslog", "tag": "fox"}, "wait": 30},
              "nginx": NGINX_UNIT},
    during=[(41.5, "/root/harden.sh > /root/harden.out"), (60.2, f"{CHAT} say 'mette: site is 502, since ten or so'"),
            (65.3, f"{CHAT} chown fox:adm /var/log/fox/fox.log; say 'anders: the log file belonged to root, gave it back to fox. starts again'"), (76.0, f"{CHAT} say 'mette: down again!'"), (80.0, f"{CHAT} say 'anders: fox.log is root:adm again. I change nothing now, collecting everything'")],
    visitors={"base": "http://127.0.0.1", "host": "raevehulen.example.dk", "delay": 80,
              "visits": [{"perSecond": 0.42, "bots": 0.05, "aborts": 0.01, "abortAfter": 0.3, "paths": [[5, "GET", "/spor/{n}"], [2, "POST", "/observation", '{"n":{n}}'], [2, "GET", "/"]]}]},
    collect="""mkdir -p etc/logrotate.d etc/nginx log/fox log/nginx srv/bin root; cp /etc/logrotate.d/* etc/logrotate.d/; cp /etc/logrotate.conf /etc/systemd/system/fox.service etc/; cp /etc/nginx/nginx.conf etc/nginx/; cp /var/log/fox/* log/fox/; cp /var/log/nginx/* log/nginx/
grep -v rsyslogd /var/log/syslog > log/syslog; cp /srv/fox/server.js srv/; cp /srv/fox/bin/*.sh srv/bin/; cp /root/harden.sh /root/harden.out root/; crontab -l > root/crontab; cp /srv/chat.txt .; stat -c '%A %U:%G %s %n' /var/log/fox/* /var/log/nginx/* > log/stat.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    syslog, rule, harden = "log/syslog", "etc/logrotate.d/fox", "root/harden.sh"
    create, changed, done = (
        case.at(rule, "create 0640 root adm"),
        case.at(harden, "sed -i -E"),
        case.at("root/harden.out", "A4 /etc/logrotate.d/fox: create 0640 root adm"),
    )
    denied, left = (
        case.at(syslog, "EACCES: permission denied, open '/var/log/fox/fox.log'"),
        case.at("log/stat.txt", "root:adm 0 /var/log/fox/fox.log"),
    )
    exited, again = (
        case.at(syslog, "fox.service: Main process exited, code=exited, status=1/FAILURE"),
        case.at(syslog, "fox.service: Scheduled restart job"),
    )
    reload = case.at(syslog, "Reloading fox.service", nth=len(case.times(syslog, "Reloading fox.service")) - 1)
    error = next(
        f"log/nginx/{name}"
        for name in ("error.log.2.gz", "error.log.1", "error.log")
        if (case.root / f"log/nginx/{name}").exists() and case.times(f"log/nginx/{name}", "111: Connection refused")
    )
    access = next(
        f"log/nginx/{name}"
        for name in ("access.log.3.gz", "access.log.2.gz", "access.log.1", "access.log")
        if (case.root / f"log/nginx/{name}").exists() and case.times(f"log/nginx/{name}", '" 502 ')
    )
    rotations, exits = case.times(syslog, "CMD .*logrotate"), case.times(syslog, "fox.service: Main process exited")
    return {
        "root_cause_kind": "logrotate-creates-log-its-service-cannot-open",
        "root_cause": "harden.sh (09:48) rewrote every `create` line under /etc/logrotate.d to `create 0640 root adm`. At the next rotation, 10:00, logrotate leaves a fox.log that belongs to root; the service runs as fox, reopens its log on the reload, gets EACCES and ends, "
        "and each start ends the same way, until somebody chowns the file, and again after the rotation of 10:20.",
        "verdict": "root-cause", "culprit": create, "culprit_alternatives": [changed, done, denied, left],
        "culprit_related": [reload, case.at(rule, "systemctl reload fox"), case.at("etc/fox.service", "User=fox"), case.at("srv/server.js", "pino.destination("), case.at("srv/server.js", "file.reopen()"), case.at("root/crontab", "logrotate"), case.at(harden, "A4  rotated logs")],
        "chain": [
            hop("deploy_changes_configuration", changed, done, create, case.at(syslog, "A4 /etc/logrotate.d/fox")),
            hop("job_runs_script", case.at("root/crontab", "logrotate"), case.at(syslog, "CMD (/usr/sbin/logrotate")),
            hop("effect_hits_service", create, reload, left, case.at(rule, "systemctl reload fox")),
            hop("crash_ends_process", denied, exited),
            hop("supervisor_restarts_process", again, case.at("etc/fox.service", "Restart=always")),
            hop("termination_refuses_connections", case.at(error, "111: Connection refused"), case.at("log/nginx/error.log", "111: Connection refused"), exited),
            hop("failure_reaches_clients", case.at(access, '" 502 '), case.at("log/nginx/access.log", '" 502 '), case.at(error, "111: Connection refused")),
        ],
        "mechanism": ["09:48 harden.sh: create 0640 fox adm becomes create 0640 root adm", "10:00 logrotate moves fox.log, creates a new one for root, reloads the service", "SIGHUP: the service reopens its log: EACCES, unhandled, status 1", "systemd starts it each half minute and a bit, each start fails at the same open", "connect() failed (111): 502 for everybody", "10:12 chown by hand: up again; 10:20 the next rotation: the same", "the rotations of 09:20 and 09:40 did no harm"],
        "contributing": [case.at("etc/fox.service", "RestartSec=30", why="the loop")],
        "innocent": [case.at("root/crontab", "optael.sh", why="same minutes as logrotate; only logs"), case.at("root/crontab", "backup.sh", why="at :33; reads"), case.at("etc/logrotate.d/nginx", "create 0640 root adm", why="changed as well, but nginx's master opens its logs as root"), case.at("etc/nginx/nginx.conf", "limit_req_zone", why="rejects nobody here")],
        "period_s": None, "lag_s": case.lag(rotations, exits, 60), "step_change_at": str(exits[0]),
        "lags": {"rotation -> EACCES": case.lag(rotations, case.times(syslog, "EACCES"), 60)},
        "measured": [case.measure(syslog, "fox.service: Main process exited", join=240), case.measure(syslog, "Reloading fox.service"), case.measure(syslog, "EACCES: permission denied, open", join=240), case.measure(error, "111: Connection refused", join=240), case.measure("log/nginx/error.log", "111: Connection refused", join=240)],
        "timezones": {"log/fox/*": "milliseconds since 1970", "others": "Europe/Copenhagen (+01:00)"},
        "how_made": REAL + " (with express, pino), and logrotate; systemctl and systemd's lines are the lab's supervisor. chat.txt was written as the scenario's operators; they did what it says.",
    }  # fmt: skip
