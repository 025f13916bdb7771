# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: somebody ends a container by hand at odd moments; what was handed over is one log, a compose file and a job list."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const pino = require('pino');
const log = pino({ name: 'lamp', timestamp: pino.stdTimeFunctions.unixTime });
const app = express();
app.get('/lamps/:n', (req, res) => {
  log.info({ lamp: req.params.n, ms: 70 }, 'seen');
  setTimeout(() => res.json({ lamp: req.params.n, lit: true }), 70);
});
app.listen(3300, '127.0.0.1', () => log.info('lamp service up'));
process.on('SIGTERM', () => { log.info('closing on SIGTERM'); setTimeout(() => process.exit(0), 300); });
"""

COMPOSE = """services:
  lamp:
    image: lamp/service:5
    restart: always
    network_mode: host
    stop_grace_period: 10s
    deploy:
      resources:
        limits: {memory: 256M}
  nginx:
    image: nginx:1.22
    network_mode: host
"""
NGINX = "worker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\nhttp {\n    access_log /var/log/nginx/access.log combined;\n    server { listen 80; location / { proxy_pass http://127.0.0.1:3300; } }\n}\n"
END = "docker kill -s TERM lamp"

INCIDENT = Incident(
    host="lamp3", start="2026-09-02T07:07:00+00:00", minutes=118, factor=44, apps=["/srv/lamp"],
    files={"/srv/lamp/server.js": SERVER, "/srv/lamp/compose.yaml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/srv/lamp/sync.sh": "#!/bin/sh\nsleep 3\n"},
    crontabs={"root": "*/10 * * * * /srv/lamp/sync.sh\n"},
    services={"lamp": {"image": "lamp/service:5", "command": ["node", "server.js"], "directory": "/srv/lamp", "restart": "always", "log": {"kind": "compose", "path": "/var/log/lamp.log"}}, "nginx": NGINX_CONTAINER},
    during=[(19.4, END), (26.9, END), (58.1, END), (61.7, END), (97.3, END)],
    visitors={"base": "http://127.0.0.1", "host": "lamp.example.org", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.02, "paths": [[1, "GET", "/lamps/{n}"]]}]},
    collect="""mkdir -p from-customer/attachments; cp /var/log/lamp.log from-customer/attachments/lamp-compose-logs.txt; cp /srv/lamp/compose.yaml from-customer/attachments/
printf '*/10 * * * * /srv/lamp/sync.sh\\n0 3 * * * /srv/lamp/nightly.sh\\n@reboot /srv/lamp/boot.sh\\n' > from-customer/attachments/cron-list.txt
printf 'Subject: lamps flicker again\\n\\nHi, since this morning the dashboard loses the lamps now and then. Attached what I could find.\\nWe did not change anything.\\n' > from-customer/mail.txt
cut -c1-140 /var/log/nginx/access.log | awk '$9 == 200 && NR % 3 == 0' | head -400 > from-customer/attachments/some-requests.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, jobs = "from-customer/attachments/lamp-compose-logs.txt", "from-customer/attachments/cron-list.txt"
    return {
        "root_cause_kind": "unknown-sigterm",
        "root_cause": "Not to be known: five times, at odd moments, the container gets SIGTERM and comes back (in truth somebody's `docker kill -s TERM`). Nothing handed over tells who sent it: no syslog, no docker events, no script; the ten-minute job does not fit.",
        "verdict": "undetermined", "expected_confidence": "low",
        "innocent": [case.at(jobs, "sync.sh", why="every ten minutes; the five ends are not at its minutes"), case.at(jobs, "nightly.sh", why="at three in the morning"), case.at(jobs, "boot.sh", why="at boot"),
                     case.at("from-customer/attachments/compose.yaml", "restart: always", why="brings it back"), case.at("from-customer/attachments/compose.yaml", "memory: 256M", why="a limit ends with SIGKILL, not SIGTERM")],
        "ask_for": ["docker events, journal of docker and auth.log of the host around 07:26, 07:33, 08:05, 08:08, 08:44 UTC", "sync.sh, nightly.sh", "nginx' error log"],
        "measured": [case.measure(log, "closing on SIGTERM"), case.measure(log, "lamp service up")],
        "timezones": {log: "epoch seconds"},
        "how_made": REAL + " (with express, pino); docker is the lab's supervisor; the mail and the list of jobs were written for the case.",
    }  # fmt: skip
