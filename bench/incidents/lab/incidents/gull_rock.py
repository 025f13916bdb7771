# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A search engine's robot follows the link 'rebuild the index': a GET that does minutes of work in the only thread."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_CONTAINER, REAL

SERVER = r"""'use strict';
const express = require('express');
const bunyan = require('bunyan');
const log = bunyan.createLogger({ name: 'goeland', streams: [{ path: '/srv/goeland/log/goeland.json' }] });
let index = { fiches: 41870 };
function refaire() { // toutes les fiches, sans rien lâcher entre deux
  const debut = Date.now();
  let somme = 0;
  while (Date.now() - debut < 52000) somme += Math.sqrt(somme + 1);
  index = { fiches: 41870, somme };
  return Math.round((Date.now() - debut) / 1000);
}
const app = express();
app.get('/', (req, res) => res.send('<h1>Le Rocher aux Goélands</h1><p><a href="/fiches/1">fiches</a> <a href="/index/etat">état de l’index</a></p>'));
app.get('/fiches/:n', (req, res) => setTimeout(() => res.send(`<h2>fiche ${req.params.n}</h2>`), 60 + Math.random() * 240));
app.get('/recherche', (req, res) => setTimeout(() => res.json({ trouve: index.fiches % 97 }), 300));
app.get('/index/etat', (req, res) => res.send('<p>41870 fiches. <a href="/index/refaire">refaire l’index</a></p>'));
app.get('/index/refaire', (req, res) => {
  const duree = refaire();
  log.info({ fiches: index.fiches, duree }, 'index refait');
  res.redirect('/index/etat');
});
app.post('/observations', (req, res) => { log.info('observation reçue'); setTimeout(() => res.status(201).end(), 200); });
app.listen(4480, '127.0.0.1', () => log.info('prêt'));
setInterval(() => log.debug({ rss: process.memoryUsage().rss }, 'mémoire'), 60000);
process.on('SIGTERM', () => { log.warn('SIGTERM'); process.exit(0); });
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/erreurs.log;
events {}
http {
    access_log /var/log/nginx/acces.log combined;
    server {
        listen 80;
        server_name goelands.example.fr;
        location = /robots.txt { default_type text/plain; return 200 "User-agent: *\\nDisallow: /recherche\\n"; }
        location / {
            proxy_pass http://127.0.0.1:4480;
            proxy_read_timeout 20s;
        }
    }
}
"""
COMPOSE = """services:
  goeland:
    image: registre.example.fr/goeland:1.8
    container_name: goeland
    network_mode: host
    restart: unless-stopped
    cpus: 1
  nginx:
    image: nginx:1.22
    container_name: nginx
    network_mode: host
    restart: unless-stopped
"""
CRON = """# taches de rocher
*/12 * * * * deploy /srv/goeland/bin/plan-du-site.sh >> /srv/goeland/log/plan.log 2>&1
7,37 * * * * deploy /srv/goeland/bin/sauvegarde.sh >> /srv/goeland/log/sauvegarde.log 2>&1
"""
MAP = r"""#!/bin/bash
# plan du site : quelques pages suffisent, le reste se déduit
code=$(curl -s -m 90 -o /dev/null -w '%{http_code} en %{time_total}s' -H 'Host: goelands.example.fr' http://127.0.0.1/fiches/1)
echo "[$(date '+%d/%m %H:%M:%S')] plan du site : $code"
"""
BACKUP = r"""#!/bin/bash
# copie des fiches vers le NAS (lecture seule, à part du serveur)
sleep 55
echo "[$(date '+%d/%m %H:%M:%S')] sauvegarde : 41870 fiches, 0 erreur"
"""
BOT = "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"

