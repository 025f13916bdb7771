# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release moves the application's unix socket; nginx goes on asking at the old path."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

APP = """import http.server
import logging
import os
import signal
import socketserver
import sys

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="[%(asctime)s +0100] [%(process)d] [%(levelname)s] %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
PATH = os.environ["CRAG_SOCKET"]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"6a+")

    def log_message(self, *words):
        pass


def leave(number, frame):
    logging.info("Handling signal: term")
    os.unlink(PATH)
    logging.info("Shutting down: Master")
    os._exit(0)


signal.signal(signal.SIGTERM, leave)
server = socketserver.ThreadingUnixStreamServer(PATH, Handler)
Handler.address_string = lambda self: "local"
os.chmod(PATH, 0o666)
logging.info("Listening at: unix:%s", PATH)
server.serve_forever()
"""

RELEASE = """#!/bin/bash
# release VERSION: put a new release live
set -euo pipefail
log() { echo "$(date '+%d.%m.%Y %H:%M:%S') $*" >> /srv/crag/release.log; }
log "release $1: begin"
sed -i "s/^CRAG_RELEASE=.*/CRAG_RELEASE=$1/" /srv/crag/crag.env
# one directory for all sockets of this host since 4.0
mkdir -p /run/crag
sed -i 's#^CRAG_SOCKET=.*#CRAG_SOCKET=/run/crag/web.sock#' /srv/crag/crag.env
systemctl restart crag
log "release $1: done"
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    upstream crag {
        server unix:/run/crag.sock fail_timeout=0;
    }
    server {
        listen 80;
        server_name fels.example.at;
        location / { proxy_pass http://crag; }
    }
}
"""

INCIDENT = Incident(
    host="fels", start="2026-02-17T15:50:10+01:00", minutes=40, factor=24, kind="systemd", zone="Europe/Vienna",
    files={"/srv/crag/app.py": APP, "/srv/crag/release.sh": RELEASE, "/srv/crag/crag.env": "CRAG_RELEASE=3.9\nCRAG_SOCKET=/run/crag.sock\n",
           "/etc/nginx/nginx.conf": NGINX, "/srv/crag/topo.sh": "#!/bin/sh\nsleep 4\necho \"$(date '+%F %T') topo index written\"\n",
           "/etc/systemd/system/crag.service": "[Unit]\nDescription=Crag guide\n\n[Service]\nEnvironmentFile=/srv/crag/crag.env\nExecStart=/usr/bin/python3 /srv/crag/app.py\nStandardOutput=append:/srv/crag/crag.log\nRestart=on-failure\n"},
    crontabs={"root": "*/5 * * * * /srv/crag/topo.sh >> /srv/crag/topo.log\n"},
    services={"crag": {"description": "Crag guide", "command": ["/usr/bin/python3", "/srv/crag/app.py"], "environment_file": "/srv/crag/crag.env", "restart": "on-failure",
                       "log": {"kind": "plain", "path": "/srv/crag/crag.log"}, "wait": 8}, "nginx": NGINX_UNIT},
    during=[(19.3, "/srv/crag/release.sh 4.0")],
    visitors={"base": "http://127.0.0.1", "host": "fels.example.at", "delay": 60,
              "visits": [{"perSecond": 0.4, "bots": 0.06, "paths": [[3, "GET", "/routes/{n}"], [1, "GET", "/"]]}]},
    collect="""cp /srv/crag/*.log /srv/crag/*.sh /srv/crag/app.py /srv/crag/crag.env /etc/nginx/nginx.conf /etc/systemd/system/crag.service .
cp /var/log/nginx/access.log nginx-access.log; cp /var/log/nginx/error.log nginx-error.log; cp /var/log/syslog .; crontab -l > crontab.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    server, variable = case.at("nginx.conf", "server unix:/run/crag.sock"), case.at("crag.env", "CRAG_SOCKET=/run/crag/web.sock")
    moved, missing = (
        case.at("release.sh", "sed -i 's#^CRAG_SOCKET"),
        case.at("nginx-error.log", "connect() to unix:/run/crag.sock failed (2: No such file or directory)"),
    )
    listening = case.at("crag.log", "Listening at: unix:/run/crag/web.sock")
    onset = case.times("nginx-error.log", "failed \\(2: No such file")[0]
    return {
        "root_cause_kind": "upstream-address-stale",
        "root_cause": "Release 4.0 moved the application's socket to /run/crag/web.sock; nginx.conf still names /run/crag.sock, so every request gets 502 from then on.",
        "verdict": "root-cause", "culprit": server, "culprit_alternatives": [variable, moved], "culprit_related": [missing, listening],
        "chain": [
            hop("deploy_changes_configuration", moved, case.at("release.log", "release 4.0: begin"), case.at("release.log", "release 4.0: done"), variable, listening,
                case.at("release.sh", "systemctl restart crag")),
            hop("configuration_mismatch", server, variable, missing),
            hop("failure_reaches_clients", case.at("nginx-access.log", '" 502 '), missing),
        ],
        "mechanism": ["release.sh 4.0 writes another CRAG_SOCKET and restarts the service", "the service listens at /run/crag/web.sock",
                      "nginx connects to /run/crag.sock: (2: No such file or directory)", "502 for everybody until the end of the log"],
        "innocent": [case.at("crontab.txt", "topo.sh", why="every 5 minutes, writes an index"), case.whole("topo.sh", "touches nothing"),
                     case.at("crag.service", "Restart=on-failure", why="the one stop was ordered"),
                     case.at("crag.log", "Handling signal: term", why="the release's restart")],
        "period_s": None, "lag_s": case.lag(case.times("release.log", "release 4.0: begin"), [onset], 600), "step_change_at": str(onset),
        "measured": [case.measure("nginx-error.log", "failed \\(2: No such file"), case.measure("nginx-access.log", '" 502 ')],
        "how_made": "nginx 1.22, cron, bash and a Python 3.11 server on a unix socket (its lines as gunicorn's) really ran; systemctl is the lab's supervisor.",
    }  # fmt: skip
