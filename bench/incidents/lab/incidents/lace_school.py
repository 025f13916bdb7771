# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: the worker is renewed by cron, a release goes through the two servers one after the other, scanners are turned away."""

import json
from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""const express = require('express');
const pino = require('pino');
const log = pino({ name: process.env.NAME, timestamp: pino.stdTimeFunctions.isoTime });
const app = express();
app.get('/healthz', (req, res) => res.send('ok'));
app.get('/', (req, res) => res.send('<h1>École de dentelle</h1>'));
app.get('/cours/:n', (req, res) => setTimeout(() => res.json({ cours: req.params.n, places: 6 }), 200 + Math.random() * 900));
app.post('/cours/:n/inscription', (req, res) => setTimeout(() => { log.info({ cours: req.params.n }, 'inscription'); res.status(201).json({ ok: true }); }, 350));
app.use((req, res) => res.status(404).json({ erreur: 'page inconnue' }));
const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => log.info({ port: process.env.PORT }, 'à l\'écoute'));
process.on('SIGTERM', () => {
  log.info('SIGTERM: je termine les requêtes en cours');
  server.close(() => { log.info('terminé'); process.exit(0); });
});
"""

WORKER = r"""// courriers et vignettes; relancé toutes les demi-heures (sharp garde sa mémoire)
const pino = require('pino');
const log = pino({ name: 'worker', timestamp: pino.stdTimeFunctions.isoTime });
let job = 0;
let stop = false;
const work = () => {
  if (stop) { log.info('plus rien en cours, au revoir'); process.exit(0); }
  job += 1;
  const kind = job % 3 ? 'vignette' : 'courrier';
  log.info({ job, kind }, 'début');
  setTimeout(() => {
    if (job % 11 === 5) log.warn({ job, kind }, 'image illisible, laissée de côté');
    else log.info({ job, kind, rss: process.memoryUsage().rss }, 'fini');
    setTimeout(work, stop ? 0 : 20000 + Math.random() * 25000);
  }, 2500);
};
log.info('worker prêt');
setTimeout(work, 3000);
process.on('SIGTERM', () => { log.info('SIGTERM: je finis la tâche en cours'); stop = true; setTimeout(work, 3500); });
"""

DEPLOY = r"""#!/bin/bash
# mise-en-ligne.sh VERSION : un serveur après l'autre, jamais les deux
set -euo pipefail
cd /srv/dentelle
trace() { echo "$(date '+%Y-%m-%d %H:%M:%S') $*" | tee -a mise-en-ligne.log; }
trace "version $1"
sed -i "s/^VERSION=.*/VERSION=$1/" .env
for n in 1 2; do
    docker compose up -d --no-deps "app$n"
    until curl -fsS -o /dev/null "http://127.0.0.1:330$n/healthz"; do sleep 1; done
    trace "app$n répond"
    sleep 20
done
trace "terminé"
"""

COMPOSE = """name: dentelle
x-app: &app
  image: dentelle/app:latest
  restart: unless-stopped
  network_mode: host
  env_file: .env
