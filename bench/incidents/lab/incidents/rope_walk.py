# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A watch counts the containers of a compose project by its old name; since a release renamed the project it finds none and restarts all of them."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import JOURNAL_ISO, NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const pino = require('pino');
const log = pino({ base: undefined, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } });
const app = express();
app.use((req, res, next) => {
  res.on('finish', () => { if (req.method === 'POST' || res.statusCode > 499) log.info({ m: req.method, url: req.url, st: res.statusCode }, 'req'); });
  next();
});
app.get('/healthz', (req, res) => res.send('ok'));
app.get('/api/seile/:n', (req, res) => setTimeout(() => res.json({ nr: req.params.n, meter: req.params.n * 3 }), 60 + Math.random() * 300));
app.post('/api/angebote', (req, res) => setTimeout(() => res.status(201).json({ ok: true }), 400));
app.get('/api/lager/strom', (req, res) => { // Lagerstand, Server-Sent Events
  res.set('Content-Type', 'text/event-stream').write('retry: 3000\n\n');
  const tick = setInterval(() => res.write(`data: ${Math.floor(Math.random() * 500)}\n\n`), 15000);
  req.on('close', () => clearInterval(tick));
});
const server = app.listen(3210, '127.0.0.1', () => log.info({ version: process.env.VERSION }, 'api hört auf 3210'));
setInterval(() => log.info({ rssMB: Math.round(process.memoryUsage().rss / 1048576) }, 'speicher'), 120000);
process.on('SIGTERM', () => {
  log.warn('SIGTERM, fahre herunter');
  server.close(() => process.exit(0));
  setTimeout(() => { log.warn('noch offene Verbindungen, beende trotzdem'); process.exit(0); }, 4000);
});
"""

WORKER = r"""const pino = require('pino');
const log = pino({ base: undefined, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } });
let n = 0;
log.info('worker bereit');
setInterval(() => {
  n += 1;
  if (n % 7 === 0) log.warn({ auftrag: 4100 + n, versuch: 1 }, 'Lieferant antwortet 429, neuer Versuch in 60 s');
  else log.info({ auftrag: 4100 + n }, 'Auftrag erledigt');
}, 41000);
process.on('SIGTERM', () => { log.warn('SIGTERM'); process.exit(0); });
"""

WATCH = r"""#!/bin/bash
# stack-watch: alle 10 Minuten (stack-watch.timer). Startet den Stack neu, wenn ein Container fehlt.
# jh 2025-03: docker fragt manchmal lange, darum timeout
PROJECT=seilerei
EXPECTED=3

up=$(timeout 20 docker compose -p "$PROJECT" ps --status running -q | wc -l)

if [ "$up" -ge "$EXPECTED" ]; then
    echo "ok ($up/$EXPECTED)"
    exit 0
fi

