# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: an application log alone, with shutdowns at irregular moments and no word why."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: [new winston.transports.File({ filename: '/var/log/kennel.log' })],
});
const app = express();
app.get('/frame/:n', (req, res) => { log.info('frame', { camera: Number(req.params.n) % 9 }); res.end(); });
app.listen(3700, '127.0.0.1', () => log.info('cameras online'));
process.on('SIGTERM', () => { log.warn('shutting down on SIGTERM'); setTimeout(() => process.exit(0), 1500); });
"""

OPERATOR = "docker restart kennel"

INCIDENT = Incident(
    host="kennel", start="2026-06-14T15:22:00+00:00", minutes=70, factor=50, apps=["/srv/kennel"],
    files={"/srv/kennel/server.js": SERVER},
    services={"kennel": {"image": "kennel/cam", "command": ["node", "server.js"], "directory": "/srv/kennel", "restart": "always"}},
    during=[(9.3, OPERATOR), (27.8, OPERATOR), (33.1, OPERATOR), (58.6, OPERATOR)],
    visitors={"base": "http://127.0.0.1:3700", "host": "kennel", "visits": [{"perSecond": 0.3, "bots": 0, "paths": [[1, "GET", "/frame/{n}"]]}]},
    collect="cp /var/log/kennel.log app.log",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause_kind": "unknown-termination",
        "root_cause": "Not to be known from one log: four SIGTERMs at irregular moments, each followed by a start (in truth an operator ran "
        "docker restart by hand).",
        "verdict": "undetermined", "expected_confidence": "low",
        "ask_for": ["who sends SIGTERM: docker events, journal, shell history", "crontab and scripts", "compose file with healthcheck", "proxy logs"],
        "measured": [case.measure("app.log", "shutting down on SIGTERM"), case.measure("app.log", "cameras online")],
        "how_made": REAL + "; docker is the lab's supervisor. Only the application's log was handed over.",
    }  # fmt: skip
