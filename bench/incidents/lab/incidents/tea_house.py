# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The container's own entrypoint runs the server under `timeout 900`: it ends every quarter of an hour after its start, no schedule anywhere."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const winston = require('winston');
const log = winston.createLogger({ format: winston.format.combine(winston.format.timestamp(), winston.format.printf((i) => `${i.timestamp} [${i.level}] ${i.message}`)),
  transports: [new winston.transports.Console()] });
const app = express();
app.get('/teas', (req, res) => setTimeout(() => res.json(['oolong']), 90));
app.post('/orders', (req, res) => { log.info('order taken'); res.status(201).end(); });
const server = app.listen(4080, '127.0.0.1', () => log.info('tea house open on 4080'));
process.on('SIGTERM', () => { log.warn('SIGTERM received, closing'); server.close(() => process.exit(0)); server.closeIdleConnections(); });
"""

ENTRYPOINT = """#!/bin/sh
# seed the menu, then serve; the seeding used to hang, hence the timeout
set -u
cd /srv/tea
run="timeout 900"
[ -f menu.json ] || $run sh ./seed-menu.sh
while :; do
    $run node server.js
    echo "entrypoint: server ended with $?, again in 6 s"
    sleep 6
done
"""

COMPOSE = """services:
  tea:
    image: teehaus/app:1.9
    container_name: tea
    entrypoint: ["/srv/tea/entrypoint.sh"]
    restart: always
  gate:
    image: nginx:1.22
    container_name: gate
    network_mode: host
"""

INCIDENT = Incident(
    host="jiufen", start="2026-04-04T00:51:25+00:00", minutes=100, factor=38, apps=["/srv/tea"],
    files={"/srv/tea/server.js": SERVER, "/srv/tea/entrypoint.sh": ENTRYPOINT, "/srv/tea/seed-menu.sh": "#!/bin/sh\necho '[\"oolong\"]' > menu.json\n", "/srv/tea/compose.yaml": COMPOSE,
           "/etc/nginx/nginx.conf": "worker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\nevents {}\nhttp {\n    access_log /var/log/nginx/access.log;\n"
           "    server {\n        listen 80;\n        server_name tea.example.tw;\n        location / { proxy_pass http://127.0.0.1:4080; }\n    }\n}\n",
           "/srv/tea/kettle.sh": "#!/bin/sh\nsleep 3\necho \"$(date -u +%FT%TZ) 96 C\" >> /var/log/kettle.log\n"},
    crontabs={"root": "*/15 * * * * /srv/tea/kettle.sh\n"},
    services={"tea": {"image": "teehaus/app:1.9", "command": ["/srv/tea/entrypoint.sh"], "directory": "/srv/tea", "restart": "always", "log": {"kind": "json", "path": "/var/log/tea-json.log"}, "wait": 8},
              "gate": NGINX_CONTAINER},
    visitors={"base": "http://127.0.0.1", "host": "tea.example.tw", "delay": 60,
              "visits": [{"perSecond": 0.5, "bots": 0.03, "paths": [[3, "GET", "/teas"], [1, "POST", "/orders", "{}"]]}]},
    collect="""mkdir tea; cp /srv/tea/*.sh /srv/tea/server.js /srv/tea/compose.yaml tea/; cp /var/log/tea-json.log tea/container-json.log; cp /var/log/kettle.log .; crontab -l > crontab.txt
mkdir gate; cp /var/log/nginx/*.log /etc/nginx/nginx.conf gate/; docker ps -a > docker-ps.txt; rotate gate/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, log = "tea/entrypoint.sh", "tea/container-json.log"
    run, serve = case.at(script, 'run="timeout 900"'), case.at(script, "$run node server.js")
    gone, ended = case.at(log, "SIGTERM received, closing"), case.at(log, "entrypoint: server ended with 124")
    refused = case.at("gate/error.log", "111: Connection refused")
    return {
        "root_cause_kind": "entrypoint-timeout-ends-server",
        "root_cause": "entrypoint.sh runs the server itself under `timeout 900`, meant for the seeding: every 900 s after its start it gets SIGTERM, and the loop starts it again six seconds later.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": serve, "culprit_alternatives": [run], "culprit_related": [ended],
        "chain": [
            hop("effect_terminates_process", serve, run),
            hop("process_terminates", gone, ended),
            hop("termination_refuses_connections", refused, gone, ended),
            hop("failure_reaches_clients", case.at("gate/access.log", '" 502 '), refused),
        ],
        "mechanism": ["the entrypoint runs `timeout 900 node server.js`", "after 900 s timeout sends SIGTERM and ends with 124", "the loop waits 6 s and starts it again", "meanwhile connect() failed (111), 502"],
        "innocent": [case.at("crontab.txt", "kettle.sh", why="every quarter of an hour on the clock; the stops follow each start and drift away from it"), case.whole("tea/kettle.sh", "touches nothing"),
                     case.at("tea/compose.yaml", "restart: always", why="the container itself never ended"), case.whole("tea/seed-menu.sh", "ran once"), case.whole("tea/server.js", "only obeys")],
        "period_s": None, "lag_s": 900, "lags": {"open -> SIGTERM": case.lag(case.times(log, "tea house open"), case.times(log, "SIGTERM received"), 1000)},
        "measured": [case.measure(log, "SIGTERM received, closing"), case.measure(log, "server ended with 124"), case.measure("gate/access.log", '" 502 ', join=60)],
        "how_made": REAL + " (with winston and coreutils' timeout); docker is the lab's supervisor.",
    }  # fmt: skip
