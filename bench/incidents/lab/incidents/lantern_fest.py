# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A cron script wants 200 from a page that sends everybody to the login, and has supervisord restart the program."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

APP = '''"""Ticket desk of the lantern festival."""

import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Desk(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/" and "session=" not in self.headers.get("Cookie", ""):
            self.send_response(302)
            self.send_header("Location", "/login?next=/")
            return self.end_headers()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"lanterns")

    def do_POST(self):
        self.send_response(303)
        self.send_header("Location", "/")
        self.end_headers()
        print(time.strftime("%Y/%m/%d %H:%M:%S"), "desk: login", flush=True)

    def log_message(self, text, *words):
        print(time.strftime("%Y/%m/%d %H:%M:%S"), "desk:", text % words, flush=True)


def term(number, frame):
    print(time.strftime("%Y/%m/%d %H:%M:%S"), "desk: terminated", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, term)
time.sleep(4)  # loads the seating plan
print(time.strftime("%Y/%m/%d %H:%M:%S"), "desk: open", flush=True)
ThreadingHTTPServer(("127.0.0.1", 9050), Desk).serve_forever()
'''

ENSURE = """#!/usr/bin/env bash
set -u
cd "$(dirname "$0")/.."
. etc/desk.conf

ask() {
    curl -s -o /dev/null -m "${PATIENCE:-5}" -w '%{http_code}' "$1"
}

code=$(ask "$DESK_URL")
case $code in
    200) exit 0 ;;
    *)
        logger -t ensure-up "desk answered $code, restart"
        supervisorctl -c etc/supervisord.conf restart desk
        ;;
esac
"""

SUPERVISORD = """[supervisord]
logfile=/var/log/lantern/supervisord.log
pidfile=/run/supervisord.pid
user=root

[unix_http_server]
file=/run/supervisord.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix:///run/supervisord.sock

[program:desk]
command=/usr/bin/python3 /opt/lantern/desk.py
autorestart=true
startsecs=2
redirect_stderr=true
stdout_logfile=/var/log/lantern/desk.log
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log;
    server {
        listen 80;
        server_name lantern.example.tw;
        location / { proxy_pass http://127.0.0.1:9050; }
    }
}
"""

CRONTAB = """PATH=/usr/local/bin:/usr/bin:/bin
3-59/6 * * * * flock -n /run/lock/desk /opt/lantern/bin/ensure-up >> /var/log/lantern/ensure-up.out 2>&1
*/3 * * * * /opt/lantern/bin/count-lanterns
"""

INCIDENT = Incident(
    host="tainan", start="2026-02-28T17:58:00+08:00", minutes=56, factor=22, kind="systemd", zone="Asia/Taipei",
    files={"/opt/lantern/desk.py": APP, "/opt/lantern/bin/ensure-up": ENSURE, "/opt/lantern/etc/supervisord.conf": SUPERVISORD,
           "/opt/lantern/etc/desk.conf": "# the desk, asked by ensure-up\nDESK_URL=http://127.0.0.1:9050/\nPATIENCE=10\n",
           "/opt/lantern/bin/count-lanterns": "#!/bin/bash\nsleep 2\nlogger -t count-lanterns '512 lanterns'\n", "/etc/nginx/nginx.conf": NGINX},
    crontabs={"root": CRONTAB}, prepare="mkdir -p /var/log/lantern",
    services={"supervisord": {"description": "supervisord", "command": ["/usr/bin/supervisord", "-n", "-c", "/opt/lantern/etc/supervisord.conf"], "restart": "no", "wait": 12},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "lantern.example.tw", "delay": 60,
              "visits": [{"perSecond": 0.7, "bots": 0.04, "paths": [[4, "GET", "/lanterns/{n}"], [2, "GET", "/"], [1, "POST", "/login", "{}"]]}]},
    collect="""mkdir -p opt log; cp -r /opt/lantern opt/; cp /var/log/lantern/* /var/log/syslog log/; mkdir log/nginx; cp /var/log/nginx/*.log log/nginx/
cp /etc/nginx/nginx.conf .; crontab -l > crontab; sed -i 's/$/\\r/' log/desk.log; rotate log/nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, conf, log = "opt/lantern/bin/ensure-up", "opt/lantern/etc/desk.conf", "log/desk.log"
    url, ask, accepted = case.at(conf, "DESK_URL="), case.at(script, "curl -s -o"), case.at(script, "200) exit 0")
    action, other = case.at(script, "supervisorctl -c"), case.at(script, "*)")
    told, gone = case.at("log/syslog", "desk answered 302, restart"), case.at(log, "desk: terminated")
    stopped, refused = case.at("log/supervisord.log", "stopped: desk"), case.at("log/nginx/error.log", "111: Connection refused")
    return {
        "root_cause_kind": "health-check-misreads-redirect",
        "root_cause": "ensure-up, run by cron every six minutes, accepts only 200 from http://127.0.0.1:9050/, which answers 302 to /login without a session: "
        "the healthy desk is restarted through supervisorctl each time.",
        "verdict": "root-cause", "culprit": url,
        "culprit_alternatives": [accepted, case.at(script, 'code=$(ask "$DESK_URL")'), ask, action],
        "culprit_related": [case.at("crontab", "bin/ensure-up"), case.at("opt/lantern/desk.py", "self.send_response(302)")],
        "chain": [
            hop("job_runs_script", case.at("crontab", "bin/ensure-up"), case.at("log/syslog", "/opt/lantern/bin/ensure-up")),
            hop("probe_gets_answer", ask, url, case.at(script, 'code=$(ask "$DESK_URL")'), case.at("opt/lantern/desk.py", "self.send_response(302)"), case.at(log, '"GET / HTTP/1.1" 302')),
            hop("answer_takes_branch", accepted, other, told, case.at(script, "case $code in")),
            hop("effect_hits_service", action, stopped),
            hop("process_terminates", gone, stopped),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", case.at("log/nginx/access.log", '" 502 '), refused),
        ],
        "mechanism": ["cron runs ensure-up at :03, :09, …", "the desk answers 302 to its login, as it should", "the script accepts only 200",
                      "supervisorctl restart desk", "for some seconds connect() failed (111): 502"],
        "innocent": [case.at("crontab", "count-lanterns", why="every three minutes, so always at the same minute too; only logs"),
                     case.whole("opt/lantern/bin/count-lanterns", "touches nothing"),
                     case.at("opt/lantern/etc/supervisord.conf", "autorestart=true", why="the stops were ordered")],
        "period_s": 360, "lag_s": case.lag(case.times("log/syslog", "desk answered 302"), case.times(log, "desk: terminated")),
        "measured": [case.measure("log/syslog", "desk answered 302, restart"), case.measure(log, "desk: terminated"), case.measure("log/supervisord.log", "stopped: desk"),
                     case.measure("log/nginx/error.log", "111: Connection refused", join=60)],
        "how_made": "nginx 1.22, supervisord 4, cron, bash, curl and a Python 3.11 server really ran. The desk's log was given CRLF line ends.",
    }  # fmt: skip
