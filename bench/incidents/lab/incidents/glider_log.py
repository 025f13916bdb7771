# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: a service is told to stop every quarter of an hour, and nothing that could tell it was handed over."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import REAL

SERVER = r"""const http = require('http');
const bunyan = require('bunyan');
const log = bunyan.createLogger({ name: 'glider-log', streams: [{ path: '/var/log/glider/glider.log' }] });
const server = http.createServer((req, res) => {
  log.info({ method: req.method, url: req.url }, 'request');
  setTimeout(() => res.end('{}'), 120);
});
server.listen(4210, '127.0.0.1', () => log.info('listening'));
setInterval(() => log.info({ flights: Math.floor(Math.random() * 40) }, 'igc import finished'), 900000);
process.on('SIGTERM', () => {
  log.warn('got SIGTERM, closing');
  setTimeout(() => process.exit(0), 2000);
});
"""

COMPOSE = """services:
  glider:
    image: registry.example.org/soaring/glider:5.2
    restart: unless-stopped
    ports: ["127.0.0.1:4210:4210"]
    volumes: ["/var/log/glider:/var/log/glider"]
"""

INCIDENT = Incident(
    host="thermik", start="2026-05-02T10:04:00+02:00", minutes=112, factor=50, zone="Europe/Vienna", apps=["/srv/glider"],
    files={"/srv/glider/server.js": SERVER, "/srv/glider/compose.yaml": COMPOSE},
    crontabs={"root": "7,22,37,52 * * * * docker restart glider > /dev/null\n"}, prepare="mkdir -p /var/log/glider",
    services={"glider": {"image": "registry.example.org/soaring/glider:5.2", "command": ["node", "server.js"], "directory": "/srv/glider", "restart": "unless-stopped"}},
    visitors={"base": "http://127.0.0.1:4210", "host": "glider.example.at", "visits": [{"perSecond": 0.2, "bots": 0.02, "paths": [[1, "GET", "/flights/{n}"], [1, "POST", "/igc/{n}", "{}"]]}]},
    collect="cp /var/log/glider/glider.log .; cp /srv/glider/compose.yaml .",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause_kind": "unknown-termination",
        "root_cause": "Not to be known: every 15 minutes something sends SIGTERM; the crontab that does it (in truth docker restart at :07, :22, :37, :52) "
        "was not handed over, and the compose file cannot send signals.",
        "verdict": "undetermined", "expected_confidence": "low",
        "innocent": [
            case.at("compose.yaml", "restart: unless-stopped", why="starts what has ended, never ends anything"),
        ],
        "ask_for": ["crontabs and timers of the host", "docker events: who restarted it", "syslog or journal"],
        "measured": [case.measure("glider.log", "got SIGTERM, closing"), case.measure("glider.log", '"msg":"listening"')],
        "how_made": REAL + " (with bunyan); docker is the lab's supervisor. The crontab was left out on purpose.",
    }  # fmt: skip
