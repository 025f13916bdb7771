# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release gives the service's key to root alone, whom it does not run as: it dies at each start."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const fs = require('fs');
const http = require('http');
const key = fs.readFileSync('/srv/hops/keys/signing.key', 'utf8').trim();
http.createServer((req, res) => { res.setHeader('X-Key', key.length); res.end('{"bales":12}'); }).listen(8310, '127.0.0.1', () => console.log('hop garden on 8310'));
process.on('SIGTERM', () => { console.log('stopping'); process.exit(0); });
"""

RELEASE = """#!/bin/bash
# release.sh: put the version in /home/deploy/hops live
set -e
echo "$(date +'%F %T') release $(cat /home/deploy/hops/VERSION) begins"
cp /home/deploy/hops/server.js /srv/hops/server.js
chown -R hops: /srv/hops
chown root:root /srv/hops/keys/signing.key
chmod 600 /srv/hops/keys/signing.key
systemctl restart hops
echo "$(date +'%F %T') release $(cat /home/deploy/hops/VERSION) done"
"""

INCIDENT = Incident(
    host="humulus", start="2026-09-08T10:02:00+00:00", minutes=34, factor=30, kind="systemd", users=["deploy", "hops"],
    files={"/srv/hops/server.js": SERVER, "/home/deploy/hops/server.js": SERVER, "/srv/hops/keys/signing.key": "c2lnbmluZw-ab\n", "/home/deploy/hops/VERSION": "1.18.0\n",
           "/srv/hops/release.sh": RELEASE, "/srv/hops/weather.sh": "#!/bin/sh\nsleep 3\nlogger -t weather 'error: station 4 gave no value, kept the last one'\n",
           "/etc/systemd/system/hops.service": "[Unit]\nDescription=Hop garden\n\n[Service]\nUser=hops\nWorkingDirectory=/srv/hops\nExecStart=/usr/bin/node server.js\nRestart=always\nRestartSec=8\n",
           "/etc/nginx/nginx.conf": "worker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\nhttp {\n    access_log /var/log/nginx/access.log;\n    server {\n        listen 80;\n        location / { proxy_pass http://127.0.0.1:8310; }\n    }\n}\n"},
    owners={"/srv/hops": "hops"},
    crontabs={"root": "*/6 * * * * /srv/hops/weather.sh\n"},
    services={"hops": {"description": "Hop garden", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/hops", "user": "hops", "restart": "always", "restart_seconds": 8, "log": {"kind": "syslog", "tag": "node"}, "wait": 8}, "nginx": NGINX_UNIT},
    during=[(19.3, "/srv/hops/release.sh > /var/log/release.log 2>&1")],
    visitors={"base": "http://127.0.0.1", "host": "hops.example.org", "delay": 60, "visits": [{"perSecond": 0.4, "bots": 0.06, "paths": [[1, "GET", "/rows/{n}"]]}]},
    collect="""mkdir nginx; cp /var/log/syslog /var/log/release.log /srv/hops/server.js /srv/hops/*.sh /etc/systemd/system/hops.service .; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; crontab -l > crontab.root""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    mode, owner, restart = (
        case.at("release.sh", "chmod 600"),
        case.at("release.sh", "chown root:root"),
        case.at("release.sh", "systemctl restart hops"),
    )
    denied, exited = case.at("syslog", "EACCES: permission denied"), case.at("syslog", "Main process exited, code=exited")
    refused, begins = case.at("nginx/error.log", "111: Connection refused"), case.at("release.log", "release 1.18.0 begins")
    onset = case.times("syslog", "EACCES: permission denied")[0]
    return {
        "root_cause_kind": "release-takes-permission",
        "root_cause": "release.sh gives signing.key to root with mode 600, but hops.service runs as hops: the process cannot read the key (EACCES) and dies at each start; nginx answers 502.",
        "verdict": "root-cause", "culprit": owner, "culprit_alternatives": [mode, restart, begins, denied, case.at("hops.service", "User=hops"), case.at("server.js", "signing.key")], "culprit_related": [exited],
        "chain": [
            hop("deploy_changes_configuration", owner, mode, restart, begins, case.at("syslog", "Stopping hops.service")),
            hop("crash_ends_process", denied, exited),
            hop("supervisor_restarts_process", case.at("syslog", "hops.service: Scheduled restart job"), case.at("hops.service", "Restart=always")),
            hop("termination_refuses_connections", refused, exited),
            hop("failure_reaches_clients", case.at("nginx/access.log", '" 502 '), refused),
        ],
        "mechanism": ["release: key to root, 600", "node as hops: EACCES, exit 1", "systemd starts it again every 8 s", "connection refused, 502"],
        "innocent": [case.at("crontab.root", "weather.sh", why="every six minutes, only logs"), case.at("syslog", "error: station 4", why="before and after alike"),
                     case.at("hops.service", "Restart=always", why="the restarts follow the crash")],
        "period_s": None, "lag_s": None, "step_change_at": str(onset),
        "measured": [case.measure("syslog", "EACCES: permission denied"), case.measure("nginx/access.log", '" 502 ')],
        "how_made": REAL + "; systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
