# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A release makes the health page JSON; a check that greps its body for "ok" restarts one healthy service, and misses another by a wrong compose file."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const pino = require('pino');
const log = pino({ name: process.env.SERVICE, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } });
const health = require('./lib/health');
const app = express();
app.get('/health', health.answer);
app.get('/wheels/:n', (req, res) => setTimeout(() => res.json({ wheel: Number(req.params.n), months: req.params.n % 24, turned: true }), 110));
app.post('/wheels/:n/turn', (req, res) => {
  log.info({ wheel: Number(req.params.n), shelf: 1 + (req.params.n % 12) }, 'wheel turned');
  setTimeout(() => res.status(204).end(), 160);
});
app.get('/labels/:n', (req, res) => setTimeout(() => res.type('svg').send(`<svg id="l${req.params.n}"/>`), 90));
const port = Number(process.env.PORT);
const server = app.listen(port, '127.0.0.1', () => log.info({ port, release: health.release }, 'listening'));
process.on('SIGTERM', () => {
  log.warn('SIGTERM received, draining');
  server.close(() => { log.info('drained'); process.exit(0); });
  server.closeIdleConnections();
});
"""

OLD = "exports.release = '5.1.3';\nexports.answer = (req, res) => res.type('text').send('ok');\n"
NEW = """exports.release = '5.2.0';
exports.answer = (req, res) => res.json({ status: 'up', release: exports.release, uptime: Math.round(process.uptime()) });
"""

CHECK = r"""#!/usr/bin/env bash
# cave-health: every service must say that it is well, else it is started anew
LOG=/opt/cave/log/health.log
declare -A PORTS=([cave]=7310 [labels]=7320 [scales]=7330)
declare -A FILES=([cave]=docker-compose.yml [labels]=docker-compose.labels.yml [scales]=docker-compose.yml)
cd /opt/cave || exit 1
say() { echo "$(date '+%d/%m/%Y %H:%M:%S') $*" >> $LOG; }
for service in cave labels scales; do
    body=$(curl -s -m 20 "http://127.0.0.1:${PORTS[$service]}/health")
    if ! echo "$body" | grep -q ok; then
        say "$service unwell, restarting"
        docker compose -f "${FILES[$service]}" restart "$service" >> $LOG 2>&1
    fi
done
"""

RELEASE = r"""#!/usr/bin/env bash
# ops/release.sh VERSION SERVICE...
set -e
cd /opt/cave
version=$1; shift
for service in "$@"; do
    cp "releases/health-$version.js" "services/$service/lib/health.js"
    file=docker-compose.yml; [ "$service" = labels ] && file=compose/labels.yml
    docker compose -f $file restart "$service"
done
echo "$(date '+%d/%m/%Y %H:%M') released $version to $*" >> log/releases.log
"""

COMPOSE = """services:
  cave:
    image: registry.example.it/cave/service:5
    container_name: cave
    network_mode: host
    environment: {SERVICE: cave, PORT: "7310"}
    restart: unless-stopped
  scales:
    image: registry.example.it/cave/service:5
    container_name: scales
    network_mode: host
    environment: {SERVICE: scales, PORT: "7330"}
    restart: unless-stopped
  edge:
    image: nginx:1.22
    container_name: edge
    network_mode: host
    restart: unless-stopped
