# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A yearly export takes longer than gunicorn lets a worker be silent; the arbiter kills the worker and nginx has no answer."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT

APP = '''"""Bookings of the organ room."""
import logging
import re
import time
import urllib.request

log = logging.getLogger("gunicorn.error")
LEDGER = "http://127.0.0.1:9100"


def ledger(year, month):
    with urllib.request.urlopen(f"{LEDGER}/ledger?year={year}&month={month}", timeout=25) as reply:
        return reply.read()


def export(year, months):
    begin = time.monotonic()
    rows = [ledger(year, month) for month in months]
    log.info("export %s: %d months in %.1f s", year, len(rows), time.monotonic() - begin)
    return b"".join(rows)


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if found := re.fullmatch(r"/export/(\\d{4})(?:/q([1-4]))?", path):
        year, quarter = found.groups()
        months = range(3 * int(quarter) - 2, 3 * int(quarter) + 1) if quarter else range(1, 13)
        body = export(year, months)
    elif re.fullmatch(r"/(?:bookings/\\d+)?", path):
        time.sleep(0.02)
        body = b"<h1>booked</h1>"
    else:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no such page"]
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(body)))])
    return [body]
'''

LEDGER = """import http.server
import time


class Ledger(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(4.2)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"date;room;fee\\n")

    def log_message(self, *words):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 9100), Ledger).serve_forever()
"""

CONFIG = """bind = "127.0.0.1:8000"
workers = 3
# recycle them now and then, the PDF library leaks a little
max_requests = 400
max_requests_jitter = 60
timeout = 30
graceful_timeout = 20
errorlog = "/var/log/organ/gunicorn.log"
loglevel = "info"
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time';
    access_log /var/log/nginx/organ.access.log timed;
    server {
        listen 80;
        server_name organ.example.nl;
        location / {
            proxy_pass http://127.0.0.1:8000;
            proxy_set_header Host $host;
        }
        # the exports may take their time
        location /export/ {
            proxy_pass http://127.0.0.1:8000;
            proxy_set_header Host $host;
            proxy_read_timeout 180s;
        }
    }
}
"""

