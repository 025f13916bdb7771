# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The compose healthcheck calls curl, which the slim image does not have; a heal loop restarts what is thus called unhealthy."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const app = express();
const say = (...words) => console.log(new Date().toISOString(), ...words);
app.get('/healthz', (req, res) => res.send('ok'));
app.get('/kilns', (req, res) => setTimeout(() => res.json([{ id: 1, celsius: 1180 }]), 150));
app.post('/kilns/:id/program', (req, res) => { say('program set, kiln', req.params.id); res.status(202).end(); });
app.listen(3000, '127.0.0.1', () => say('kiln control listening on 3000'));
process.on('SIGTERM', () => { say('SIGTERM, goodbye'); process.exit(0); });
"""

COMPOSE = """services:
  kiln:
    image: keramik/kiln-control:2.4-slim
    container_name: kiln
    restart: unless-stopped
    healthcheck:
      test: ["CMD-SHELL", "curl -fsS http://127.0.0.1:3000/healthz || exit 1"]
      interval: 60s
      timeout: 5s
      retries: 3
  edge:
    image: nginx:1.22
    container_name: edge
    network_mode: host
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
  heal:
    image: keramik/heal:1
    container_name: heal
    command: ["/bin/sh", "/srv/kiln/heal.sh"]
    volumes: ["/var/run/docker.sock:/var/run/docker.sock", "./:/srv/kiln:ro"]
"""

HEAL = """#!/bin/sh
# Restarts every container that docker calls unhealthy.
while :; do
    for name in $(docker ps --filter health=unhealthy --format '{{.Names}}'); do
        echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $name is unhealthy: restart"
        docker restart -t 10 "$name" > /dev/null
    done
    sleep 15
done
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format timed '$remote_addr [$time_local] "$request" $status rt=$request_time up=$upstream_addr';
    access_log /var/log/nginx/access.log timed;
    server {
        listen 80;
        server_name ofen.example.ch;
        location / { proxy_pass http://127.0.0.1:3000; }
    }
}
"""

CHECK = "curl -fsS http://127.0.0.1:3000/healthz || exit 1"

INCIDENT = Incident(
    host="toepferei", start="2026-11-11T08:02:20+00:00", minutes=46, factor=24, apps=["/srv/kiln"],
    files={"/srv/kiln/server.js": SERVER, "/srv/kiln/compose.yaml": COMPOSE, "/srv/kiln/heal.sh": HEAL, "/etc/nginx/nginx.conf": NGINX,
           "/srv/kiln/glaze-report.sh": "#!/bin/sh\nsleep 2\necho \"$(date -u +%FT%TZ) report mailed\" >> /var/log/kiln/report.log\n"},
    crontabs={"deploy": "*/4 * * * * /srv/kiln/glaze-report.sh\n"}, prepare="mkdir -p /var/log/kiln; chmod 777 /var/log/kiln",
    services={
        "kiln": {"image": "keramik/kiln-control:2.4-slim", "command": ["node", "server.js"], "directory": "/srv/kiln", "restart": "unless-stopped", "wait": 8,
                 "health": {"command": f"PATH=/srv/kiln; {CHECK}", "interval": 60, "timeout": 5, "retries": 3}, "log": {"kind": "compose", "path": "/var/log/kiln/compose.log"}},
        "edge": NGINX_CONTAINER,
        "heal": {"image": "keramik/heal:1", "command": ["/bin/sh", "/srv/kiln/heal.sh"], "restart": "no", "log": {"kind": "compose", "path": "/var/log/kiln/compose.log"}},
    },
    project={"project": "kiln", "config_files": "/srv/kiln/compose.yaml", "working_dir": "/srv/kiln"},
    visitors={"base": "http://127.0.0.1", "host": "ofen.example.ch", "delay": 60,
              "visits": [{"perSecond": 0.7, "bots": 0.03, "paths": [[4, "GET", "/kilns"], [1, "POST", "/kilns/{n}/program", "{}"]]}]},
    collect="""cp /srv/kiln/compose.yaml /srv/kiln/*.sh /srv/kiln/server.js /etc/nginx/nginx.conf .; mkdir logs
cp /var/log/kiln/compose.log logs/docker-compose.log; cp /var/log/kiln/report.log logs/; cp /var/log/nginx/error.log logs/edge-error.log; cp /var/log/nginx/access.log logs/edge-access.log
docker events > docker-events.txt; docker ps -a > docker-ps.txt; docker inspect kiln | jq '.[0].State' > kiln-state.json; crontab -u deploy -l > crontab.deploy""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log = "logs/docker-compose.log"
    test, answer = case.at("compose.yaml", "test: ["), case.at("kiln-state.json", "curl: not found")
    unhealthy = case.at("docker-events.txt", "health_status: unhealthy")
    loop, action = case.at("heal.sh", "docker ps --filter health=unhealthy"), case.at("heal.sh", "docker restart -t 10")
    told, gone = case.at(log, "kiln is unhealthy: restart"), case.at(log, "SIGTERM, goodbye")
    refused = case.at("logs/edge-error.log", "111: Connection refused")
    return {
        "root_cause_kind": "healthcheck-command-missing",
        "root_cause": "The healthcheck of the container kiln calls curl, which the slim image does not have (127, 'curl: not found'): a service that answers becomes "
        "unhealthy after three checks, and heal.sh restarts it, again and again.",
        "verdict": "root-cause", "culprit": test, "culprit_alternatives": [case.at("compose.yaml", "healthcheck:"), answer],
        "culprit_related": [loop, action, unhealthy],
        "chain": [
            hop("probe_gets_answer", test, answer, unhealthy),
            hop("answer_takes_branch", loop, unhealthy, told),
            hop("effect_hits_service", action, told, case.at("docker-events.txt", "container kill")),
            hop("process_terminates", gone, case.at("docker-events.txt", "container die")),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", case.at("logs/edge-access.log", '" 502 '), refused),
        ],
        "mechanism": ["every 60 s docker runs the healthcheck in the container: curl: not found, exit 1", "after three the container is unhealthy",
                      "heal.sh sees it within 15 s and runs docker restart", "until the new process listens nginx logs connect() failed (111), 502"],
        "innocent": [case.at("crontab.deploy", "glaze-report.sh", why="every 4 minutes, only writes a line"), case.whole("glaze-report.sh", "touches nothing"),
                     case.at("compose.yaml", "restart: unless-stopped", why="the restarts were ordered"), case.whole("server.js", "/healthz is there and answers")],
        "period_s": None, "lag_s": case.lag(case.times("docker-events.txt", "health_status: unhealthy"), case.times(log, "SIGTERM, goodbye")),
        "measured": [case.measure(log, "kiln is unhealthy: restart"), case.measure(log, "SIGTERM, goodbye"), case.measure("docker-events.txt", "health_status: unhealthy"),
                     case.measure("logs/edge-access.log", '" 502 ', join=60)],
        "how_made": REAL + "; docker is the lab's supervisor, the slim image a PATH without curl.",
    }  # fmt: skip