"""
LABELS = """services:
  labels:
    image: registry.example.it/cave/service:5
    container_name: labels
    network_mode: host
    environment: {SERVICE: labels, PORT: "7320"}
    restart: unless-stopped
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/cave-error.log warn;
events {}
http {
    log_format j escape=json '{"t":"$time_iso8601","ip":"$remote_addr","rq":"$request","st":$status,"rt":$request_time,"up":"$upstream_addr","us":"$upstream_status","ua":"$http_user_agent"}';
    access_log /var/log/nginx/cave-access.json j;
    server {
        listen 80;
        server_name grotta.example.it;
        location /labels/ { proxy_pass http://127.0.0.1:7320; }
        location /weigh/ { proxy_pass http://127.0.0.1:7330/wheels/; }
        location / { proxy_pass http://127.0.0.1:7310; }
    }
}
"""

CRON = """SHELL=/bin/bash
*/3 * * * * root /opt/cave/ops/humidity.sh
*/3 * * * * root /opt/cave/ops/cave-health
*/3 * * * * root /opt/cave/ops/push-metrics.sh
0 2 * * * root /opt/cave/ops/dump.sh
"""


def service(name: str, port: int) -> dict[str, Any]:
    return {"container": name, "image": "registry.example.it/cave/service:5", "command": ["node", "../../server.js"], "directory": f"/opt/cave/services/{name}",
            "environment": {"SERVICE": name, "PORT": str(port)}, "restart": "unless-stopped", "log": {"kind": "compose", "path": "/opt/cave/log/compose.log"}, "wait": 4}  # fmt: skip


NAMES = {"cave": 7310, "labels": 7320, "scales": 7330}
INCIDENT = Incident(
    host="grotta1", start="2026-05-19T14:06:20+02:00", minutes=84, factor=28, zone="Europe/Rome", apps=["/opt/cave"],
    files={"/opt/cave/server.js": SERVER.replace("require('./lib/health')", "require(`${process.cwd()}/lib/health`)"),
           **{f"/opt/cave/services/{name}/lib/health.js": OLD for name in NAMES}, "/opt/cave/releases/health-5.2.0.js": NEW,
           "/opt/cave/docker-compose.yml": COMPOSE, "/opt/cave/compose/labels.yml": LABELS, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/cave": CRON,
           "/opt/cave/ops/cave-health": CHECK, "/opt/cave/ops/release.sh": RELEASE,
           "/opt/cave/log/releases.log": "28/04/2026 10:12 released 5.1.2 to cave labels scales\n06/05/2026 09:40 released 5.1.3 to cave labels scales\n",
           "/opt/cave/ops/humidity.sh": "#!/bin/sh\nsleep 2\nlogger -t humidity \"$(( $(date +%S) % 7 + 88 )) %\"\n",
           "/opt/cave/ops/push-metrics.sh": "#!/bin/sh\n# one sample of the machine to the metrics host\nsleep 6\nlogger -t push-metrics 'sent 41 series'\n",
           "/opt/cave/ops/dump.sh": "#!/bin/sh\nlogger -t dump 'nothing to dump'\n"},
    services={**{name: service(name, port) for name, port in NAMES.items()}, "edge": {**NGINX_CONTAINER, "container": "edge"}},
    during=[(30.6, "/opt/cave/ops/release.sh 5.2.0 cave labels")],
    visitors={"base": "http://127.0.0.1", "host": "grotta.example.it", "delay": 60,
              "visits": [{"perSecond": 0.5, "bots": 0.05, "aborts": 0.01, "paths": [[6, "GET", "/wheels/{n}"], [2, "POST", "/wheels/{n}/turn", "{}"], [3, "GET", "/labels/{n}"], [1, "GET", "/weigh/{n}"]]}]},
    collect="""mkdir -p opt-cave/services edge host; cp -r /opt/cave/log /opt/cave/ops /opt/cave/compose /opt/cave/docker-compose.yml /opt/cave/server.js opt-cave/; for s in cave labels scales; do mkdir -p opt-cave/services/$s; cp -r /opt/cave/services/$s/lib opt-cave/services/$s/; done
cp /etc/nginx/nginx.conf /var/log/nginx/cave-*  edge/; cp /etc/cron.d/cave host/cron.d-cave; cp /var/log/syslog host/syslog; docker ps > host/docker-ps.txt; rotate edge/cave-access.json""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    script, cron, log, told = (
        "opt-cave/ops/cave-health",
        "host/cron.d-cave",
        "opt-cave/log/compose.log",
        "opt-cave/log/health.log",
    )
    errors, access = "edge/cave-error.log", "edge/cave-access.json"
    test, asks, action = case.at(script, "grep -q ok"), case.at(script, "body=$(curl"), case.at(script, "docker compose -f")
    job, said = case.at(cron, "/opt/cave/ops/cave-health"), case.at(told, "cave unwell, restarting")
    answer = case.at("opt-cave/services/cave/lib/health.js", "status: 'up'")
    first = case.times(told, "cave unwell")[0]
    # compose.log is in UTC, health.log in Europe/Rome; the release stopped the service itself once before.
    ends = [time for time in case.times(log, r"^cave .*SIGTERM", hours=2) if time >= first]
    lines = [line for line in case.lines(log) if line.startswith("cave ") and "SIGTERM received" in line]
    stopped = case.at(log, lines[-len(ends)])
    refused, failed = (
        case.at(
            errors, "111: Connection refused", nth=sum(time < first for time in case.times(errors, "111: Connection refused")) + 1
        ),
        case.at(access, '"st":502'),
    )
    released = case.at("opt-cave/log/releases.log", "5.2.0")
    return {
        "root_cause_kind": "health-check-misreads-body",
        "root_cause": "Release 5.2.0 (14:37) makes /health of cave and labels answer JSON, {\"status\":\"up\",...}, instead of 'ok'. cave-health, cron's every three minutes, greps the body for 'ok', does not find it and restarts the healthy cave. "
        "labels, which answers alike, is spared only because the script names docker-compose.labels.yml, which does not exist (the file is compose/labels.yml).",
        "verdict": "root-cause", "culprit": test, "culprit_alternatives": [asks, case.at(script, 'say "$service unwell, restarting"'), answer, released, action],
        "culprit_related": [job, said, case.at("opt-cave/ops/release.sh", "releases/health-$version.js")],
        "chain": [
            hop("job_runs_script", job, case.at("host/syslog", "CMD (/opt/cave/ops/cave-health)")),
            hop("probe_gets_answer", asks, answer, test),
            hop("answer_takes_branch", test, said, asks),
            hop("effect_hits_service", action, said, case.at(told, "Container cave  Started")),
            hop("process_terminates", stopped, said),
            hop("termination_refuses_connections", refused, stopped),
            hop("failure_reaches_clients", failed, refused, case.at("edge/cave-access.json.1.gz", '"st":502')),
        ],
        "mechanism": ["release 5.2.0: /health of cave and labels is JSON without the letters 'ok'", "cron, every three minutes: cave-health; grep -q ok fails",
                      "docker compose restart cave: SIGTERM received; nginx: connect() failed (111), 502", "for labels: 'open /opt/cave/docker-compose.labels.yml: no such file or directory', nothing happens to it", "scales, not released, still says ok"],
        "contributing": [released | {"why": "changed what /health says, not whether the service is well"}],
        "innocent": [case.at(cron, "humidity.sh", why="same schedule, only logs"), case.at(cron, "push-metrics.sh", why="same schedule, only logs"), case.at(cron, "dump.sh", why="at night, did not run"), case.whole("opt-cave/ops/humidity.sh", "only logs"), case.whole("opt-cave/ops/push-metrics.sh", "only logs"),
                     case.at(told, "labels unwell, restarting", why="says so, but no restart follows"), case.at("opt-cave/docker-compose.yml", "restart: unless-stopped", why="every end is ordered"), case.whole("opt-cave/compose/labels.yml", "labels never ended except at the release")],
        "other_causes": [], "period_s": 180, "lag_s": case.lag(case.times(told, "cave unwell"), ends, 60), "step_change_at": str(first),
        "lags": {"'cave unwell' -> SIGTERM": case.lag(case.times(told, "cave unwell"), ends, 60)},
        "measured": [case.measure(told, "cave unwell, restarting"), case.measure(told, "labels unwell, restarting"), case.measure(told, "no such file or directory"), case.measure(log, "^cave .*SIGTERM"), case.measure(errors, "111: Connection refused", join=60), case.measure(access, '"st":502', join=60)],
        "timezones": {log: "UTC (Z)", "nginx, health.log, releases.log": "Europe/Rome (+02:00)"},
        "how_made": REAL + " (with express, pino); docker compose is the lab's supervisor.",
    }  # fmt: skip