INCIDENT = Incident(
    host="rocher", start="2026-05-26T14:21:00+02:00", minutes=100, factor=28, zone="Europe/Paris", apps=["/srv/goeland"],
    files={"/srv/goeland/server.js": SERVER, "/srv/goeland/compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/goeland": CRON, "/srv/goeland/bin/plan-du-site.sh": MAP, "/srv/goeland/bin/sauvegarde.sh": BACKUP},
    owners={"/srv/goeland/log": "deploy"}, prepare="mkdir -p /srv/goeland/log",
    services={"goeland": {"container": "goeland", "image": "registre.example.fr/goeland:1.8", "command": ["node", "server.js"], "directory": "/srv/goeland", "restart": "unless-stopped", "wait": 8}, "nginx": {**NGINX_CONTAINER, "container": "nginx"}},
    visitors={"base": "http://127.0.0.1", "host": "goelands.example.fr", "delay": 60,
              "visits": [{"perSecond": 0.4, "bots": 0.06, "aborts": 0.02, "abortAfter": 0.1, "paths": [[6, "GET", "/fiches/{n}"], [2, "POST", "/observations", "{}"], [1, "GET", "/recherche"], [1, "GET", "/"]]}],
              "monitors": [{"every": 21, "jitter": 70, "offset": 20, "path": "/fiches/77", "address": "198.51.100.24", "agent": BOT}, {"every": 640, "jitter": 900, "offset": 560, "path": "/index/refaire", "address": "198.51.100.24", "agent": BOT},
                           {"every": 300, "jitter": 200, "offset": 90, "path": "/index/etat", "address": "198.51.100.24", "agent": BOT}, {"every": 120, "path": "/", "address": "192.0.2.60", "agent": "Uptime-Kuma/1.23"}]},
    collect="""mkdir -p nginx app taches; cp /etc/nginx/nginx.conf /var/log/nginx/acces.log /var/log/nginx/erreurs.log nginx/; cp /srv/goeland/server.js /srv/goeland/compose.yml app/; cp /srv/goeland/log/goeland.json app/; cp /srv/goeland/bin/* taches/; cp /etc/cron.d/goeland taches/cron.d-goeland; cp /srv/goeland/log/plan.log /srv/goeland/log/sauvegarde.log taches/
docker ps -a > app/docker-ps.txt; cp /var/log/syslog .; rotate nginx/acces.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    errors, access, log = "nginx/erreurs.log", "nginx/acces.log", "app/goeland.json"
    route, loop, done = (
        case.at("app/server.js", "app.get('/index/refaire'"),
        case.at("app/server.js", "while (Date.now() - debut < 52000)"),
        case.at(log, "index refait"),
    )
    asked, older = case.at(access, "GET /index/refaire"), case.at("nginx/acces.log.1.gz", "GET /index/refaire")
    late, asks = case.at(errors, "upstream timed out (110"), case.at(errors, "GET /index/refaire")
    failed = case.at(access, '" 504 ')
    return {
        "root_cause_kind": "crawler-triggers-expensive-get",
        "root_cause": "AhrefsBot (198.51.100.24) follows links, among them /index/refaire on the page /index/etat, a plain GET: it rebuilds the whole index synchronously in node's only thread, some fifty seconds in which nobody is answered. nginx gives up after 20 s (110), 504. The robot comes at no regular time; robots.txt forbids only /recherche.",
        "verdict": "root-cause", "culprit": route, "culprit_alternatives": [loop, asked, older, asks, done, case.at("app/server.js", '<a href="/index/refaire">'), case.at("app/server.js", "const duree = refaire()")],
        "culprit_related": [case.at("nginx/nginx.conf", "Disallow: /recherche")],
        "chain": [
            hop("job_stalls_service", route, loop, done, asked, older, asks),
            hop("timeout_closes_connection", late, asks, case.at("nginx/nginx.conf", "proxy_read_timeout 20s")),
            hop("failure_reaches_clients", failed, late, case.at("nginx/acces.log.1.gz", '" 504 ')),
        ],
        "mechanism": ["AhrefsBot: GET /index/refaire", "refaire() computes for 52 s without yielding; nothing else is answered", "after 20 s upstream timed out (110) for everything that waits, the robot's own request first", "'index refait'; all that still waits is answered at once"],
        "innocent": [case.at("taches/cron.d-goeland", "plan-du-site.sh", why="every twelve minutes, one page; now and then it waits like the others"), case.at("taches/cron.d-goeland", "sauvegarde.sh", why=":07 and :37; reads beside the server"), case.whole("taches/plan-du-site.sh", "asks for one page"), case.whole("taches/sauvegarde.sh", "does not touch the server"),
                     case.at("app/compose.yml", "restart: unless-stopped", why="the container never ended"), case.at(access, "Uptime-Kuma", why="asks for the front page")],
        "period_s": None, "lag_s": 20,
        "measured": [case.measure(log, "index refait"), case.measure(errors, "upstream timed out", join=60), case.measure(errors, "GET /index/refaire"), case.measure(access, '" 504 ')],
        "timezones": {"goeland.json": "UTC (Z)", "others": "Europe/Paris (+02:00)"},
        "how_made": REAL + " (with express, bunyan); docker is the lab's supervisor; the index is a sum.",
    }  # fmt: skip