echo "Stack unvollständig: $up von $EXPECTED Containern laufen, Neustart"
docker restart seil-api seil-worker seil-web > /dev/null
echo "Neustart fertig"
"""

DEPLOY = r"""#!/bin/bash
# deploy.sh VERSION
set -euo pipefail
cd /srv/seilerei
log() { echo "$(date '+%d.%m.%Y %H:%M:%S') $*" | tee -a deploy.log; }
log "Deploy $1 beginnt"
echo "VERSION=$1" > .env
docker compose -f compose.prod.yml up -d api worker web 2>&1 | while read -r line; do log "$line"; done
log "Deploy $1 fertig"
"""

COMPOSE = """{head}services:
  api:
    image: registry.example.de/seil/api:${{VERSION}}
    container_name: seil-api
    network_mode: host
    restart: unless-stopped
    env_file: .env
  worker:
    image: registry.example.de/seil/api:${{VERSION}}
    command: ["node", "worker.js"]
    container_name: seil-worker
    network_mode: host
    restart: unless-stopped
    env_file: .env
  web:
    image: nginx:1.22
    container_name: seil-web
    network_mode: host
    restart: unless-stopped
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format seil '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent rt=$request_time us=$upstream_status "$http_user_agent"';
    access_log /var/log/nginx/access.log seil;
    server {
        listen 80;
        server_name seile.example.de;
        location /api/lager/strom { proxy_pass http://127.0.0.1:3210; proxy_buffering off; proxy_read_timeout 1h; proxy_http_version 1.1; proxy_set_header Connection ""; }
        location /api/ { proxy_pass http://127.0.0.1:3210; proxy_read_timeout 30s; }
        location / { return 200 "Seilerei Hansen\\n"; }
    }
}
"""

CRON = """# m h dom mon dow  befehl
*/10 * * * *  /srv/seilerei/bin/preise-holen.sh
*/30 * * * *  /srv/seilerei/bin/docker-aufraeumen.sh
"""
TIMER = "[Unit]\nDescription=Wacht über den Seil-Stack, alle 10 Minuten\n\n[Timer]\nOnCalendar=*:0/10\nAccuracySec=1s\nPersistent=false\n\n[Install]\nWantedBy=timers.target\n"
UNIT = "[Unit]\nDescription=Wacht über den Seil-Stack\nAfter=docker.service\n\n[Service]\nType=oneshot\nExecStart=/usr/local/bin/stack-watch\n"
NODE = {"directory": "/srv/seilerei/app", "restart": "unless-stopped", "environment_file": "/srv/seilerei/.env"}

INCIDENT = Incident(
    host="luv", start="2026-11-10T07:03:20+01:00", minutes=105, factor=36, zone="Europe/Berlin", apps=["/srv/seilerei/app"],
    project={"project": "seilerei", "config_files": "/srv/seilerei/docker-compose.yml", "working_dir": "/srv/seilerei"},
    files={"/srv/seilerei/app/server.js": SERVER, "/srv/seilerei/app/worker.js": WORKER, "/usr/local/bin/stack-watch": WATCH, "/srv/seilerei/deploy.sh": DEPLOY, "/srv/seilerei/.env": "VERSION=3.8.1\n", "/etc/rsyslog.conf": JOURNAL_ISO,
           "/srv/seilerei/docker-compose.yml": COMPOSE.format(head=""), "/srv/seilerei/compose.prod.yml": COMPOSE.format(head="# dev läuft jetzt auf derselben Maschine, darum ein eigener Name\nname: seil-prod\n"),
           "/srv/seilerei/deploy.log": "03.11.2026 16:20:11 Deploy 3.8.1 beginnt\n03.11.2026 16:20:19 Deploy 3.8.1 fertig\n", "/etc/nginx/nginx.conf": NGINX,
           "/etc/systemd/system/stack-watch.timer": TIMER, "/etc/systemd/system/stack-watch.service": UNIT,
           "/srv/seilerei/bin/preise-holen.sh": "#!/bin/sh\n# Hanf- und Stahlpreise\nsleep 7\nlogger -t preise \"$(shuf -i 20-60 -n 1) Preise geholt\"\n",
           "/srv/seilerei/bin/docker-aufraeumen.sh": "#!/bin/sh\n# alte Images (docker image prune -f --filter until=240h)\nsleep 5\nlogger -t aufraeumen 'Total reclaimed space: 0B'\n"},
    crontabs={"root": CRON}, prepare="mkdir -p /srv/seilerei/logs",
    services={"api": {**NODE, "container": "seil-api", "image": "registry.example.de/seil/api:3.9.0", "command": ["node", "server.js"], "log": {"kind": "json", "path": "/srv/seilerei/logs/seil-api-json.log"}},
              "worker": {**NODE, "container": "seil-worker", "image": "registry.example.de/seil/api:3.9.0", "command": ["node", "worker.js"], "log": {"kind": "json", "path": "/srv/seilerei/logs/seil-worker-json.log"}},
              "web": {**NGINX_CONTAINER, "container": "seil-web"},
              "stack-watch": {"description": "Wacht über den Seil-Stack", "command": ["/usr/local/bin/stack-watch"], "every": 600}},
    during=[(32.5, "/srv/seilerei/deploy.sh 3.9.0")],
    visitors={"base": "http://127.0.0.1", "host": "seile.example.de", "delay": 60, "streams": [{"count": 4, "path": "/api/lager/strom"}],
              "visits": [{"perSecond": 0.3, "bots": 0.06, "aborts": 0.02, "paths": [[6, "GET", "/api/seile/{n}"], [1, "POST", "/api/angebote", '{"nr":{n}}'], [2, "GET", "/"]]}]},
    collect="""mkdir -p compose logs nginx systemd cron; cp /srv/seilerei/*.yml /srv/seilerei/.env compose/; mv compose/.env compose/env; cp /srv/seilerei/deploy.sh /srv/seilerei/deploy.log .; cp /srv/seilerei/logs/* logs/; cp /var/log/syslog journal.txt
cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /etc/systemd/system/stack-watch.* /usr/local/bin/stack-watch systemd/; crontab -l > cron/root.txt; cp /srv/seilerei/bin/*.sh cron/; docker ps -a > docker-ps.txt; docker inspect seil-api > docker-inspect-api.json; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    watch, api, errors, journal = "systemd/stack-watch", "logs/seil-api-json.log", "nginx/error.log", "journal.txt"
    old, probe = case.at(watch, "PROJECT=seilerei"), case.at(watch, 'docker compose -p "$PROJECT" ps')
    branch, restart = case.at(watch, '[ "$up" -ge "$EXPECTED" ]'), case.at(watch, "docker restart seil-api seil-worker seil-web")
    new, label = (
        case.at("compose/compose.prod.yml", "name: seil-prod"),
        case.at("docker-inspect-api.json", '"com.docker.compose.project": "seil-prod"'),
    )
    told, begin = case.at(journal, "0 von 3 Containern laufen"), case.at("deploy.log", "Deploy 3.9.0 beginnt")
    timer, unit = (
        case.at("systemd/stack-watch.timer", "OnCalendar=*:0/10"),
        case.at("systemd/stack-watch.service", "ExecStart=/usr/local/bin/stack-watch"),
    )
    term = case.at(api, "SIGTERM, fahre herunter", nth=2)
    refused, failed = case.at(errors, "111: Connection refused"), case.at("nginx/access.log", '" 502 ')
    return {
        "root_cause_kind": "health-check-asks-wrong-project",
        "root_cause": "stack-watch (systemd timer, every 10 minutes) counts the running containers of the compose project 'seilerei'. Since release 3.9.0 (07:35) the stack is brought up from compose.prod.yml, whose project is 'seil-prod': "
        "the count is 0 of 3 though all three run, and the script restarts api, worker and nginx by name every 10 minutes.",
        "verdict": "root-cause", "culprit": old, "culprit_alternatives": [probe, new], "culprit_related": [branch, restart, told, begin, label, timer, unit],
        "chain": [
            hop("deploy_changes_configuration", new, begin, case.at("deploy.sh", "docker compose -f compose.prod.yml up"), label),
            hop("job_runs_script", timer, unit, case.at(journal, "Starting stack-watch.service", nth=5)),
            hop("probe_gets_answer", probe, old, told, new),
            hop("answer_takes_branch", branch, told),
            hop("effect_hits_service", restart, told, case.at(journal, "Neustart fertig")),
            hop("process_terminates", term),
            hop("termination_closes_connections", case.at(api, "noch offene Verbindungen", nth=2), term),
            hop("termination_refuses_connections", refused, term),
            hop("failure_reaches_clients", failed, refused, case.at("nginx/access.log", "us=502")),
        ],
        "mechanism": [
            "until 07:30 the timer's runs say 'ok (3/3)'",
            "07:35 release 3.9.0: docker compose -f compose.prod.yml up, project name seil-prod instead of the directory's name",
            "from 07:40 on: 'Stack unvollständig: 0 von 3', docker restart of all three, every 10 minutes",
            "the streams of /api/lager/strom keep the api from closing, it ends after 4 s; nginx itself stops as well; then connect() failed (111) until node listens, 502",
        ],
        "contributing": [new | {"why": "renamed the project"}],
        "innocent": [
            case.at("cron/root.txt", "preise-holen.sh", why="every 10 minutes too, only fetches and logs; also before the release"),
            case.at("cron/root.txt", "docker-aufraeumen.sh", why="every 30 minutes; reclaims nothing"),
            case.whole("cron/preise-holen.sh", "only logs"), case.whole("cron/docker-aufraeumen.sh", "only logs"),
            case.at("logs/seil-worker-json.log", "Lieferant antwortet 429", why="a supplier's limit, tried again"),
            case.at(api, "speicher", why="memory stays flat"),
            case.at("nginx/nginx.conf", "proxy_read_timeout 30s", why="nothing waits that long"),
        ],
        "period_s": 600, "lag_s": case.lag(case.times(journal, "Starting stack-watch"), case.times(api, "SIGTERM, fahre", hours=1)), "step_change_at": str(case.times(journal, "0 von 3 Containern")[0]),
        "lags": {"'unvollständig' -> SIGTERM": case.lag(case.times(journal, "0 von 3 Containern"), case.times(api, "SIGTERM, fahre", hours=1))},
        "measured": [case.measure(journal, "0 von 3 Containern laufen"), case.measure(journal, "ok \\(3/3\\)"), case.measure(api, "SIGTERM, fahre herunter"), case.measure(errors, "111: Connection refused", join=60), case.measure("nginx/access.log", '" 502 ', join=60)],
        "timezones": {"logs/*-json.log": "UTC", "journal.txt, nginx, deploy.log": "Europe/Berlin (+01:00)"},
        "how_made": REAL.replace(" and curl", "") + " (with express, pino); docker, docker compose and systemd's timer are the lab's supervisor. Cron's zone is the host's.",
    }  # fmt: skip
