# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release binds the server to 127.0.0.1; the healthcheck asks localhost, busybox tries ::1 alone, and a well container is restarted for ever."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const pino = require('pino');
const log = pino({ base: { svc: 'bells' }, timestamp: pino.stdTimeFunctions.isoTime });
const app = express();
app.get('/up', (req, res) => res.send('up'));
app.get('/peals/:n', (req, res) => setTimeout(() => res.json({ n: req.params.n, bells: 8 }), 45));
app.get('/', (req, res) => res.send('<h1>bells</h1>'));
const { LISTEN, PORT, TAG } = process.env;
app.listen(Number(PORT), LISTEN, () => log.info({ tag: TAG, listen: LISTEN, port: PORT }, 'ringing'));
process.once('SIGTERM', () => { log.warn('SIGTERM'); setTimeout(() => process.exit(0), 700); });
"""

HEAL = """#!/bin/sh
# restarts what docker calls unhealthy; runs as the container "medic"
while sleep 45; do
  for name in $(docker ps --filter health=unhealthy --format '{{.Names}}'); do
    echo "$(date '+%d-%b %H:%M:%S') medic: $name is unhealthy, restarting it"
    docker restart -t 10 "$name" > /dev/null
  done
done
"""

COMPOSE = """name: tower
services:
  bells:
    image: tower/bells:${TAG}
    network_mode: host
    restart: unless-stopped
    env_file: bells.env
    healthcheck:
      test: ["CMD-SHELL", "busybox wget -q --spider http://localhost:7300/up"]
      interval: 30s
      timeout: 6s
      retries: 3
  front:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
  medic:
    image: tower/medic:1
    restart: unless-stopped
    volumes: ["/var/run/docker.sock:/var/run/docker.sock"]
