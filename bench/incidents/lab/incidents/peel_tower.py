# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release left the log level at debug: the log volume fills, every room answers 500, and a restart by hand cannot even say that it listens."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const fs = require('fs');
const level = process.env.LOG_LEVEL || 'info';
const out = fs.openSync('/var/log/peel/peel.log', 'a');
const write = (lvl, msg, more = {}) => {
  if (lvl === 'debug' && level !== 'debug') return;
  fs.writeSync(out, JSON.stringify({ t: new Date().toISOString(), lvl, msg, ...more }) + '\n');
};
const app = express();
app.get('/rooms/:n', (req, res) => {
  const rows = Array.from({ length: 60 }, (_, i) => `${req.params.n}:${i}:free`);
  write('debug', 'query', { sql: 'select * from nights where room = $1', rows });
  setTimeout(() => res.json({ room: req.params.n, nights: rows.length }), 90);
});
app.post('/stays', (req, res) => { write('info', 'stay booked', { id: Math.floor(Math.random() * 1e6) }); res.status(201).end(); });
app.listen(6060, '127.0.0.1', () => write('info', 'listening', { port: 6060, level }));
process.on('SIGTERM', () => { write('info', 'SIGTERM'); process.exit(0); });
"""

RELEASE = r"""#!/bin/bash
# release.sh TAG: environment of the tag, then restart
set -e
cp "/srv/peel/tags/$1.env" /srv/peel/.env
echo "$(date -Is) $1" >> /srv/peel/releases.txt
systemctl restart peel
"""

ROTATE = """/var/log/peel/peel.log {
    daily
    rotate 14
    compress
    copytruncate
    missingok
}
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name tower.example.co.uk;
        location / { proxy_pass http://127.0.0.1:6060; }
    }
}
"""

CRON = """25 6 * * * root /usr/sbin/logrotate /etc/logrotate.conf
*/15 * * * * root df -h /var/log/peel | tail -1 | logger -t df
*/15 * * * * root /srv/peel/bin/housekeeping
"""
UNIT = "[Unit]\nDescription=Peel tower bookings\n\n[Service]\nEnvironmentFile=/srv/peel/.env\nWorkingDirectory=/srv/peel\nExecStart=/usr/bin/node server.js\nRestart=always\nRestartSec=20\n"

INCIDENT = Incident(
    host="tower", start="2026-01-13T10:48:00+00:00", minutes=110, factor=34, kind="systemd", zone="Europe/London", apps=["/srv/peel"],
    files={"/srv/peel/server.js": SERVER, "/srv/peel/release.sh": RELEASE, "/etc/logrotate.d/peel": ROTATE, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/peel": CRON, "/etc/systemd/system/peel.service": UNIT, "/srv/peel/.env": "TAG=v5.1\nLOG_LEVEL=info\n",
           "/srv/peel/tags/v5.2.env": "TAG=v5.2\nLOG_LEVEL=debug\n", "/srv/peel/releases.txt": "2025-12-18T14:10:09+00:00 v5.0\n2026-01-06T09:31:44+00:00 v5.1\n", "/srv/peel/bin/housekeeping": "#!/bin/sh\n# empties the drop box\nsleep 6\nlogger -t housekeeping 'drop box empty'\n"},
    prepare="mkdir -p /var/log/peel; mount -t tmpfs -o size=600k logs /var/log/peel",
    services={"peel": {"description": "Peel tower bookings", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/peel", "environment_file": "/srv/peel/.env", "restart": "always", "restart_seconds": 20, "log": {"kind": "syslog", "tag": "node"}, "wait": 8}, "nginx": NGINX_UNIT},
    during=[(22.7, "/srv/peel/release.sh v5.2"), (96.5, "systemctl restart peel")],
    visitors={"base": "http://127.0.0.1", "host": "tower.example.co.uk", "delay": 60, "visits": [{"perSecond": 0.36, "bots": 0.05, "paths": [[5, "GET", "/rooms/{n}"], [2, "POST", "/stays", "{}"]]}]},
    collect="""mkdir -p srv-peel etc var-log/nginx var-log/peel; cp /srv/peel/server.js /srv/peel/release.sh /srv/peel/releases.txt /srv/peel/bin/housekeeping srv-peel/; cp /srv/peel/.env srv-peel/env; cp /etc/systemd/system/peel.service etc/; cp /etc/cron.d/peel etc/cron.d-peel; cp /etc/logrotate.d/peel etc/logrotate-peel
