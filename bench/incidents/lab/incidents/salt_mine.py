# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: a batch is started every five minutes and ended by `timeout` on purpose, beside a shop that nobody touches."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SHOP = r"""const http = require('http');
const pino = require('pino');
const log = pino({ timestamp: pino.stdTimeFunctions.isoTime, base: { svc: 'tours' } }, pino.destination('/var/log/salt/tours.log'));
http.createServer((req, res) => {
  const known = /^\/(tours|slots)/.test(req.url);
  log[known ? 'info' : 'warn']({ url: req.url, status: known ? 200 : 404 }, known ? 'served' : 'not found');
  setTimeout(() => res.writeHead(known ? 200 : 404).end(), 90);
}).listen(7300, '127.0.0.1', () => log.info('tours up'));
"""

WORKER = r"""#!/usr/bin/env python3
# Takes thumbnails from the queue; `timeout` ends it, the next run goes on.
import logging, signal, sys, time

logging.basicConfig(filename="/var/log/salt/thumbs.log", level=logging.INFO,
                    format="%(asctime)s [%(process)d] %(levelname)s %(message)s")

def stop(number, frame):
    logging.warning("received SIGTERM, shutting down; queue kept, errors: 0")
    sys.exit(0)

signal.signal(signal.SIGTERM, stop)
logging.info("worker started")
while True:
    time.sleep(11)
    logging.info("thumbnail written, failed=0")
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events {}
http {
    access_log /var/log/nginx/access.log;
    server { listen 80; server_name salz.example.pl; location / { proxy_pass http://127.0.0.1:7300; } }
}
"""

INCIDENT = Incident(
    host="kopalnia", start="2026-09-09T11:58:00+02:00", minutes=58, factor=30, kind="systemd", zone="Europe/Warsaw", apps=["/srv/salt"],
    files={"/srv/salt/tours.js": SHOP, "/srv/salt/thumbs.py": WORKER, "/etc/nginx/nginx.conf": NGINX},
    crontabs={"root": "*/5 * * * * timeout 90 /srv/salt/thumbs.py\n*/10 * * * * nginx -t -q && nginx -s reload\n"}, prepare="mkdir -p /var/log/salt",
    services={"tours": {"description": "Salt mine tours", "command": ["node", "tours.js"], "directory": "/srv/salt", "restart": "always"}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "salz.example.pl", "delay": 60,
              "visits": [{"perSecond": 0.4, "bots": 0.12, "paths": [[3, "GET", "/tours"], [2, "GET", "/slots/{n}"], [1, "GET", "/favicon.ico"]]}]},
    collect="""mkdir logs; cp /var/log/salt/*.log /var/log/nginx/*.log /var/log/syslog logs/; cp /srv/salt/*.js /srv/salt/*.py /etc/nginx/nginx.conf .; crontab -l > root.crontab""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    failures = case.measure("logs/access.log", '" 5[0-9][0-9] ')
    assert failures["lines"] == 0, failures
    return {
        "root_cause": "No incident: a worker is started every five minutes and ended by `timeout` as meant; the reload of nginx every ten minutes never happens (nginx is not in cron's PATH) and nothing needs it; no request failed.",
        "expected_no_incident": True,
        "innocent": [
            case.at("root.crontab", "timeout 90", why="ends its own worker, nothing that serves"),
            case.at("root.crontab", "nginx -s reload", why="nginx is not in cron's PATH, so nothing happens; were it to run, it would be graceful"),
            case.at("logs/thumbs.log", "received SIGTERM", why="the planned end of a batch"),
            case.whole("thumbs.py", "serves nobody"), case.whole("tours.js", "healthy"),
        ],
        "measured": [case.measure("logs/thumbs.log", "received SIGTERM"), failures, case.measure("logs/access.log", '" 200 ')],
        "how_made": REAL + " (with pino), and Python's logging; systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