INCIDENT = Incident(
    host="orgel", start="2026-03-11T13:21:10+01:00", minutes=76, factor=28, kind="systemd", zone="Europe/Amsterdam", users=["organ"],
    files={"/srv/organ/bookings.py": APP, "/srv/organ/ledger.py": LEDGER, "/etc/organ/gunicorn.conf.py": CONFIG, "/etc/nginx/nginx.conf": NGINX,
           "/etc/systemd/system/organ.service": "[Unit]\nDescription=Organ room bookings\nAfter=network.target ledger.service\n\n[Service]\nUser=organ\nWorkingDirectory=/srv/organ\n"
           "ExecStart=/usr/bin/gunicorn -c /etc/organ/gunicorn.conf.py bookings:application\nRestart=on-failure\n\n[Install]\nWantedBy=multi-user.target\n",
           "/etc/cron.d/organ": "# m h dom mon dow user command\n*/10 * * * * organ /srv/organ/tuning-mail.sh\n5,35 * * * * root /usr/bin/find /tmp -name 'organ-*.pdf' -mmin +60 -delete\n",
           "/srv/organ/tuning-mail.sh": "#!/bin/sh\n# remind whoever has the room next\nsleep 6\nlogger -t tuning-mail \"$(date +%H:%M) 0 reminders due\"\n"},
    owners={"/var/log/organ": "organ"}, prepare="mkdir -p /var/log/organ",
    services={"ledger": {"description": "Ledger of the parish", "command": ["/usr/bin/python3", "/srv/organ/ledger.py"], "user": "organ", "wait": 4},
              "organ": {"description": "Organ room bookings", "command": ["/usr/bin/gunicorn", "-c", "/etc/organ/gunicorn.conf.py", "bookings:application"], "directory": "/srv/organ", "user": "organ",
                        "restart": "on-failure", "wait": 12},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "organ.example.nl", "delay": 70,
              "visits": [{"perSecond": 0.35, "bots": 0.04, "paths": [[5, "GET", "/"], [8, "GET", "/bookings/{n}"]]},
                         {"perSecond": 0.006, "bots": 0, "paths": [[1, "GET", "/export/2025"], [1, "GET", "/export/2025/q1"], [1, "GET", "/export/2024/q4"]]}]},
    collect="""mkdir -p etc/nginx etc/organ etc/cron.d etc/systemd/system srv/organ var/log/nginx var/log/organ
cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/organ/gunicorn.conf.py etc/organ/; cp /etc/cron.d/organ etc/cron.d/; cp /etc/systemd/system/organ.service etc/systemd/system/
cp /srv/organ/bookings.py /srv/organ/tuning-mail.sh srv/organ/; cp /var/log/syslog var/log/; cp /var/log/nginx/organ.access.log /var/log/nginx/error.log var/log/nginx/; cp /var/log/organ/gunicorn.log var/log/organ/; rotate var/log/nginx/organ.access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    limit, loop = (
        case.at("etc/organ/gunicorn.conf.py", "timeout = 30"),
        case.at("srv/organ/bookings.py", "rows = [ledger(year, month)"),
    )
    killed = case.at("var/log/organ/gunicorn.log", "WORKER TIMEOUT")
    closed, failed = (
        case.at("var/log/organ/gunicorn.log", "Error handling request GET /export/2025"),
        case.at("var/log/nginx/organ.access.log", '" 500 '),
    )
    return {
        "root_cause_kind": "worker-timeout-shorter-than-request",
        "root_cause": "GET /export/YEAR asks the ledger for twelve months one after the other, some 4.2 s each, about 50 s; gunicorn's `timeout = 30` takes a sync worker that is silent for 30 s for dead and "
        "kills it, so every export of a whole year ends as 500 after 30 s. A quarter (13 s) passes. nginx would wait 180 s.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": limit,
        "culprit_alternatives": [loop, case.at("srv/organ/bookings.py", "range(1, 13)"), killed], "culprit_related": [closed],
        "chain": [
            hop("configuration_mismatch", limit, loop, killed),
            hop("process_terminates", killed, case.at("var/log/organ/gunicorn.log", "Worker exiting"), limit),
            hop("failure_reaches_clients", failed, closed),
        ],
        "mechanism": ["a whole year's export takes some 50 s in one sync worker", "after 30 s gunicorn's arbiter: WORKER TIMEOUT, the worker is killed",
                      "its traceback (SystemExit in export()) and 500 for that one request", "a new worker is booted; others are served all the time"],
        "innocent": [case.at("etc/nginx/nginx.conf", "proxy_read_timeout 180s", why="long enough"), case.at("etc/organ/gunicorn.conf.py", "max_requests = 400", why="recycles a worker between requests; loses none"),
                     case.at("etc/cron.d/organ", "tuning-mail.sh", why="every ten minutes, only logs"), case.whole("srv/organ/tuning-mail.sh", "touches nothing"),
                     case.at("etc/cron.d/organ", "/usr/bin/find", why="deletes old files in /tmp"), case.at("var/log/organ/gunicorn.log", "Control server error", why="a socket for gunicornc that nobody uses; harmless"), case.at("etc/systemd/system/organ.service", "Restart=on-failure", why="the master never ended")],
        "period_s": None, "lag_s": 30,
        "measured": [case.measure("var/log/organ/gunicorn.log", "WORKER TIMEOUT"), case.measure("var/log/nginx/organ.access.log", '" 500 '),
                     case.measure("var/log/organ/gunicorn.log", "export 20")],
        "how_made": "nginx 1.22, gunicorn, Python 3.11 and cron really ran; the ledger (a Python server, not handed over) sleeps 4.2 s an answer; systemctl is the lab's supervisor.",
    }  # fmt: skip
