# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A watchdog takes the age of the log's last line for the pulse; since a release that logs only orders, a quiet quarter of an hour looks like a hang."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const { createServer } = require('http');
const { Server } = require('socket.io');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  level: process.env.LOG_LEVEL || 'info',
  format: combine(timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }), printf((i) => `${i.timestamp} ${i.level.padEnd(5)} ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/amber/app.log' })],
});
const app = express();
const server = createServer(app);
const io = new Server(server);
app.use((req, res, next) => {
  res.on('finish', () => log.@LEVEL@(`${req.method} ${req.originalUrl} ${res.statusCode}`));
  next();
});
app.get('/healthz', (req, res) => res.send('ok'));
app.get('/listy/:n', (req, res) => setTimeout(() => res.json({ list: Number(req.params.n), status: 'wydrukowany' }), 60));
app.get('/', (req, res) => res.send('<h1>Bursztynowa Poczta</h1>'));
app.post('/zamowienia', express.json(), (req, res) => setTimeout(() => {
  if (req.body.list % 40 === 0) { log.warn(`zamowienie ${req.body.list}: brak adresu`); return res.status(422).end(); }
  log.info(`zamowienie ${req.body.list} przyjete`);
  io.emit('nowe', req.body.list);
  return res.status(201).end();
}, 110));
server.listen(5060, '127.0.0.1', () => log.info(`amber @VERSION@ slucha na 5060 (pid ${process.pid})`));
process.on('SIGTERM', () => {
  log.info('SIGTERM, zamykam');
  io.close();
  setTimeout(() => process.exit(0), 1500);
});
"""

VIGIL = r"""#!/bin/bash
# amber-vigil - pilnuje amber.service (jednostka amber-vigil.service)
# W lutym proces wisial i nic nie pisal, a port dalej byl otwarty. Dlatego patrzymy na log:
# API pisze linie przy kazdym zadaniu, wiec jesli milczy dluzej niz MAX sekund, to wisi.
LOG=/var/log/amber/app.log
MAX=240

while true; do
    last=$(tail -n 1 "$LOG" | cut -c1-19)
    age=$(( $(date +%s) - $(date -d "$last" +%s) ))
    if [ "$age" -gt "$MAX" ]; then
        echo "ostatnia linia ma ${age}s (max ${MAX}s) - amber wisi, restart"
        systemctl restart amber.service
        sleep 60
    fi
    sleep 30
done
"""

UNIT = """[Unit]
Description=Amber API
After=network.target

[Service]
User=amber
WorkingDirectory=/opt/amber/current
EnvironmentFile=/etc/default/amber
ExecStart=/usr/bin/node server.js
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""
VIGIL_UNIT = """[Unit]
Description=Straznik Amber
After=amber.service

[Service]
ExecStart=/usr/local/sbin/amber-vigil
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""

NGINX = """server {
    listen 80 default_server;
    server_name poczta.example.pl;
    access_log /var/log/nginx/poczta.access.log;
    error_log /var/log/nginx/poczta.error.log;
    location / {
        proxy_pass http://127.0.0.1:5060;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_read_timeout 120s;
    }
}
"""
MAIN = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
events { worker_connections 768; }
http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    include /etc/nginx/sites-enabled/*;
}
"""

CRON = """# m h  dom mon dow   command
*/5 * * * * /opt/amber/bin/kolejka-drukarni.sh
*/20 * * * * /opt/amber/bin/sprzatanie.sh >> /var/log/amber/sprzatanie.log 2>&1
40 3 * * * systemctl restart cups
"""
QUEUE = """#!/bin/bash
# ile listow czeka na drukarke
sleep 4
logger -t kolejka "czeka: $((RANDOM % 30))"
"""
CLEAN = """#!/bin/bash
# stare pliki PDF; konczy tez zawieszone podglady (starsze niz godzina)
echo "$(date '+%F %T') sprzatanie start"
pkill -f --older 3600 pdf-podglad || echo "nic do zakonczenia"
sleep 20
echo "$(date '+%F %T') sprzatanie koniec, usunieto $((RANDOM % 5))"
"""
CHANGES = """# Zmiany

## 3.8.0
- log: zadania HTTP maja teraz poziom `http`, w app.log zostaja zamowienia, ostrzezenia i bledy (dysk!)
- nowy szablon koperty C5

## 3.7.4
- poprawka sortowania list
"""
DEPLOY = """ln -sfn /opt/amber/releases/3.8.0 /opt/amber/current; systemctl restart amber; sleep 12
echo "$(date '+%F %T') 3.7.4 -> 3.8.0 (marta), /healthz: $(curl -s -m 30 http://127.0.0.1:5060/healthz)" >> /var/log/amber/wdrozenia.log"""

INCIDENT = Incident(
    host="bursztyn", start="2026-10-06T16:02:40+02:00", minutes=92, factor=30, kind="systemd", zone="Europe/Warsaw", apps=["/opt/amber"], users=["amber"],
    files={"/opt/amber/releases/3.7.4/server.js": SERVER.replace("@LEVEL@", "info").replace("@VERSION@", "3.7.4"), "/opt/amber/releases/3.8.0/server.js": SERVER.replace("@LEVEL@", "http").replace("@VERSION@", "3.8.0"), "/opt/amber/CHANGES.md": CHANGES,
           "/opt/amber/bin/kolejka-drukarni.sh": QUEUE, "/opt/amber/bin/sprzatanie.sh": CLEAN, "/usr/local/sbin/amber-vigil": VIGIL, "/etc/systemd/system/amber.service": UNIT, "/etc/systemd/system/amber-vigil.service": VIGIL_UNIT,
           "/etc/default/amber": "NODE_ENV=production\nLOG_LEVEL=info\n", "/etc/nginx/nginx.conf": MAIN, "/etc/nginx/sites-enabled/poczta": NGINX, "/var/log/amber/wdrozenia.log": "2026-09-17 10:12:31 3.7.3 -> 3.7.4 (olek), /healthz: ok\n"},
    owners={"/opt/amber/releases": "amber", "/var/log/amber": "amber"}, crontabs={"root": CRON}, prepare="rm -f /etc/nginx/sites-enabled/default; ln -s /opt/amber/releases/3.7.4 /opt/amber/current",
    services={"amber": {"description": "Amber API", "command": ["/usr/bin/node", "server.js"], "directory": "/opt/amber/current", "user": "amber", "environment_file": "/etc/default/amber", "restart": "on-failure", "wait": 15}, "nginx": {**NGINX_UNIT, "wait": 5},
              "amber-vigil": {"description": "Straznik Amber", "command": ["/usr/local/sbin/amber-vigil"], "restart": "always", "restart_seconds": 5, "log": {"kind": "syslog", "tag": "amber-vigil"}}},
    during=[(23.3, DEPLOY)],
    visitors={"base": "http://127.0.0.1", "host": "poczta.example.pl", "delay": 60,
              "visits": [{"perSecond": 0.35, "bots": 0.07, "aborts": 0.006, "paths": [[6, "GET", "/listy/{n}"], [2, "GET", "/"]]}, {"perSecond": 0.0042, "bots": 0, "paths": [[1, "POST", "/zamowienia", '{"list":{n}}']]}],
              "monitors": [{"every": 60, "path": "/healthz", "address": "192.0.2.77", "agent": "StatusCake", "log": "/var/log/statuscake.txt", "name": "poczta"}],
              "browsers": [{"count": 5, "log": "/var/log/panel-console.txt", "tag": "panel"}]},
    collect="""mkdir -p etc/systemd etc/nginx log opt sbin; cp /etc/systemd/system/amber*.service etc/systemd/; cp /etc/nginx/nginx.conf etc/nginx/; cp /etc/nginx/sites-enabled/poczta etc/nginx/; cp /etc/default/amber etc/amber.default; cp /usr/local/sbin/amber-vigil sbin/
cp /opt/amber/CHANGES.md /opt/amber/bin/*.sh /opt/amber/current/server.js opt/; cp /var/log/amber/*.log /var/log/nginx/poczta.*.log /var/log/syslog log/; crontab -l > crontab-root.txt; mv /var/log/statuscake.txt /var/log/panel-console.txt .; systemctl status amber amber-vigil nginx > systemctl-status.txt; rotate log/poczta.access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    vigil, app, changes, syslog, errors = (
        "sbin/amber-vigil",
        "log/app.log",
        "opt/CHANGES.md",
        "log/syslog",
        "log/poczta.error.log",
    )
    test, age, limit, act = (
        case.at(vigil, 'if [ "$age" -gt "$MAX" ]'),
        case.at(vigil, "age=$(("),
        case.at(vigil, "MAX=240"),
        case.at(vigil, "systemctl restart amber.service"),
    )
    release, deployed, code = (
        case.at(changes, "zadania HTTP maja teraz poziom"),
        case.at("log/wdrozenia.log", "3.7.4 -> 3.8.0"),
        case.at("opt/server.js", "log.http("),
    )
    said, gone = case.at(syslog, "ostatnia linia ma"), case.at(app, "SIGTERM, zamykam", nth=2)
    refused, failed = case.at(errors, "111: Connection refused"), case.at("log/poczta.access.log", '" 502 ')
    alarms, terms = case.times(syslog, "ostatnia linia ma"), case.times(app, "SIGTERM, zamykam")
    return {
        "root_cause_kind": "watchdog-takes-quiet-for-dead",
        "root_cause": "amber-vigil, a service that loops every 30 s, takes the age of the last line of app.log for the pulse and restarts amber when it is older than 240 s. Until 3.8.0 every request wrote a line; since then requests are logged at level http, which LOG_LEVEL=info drops, and only orders remain: "
        "whenever nobody orders for four minutes, a healthy API that answers everybody is restarted.",
        "verdict": "root-cause", "culprit": test, "culprit_alternatives": [age, limit, act, release, code], "culprit_related": [said, deployed, case.at(vigil, "last=$(tail"), case.at("etc/systemd/amber-vigil.service", "ExecStart=/usr/local/sbin/amber-vigil"), case.at("etc/amber.default", "LOG_LEVEL=info")],
        "chain": [
            hop("deploy_changes_configuration", release, deployed, code),
            hop("probe_gets_answer", age, said, case.at(vigil, "last=$(tail")),
            hop("answer_takes_branch", test, said, limit),
            hop("effect_hits_service", act, said, case.at(syslog, "Stopping amber.service", nth=2)),
            hop("process_terminates", gone, case.at(syslog, "Stopping amber.service", nth=2)),
            hop("termination_closes_connections", case.at("panel-console.txt", "disconnected: transport close", nth=2), gone),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", failed, refused, case.at("log/poczta.access.log.1.gz", '" 502 '), case.at("statuscake.txt", "DOWN 502")),
        ],
        "mechanism": ["16:26 release 3.8.0: requests leave app.log", "orders come every few minutes; more than 240 s without one is common", "amber-vigil: ostatnia linia ma NNNs, systemctl restart amber", "SIGTERM, sockets of the panels end, connect() failed (111), 502 for ten to forty seconds",
                      "nginx' access log shows requests answered 200 right up to each restart: nothing hung", "no period: the gaps between orders decide"],
        "innocent": [case.at("crontab-root.txt", "kolejka-drukarni.sh", why="every five minutes, only logs"), case.at("crontab-root.txt", "sprzatanie.sh", why="pkill, but of pdf-podglad only, and it finds none each time"), case.at("crontab-root.txt", "systemctl restart cups", why="another service, at night"),
                     case.whole("opt/sprzatanie.sh", "finds nothing to end"), case.at("etc/nginx/poczta", "proxy_read_timeout 120s", why="longer than socket.io's ping"), case.at("etc/systemd/amber.service", "Restart=on-failure", why="every end was ordered")],
        "period_s": None, "lag_s": case.lag(alarms, terms, 60), "step_change_at": str(case.times("log/wdrozenia.log", "3.7.4 -> 3.8.0")[0]),
        "lags": {"vigil line -> SIGTERM": case.lag(alarms, terms, 60), "SIGTERM -> first refused": case.lag(terms, case.times(errors, "111: Connection refused"), 60)},
        "measured": [case.measure(syslog, "ostatnia linia ma"), case.measure(app, "SIGTERM, zamykam"), case.measure(app, "GET /"), case.measure(errors, "111: Connection refused", join=120), case.measure("panel-console.txt", "disconnected: transport close")],
        "timezones": {"statuscake.txt, panel-console.txt": "UTC (Z)", "others": "Europe/Warsaw (+02:00), app.log and syslog without zone"},
        "how_made": REAL.replace(" and curl", "") + " (with express, socket.io, winston), the watchdog's loop too; systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
