# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A systemd timer's check sends HEAD to a service that knows only GET, and restarts it for the 501 it is answered."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

APP = '''#!/usr/bin/env python3
"""Berth reservations."""

import json
import logging
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

logging.basicConfig(stream=open("/var/log/berth/berth.log", "a", buffering=1), level=logging.INFO,
                    format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
log = logging.getLogger("berth")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/api/berths":
            return self.answer(200, {"free": 14})
        return self.answer(200 if self.path.startswith("/api/") else 404, {})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        log.info("reservation taken")
        self.answer(201, {})

    def log_message(self, text, *words):
        log.info(text, *words)


def leave(number, frame):
    log.warning("signal %d, leaving", number)
    sys.exit(0)


signal.signal(signal.SIGTERM, leave)
server = ThreadingHTTPServer(("127.0.0.1", 8071), Handler)
log.info("berth service ready on 8071")
server.serve_forever()
'''

CHECK = """#!/bin/sh
# Is the berth service all right? Started by berth-check.timer.
ADDRESS=http://127.0.0.1:8071/api/berths
if curl --silent --fail --head --max-time 8 "$ADDRESS" > /dev/null; then
    exit 0
fi
echo "berth service does not answer, restarting it"
systemctl restart berth.service
"""

NGINX = r"""worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 256; }
http {
    log_format json escape=json '{"time":"$time_iso8601","remote":"$remote_addr","request":"$request","status":"$status","upstream":"$upstream_addr","upstream_status":"$upstream_status","seconds":"$request_time"}';
    access_log /var/log/nginx/access.log json;
    server {
        listen 80;
        server_name haven.example.nl;
        location / { proxy_pass http://127.0.0.1:8071; }
    }
}
"""

RSYSLOG = """module(load="imuxsock" SysSock.UseSysTimeStamp="off" SysSock.RateLimit.Interval="0")
$ActionFileDefaultTemplate RSYSLOG_FileFormat
*.*;auth,authpriv.none -/var/log/syslog
"""