"""

RELEASE = """#!/bin/bash
# release.sh TAG
set -eu
cd /srv/tower
echo "$(date '+%Y-%m-%d %H:%M') $1 begin" >> releases.log
cp "env/bells-$1.env" bells.env
docker compose up -d bells
echo "$(date '+%Y-%m-%d %H:%M') $1 done" >> releases.log
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name bells.example.co.uk;
        location / { proxy_pass http://127.0.0.1:7300; }
    }
}
"""

LOG = {"kind": "compose", "path": "/srv/tower/compose.log"}
INCIDENT = Incident(
    host="belfry", start="2026-02-21T17:06:00+00:00", minutes=66, factor=26, zone="Europe/London", apps=["/srv/tower"],
    files={"/srv/tower/server.js": SERVER, "/srv/tower/medic.sh": HEAL, "/srv/tower/compose.yaml": COMPOSE, "/srv/tower/release.sh": RELEASE, "/etc/nginx/nginx.conf": NGINX,
           "/srv/tower/bells.env": "TAG=30\nPORT=7300\nLISTEN=::\n", "/srv/tower/env/bells-30.env": "TAG=30\nPORT=7300\nLISTEN=::\n", "/srv/tower/env/bells-31.env": "TAG=31\nPORT=7300\nLISTEN=127.0.0.1\n",
           "/srv/tower/releases.log": "2026-02-10 08:50 30 begin\n2026-02-10 08:50 30 done\n", "/srv/tower/ropes.sh": "#!/bin/sh\nsleep 4\nlogger -t ropes 'fine'\n"},
    crontabs={"root": "*/4 * * * * /srv/tower/ropes.sh\n"}, prepare="echo '::1 localhost ip6-localhost' >> /etc/hosts",
    services={"bells": {"container": "tower-bells-1", "image": "tower/bells:31", "command": ["node", "server.js"], "directory": "/srv/tower", "environment_file": "/srv/tower/bells.env", "restart": "unless-stopped", "log": LOG, "wait": 8,
                        "health": {"command": "busybox wget -q --spider http://localhost:7300/up", "interval": 30, "timeout": 6, "retries": 3}},
              "front": {**NGINX_CONTAINER, "container": "tower-front-1"},
              "medic": {"container": "tower-medic-1", "image": "tower/medic:1", "command": ["/bin/sh", "/srv/tower/medic.sh"], "restart": "unless-stopped", "log": LOG}},
    during=[(24.5, "/srv/tower/release.sh 31")],
    visitors={"base": "http://127.0.0.1", "host": "bells.example.co.uk", "delay": 60, "visits": [{"perSecond": 0.25, "bots": 0.04, "paths": [[3, "GET", "/peals/{n}"], [1, "GET", "/"]]}]},
    collect="""mkdir front docker; cp /srv/tower/compose.yaml /srv/tower/server.js /srv/tower/*.sh /srv/tower/bells.env /srv/tower/releases.log .; cp -r /srv/tower/env .; cp /srv/tower/compose.log compose-logs.txt
docker events > docker/events.txt; docker ps > docker/ps.txt; docker inspect tower-bells-1 > docker/bells.json; cp /var/log/nginx/*.log /etc/nginx/nginx.conf front/; crontab -l > crontab; rotate front/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    test, listen, log = (
        case.at("compose.yaml", "http://localhost:7300/up"),
        case.at("bells.env", "LISTEN=127.0.0.1"),
        "compose-logs.txt",
    )
    told, restart, gone = (
        case.at(log, "tower-bells-1 is unhealthy, restarting it"),
        case.at("medic.sh", "docker restart -t 10"),
        case.at(log, '"msg":"SIGTERM"', nth=2),
    )
    ill, begin, retries = (
        case.at("docker/events.txt", "health_status: unhealthy"),
        case.at("releases.log", " 31 begin"),
        case.at("compose.yaml", "retries: 3"),
    )
    refused, failed = case.at("front/error.log", "111: Connection refused"), case.at("front/access.log", '" 502 ')
    return {
        "root_cause_kind": "health-check-asks-other-address",
        "root_cause": "Release 31 binds the server to 127.0.0.1 (before: all addresses); the healthcheck asks http://localhost:7300/up with busybox wget, which tries ::1 alone and is refused. Docker calls the well container unhealthy and medic.sh "
        "restarts it every few minutes: 502 each time.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": test, "culprit_alternatives": [listen, case.at("env/bells-31.env", "LISTEN=127.0.0.1"), restart], "culprit_related": [begin, ill, told, case.at("server.js", "app.listen(")],
        "chain": [
            hop("deploy_changes_configuration", begin, listen, case.at("env/bells-31.env", "LISTEN=127.0.0.1"), case.at("release.sh", 'cp "env/bells-'), case.at(log, '"tag":"31"')),
            hop("probe_gets_answer", test, case.at("docker/bells.json", "can't connect to remote host"), ill),
            hop("answer_takes_branch", told, ill, retries, case.at("medic.sh", "docker ps --filter health=unhealthy")),
            hop("effect_hits_service", restart, told),
            hop("process_terminates", gone),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["release 31: LISTEN=127.0.0.1", "busybox wget resolves localhost to ::1 and is refused; three times in 90 s: unhealthy", "medic.sh: docker restart, SIGTERM, connect() failed (111), 502", "and again after some two minutes"],
        "innocent": [case.at("crontab", "ropes.sh", why="every four minutes; only logs"), case.whole("ropes.sh", "touches nothing"), case.at("compose.yaml", "restart: unless-stopped", why="nothing crashed"), case.at("releases.log", " 30 begin", why="eleven days earlier")],
        "period_s": None, "lag_s": None, "step_change_at": str(case.times("docker/events.txt", "health_status: unhealthy")[0]),
        "measured": [case.measure("docker/events.txt", "health_status: unhealthy"), case.measure(log, "is unhealthy, restarting it"), case.measure("front/error.log", "111: Connection refused", join=60)],
        "how_made": REAL + " (with express, pino) and busybox' wget; docker and its healthcheck are the lab's supervisor.",
    }  # fmt: skip
