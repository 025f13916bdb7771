# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""pm2 itself restarts the application by its own schedule (cron_restart in the process file); cron has two jobs at the same minutes."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const http = require('http');
const { Server } = require('socket.io');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY/MM/DD HH:mm:ss' }), winston.format.printf((i) => `${i.timestamp} | ${i.level} | ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/srv/muelle/logs/aplicacion.log' })],
});
const app = express();
app.get('/lotes/:n', (req, res) => setTimeout(() => res.json({ lote: req.params.n, sacos: 40 }), 70 + Math.random() * 400));
app.post('/pesadas', (req, res) => { log.info('pesada apuntada'); setTimeout(() => res.status(201).end(), 250); });
app.get('/informe', (req, res) => setTimeout(() => res.json({ sacos: 18212 }), 900));
const server = http.createServer(app);
const io = new Server(server);
io.on('connection', (s) => { log.info(`pantalla ${s.id} conectada`); s.on('disconnect', (motivo) => log.info(`pantalla ${s.id} fuera (${motivo})`)); });
log.info('arranque: leyendo tarifas y lotes');
setTimeout(() => server.listen(5150, '127.0.0.1', () => log.info('abierto en 5150')), 9000);
process.on('SIGINT', () => { log.warn('SIGINT, cierro'); setTimeout(() => process.exit(0), 300); });
"""
PROCESSES = """apps:
  - name: muelle
    script: ./server.js
    cwd: /srv/muelle
    exec_mode: fork
    instances: 1
    autorestart: true
    max_memory_restart: 600M
    kill_timeout: 5000
    cron_restart: "6-59/18 * * * *"
    time: true
    env:
      NODE_ENV: production
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format muelle '$time_iso8601 $status $request_method $uri $remote_addr $request_time "$http_user_agent"';
    access_log /var/log/nginx/muelle.log muelle;
    map $http_upgrade $conexion { default upgrade; '' close; }
    server {
        listen 80;
        server_name muelle.example.ec;
        location / {
            proxy_pass http://127.0.0.1:5150;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $conexion;
        }
    }
}
"""
SUMS = r"""#!/bin/bash
# sumas de la bolsa: pide el informe y lo guarda
set -e
out=/srv/muelle/informes/$(date +%H%M).json
curl -fsS -m 20 -H 'Host: muelle.example.ec' http://127.0.0.1/informe -o "$out"
logger -t sumas "informe guardado ($(stat -c %s "$out") bytes)"
"""
BALANCE = r"""#!/bin/bash
# lee las balanzas; si una no contesta, se reinicia su servicio de lectura (no la aplicacion)
sleep 3
logger -t balanzas "6 de 6 balanzas contestan"
exit 0
systemctl restart lector-balanzas
"""
CRON = """# /etc/cron.d/muelle
PATH=/usr/local/bin:/usr/bin:/bin
*/6 * * * * deploy /srv/muelle/bin/balanzas
6-59/9 * * * * deploy /srv/muelle/bin/sumas
0 1 * * * deploy pm2 restart muelle
"""
NOTES = """Bitácora de muelle01
2026-08-03  Rosa   max_memory_restart a 600M, la de 200M reiniciaba a cada rato
2026-08-20  Iván   la aplicación se quedaba colgada por las tarifas; puesto remedio provisional en procesos.yml
2026-09-01  Rosa   1.19: tarifas arregladas, ya no se cuelga
2026-09-08  Rosa   pm2 reiniciado entero (pm2 kill, pm2 start procesos.yml) por la versión nueva de node
"""

INCIDENT = Incident(
    host="muelle01", start="2026-09-08T10:19:00-05:00", minutes=104, factor=28, kind="systemd", zone="America/Guayaquil", apps=["/srv/muelle", "/usr/lib/pm2"],
    files={"/srv/muelle/server.js": SERVER, "/srv/muelle/procesos.yml": PROCESSES, "/etc/nginx/nginx.conf": NGINX, "/srv/muelle/bin/sumas": SUMS, "/srv/muelle/bin/balanzas": BALANCE, "/etc/cron.d/muelle": CRON, "/srv/muelle/BITACORA": NOTES},
    prepare="mkdir -p /srv/muelle/logs /srv/muelle/informes /home/deploy/.pm2; chown -R deploy: /home/deploy /srv/muelle/logs /srv/muelle/informes",
    services={"pm2-deploy": {"description": "PM2 process manager", "command": ["pm2", "start", "/srv/muelle/procesos.yml", "--no-daemon"], "directory": "/srv/muelle", "user": "deploy",
                             "environment": {"PM2_HOME": "/home/deploy/.pm2", "HOME": "/home/deploy"}, "restart": "always", "log": {"kind": "plain", "path": "/var/log/pm2.log"}, "wait": 50}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "muelle.example.ec", "delay": 120,
              "visits": [{"perSecond": 0.3, "bots": 0.05, "aborts": 0.02, "abortAfter": 0.2, "paths": [[4, "GET", "/lotes/{n}"], [2, "POST", "/pesadas", "{}"]]}],
              "browsers": [{"count": 5, "emitEvery": 60, "spread": 8}]},
    collect="""mkdir -p muelle/logs muelle/bin nginx sistema; cp /srv/muelle/server.js /srv/muelle/procesos.yml /srv/muelle/BITACORA muelle/; cp /srv/muelle/logs/* muelle/logs/; cp /srv/muelle/bin/* muelle/bin/; cp /etc/cron.d/muelle sistema/cron.d-muelle; cp /var/log/syslog sistema/
cp /etc/nginx/nginx.conf /var/log/nginx/muelle.log /var/log/nginx/error.log nginx/; rotate nginx/muelle.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, cron, errors, access = "muelle/logs/aplicacion.log", "sistema/cron.d-muelle", "nginx/error.log", "nginx/muelle.log"
    schedule = case.at("muelle/procesos.yml", "cron_restart:")
    end, refused, failed = case.at(log, "SIGINT, cierro"), case.at(errors, "111: Connection refused"), case.at(access, " 502 ")
    return {
        "root_cause_kind": "process-manager-scheduled-restart",
        "root_cause": "procesos.yml tells pm2 to restart muelle at minutes 6, 24 and 42 (cron_restart \"6-59/18 * * * *\"), a stopgap of 20 August that nobody took away: SIGINT, then half a minute and more until it listens again, 502. cron starts balanzas (every six minutes) and sumas (6-59/9) at the same minutes; they also run at the others, and nothing happens then.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": schedule, "culprit_alternatives": [], "culprit_related": [case.at("muelle/BITACORA", "remedio provisional"), case.at("muelle/BITACORA", "pm2 kill")],
        "chain": [
            hop("effect_hits_service", schedule, end),
            hop("process_terminates", end),
            hop("supervisor_restarts_process", case.at(log, "arranque: leyendo tarifas", nth=2), schedule, case.at("muelle/procesos.yml", "autorestart: true")),
            hop("termination_refuses_connections", refused, end),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["pm2's cron_restart at :06, :24, :42", "SIGINT, 'cierro'; every screen loses its socket", "some time to start and to read the tariffs before it listens", "connect() failed (111), 502"],
        "innocent": [case.at(cron, "balanzas", why="every six minutes, so at each restart, but at seven other minutes of the hour as well"), case.at(cron, "bin/sumas", why="at :06, :24, :42 too, but also at :15, :33, :51; reads a report"), case.at(cron, "pm2 restart muelle", why="at one in the morning, not in these hours"),
                     case.at("muelle/bin/balanzas", "systemctl restart lector-balanzas", why="never reached, behind exit 0, and another service"), case.whole("muelle/bin/sumas", "asks for a report"), case.at("muelle/procesos.yml", "max_memory_restart: 600M", why="far away"),
                     case.at("muelle/BITACORA", "1.19: tarifas", why="a week ago")],
        "period_s": 1080, "lag_s": None,
        "measured": [case.measure(log, "SIGINT, cierro"), case.measure(log, "abierto en 5150"), case.measure(errors, "111: Connection refused", join=60), case.measure(access, " 502 ", join=60)],
        "timezones": {"all": "America/Guayaquil (-05:00)"},
        "how_made": REAL + ", under pm2 (with express, socket.io, winston); pm2's own log was not handed over. Its start after each restart looks longer than in life (scaled clock).",
    }  # fmt: skip