cp /etc/nginx/nginx.conf /etc/os-release /etc/hosts etc/; cp /var/log/nginx/*.log var-log/nginx/; cp /var/log/syslog var-log/; gzip -c -n /var/log/peel/peel.log > var-log/peel/peel.log.gz; df -h /var/log/peel > var-log/df.txt; du -a -h /var/log/peel > var-log/du.txt; rotate var-log/nginx/access.log; rotate var-log/syslog""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, older, errors, access = "var-log/syslog", "var-log/syslog.1.gz", "var-log/nginx/error.log", "var-log/nginx/access.log"
    full, level, told = (
        case.at(log, "ENOSPC"),
        case.at("srv-peel/env", "LOG_LEVEL=debug"),
        case.at("srv-peel/releases.txt", "v5.2"),
    )
    lines, disk, exited = (
        case.at("var-log/peel/peel.log.gz", '"lvl":"debug"'),
        case.at("var-log/df.txt", "100%"),
        case.at(log, "peel.service: Main process exited, code=exited"),
    )
    refused = case.at(errors, "111: Connection refused")
    return {
        "root_cause_kind": "log-volume-full",
        "root_cause": "Release v5.2 brought LOG_LEVEL=debug: every room writes more than a kilobyte, the small volume /var/log/peel is full in less than an hour (logrotate would come at 06:25 the next morning). fs.writeSync throws ENOSPC: 500 for every room and stay. Somebody restarts it at 12:24; it cannot write that it listens, ends with 1, and systemd starts it in vain every twenty seconds: 502.",
        "verdict": "root-cause", "culprit": level, "culprit_alternatives": [told, case.at("srv-peel/release.sh", 'cp "/srv/peel/tags/$1.env"'), full, case.at(older, "ENOSPC"), case.at("srv-peel/server.js", "write('debug', 'query'"), case.at("srv-peel/server.js", "fs.writeSync(out"), disk],
        "culprit_related": [lines, exited, case.at("etc/peel.service", "Restart=always"), case.at("etc/logrotate-peel", "daily"), case.at("var-log/peel/peel.log.gz", '"level":"debug"')],
        "chain": [
            hop("deploy_changes_configuration", level, told, case.at("srv-peel/release.sh", "cp "), case.at("var-log/peel/peel.log.gz", '"level":"debug"')),
            hop("resource_exhausted", full, case.at(older, "ENOSPC"), disk, case.at(older, "100% /var/log/peel"), lines, level),
            hop("failure_reaches_clients", case.at(access, '" 500 '), case.at(access, '" 502 '), case.at("var-log/nginx/access.log.1.gz", '" 500 '), full, refused),
        ],
        "mechanism": ["release.sh v5.2: LOG_LEVEL=debug", "the log grows by a kilobyte and more a request; df's line in syslog every quarter of an hour", "ENOSPC: no space left on device, write; 500 for every room", "a restart by hand: the same error outside a handler ends the process, again at each start", "connect() failed (111), 502"],
        "innocent": [case.at("etc/cron.d-peel", "logrotate", why="at 06:25, not in these logs"), case.at("etc/cron.d-peel", "df -h", why="only measures"), case.at("etc/cron.d-peel", "housekeeping", why="every quarter of an hour, only logs"), case.whole("srv-peel/housekeeping", "touches nothing"),
                     case.at("srv-peel/releases.txt", "v5.1", why="a week before")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times(older, "ENOSPC")[0]),
        "measured": [case.measure(older, "ENOSPC: no space left on device"), case.measure(log, "ENOSPC: no space left on device"), case.measure(log, "peel.service: Main process exited"), case.measure(access, '" 500 '), case.measure("var-log/nginx/access.log.1.gz", '" 500 '), case.measure(access, '" 502 ')],
        "timezones": {"all": "Europe/London (+00:00)"},
        "how_made": REAL.replace(" and curl", "") + " (with express); the volume is a tmpfs of 600 kB that really ran full; syslog was split like the access log; systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
