# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: five times the upstream does not answer for a minute or two; its own log and the job's script are missing."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT

APP = """import http.server
import time


class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.08)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<h1>mill</h1>")

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 8800), Shop).serve_forever()
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events {}
http {
    log_format upstreamlog '[$time_local] $remote_addr - $host "$request" $status upstream $upstream_addr $upstream_response_time total $request_time';
    access_log /var/log/nginx/access.log upstreamlog;
    upstream shop { server 127.0.0.1:8800; }
    server {
        listen 80;
        server_name moulin.example.fr;
        location / {
            proxy_pass http://shop;
            proxy_connect_timeout 5s;
            proxy_read_timeout 20s;
        }
    }
}
"""
STALL = "pid=$(pgrep -f '^/usr/bin/python3 /srv/mill'); kill -STOP $pid; sleep {}; kill -CONT $pid"

INCIDENT = Incident(
    host="moulin", start="2026-09-14T09:05:00+02:00", minutes=124, factor=46, kind="systemd", zone="Europe/Paris",
    files={"/srv/mill/shop.py": APP, "/etc/nginx/nginx.conf": NGINX,
           "/etc/crontab": "# m h dom mon dow user command\nPATH=/usr/local/bin:/usr/bin:/bin\n*/20 * * * * shop /opt/mill/sync-stock.sh --all   # stock du grossiste\n*/5 * * * * root /usr/local/bin/collect-load >/dev/null\n",
           "/opt/mill/sync-stock.sh": "#!/bin/sh\nsleep 25\n", "/usr/local/bin/collect-load": "#!/bin/sh\ncut -d' ' -f1 /proc/loadavg\n"},
    users=["shop"],
    services={"shop": {"description": "Mill shop", "command": ["/usr/bin/python3", "/srv/mill/shop.py"], "restart": "always", "wait": 6}, "nginx": NGINX_UNIT},
    during=[(16.2, STALL.format(70)), (39.4, STALL.format(95)), (62.9, STALL.format(50)), (66.5, STALL.format(110)), (108.3, STALL.format(80))],
    visitors={"base": "http://127.0.0.1", "host": "moulin.example.fr", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.05, "paths": [[3, "GET", "/farine/{n}"], [1, "GET", "/"]]}]},
    collect="""cp /etc/nginx/nginx.conf /etc/crontab /var/log/nginx/access.log /var/log/nginx/error.log .; grep CRON /var/log/syslog > cron.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause_kind": "unknown-upstream-stall",
        "root_cause": "Not to be known: five times 127.0.0.1:8800 accepts and does not answer for one to two minutes (in truth stopped by hand). Its own log is missing; the job every 20 minutes, whose script is missing as well, "
        "fits one or two of the five at best and ran four times without harm.",
        "verdict": "undetermined", "expected_confidence": "low",
        "innocent": [case.at("crontab", "sync-stock.sh", why="ran at :20, :40 and :00; most bursts begin elsewhere, most runs are followed by none"), case.at("crontab", "collect-load", why="every five minutes"),
                     case.at("nginx.conf", "proxy_read_timeout 20s", why="ordinary answers take a tenth of a second or two")],
        "ask_for": ["the shop's own log", "/opt/mill/sync-stock.sh", "load, memory and disk at those minutes", "the database's log, if there is one"],
        "measured": [case.measure("error.log", "110: Connection timed out", join=120), case.measure("access.log", '" 504 ', join=120), case.measure("cron.log", "sync-stock.sh")],
        "how_made": "nginx 1.22, cron and Python 3.11 really ran; the server was stopped with SIGSTOP by hand; systemctl is the lab's supervisor.",
    }  # fmt: skip