INCIDENT = Incident(
    host="haven3", start="2026-10-06T06:57:30+02:00", minutes=50, factor=24, kind="systemd", zone="Europe/Amsterdam",
    files={
        "/opt/berth/app.py": APP, "/usr/local/sbin/berth-check": CHECK, "/etc/nginx/nginx.conf": NGINX, "/etc/rsyslog.conf": RSYSLOG,
        "/etc/systemd/system/berth-check.service": "[Unit]\nDescription=Check the berth service\n\n[Service]\nType=oneshot\nExecStart=/usr/local/sbin/berth-check\n",
        "/etc/systemd/system/berth-check.timer": "[Unit]\nDescription=Check the berth service now and then\n\n[Timer]\nOnCalendar=*:0/4\nAccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n",
        "/etc/systemd/system/berth.service": "[Unit]\nDescription=Berth reservations\n\n[Service]\nExecStart=/usr/bin/python3 /opt/berth/app.py\nRestart=on-failure\nRestartSec=2\n\n[Install]\nWantedBy=multi-user.target\n",
        "/etc/systemd/system/tide-table.service": "[Unit]\nDescription=Fetch the tide table\n\n[Service]\nType=oneshot\nExecStart=/usr/local/sbin/tide-table\n",
        "/etc/systemd/system/tide-table.timer": "[Unit]\nDescription=Fetch the tide table\n\n[Timer]\nOnCalendar=*:0/8\n",
        "/usr/local/sbin/tide-table": "#!/bin/sh\nsleep 3\necho 'tide table stored'\n",
    },
    prepare="mkdir -p /var/log/berth",
    services={
        "berth": {"description": "Berth reservations", "command": ["/usr/bin/python3", "/opt/berth/app.py"], "restart": "on-failure", "restart_seconds": 2, "wait": 6},
        "nginx": NGINX_UNIT,
        "berth-check": {"description": "Check the berth service", "command": ["/usr/local/sbin/berth-check"], "every": 240},
        "tide-table": {"description": "Fetch the tide table", "command": ["/usr/local/sbin/tide-table"], "every": 480},
    },
    visitors={"base": "http://127.0.0.1", "host": "haven.example.nl", "delay": 60,
              "visits": [{"perSecond": 0.9, "bots": 0.04, "paths": [[5, "GET", "/api/berths"], [2, "GET", "/api/ships/{n}"], [2, "POST", "/api/reservations", '{"n":{n}}']]}]},
    collect="""mkdir -p etc/systemd/system etc/nginx usr/local/sbin opt/berth var/log/nginx
cp /etc/systemd/system/berth* /etc/systemd/system/tide* etc/systemd/system/; cp /etc/nginx/nginx.conf etc/nginx/; cp /usr/local/sbin/berth-check /usr/local/sbin/tide-table usr/local/sbin/
cp /opt/berth/app.py opt/berth/; cp /var/log/berth/berth.log /var/log/syslog var/log/; cp /var/log/nginx/*.log var/log/nginx/; rotate var/log/nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    check, app, units = "usr/local/sbin/berth-check", "var/log/berth.log", "etc/systemd/system/"
    probe, action = case.at(check, "if curl --silent --fail --head"), case.at(check, "systemctl restart berth.service")
    answer = case.at(app, '"HEAD /api/berths HTTP/1.1" 501')
    stopped, left = case.at("var/log/syslog", "Stopping berth.service"), case.at(app, "signal 15, leaving")
    refused = case.at("var/log/nginx/error.log", "111: Connection refused")
    return {
        "root_cause_kind": "health-check-misreads-method",
        "root_cause": "berth-check, started by a systemd timer every four minutes, asks with HEAD (curl --head); the service implements GET and POST only and answers 501, "
        "curl --fail takes that for a dead service, and the healthy service is restarted each time.",
        "verdict": "root-cause", "culprit": probe, "culprit_alternatives": [case.at(check, "ADDRESS="), action],
        "culprit_related": [case.at(units + "berth-check.timer", "OnCalendar=*:0/4")],
        "chain": [
            hop("job_runs_script", case.at(units + "berth-check.timer", "OnCalendar=*:0/4"), case.at(units + "berth-check.service", "ExecStart="),
                case.at("var/log/syslog", "Starting berth-check.service")),
            hop("probe_gets_answer", probe, answer),
            hop("answer_takes_branch", probe, case.at(check, 'echo "berth service'), case.at("var/log/syslog", "does not answer, restarting it")),
            hop("effect_hits_service", action, stopped),
            hop("process_terminates", left, stopped),
            hop("termination_refuses_connections", refused, left),
            hop("failure_reaches_clients", case.at("var/log/nginx/access.log", '"status":"502"'), refused),
        ],
        "mechanism": [
            "berth-check.timer fires every four minutes", "curl --head asks HEAD /api/berths; http.server without do_HEAD answers 501, curl --fail exits 22",
            "the script restarts berth.service, which leaves at SIGTERM", "until the new process listens nginx logs connect() failed (111) and visitors get 502",
        ],
        "innocent": [
            case.at(units + "tide-table.timer", "OnCalendar=*:0/8", why="every eight minutes; its script only sleeps and prints"),
            case.whole("usr/local/sbin/tide-table", "touches nothing"),
            case.at(units + "berth.service", "Restart=on-failure", why="every exit is 0 and ordered"),
        ],
        "period_s": 240, "lag_s": case.lag(case.times("var/log/syslog", "Starting berth-check"), case.times(app, "signal 15, leaving")),
        "measured": [case.measure(app, "signal 15, leaving"), case.measure("var/log/syslog", "does not answer, restarting it"), case.measure(app, '"HEAD /api/berths'),
                     case.measure("var/log/nginx/access.log", '"status":"502"', join=60)],
        "how_made": "nginx 1.22, curl, rsyslog and Python 3.11's http.server really ran; systemctl, the timers and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
