# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""The site's own build fetches its pages eight at a time through nginx, where a limit against scrapers now allows six; what was refused is missing in what it publishes: 404."""

import re
from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const pino = require('pino');
const log = pino({ name: 'pintor' });
const app = express();
// perfil de altura, mapa y texto de una ruta; tarda lo suyo
app.get('/render/ruta/:n', (req, res) => {
  const t0 = Date.now();
  setTimeout(() => {
    res.send(`<html><h1>Ruta ${req.params.n}</h1><p>perfil</p></html>`);
    log.info({ ruta: Number(req.params.n), ms: Date.now() - t0 }, 'pintada');
  }, 1800 + Math.random() * 1800);
});
app.get('/api/tiempo', (req, res) => setTimeout(() => res.json({ cielo: 'despejado' }), 200));
app.post('/api/opinion', (req, res) => setTimeout(() => res.status(201).end(), 300));
app.listen(7070, '127.0.0.1', () => log.info('pintor escuchando en 7070'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

BUILD = r"""#!/bin/bash
# Genera la web: cada ruta se pide al pintor, por el dominio (enlaces absolutos), y se guarda tal cual.
cd /srv/guia || exit 1
inicio=$(date +%s)
rm -rf nueva viejo
mkdir -p nueva/ruta
cp -r estatico/. nueva/
xargs -P 8 -I{} curl -sf -m 60 -o nueva/ruta/{}.html http://guia-gorrion.example.es/render/ruta/{} < rutas.txt
mv publica viejo
mv nueva publica
echo "$(date '+%d/%m/%Y %H:%M:%S') publicada: $(ls publica/ruta | wc -l) paginas en $(($(date +%s) - inicio)) s"
"""

PHOTOS = "#!/bin/sh\n# fotos nuevas de los guardas\nsleep 7\necho \"$(date '+%d/%m/%Y %H:%M:%S') 0 fotos nuevas\"\n"

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 512; }
http {
    types { text/html html; text/css css; image/png png; }
    access_log /var/log/nginx/access.log combined;
    include /etc/nginx/conf.d/*.conf;
    server {
        listen 80 default_server;
        server_name guia-gorrion.example.es;
        root /srv/guia/publica;
        location /render/ { proxy_pass http://127.0.0.1:7070; }
        location /api/ { proxy_pass http://127.0.0.1:7070; }
        location / { index index.html; }
    }
}
"""

LIMITS = """# marta, 14/10: el robot de ayer tenia 40 conexiones a la vez. Una persona no pasa de 6.
limit_conn_zone $binary_remote_addr zone=por_ip:1m;
limit_conn por_ip 6;
limit_conn_status 429;
"""

NOTES = """13/10  un robot se baja la guia entera varias veces al dia, el pintor va lento (marta)
14/10  10:08  pintor 1.9 desplegado, sin novedad (iker)
14/10  10:2x  limite de conexiones en nginx, nginx -t ok, recargado (marta)
14/10  11:10  llamada del albergue: faltan rutas en la web, unas si y otras no?? a ratos vuelven
"""

ROUTES = [[3, "GET", f"/ruta/{n}.html"] for n in range(1, 111, 4)]

INCIDENT = Incident(
    host="gorrion", start="2026-10-14T09:41:00+02:00", minutes=93, factor=30, kind="systemd", zone="Europe/Madrid", users=["guia"], apps=["/srv/guia/pintor"],
    files={"/srv/guia/pintor/server.js": SERVER, "/srv/guia/build.sh": BUILD, "/srv/guia/fotos.sh": PHOTOS, "/srv/guia/NOTAS.txt": NOTES, "/srv/guia/rutas.txt": "".join(f"{n}\n" for n in range(1, 111)),
           "/srv/guia/estatico/index.html": "<h1>Guia Gorrion</h1>\n", "/srv/guia/estatico/estilo.css": "body { margin: 2em }\n", "/root/limites.conf": LIMITS, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/conf.d/gzip.conf": "gzip on;\n",
           "/etc/hosts": "127.0.0.1 localhost gorrion\n127.0.0.1 guia-gorrion.example.es\n",
           "/etc/cron.d/guia": "# m h dom mon dow usuario orden\n*/15 * * * * root /srv/guia/build.sh >> /var/log/guia/build.log 2>&1\n*/10 * * * * guia /srv/guia/fotos.sh >> /var/log/guia/fotos.log 2>&1\n"},
    prepare="mkdir -p /var/log/guia /srv/guia/publica/ruta; chown guia: /var/log/guia; cp -r /srv/guia/estatico/. /srv/guia/publica/; for n in $(seq 110); do echo \"<html><h1>Ruta $n</h1></html>\" > /srv/guia/publica/ruta/$n.html; done",
    services={"pintor": {"description": "Pintor de rutas", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/guia/pintor", "user": "guia", "restart": "always", "restart_seconds": 2, "log": {"kind": "plain", "path": "/var/log/guia/pintor.log"}, "wait": 12}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "guia-gorrion.example.es", "delay": 70,
              "visits": [{"perSecond": 0.35, "bots": 0.05, "aborts": 0.03, "abortAfter": 0.2, "paths": [*ROUTES, [12, "GET", "/"], [10, "GET", "/estilo.css"], [8, "GET", "/api/tiempo"], [2, "POST", "/api/opinion", "{}"], [1, "GET", "/ruta/{n}.html"]]}],
              "monitors": [{"path": f"/render/ruta/{n}", "every": 700, "offset": 200, "address": "198.51.100.201", "agent": "Scrapy/2.11 (+https://scrapy.org)"} for n in range(40, 49)]},
    during=[(26.6, "systemctl restart pintor"), (42.6, "cp /root/limites.conf /etc/nginx/conf.d/limites.conf; nginx -t -q && systemctl reload nginx")],
    collect="""mkdir -p nginx/conf.d guia log; cp /etc/nginx/nginx.conf nginx/; cp /etc/nginx/conf.d/*.conf nginx/conf.d/; cp /var/log/nginx/*.log log/; mv log/access.log log/nginx-access.log; mv log/error.log log/nginx-error.log; cp /srv/guia/*.sh /srv/guia/NOTAS.txt /srv/guia/pintor/server.js guia/
cp /var/log/guia/*.log log/; cp /var/log/syslog log/; cp /etc/cron.d/guia cron.d-guia; cp /etc/hosts hosts; ls /srv/guia/publica/ruta > ls-publica-ruta.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    access, errors, built = "log/nginx-access.log", "log/nginx-error.log", "log/build.log"
    limit, lanes = case.at("nginx/conf.d/limites.conf", "limit_conn por_ip 6"), case.at("guia/build.sh", "xargs -P 8")
    limited = case.at(errors, 'limiting connections by zone "por_ip", client: 127.0.0.1')
    refused = case.at(
        access, next(line for line in case.lines(access) if line.startswith("127.0.0.1 ") and '" 429 ' in line)[:90]
    )
    job, reload = case.at("cron.d-guia", "/srv/guia/build.sh"), case.at(errors, "signal 1 (SIGHUP) received")
    counts = [line for line in case.lines(built) if line and "publicada: 110 " not in line]
    short = case.at(built, counts[0][: counts[0].index(" en ")])
    pages = [re.search(r"publica/ruta/(\d+)\.html. failed", line) for line in case.lines(errors)]
    lost = list(dict.fromkeys(page[1] for page in pages if page and int(page[1]) <= 110))
    missing, *others = [case.at(errors, f'publica/ruta/{page}.html" failed (2') for page in lost]
    seen = [case.at(access, f'"GET /ruta/{page}.html HTTP/1.1" 404') for page in lost]
    return {
        "root_cause_kind": "own-job-meets-connection-limit",
        "root_cause": "At 10:23 nginx got limit_conn por_ip 6 against a scraper. build.sh, each quarter of an hour, asks for its 110 pages eight at a time through the same nginx, all from 127.0.0.1: many are answered 429, curl -sf writes nothing for them, "
        "nobody looks at xargs' status, and the folder is published with those pages missing: visitors get 404, others at each build.",
        "verdict": "root-cause", "culprit": limit, "culprit_alternatives": [lanes, case.at("nginx/conf.d/limites.conf", "limit_conn_zone"), limited], "culprit_related": [job, short, case.at("guia/NOTAS.txt", "limite de conexiones en nginx"), case.at("guia/build.sh", "mv nueva publica"), case.at("hosts", "guia-gorrion.example.es")],
        "chain": [
            hop("deploy_changes_configuration", limit, reload, case.at("guia/NOTAS.txt", "limite de conexiones en nginx")),
            hop("job_runs_script", job, case.at("log/syslog", "CMD (/srv/guia/build.sh")),
            hop("limit_rejects_requests", limited, refused, limit, lanes),
            hop("failure_reaches_clients", missing, *others, *seen, short, case.at("guia/build.sh", "mv nueva publica")),
        ],
        "mechanism": ["10:23 limites.conf, nginx reloaded", "10:30, 10:45, ... build.sh: xargs -P 8 curl -sf through nginx", "limiting connections by zone por_ip, client 127.0.0.1: 429", "curl -f leaves no file, the build goes on", "the folder with fewer than 110 pages takes the place of the whole one", "open() ... failed (2): 404"],
        "contributing": [case.at("guia/build.sh", "mv nueva publica", why="publishes whatever there is, no count, no status")],
        "innocent": [case.at("cron.d-guia", "/srv/guia/fotos.sh", why="every ten minutes, only a line"), case.whole("guia/fotos.sh", "touches nothing"), case.at("log/pintor.log", "SIGTERM", why="the planned deploy of 1.9 at 10:08; the build at 10:15 is whole"),
                     case.at("log/syslog", "Stopping pintor.service", why="the same deploy"), case.at(access, "Scrapy/2.11", why="the scraper; it is limited as was meant"), case.at("guia/server.js", "setTimeout(() => {", why="slow, but it always was")],
        "period_s": None, "lag_s": case.lag(case.times("log/syslog", r"CMD \(/srv/guia/build.sh"), case.times(errors, "limiting connections .*client: 127")), "step_change_at": str(case.times(errors, "signal 1 .SIGHUP. received")[0]),
        "measured": [case.measure(errors, "limiting connections .*client: 127.0.0.1", join=120), case.measure(access, '^127.0.0.1 .*" 429 ', join=120), case.measure(built, "publicada: 110 "), case.measure(built, "publicada: "), case.measure(errors, r"publica/ruta/([1-9]\d?|10\d|110)\.html. failed"),
                     case.measure(access, r'"GET /ruta/([1-9]\d?|10\d|110)\.html HTTP/1\.1" 404 ')],
        "timezones": {"log/pintor.log": "epoch milliseconds", "others": "Europe/Madrid (+02:00)"},
        "how_made": REAL + " with express and pino; systemctl is the lab's supervisor.",
    }  # fmt: skip
