# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A watch takes the age of the log's last line for the service's pulse; a release stamps the log in UTC, the watch cuts off the Z and reads it as Lisbon time."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const log = require('./logger');
const { version } = require('./package.json');

const app = express();
const entregas = new Map();

app.use(express.json());
app.get('/', (req, res) => res.send('<h1>Cooperativa do Amendoal</h1>'));
app.get('/api/lotes/:n', (req, res) => {
  log.info(`lote ${req.params.n} consultado`);
  setTimeout(() => res.json({ lote: Number(req.params.n), quilos: (req.params.n * 37) % 900 }), 20);
});
app.post('/api/entregas', (req, res) => {
  const n = Number(req.body.lote);
  if (n % 60 === 0) {
    log.warn(`entrega recusada, lote ${n} ja fechado`);
    return res.status(409).end();
  }
  entregas.set(n, req.body);
  log.info(`entrega registada, lote ${n}`);
  return res.status(201).end();
});

const server = app.listen(3060, '127.0.0.1', () => log.info(`amendoal ${version} a escuta em 127.0.0.1:3060`));
setInterval(() => log.info(`pulso: ${entregas.size} entregas, ${Math.round(process.memoryUsage().rss / 1e6)} MB`), 60000);
process.on('SIGTERM', () => {
  log.info('SIGTERM, a fechar');
  server.close();
  setTimeout(() => process.exit(0), 500);
});
"""

LOGGER_OLD = r"""const { createLogger, format, transports } = require('winston');

module.exports = createLogger({
  format: format.combine(
    format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }),
    format.printf((i) => `${i.timestamp} ${i.level}: ${i.message}`),
  ),
  transports: [new transports.File({ filename: '/var/log/amendoal/app.log' })],
});
"""
LOGGER_NEW = LOGGER_OLD.replace(
    "format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }),", "format.timestamp(), // ISO, como pede o painel do Loki"
)

WATCH = r"""#!/bin/bash
# vigia: quando o registo para, o processo esta pendurado -> reiniciar
# (aconteceu duas vezes em fevereiro, com o driver antigo)
LOG=/var/log/amendoal/app.log
MAX=900   # segundos; ha um "pulso" por minuto

ultima=$(tail -n 1 "$LOG" | cut -c 1-19)
idade=$(( $(date +%s) - $(date -d "$ultima" +%s) ))

if [ "$idade" -gt "$MAX" ]; then
    echo "$(date '+%F %T') ultima linha ha ${idade} s, reinicio" >> /var/log/amendoal/vigia.log
    systemctl restart amendoal
else
    echo "$(date '+%F %T') ok, ultima linha ha ${idade} s" >> /var/log/amendoal/vigia.log
fi
"""

METEO = r"""#!/bin/bash
# previsao do IPMA para os talhoes
sleep 14
logger -t meteo "24 talhoes atualizados"
"""

COPY = r"""#!/bin/bash
# copia de seguranca das entregas para o NAS
sleep 25
logger -t copia "entregas-$(date +%H%M).tar.gz, 3.1 MB"
"""

DEPLOY = r"""#!/bin/bash
# deploy.sh VERSAO
set -e
cd /srv/amendoal
echo "[$(date '+%F %T')] deploy $1 (antes: $(readlink current))"
ln -sfn "releases/$1" current
systemctl restart amendoal
sleep 90
curl -s -m 10 -o /dev/null -w "verificacao: %{http_code}\n" http://127.0.0.1/api/lotes/1
echo "[$(date '+%F %T')] feito"
"""

UNIT = """[Unit]
Description=Amendoal API
After=network.target

[Service]
User=amendoal
WorkingDirectory=/srv/amendoal/current
ExecStart=/usr/bin/node server.js
Restart=always
RestartSec=3