services:
  app1:
    <<: *app
    container_name: app1
    environment: { NAME: app1, PORT: "3301" }
  app2:
    <<: *app
    container_name: app2
    environment: { NAME: app2, PORT: "3302" }
  worker:
    <<: *app
    container_name: worker
    command: node worker.js
  nginx:
    image: nginx:1.22
    container_name: nginx
    restart: unless-stopped
    network_mode: host
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    limit_req_zone $binary_remote_addr zone=chacun:1m rate=1r/s;
    limit_req_status 429;
    upstream dentelle {
        server 127.0.0.1:3301;
        server 127.0.0.1:3302;
    }
    server {
        listen 80;
        server_name dentelle.example.fr;
        location ~ /\\.(env|git) { deny all; }
        location / {
            limit_req zone=chacun burst=6 nodelay;
            proxy_pass http://dentelle;
            proxy_set_header Host $host;
        }
    }
}
"""
SAVE = "#!/bin/sh\n# copie de la base des inscriptions, une fois par heure\nsleep 5\ndate '+%Y-%m-%d %H:%M:%S sauvegarde ok' >> /srv/dentelle/sauvegarde.log\n"
CRON = "# m h dom mon dow\n10,40 * * * * cd /srv/dentelle && docker compose restart worker >> relance-worker.log 2>&1\n55 * * * * /srv/dentelle/sauvegarde.sh\n*/15 * * * * curl -fsS -m 10 -o /dev/null http://127.0.0.1:3301/healthz && curl -fsS -m 10 -o /dev/null http://127.0.0.1:3302/healthz || logger -t sante 'un serveur ne répond pas'\n"
SCAN = {
    "base": "http://127.0.0.1",
    "host": "dentelle.example.fr",
    "delay": 1,
    "visits": [{"perSecond": 3.4, "bots": 1, "paths": [[1, "GET", "/"]]}],
}
SERVER_ENTRY = {"image": "dentelle/app:latest", "directory": "/srv/dentelle", "restart": "unless-stopped"}

INCIDENT = Incident(
    host="fuseau", start="2026-05-05T14:02:00+02:00", minutes=92, factor=28, zone="Europe/Paris", apps=["/srv/dentelle"],
    files={"/srv/dentelle/app.js": SERVER, "/srv/dentelle/worker.js": WORKER, "/srv/dentelle/mise-en-ligne.sh": DEPLOY, "/srv/dentelle/sauvegarde.sh": SAVE, "/srv/dentelle/compose.yaml": COMPOSE, "/srv/dentelle/.env": "VERSION=71\n", "/etc/nginx/nginx.conf": NGINX, "/usr/lib/lab/scan.json": json.dumps(SCAN),
           "/srv/dentelle/mise-en-ligne.log": "2026-04-28 10:12:44 version 71\n2026-04-28 10:12:50 app1 répond\n2026-04-28 10:13:14 app2 répond\n2026-04-28 10:13:34 terminé\n"},
    crontabs={"root": CRON},
    services={"app1": {**SERVER_ENTRY, "container": "app1", "command": ["node", "app.js"], "environment": {"NAME": "app1", "PORT": "3301"}, "log": {"kind": "compose", "path": "/var/log/compose.log"}, "wait": 6},
              "app2": {**SERVER_ENTRY, "container": "app2", "command": ["node", "app.js"], "environment": {"NAME": "app2", "PORT": "3302"}, "log": {"kind": "compose", "path": "/var/log/compose.log"}, "wait": 14},
              "worker": {**SERVER_ENTRY, "container": "worker", "command": ["node", "worker.js"], "log": {"kind": "compose", "path": "/var/log/compose.log"}, "wait": 6},
              "nginx": {**NGINX_CONTAINER, "container": "nginx"}},
    project={"project": "dentelle", "file": "compose.yaml", "directory": "/srv/dentelle"},
    during=[(33.6, "cd /; (setsid bash -c 'node /usr/lib/lab/visitors.mjs /usr/lib/lab/scan.json & p=$!; sleep 200; kill $p' > /run/scan.out 2>&1 &)"), (56.8, "/srv/dentelle/mise-en-ligne.sh 72")],
    visitors={"base": "http://127.0.0.1", "host": "dentelle.example.fr", "delay": 80,
              "visits": [{"perSecond": 0.33, "bots": 0.08, "aborts": 0.06, "abortAfter": 0.5, "paths": [[6, "GET", "/cours/{n}"], [2, "POST", "/cours/{n}/inscription", "{}"], [2, "GET", "/"]]}],
              "monitors": [{"every": 180, "offset": 13, "path": "/", "address": "192.0.2.201", "agent": "Sonde/3", "log": "/var/log/sonde.log", "name": "sonde"}]},
    collect="""mkdir -p nginx dentelle; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/; cp /srv/dentelle/*.js /srv/dentelle/*.sh /srv/dentelle/*.log /srv/dentelle/compose.yaml dentelle/; cp /var/log/compose.log compose-logs.txt; docker ps > docker-ps.txt; docker events > docker-events.txt; crontab -l > crontab.txt; cp /var/log/sonde.log sonde.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    logs, access, errors, cron = "compose-logs.txt", "nginx/access.log", "nginx/error.log", "crontab.txt"
    return {
        "root_cause": "No incident: the worker is renewed every half hour and finishes its task first; release 72 went through app1 and app2 one after the other, and nginx asked the other one meanwhile; scanners came for three minutes and got 403 and 404. Nobody got a 5xx.",
        "expected_no_incident": True,
        "innocent": [
            case.at(cron, "docker compose restart worker", why="every half hour, as meant; the worker ends its task first"), case.at(logs, "SIGTERM: je finis la tâche en cours", why="that renewal"),
            case.at("dentelle/mise-en-ligne.log", "version 72", why="a release without a failure"), case.at(logs, "SIGTERM: je termine les requêtes en cours", why="the release's restarts, one server at a time"), case.at("dentelle/mise-en-ligne.sh", "docker compose up -d --no-deps", why="one after the other"),
            case.at(errors, "access forbidden by rule", why="the scanners"), case.at(errors, "111: Connection refused", why="twice during the release; the other server answered, the clients got 200"), case.at(access, '" 404 ', why="bots"), case.at(access, '" 499 ', why="people who left"),
            case.at(logs, "image illisible", why="a bad picture now and then"), case.at(cron, "sauvegarde.sh", why="once an hour"), case.at(cron, "/healthz", why="only asks"),
        ],
        "measured": [case.measure(access, '" 5[0-9][0-9] '), case.measure(access, '" 499 '), case.measure(errors, "111: Connection refused"), case.measure(errors, "access forbidden by rule"), case.measure(access, '" 404 '), case.measure(logs, "SIGTERM"), case.measure(logs, "SIGTERM: je finis"), case.measure("sonde.txt", " up 200"), case.measure("sonde.txt", "DOWN")],
        "timezones": {"nginx, mise-en-ligne.log, sauvegarde.log": "Europe/Paris (+02:00)", "compose-logs.txt, docker-events.txt, sonde.txt": "UTC"},
        "how_made": REAL + " (with express, pino); docker is the lab's supervisor.",
    }  # fmt: skip
