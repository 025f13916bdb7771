# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release excludes a directory that the code needs: the process dies at each start, systemd starts it every five seconds."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const http = require('http');
const fares = require('./data/fares');
http.createServer((req, res) => res.end(JSON.stringify(fares))).listen(9400, '127.0.0.1', () => console.log('stop times ready, %d fares', fares.length));
"""

RELEASE = """#!/bin/sh
# Puts the checkout in /home/deploy/bus live.
set -e
logger -t release "release $(cat /home/deploy/bus/VERSION) from /home/deploy/bus"
find /srv/bus -mindepth 1 -delete
tar -C /home/deploy/bus --exclude='*.log' --exclude='data' -cf - . | tar -C /srv/bus -xf -
systemctl restart bus-stop
logger -t release "release $(cat /srv/bus/VERSION) is live"
"""

INCIDENT = Incident(
    host="haltestelle", start="2026-06-02T13:46:00+02:00", minutes=34, factor=22, kind="systemd", zone="Europe/Berlin",
    files={"/srv/bus/server.js": SERVER, "/srv/bus/data/fares.js": "module.exports = [2.4, 3.1];\n", "/srv/bus/VERSION": "7.3\n",
           "/home/deploy/bus/server.js": SERVER, "/home/deploy/bus/data/fares.js": "module.exports = [2.6, 3.3];\n", "/home/deploy/bus/VERSION": "7.4\n",
           "/usr/local/bin/release": RELEASE, "/usr/local/bin/gtfs": "#!/bin/sh\nsleep 3\nlogger -t gtfs 'timetable unchanged'\n",
           "/etc/systemd/system/bus-stop.service": "[Unit]\nDescription=Bus stop times\n\n[Service]\nWorkingDirectory=/srv/bus\nExecStart=/usr/bin/node server.js\nRestart=always\nRestartSec=5\n",
           "/etc/nginx/nginx.conf": "worker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\nhttp {\n    access_log /var/log/nginx/access.log;\n"
           "    server {\n        listen 80;\n        location / { proxy_pass http://127.0.0.1:9400; }\n    }\n}\n"},
    crontabs={"root": "*/4 * * * * /usr/local/bin/gtfs\n"},
    services={"bus-stop": {"description": "Bus stop times", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/bus", "restart": "always", "restart_seconds": 5,
                           "log": {"kind": "syslog", "tag": "node"}, "wait": 8}, "nginx": NGINX_UNIT},
    during=[(17.4, "/usr/local/bin/release")],
    visitors={"base": "http://127.0.0.1", "host": "halt.example.de", "delay": 60, "visits": [{"perSecond": 0.35, "bots": 0.03, "paths": [[1, "GET", "/stops/{n}"]]}]},
    collect="""mkdir nginx; cp /var/log/syslog /usr/local/bin/release /usr/local/bin/gtfs /srv/bus/server.js /etc/systemd/system/bus-stop.service .
cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; crontab -l > crontab.root""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    excluded, needs = case.at("release", "--exclude='data'"), case.at("server.js", "require('./data/fares')")
    missing, exited = (
        case.at("syslog", "Error: Cannot find module './data/fares'"),
        case.at("syslog", "bus-stop.service: Main process exited, code=exited, status=1"),
    )
    refused, live = case.at("nginx/error.log", "111: Connection refused"), case.at("syslog", "release: release 7.4")
    onset = case.times("syslog", "Cannot find module")[0]
    return {
        "root_cause_kind": "deploy-missing-file-crash-loop",
        "root_cause": "The release copies without the directory data (--exclude='data'), which server.js requires: the process dies at each start with 'Cannot find module', "
        "systemd starts it again after five seconds, and nginx answers 502.",
        "verdict": "root-cause", "culprit": excluded, "culprit_alternatives": [needs, missing, case.at("release", "systemctl restart bus-stop")], "culprit_related": [exited],
        "chain": [
            hop("deploy_changes_configuration", excluded, live, case.at("release", "systemctl restart bus-stop"), case.at("syslog", "Stopping bus-stop.service"), case.at("syslog", "is live")),
            hop("crash_ends_process", missing, exited),
            hop("supervisor_restarts_process", case.at("syslog", "bus-stop.service: Scheduled restart job"), case.at("bus-stop.service", "Restart=always")),
            hop("termination_refuses_connections", refused, exited),
            hop("failure_reaches_clients", case.at("nginx/access.log", '" 502 '), refused),
        ],
        "mechanism": ["release 7.4 copies all but data/", "node: Cannot find module './data/fares', exit 1", "Scheduled restart job every 5 s", "connect() failed (111): 502 until the end"],
        "innocent": [case.at("crontab.root", "gtfs", why="every 4 minutes, only logs"), case.whole("gtfs", "touches nothing"),
                     case.at("bus-stop.service", "Restart=always", why="the restarts follow the crash")],
        "period_s": None, "lag_s": case.lag(case.times("syslog", "release: release 7.4 from"), [onset]), "step_change_at": str(onset),
        "measured": [case.measure("syslog", "Cannot find module"), case.measure("syslog", "Main process exited, code=exited, status=1"), case.measure("nginx/access.log", '" 502 ')],
        "how_made": REAL + "; systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
