# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Two jobs share a schedule that fits every stop; one script is here and touches nothing, the other was not handed over."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT

APP = """import http.server
import logging
import signal
import sys

logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")


class Tour(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<h1>tin</h1>")

    def log_message(self, *words):
        pass


def leave(number, frame):
    logging.warning("signal %d, leaving", number)
    sys.exit(0)


signal.signal(signal.SIGTERM, leave)
logging.info("tours on 8710")
http.server.ThreadingHTTPServer(("127.0.0.1", 8710), Tour).serve_forever()
"""

INCIDENT = Incident(
    host="wheal", start="2026-09-03T08:50:00+01:00", minutes=122, factor=42, kind="systemd", zone="Europe/London",
    files={"/srv/tin/tours.py": APP, "/usr/local/sbin/flush-tickets": "#!/bin/sh\nsleep 6\nsystemctl restart tours\n",
           "/usr/local/bin/visitor-count": "#!/bin/sh\n# how many came in the last hour\nsleep 3\nlogger -t visitor-count \"$(grep -c ' 200 ' /var/log/nginx/access.log) so far\"\n",
           "/etc/cron.d/tin": "# m h dom mon dow user command\n11,31,51 * * * * root /usr/local/bin/visitor-count\n11,31,51 * * * * root /usr/local/sbin/flush-tickets --quiet\n*/15 * * * * root /usr/bin/test -x /usr/bin/true\n",
           "/etc/nginx/nginx.conf": "worker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\nhttp {\n    access_log /var/log/nginx/access.log combined;\n    server {\n        listen 80;\n        server_name tin.example.uk;\n"
           "        location / { proxy_pass http://127.0.0.1:8710; }\n    }\n}\n"},
    services={"tours": {"description": "Tin mine tours", "command": ["/usr/bin/python3", "/srv/tin/tours.py"], "restart": "always", "restart_seconds": 2, "log": {"kind": "plain", "path": "/var/log/tours.log"}, "wait": 7}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "tin.example.uk", "delay": 60, "visits": [{"perSecond": 0.2, "bots": 0.03, "paths": [[2, "GET", "/tours/{n}"], [1, "GET", "/"]]}]},
    collect="""cp /etc/cron.d/tin cron-tin; cp /usr/local/bin/visitor-count .; cp /var/log/tours.log /var/log/nginx/access.log /var/log/nginx/error.log /etc/nginx/nginx.conf .; grep CRON /var/log/syslog > cron.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    job = case.at("cron-tin", "flush-tickets")
    return {
        "root_cause_kind": "unproven-cron-restart",
        "root_cause": "Every 20 minutes, some seconds after :11, :31 and :51, the service gets SIGTERM. Two jobs run then: visitor-count, whose script only counts lines, and flush-tickets, whose script was not handed over. "
        "So it is probably flush-tickets (in truth it is: it restarts the service), but nothing here shows what it does.",
        "verdict": "suspected", "verdict_accepted": ["undetermined"], "expected_confidence": "low", "culprit": job, "culprit_alternatives": [], "culprit_related": [],
        "innocent": [case.at("cron-tin", "visitor-count", why="same schedule; reads a log and writes a line"), case.whole("visitor-count", "only counts"), case.at("cron-tin", "/usr/bin/test", why="does nothing, every quarter of an hour")],
        "period_s": 1200, "lag_s": case.lag(case.times("cron.log", "flush-tickets"), case.times("tours.log", "leaving")),
        "ask_for": ["/usr/local/sbin/flush-tickets", "the unit and the whole journal: who stopped tours.service"],
        "measured": [case.measure("tours.log", "signal 15, leaving"), case.measure("cron.log", "flush-tickets"), case.measure("error.log", "111: Connection refused", join=60)],
        "how_made": "nginx 1.22, cron and Python 3.11 really ran; systemctl is the lab's supervisor.",
    }  # fmt: skip
