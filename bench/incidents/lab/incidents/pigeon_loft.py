# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A watchdog counts errors in the last lines of the log; after a short trouble at the SMS gateway the old lines stay among them all evening, and it restarts again and again."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const http = require('node:http');
const express = require('express');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const logger = winston.createLogger({
  format: combine(timestamp({ format: 'YYYY/MM/DD HH:mm:ss.SSS' }), printf((i) => `${i.timestamp} [${i.level}] ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/colombier/api.log' })],
});
const app = express();
app.use(express.json());
const queue = [];

app.get('/vivant', (req, res) => res.send('oui'));
app.get('/vols/:n', (req, res) => setTimeout(() => res.json({ vol: req.params.n, pigeons: 31 }), 60 + Math.random() * 200));
app.post('/arrivees', (req, res) => {
  logger.info(`arrivee: bague ${req.body.bague}`);
  queue.push({ to: `+1418555${String(req.body.bague).padStart(4, '0')}`, tries: 0 });
  res.status(202).end();
});

// the breeder gets a text message; what fails is tried again later
setInterval(() => {
  const message = queue.shift();
  if (!message) return;
  const request = http.request({ host: '172.18.0.40', port: 8013, method: 'POST', path: '/send', timeout: 9000 }, (reply) => { reply.resume(); logger.info(`texto ${message.to} ok`); });
  request.on('error', (error) => { message.tries += 1; logger.error(`texto ${message.to}: ${error.message}, essai ${message.tries}`); queue.push(message); });
  request.end(message.to);
}, 4000);

logger.info('colombier 1.9 demarre');
logger.info(`node ${process.version}, journal winston`);
logger.info('lecture des classements');
setTimeout(() => {
  logger.info('classements: 14 courses, 2210 pigeons');
  app.listen(3900, '127.0.0.1', () => logger.info('ecoute sur 3900'));
}, 11000);
process.on('SIGTERM', () => { logger.warn(`SIGTERM, ${queue.length} textos en file`); logger.on('finish', () => process.exit(0)); logger.end(); });
"""
GATEWAY = r"""import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Gateway(BaseHTTPRequestHandler):
    def do_POST(self):
        if os.path.exists("/run/gateway-down"):
            self.connection.close()
            return
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


ThreadingHTTPServer(("172.18.0.40", 8013), Gateway).serve_forever()
"""
WATCH = """#!/bin/bash
# chien de garde: trop d'erreurs dans le journal => on redemarre
# (en mai l'api restait bloquee avec des erreurs jusqu'a ce qu'on la redemarre)
JOURNAL=/var/log/colombier/api.log
MAX=5

n=$(tail -n 300 "$JOURNAL" | grep -c '\\[error\\]')
if [ "$n" -gt "$MAX" ]; then
    logger -t chien-de-garde "$n erreurs dans le journal, redemarrage de colombier"
    systemctl restart colombier
else
    logger -t chien-de-garde "$n erreurs, rien a faire"
fi
"""
BACKUP = """#!/bin/bash
# copie des classements vers le bureau
sleep 12
logger -t copie "classements copies, $((RANDOM % 40 + 200)) ko"
"""
WEATHER = """#!/bin/bash
# vent et visibilite le long du parcours
sleep 5
[ $((RANDOM % 5)) -gt 0 ] && logger -t meteo "meteo a jour" || logger -t meteo "ERREUR: station Levis muette"
"""
CRON = """# m h dom mon dow user command
*/5 * * * * root /opt/colombier/bin/chien-de-garde.sh
*/5 * * * * nobody /opt/colombier/bin/meteo.sh
*/30 * * * * nobody /opt/colombier/bin/copie.sh
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/colombier.error.log;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/colombier.access.log combined;
    server {
        listen 80;
        server_name colombier.example.ca;
        location / {
            proxy_pass http://127.0.0.1:3900;
            proxy_read_timeout 30s;
        }
    }
}
"""
UNIT = """[Unit]
Description=Colombier, arrivees en direct

[Service]
WorkingDirectory=/opt/colombier/api
ExecStart=/usr/bin/node server.js
Restart=always
RestartSec=3
"""

INCIDENT = Incident(
    host="colombier", start="2026-08-22T19:33:00-04:00", minutes=100, factor=30, kind="systemd", zone="America/Toronto", apps=["/opt/colombier/api"],
    files={"/opt/colombier/api/server.js": SERVER, "/usr/lib/lab/gateway.py": GATEWAY, "/opt/colombier/bin/chien-de-garde.sh": WATCH, "/opt/colombier/bin/meteo.sh": WEATHER, "/opt/colombier/bin/copie.sh": BACKUP, "/etc/cron.d/colombier": CRON, "/etc/nginx/nginx.conf": NGINX, "/etc/systemd/system/colombier.service": UNIT},
    prepare="mkdir -p /var/log/colombier; setsid python3 /usr/lib/lab/gateway.py > /dev/null 2>&1 &",
    services={"colombier": {"description": "Colombier, arrivees en direct", "command": ["/usr/bin/node", "server.js"], "directory": "/opt/colombier/api", "restart": "always", "restart_seconds": 3, "wait": 18}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "colombier.example.ca", "delay": 75,
              "visits": [{"perSecond": 0.3, "bots": 0.05, "aborts": 0.02, "abortAfter": 0.1, "paths": [[1, "GET", "/vols/{n}"]]}, {"perSecond": 0.016, "bots": 0, "paths": [[1, "POST", "/arrivees", '{"bague":{n}}']]}],
              "monitors": [{"path": "/vivant", "every": 180, "jitter": 10, "address": "192.0.2.201", "agent": "Better Stack"}]},
    during=[(28.2, "touch /run/gateway-down"), (30.4, "rm /run/gateway-down")],
    collect="""mkdir -p journaux nginx bin; cp /var/log/colombier/api.log /var/log/syslog journaux/; cp /var/log/nginx/* journaux/; cp /etc/nginx/nginx.conf nginx/; cp /opt/colombier/bin/*.sh bin/; cp /etc/cron.d/colombier crontab-colombier.txt; cp /etc/systemd/system/colombier.service /opt/colombier/api/server.js .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, system, errors, access, script, cron = (
        "journaux/api.log",
        "journaux/syslog",
        "journaux/colombier.error.log",
        "journaux/colombier.access.log",
        "bin/chien-de-garde.sh",
        "crontab-colombier.txt",
    )
    count, branch, act, limit = (
        case.at(script, 'n=$(tail -n 300 "$JOURNAL"'),
        case.at(script, 'if [ "$n" -gt "$MAX" ]'),
        case.at(script, "systemctl restart colombier"),
        case.at(script, "MAX=5"),
    )
    told, stopping, ended, job = (
        case.at(system, "erreurs dans le journal, redemarrage"),
        case.at(system, "Stopping colombier.service"),
        case.at(log, "SIGTERM"),
        case.at(cron, "chien-de-garde.sh"),
    )
    ran, refused, failed, hang = (
        case.at(system, "CMD (/opt/colombier/bin/chien-de-garde.sh)"),
        case.at(errors, "111: Connection refused"),
        case.at(access, '" 502 '),
        case.at(log, "socket hang up"),
    )
    alarms, hangs = case.times(system, "redemarrage de colombier"), case.times(log, "socket hang up")
    assert (alarms[-1] - hangs[-1]).total_seconds() > 1800, (alarms, hangs[-1:])
    return {
        "root_cause_kind": "watchdog-counts-old-errors",
        "root_cause": f"chien-de-garde.sh (cron, */5) restarts colombier when more than five of the log's last 300 lines say [error], whenever those were written. The SMS gateway failed for two minutes at 20:01; the failed texts were sent a little later, but in a quiet evening their {len(hangs)} error lines stay among the last 300 for more than an hour: a healthy API is restarted every five minutes.",
        "verdict": "root-cause", "culprit": count, "culprit_alternatives": [branch, act, limit, told], "culprit_related": [job, hang, case.at(script, "JOURNAL=")],
        "chain": [
            hop("job_runs_script", job, ran),
            hop("answer_takes_branch", branch, count, told, hang),
            hop("effect_hits_service", act, told, stopping),
            hop("process_terminates", ended, stopping),
            hop("termination_refuses_connections", refused, ended),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["20:01 to 20:03 the gateway hangs up: [error] texto ...: socket hang up; tried again and sent", "from 20:05 on every five minutes: n erreurs dans le journal, redemarrage", "no new [error] is written; a restart and the few arrivals bring too few lines to push the old ones out", "SIGTERM, eleven seconds of reading: connect() failed (111), 502"],
        "contributing": [hang | {"why": "the gateway's two bad minutes; without them nothing would have been counted. No visitor met them"}],
        "innocent": [case.at(cron, "meteo.sh", why="every five minutes too; a line in syslog"), case.at(system, "ERREUR: station Levis muette", why="a weather station, all evening; in syslog, not in the log that is counted"), case.at(cron, "copie.sh", why="each half hour"), case.whole("bin/copie.sh", "touches nothing"),
                     case.at("colombier.service", "Restart=always", why="every stop was ordered"), case.at("server.js", "queue.push(message); });", why="tries again, as meant")],
        "period_s": 300, "lag_s": case.lag(case.times(system, r"CMD \(/opt/colombier/bin/chien"), case.times(log, "SIGTERM"), 30), "lags": {"SIGTERM -> listening": case.lag(case.times(log, "SIGTERM"), case.times(log, "ecoute sur"))}, "step_change_at": str(alarms[0]),
        "measured": [case.measure(system, "redemarrage de colombier"), case.measure(log, "socket hang up"), case.measure(log, "SIGTERM"), case.measure(system, "rien a faire"), case.measure(errors, "111: Connection refused", join=60), case.measure(access, '" 502 ', join=60)],
        "timezones": {"all": "America/Toronto (-04:00)"},
        "how_made": REAL + " with express and winston; systemctl is the lab's supervisor. The SMS gateway is a small program that closed its connections for two minutes.",
    }  # fmt: skip
