# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A container's healthcheck gives four seconds and two tries; while proofs are typeset the press answers after five or ten, and a doctor loop restarts it in the middle of the work."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""'use strict';
const express = require('express');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp({ format: 'YYYY-MM-DD HH:mm:ss,SSS' }), printf((i) => `${i.timestamp} ${i.level.padEnd(5)} [press] ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/press/press.log' })],
});
const app = express();
const later = (ms) => new Promise((done) => setTimeout(done, ms));

// A proof is typeset in this process, page by page; between two pages others get their turn.
function typeset(ms) { const until = Date.now() + ms; while (Date.now() < until); }
let waiting = 0;
app.post('/proofs', express.json(), async (req, res) => {
  const begun = Date.now();
  waiting += 1;
  for (let page = 0; page < 6; page += 1) { typeset(4800); await later(30); }
  waiting -= 1;
  log.info(`proof set, 6 pages in ${Date.now() - begun} ms, ${waiting} more being set`);
  res.status(201).json({ pages: 6 });
});
app.get('/healthz', (req, res) => res.json({ ok: true, waiting }));
app.get('/', (req, res) => res.send('<h1>Quill Press</h1>'));
app.get('/jobs/:n', (req, res) => (Number(req.params.n) > 885 ? res.sendStatus(404) : res.json({ job: req.params.n, state: 'set' })));
const server = app.listen(4600, '127.0.0.1', () => log.info(`press ready on 4600, pid ${process.pid}`));
process.on('SIGTERM', () => {
  log.warn('SIGTERM, leaving the work as it is');
  server.close();
  setTimeout(() => process.exit(0), 1000);
});
"""
DOCTOR = """#!/bin/sh
# doctor.sh: runs in its own container with the docker socket, asks twice a minute
say() { echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*"; }
say "doctor on duty, every 30 s"
while :; do
    for name in $(docker ps --filter health=unhealthy --format '{{.Names}}'); do
        say "$name is unhealthy, restarting it"
        docker restart -t 8 "$name" > /dev/null && say "$name restarted"
    done
    sleep 30
done
"""
COMPOSE = """services:
  press:
    image: quill/press:12
    container_name: press
    network_mode: host
    restart: unless-stopped
    mem_limit: 400m
    volumes:
      - ./log:/var/log/press
    healthcheck:
      # two misses are enough, nobody likes to wait
      test: ["CMD-SHELL", "curl -fsS -o /dev/null http://127.0.0.1:4600/healthz"]
      interval: 15s
      timeout: 4s
      retries: 2
  web:
    image: nginx:1.22
    container_name: web
    network_mode: host
    restart: unless-stopped
    volumes:
      - ./nginx.conf:/etc/nginx/nginx.conf:ro
  doctor:
    image: quill/doctor:1
    container_name: doctor
    restart: unless-stopped
    volumes:
      - /var/run/docker.sock:/var/run/docker.sock
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 512; }
http {
    log_format press '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" $request_time';
    access_log /var/log/nginx/access.log press;
    server {
        listen 80;
        server_name press.example.org;
        location / {
            proxy_pass http://127.0.0.1:4600;
            proxy_read_timeout 180s;
        }
    }
}
"""
EDITORS = {
    "base": "http://127.0.0.1",
    "host": "press.example.org",
    "delay": 1,
    "visits": [{"perSecond": 0.034, "bots": 0, "paths": [[1, "POST", "/proofs", "{}"]]}],
}
BUSY = "cd /; (setsid bash -c 'node /usr/lib/lab/visitors.mjs /run/editors.json & p=$!; sleep {}; kill $p' > /run/editors.out 2>&1 &)"
CRON = """# press host
*/10 * * * * root /opt/press/bin/fonts.sh
*/30 * * * * root docker stats --no-stream >> /opt/press/log/stats.txt 2>/dev/null
0 13 * * *   root /opt/press/bin/archive.sh
"""

INCIDENT = Incident(
    host="quill", start="2026-02-05T12:08:00+00:00", minutes=72, factor=24, zone="Europe/Lisbon", apps=["/opt/press"],
    files={"/opt/press/server.js": SERVER, "/opt/press/doctor.sh": DOCTOR, "/opt/press/docker-compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/press": CRON,
           "/opt/press/bin/fonts.sh": "#!/bin/sh\n# are all fonts there?\nsleep 4\nlogger -t fonts '212 fonts'\n", "/opt/press/bin/archive.sh": "#!/bin/sh\n# last month's proofs\nsleep 30\nlogger -t archive 'archived'\n",
           "/opt/press/nota.txt": "Quinta-feira, 5/2: ao meio-dia e meia e outra vez depois das 13 os redatores perderam provas a meio (502).\nO arquivo das 13h? Ou falta memória (400m)?  -- Inês\n"},
    prepare="mkdir -p /opt/press/log; ln -s /opt/press/log /var/log/press; cat > /run/editors.json <<'JSON'\n" + __import__("json").dumps(EDITORS) + "\nJSON",
    services={"press": {"container": "press", "image": "quill/press:12", "command": ["node", "server.js"], "directory": "/opt/press", "restart": "unless-stopped", "wait": 15, "health": {"command": "curl -fsS -o /dev/null http://127.0.0.1:4600/healthz", "interval": 15, "timeout": 4, "retries": 2}},
              "web": {**NGINX_CONTAINER, "container": "web"},
              "doctor": {"container": "doctor", "image": "quill/doctor:1", "command": ["/opt/press/doctor.sh"], "directory": "/opt/press", "restart": "unless-stopped", "log": {"kind": "plain", "path": "/opt/press/log/doctor.log"}}},
    during=[(19.2, BUSY.format(700)), (55.5, BUSY.format(620))],
    visitors={"base": "http://127.0.0.1", "host": "press.example.org", "delay": 70, "visits": [{"perSecond": 0.3, "bots": 0.06, "aborts": 0.02, "abortAfter": 0.2, "paths": [[4, "GET", "/jobs/{n}"], [2, "GET", "/"]]}]},
    collect="""mkdir -p log nginx bin; cp /opt/press/docker-compose.yml /opt/press/doctor.sh /opt/press/server.js /opt/press/nota.txt .; cp /opt/press/log/*.log log/; cp /opt/press/bin/* bin/; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /etc/cron.d/press cron.d-press
docker ps > docker-ps.txt; docker inspect press > docker-inspect-press.json; docker events > docker-events.txt; cp /var/log/syslog .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    compose, doctor, log, events, errors, access = (
        "docker-compose.yml",
        "log/doctor.log",
        "log/press.log",
        "docker-events.txt",
        "nginx/error.log",
        "nginx/access.log",
    )
    timeout, retries, act = (
        case.at(compose, "timeout: 4s"),
        case.at(compose, "retries: 2"),
        case.at("doctor.sh", 'docker restart -t 8 "$name"'),
    )
    ill, told, gone = (
        case.at(events, "health_status: unhealthy"),
        case.at(doctor, "press is unhealthy"),
        case.at(log, "SIGTERM, leaving"),
    )
    closed, refused = case.at(errors, "prematurely closed"), case.at(errors, "111: Connection refused")
    terms = case.times(log, "SIGTERM, leaving")
    return {
        "root_cause_kind": "healthcheck-stricter-than-service",
        "root_cause": "The compose healthcheck gives /healthz four seconds and calls the press unhealthy after two misses, 15 s apart. While proofs are typeset the one process answers after five or ten seconds, but it does answer. The doctor container restarts whatever is unhealthy, so the press is ended in the middle of the proofs, several times at noon and again after one.",
        "verdict": "root-cause", "culprit": timeout, "culprit_alternatives": [retries, act, case.at(compose, "curl -fsS -o /dev/null"), case.at("doctor.sh", "docker ps --filter health=unhealthy")],
        "culprit_related": [ill, told, case.at("server.js", "typeset(4800)"), case.at(log, "proof set, 6 pages")],
        "chain": [
            hop("probe_gets_answer", timeout, ill, retries, told),
            hop("answer_takes_branch", case.at("doctor.sh", "docker ps --filter health=unhealthy"), told, ill),
            hop("effect_terminates_process", act, told, gone),
            hop("process_terminates", gone, case.at(events, "container die")),
            hop("termination_closes_connections", closed, gone),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", case.at(access, '" 502 '), closed, refused),
        ],
        "mechanism": ["proofs are typeset in the server's only thread, 4.8 s a page", "the healthcheck waits 4 s: two misses, unhealthy", "doctor.sh asks docker ps for what is unhealthy, each 30 s, and restarts it", "SIGTERM in the middle of proofs: upstream prematurely closed, then refused, 502", "outside the two busy spells the same check always passes"],
        "innocent": [
            case.at(compose, "mem_limit: 400m", why="no oom event: every end is the doctor's SIGTERM, six of them with SIGKILL (137) after the grace time, because the thread was busy; the running container (inspect) has no limit at all"), case.at("cron.d-press", "archive.sh", why="at 13:00, between the two spells"), case.whole("bin/archive.sh", "only logs"), case.at("nota.txt", "O arquivo das 13h", why="a guess"),
            case.at("cron.d-press", "fonts.sh", why="every ten minutes, only logs"), case.whole("bin/fonts.sh", "only logs"), case.at("cron.d-press", "docker stats", why="only measures"), case.at("nginx/nginx.conf", "proxy_read_timeout 180s", why="long enough"), case.at(access, '" 404 ', why="bots and unknown jobs"),
        ],
        "period_s": None, "lag_s": case.lag(case.times(doctor, "is unhealthy"), terms, 60), "lags": {"unhealthy -> SIGTERM": case.lag(case.times(events, "health_status: unhealthy"), terms, 90)},
        "measured": [case.measure(events, "health_status: unhealthy"), case.measure(doctor, "press is unhealthy"), case.measure(log, "SIGTERM, leaving"), case.measure(log, "proof set"), case.measure(errors, "prematurely closed|111: Connection refused", join=120), case.measure(access, '" 502 ', join=120)],
        "timezones": {"all": "Europe/Lisbon, in winter the same as UTC"},
        "how_made": REAL.replace("cron, bash and curl", "cron, sh and curl") + " (with express, winston); docker is the lab's supervisor, which also ran the healthcheck; typesetting is a loop that burns 4.8 s of the scaled clock a page.",
    }  # fmt: skip
