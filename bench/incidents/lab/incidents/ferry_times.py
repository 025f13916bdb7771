# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: restarts on a twenty-minute grid, two jobs on that grid, no script handed over."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }),
    winston.format.printf((i) => `${i.timestamp} - ${i.level} - ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/ferry/times.log' })],
});
const app = express();
app.get('/times/:n', (req, res) => { if (req.params.n % 3 === 0) log.info(`pier ${req.params.n} asked`); res.json({}); });
const server = app.listen(3900, '127.0.0.1', () => log.info('ferry times listening on 3900'));
process.on('SIGTERM', () => { log.info('Received SIGTERM, stopping'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""

INCIDENT = Incident(
    host="ferry", start="2026-07-11T08:12:00+03:00", minutes=96, factor=64, kind="systemd", zone="Europe/Athens", apps=["/srv/ferry"],
    files={"/srv/ferry/server.js": SERVER,
           "/etc/nginx/nginx.conf": "worker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\nhttp {\n"
           "access_log /var/log/nginx/access.log;\nserver { listen 80; location / { proxy_pass http://127.0.0.1:3900; } }\n}\n",
           "/srv/ferry/tides.sh": "#!/bin/bash\nsleep 5\nsystemctl restart ferry-times\n", "/srv/ferry/berths.sh": "#!/bin/bash\nsleep 6\n"},
    crontabs={"root": "*/20 * * * * /srv/ferry/tides.sh >/dev/null 2>&1\n*/20 * * * * /srv/ferry/berths.sh >/dev/null 2>&1\n"},
    prepare="mkdir -p /var/log/ferry",
    services={"ferry-times": {"description": "Ferry times", "command": ["node", "server.js"], "directory": "/srv/ferry", "restart": "always"},
              "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "ferry.example.gr", "visits": [{"perSecond": 0.25, "bots": 0.02, "paths": [[1, "GET", "/times/{n}"]]}]},
    collect="cp /var/log/ferry/times.log .; cp /var/log/nginx/error.log nginx-error.log; crontab -l > crontab.txt",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    job, other = case.at("crontab.txt", "tides.sh"), case.at("crontab.txt", "berths.sh")
    term = case.at("times.log", "Received SIGTERM")
    return {
        "root_cause_kind": "unproven-cron-restart",
        "root_cause": "Not provable from the input: the SIGTERMs stand on the */20 grid, which two jobs share, and neither script was handed over "
        "(in truth tides.sh restarts the service, berths.sh only sleeps).",
        "verdict": "suspected", "verdict_accepted": ["undetermined"], "expected_confidence": "low",
        "culprit": job, "culprit_alternatives": [other],
        "chain": [hop("job_runs_script", job, other), hop("process_terminates", term), hop("termination_refuses_connections",
                  case.at("nginx-error.log", "111: Connection refused"), term)],
        "ask_for": ["/srv/ferry/tides.sh and /srv/ferry/berths.sh", "syslog or journal of the same minutes", "nginx access log"],
        "period_s": 1200, "lag_s": 17,
        "measured": [case.measure("times.log", "Received SIGTERM"), case.measure("nginx-error.log", "111: Connection refused", join=60)],
        "how_made": REAL + "; systemctl is the lab's supervisor. The scripts, syslog and access log were left out on purpose.",
    }  # fmt: skip