[Install]
WantedBy=multi-user.target
"""

NGINX = """user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name amendoal.example.pt;
        location /privado/ { deny all; }
        location / {
            proxy_pass http://127.0.0.1:3060;
            proxy_set_header X-Forwarded-For $remote_addr;
        }
    }
}
"""

CRON = """SHELL=/bin/bash
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
*/10 * * * *   root      /opt/amendoal/vigia.sh
*/10 * * * *   amendoal  /opt/amendoal/meteo.sh
8,38 * * * *   root      /opt/amendoal/copia.sh
"""

INCIDENT = Incident(
    host="quinta1", start="2026-07-08T14:36:00+01:00", minutes=70, factor=30, kind="systemd", zone="Europe/Lisbon", users=["amendoal"],
    apps=["/srv/amendoal/releases/3.4.2", "/srv/amendoal/releases/3.5.0"],
    files={f"/srv/amendoal/releases/{version}/{name}": text for version, logger in (("3.4.2", LOGGER_OLD), ("3.5.0", LOGGER_NEW))
           for name, text in {"server.js": SERVER, "logger.js": logger, "package.json": f'{{"name":"amendoal","version":"{version}","private":true}}\n'}.items()}
    | {"/opt/amendoal/vigia.sh": WATCH, "/opt/amendoal/meteo.sh": METEO, "/opt/amendoal/copia.sh": COPY, "/srv/amendoal/deploy.sh": DEPLOY, "/etc/cron.d/amendoal": CRON,
       "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/amendoal.service": UNIT},
    prepare="mkdir -p /var/log/amendoal; chown amendoal: /var/log/amendoal; cd /srv/amendoal; ln -s releases/3.4.2 current",
    services={"amendoal": {"description": "Amendoal API", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/amendoal/current", "user": "amendoal", "restart": "always", "restart_seconds": 3, "wait": 30},
              "nginx": NGINX_UNIT},
    during=[(26.5, "cd /srv/amendoal; ./deploy.sh 3.5.0 >> deploy.log 2>&1 &")],
    visitors={"base": "http://127.0.0.1", "host": "amendoal.example.pt", "delay": 80,
              "visits": [{"perSecond": 0.45, "bots": 0.06, "aborts": 0.01, "abortAfter": 0.3, "paths": [[5, "GET", "/api/lotes/{n}"], [3, "POST", "/api/entregas", '{"lote":{n}}'], [2, "GET", "/"]]}]},
    collect="""mkdir -p srv/current opt etc/cron.d etc/nginx log/nginx; cp /srv/amendoal/current/*.js* srv/current/; cp /srv/amendoal/deploy.sh /srv/amendoal/deploy.log srv/; cp /opt/amendoal/*.sh opt/; cp /etc/cron.d/amendoal etc/cron.d/
cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/systemd/system/amendoal.service etc/; cp /var/log/amendoal/*.log log/; grep -v rsyslogd /var/log/syslog > log/syslog; cp /var/log/nginx/*.log log/nginx/; systemctl status amendoal > systemctl-status.txt; rotate log/nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    watch, seen, log, errors = "opt/vigia.sh", "log/vigia.log", "log/app.log", "log/nginx/error.log"
    read, age, limit = case.at(watch, "cut -c 1-19"), case.at(watch, 'date -d "$ultima"'), case.at(watch, '-gt "$MAX"')
    line, told, act = (
        case.at("etc/cron.d/amendoal", "vigia.sh"),
        case.at(seen, "reinicio"),
        case.at(watch, "systemctl restart amendoal"),
    )
    gone, refused = case.at(log, "Z info: SIGTERM, a fechar"), case.at(errors, "111: Connection refused")
    logger, deployed = case.at("srv/current/logger.js", "format.timestamp()"), case.at("srv/deploy.log", "deploy 3.5.0")
    restarts, stops = case.times(seen, "reinicio"), case.times(log, "Z info: SIGTERM", 1)
    failed = next(
        case.at(f"log/nginx/{name}", '" 502 ')
        for name in ("access.log.1.gz", "access.log")
        if case.times(f"log/nginx/{name}", '" 502 ')
    )
    return {
        "root_cause_kind": "log-age-read-in-wrong-zone",
        "root_cause": "vigia.sh, every ten minutes from cron, takes the first 19 characters of the log's last line for local time. Release 3.5.0 (15:02) logs ISO stamps in UTC; without their Z they look an hour old in Lisbon's summer: "
        "more than 900 s, so a well service is restarted each time.",
        "verdict": "root-cause", "culprit": age, "culprit_alternatives": [read, limit, act, told, logger],
        "culprit_related": [line, case.at(watch, "MAX=900"), deployed],
        "chain": [
            hop("deploy_changes_configuration", logger, deployed, case.at(log, "amendoal 3.5.0 a escuta")),
            hop("job_runs_script", line, case.at("log/syslog", "/opt/amendoal/vigia.sh)")),
            hop("probe_gets_answer", age, read, told),
            hop("answer_takes_branch", limit, told),
            hop("effect_hits_service", act, told),
            hop("process_terminates", gone, case.at("log/syslog", "Stopping amendoal.service")),
            hop("termination_refuses_connections", refused),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["15:02 release 3.5.0: winston stamps in UTC (…Z) instead of local time", "cron, */10: vigia.sh cuts the stamp to 19 characters, date -d reads it as Europe/Lisbon (+01:00)", "age 3600 s and some > 900", "systemctl restart amendoal", "SIGTERM, a new process half a minute later; meanwhile connect() failed (111), 502", "14:40 to 15:00 the same watch said ok, some seconds"],
        "innocent": [case.at("etc/cron.d/amendoal", "meteo.sh", why="same minutes; only logs"), case.at("etc/cron.d/amendoal", "copia.sh", why="at :08 and :38, only logs"), case.whole("opt/copia.sh", "touches nothing of the service"),
                     case.at("etc/amendoal.service", "Restart=always", why="the stops were ordered"), case.at("srv/deploy.sh", "systemctl restart amendoal", why="once, as planned; what it brought matters, not its restart")],
        "period_s": 600, "lag_s": case.lag(restarts, stops, 60), "step_change_at": str(case.times("srv/deploy.log", "deploy 3.5.0")[0]),
        "lags": {"restart told -> first refused": case.lag(restarts, case.times(errors, "111: Connection refused"), 120)},
        "measured": [case.measure(seen, "reinicio"), case.measure(seen, "ok, ultima"), case.measure(log, "SIGTERM, a fechar"), case.measure(errors, "111: Connection refused", join=120)],
        "timezones": {log: "Europe/Lisbon without saying so until 15:02, UTC (Z) after", "others": "Europe/Lisbon (+01:00)"},
        "how_made": REAL + " (with express, winston); systemctl and systemd's lines are the lab's supervisor.",
    }  # fmt: skip
