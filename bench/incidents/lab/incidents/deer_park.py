# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A second site becomes nginx's default server; the watchdog asks 127.0.0.1 without a Host and gets the other site's 404."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const express = require('express');
const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp({ format: 'DD.MM.YYYY HH:mm:ss' }), printf((i) => `${i.timestamp} [${i.level}] ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/park/buchung.log' })],
});
const app = express();
const belegt = new Map();
app.get('/api/puls', (req, res) => res.json({ puls: 'ok' }));
app.get('/api/fuehrungen/:n', (req, res) => setTimeout(() => res.json({ nr: req.params.n, frei: 20 - (belegt.get(req.params.n) || 0) }), 700 + Math.random() * 1500));
app.post('/api/fuehrungen/:n', (req, res) => {
  belegt.set(req.params.n, (belegt.get(req.params.n) || 0) + 1);
  log.info(`Buchung Führung ${req.params.n}`);
  res.status(201).json({ ok: true });
});
app.get('/', (req, res) => res.send('<h1>Wildpark Eichsee</h1>'));
const server = app.listen(5050, '127.0.0.1', () => log.info(`Buchung ${process.env.STAND || ''} lauscht auf 5050`));
process.on('SIGTERM', () => {
  log.warn('SIGTERM, mache Feierabend');
  server.close();
  setTimeout(() => process.exit(0), 500);
});
"""

WATCH = r"""#!/bin/bash
# Wache: fragt die Buchung durch nginx hindurch; beim dritten Fehlschlag hintereinander wird sie neu gestartet.
# (Die Buchung hing im Maerz zweimal, seitdem gibt es das hier. JR)
ZAEHLER=/run/wache.zaehler
LOG=/var/log/park/wache.log

code=$(curl -s -o /dev/null -m 8 -w '%{http_code}' http://127.0.0.1/api/puls)
if [ "$code" = 200 ]; then
    echo 0 > "$ZAEHLER"
    exit 0
fi

n=$(( $(cat "$ZAEHLER" 2>/dev/null || echo 0) + 1 ))
echo "$n" > "$ZAEHLER"
echo "$(date '+%d.%m.%Y %H:%M:%S') Puls antwortet $code ($n von 3)" >> "$LOG"
if [ "$n" -ge 3 ]; then
    echo "$(date '+%d.%m.%Y %H:%M:%S') starte park-buchung neu" >> "$LOG"
    systemctl restart park-buchung
    echo 0 > "$ZAEHLER"
fi
"""

TILL = r"""#!/bin/sh
# Kassenstand der beiden Kioske holen
sleep 7
echo "$(date '+%d.%m.%Y %H:%M:%S') Kiosk Nord $(( $(date +%s) % 400 + 120 )) EUR, Kiosk See $(( $(date +%s) % 330 + 90 )) EUR" >> /var/log/park/kasse.log
"""

DEPLOY = r"""#!/bin/bash
# einspielen STAND
set -e
echo "STAND=$1" > /opt/park/stand.env
systemctl restart park-buchung
echo "$(date '+%d.%m.%Y %H:%M') Buchung $1 eingespielt" >> /opt/park/AENDERUNGEN.txt
"""

CRON = """# Wildpark
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
*/2 * * * * root /opt/park/bin/wache
*/10 * * * * root /opt/park/bin/kasse
35 2 * * * root tar czf /var/backups/park.tar.gz /opt/park
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 768; }
http {
    types { text/html html; }
    access_log /var/log/nginx/access.log;
    include /etc/nginx/sites-enabled/*;
}
"""
BOOKING = """server {
    listen 80;
    server_name wildpark.example.de www.wildpark.example.de;
    access_log /var/log/nginx/wildpark.access.log;
    location / {
        proxy_pass http://127.0.0.1:5050;
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
    }
}
"""
FEST = """# Sommerfest 2026 - eine Seite, kann im September wieder weg
server {
    listen 80 default_server;
    server_name sommerfest.example.de;
    access_log /var/log/nginx/sommerfest.access.log;
    root /var/www/sommerfest;
    index index.html;
}
"""
UNIT = "[Unit]\nDescription=Wildpark Buchung\nAfter=network.target\n\n[Service]\nUser=park\nWorkingDirectory=/opt/park\nEnvironmentFile=/opt/park/stand.env\nExecStart=/usr/bin/node buchung.js\nRestart=on-failure\n\n[Install]\nWantedBy=multi-user.target\n"
ENABLE = "ln -s ../sites-available/sommerfest /etc/nginx/sites-enabled/sommerfest; echo \"$(date '+%d.%m.%Y %H:%M') Sommerfest-Seite freigeschaltet, nginx neu geladen (Anke)\" >> /opt/park/AENDERUNGEN.txt; systemctl reload nginx"

INCIDENT = Incident(
    host="eichsee", start="2026-06-09T13:05:00+02:00", minutes=96, factor=30, kind="systemd", zone="Europe/Berlin", users=["park"], apps=["/opt/park"],
    files={"/opt/park/buchung.js": SERVER, "/opt/park/bin/wache": WATCH, "/opt/park/bin/kasse": TILL, "/opt/park/bin/einspielen": DEPLOY, "/opt/park/stand.env": "STAND=3.8.1\n",
           "/opt/park/AENDERUNGEN.txt": "02.06.2026 09:14 Buchung 3.8.0 eingespielt\n04.06.2026 16:40 Buchung 3.8.1 eingespielt\n", "/etc/cron.d/park": CRON, "/etc/nginx/nginx.conf": NGINX,
           "/etc/nginx/sites-available/wildpark": BOOKING, "/etc/nginx/sites-available/sommerfest": FEST, "/etc/systemd/system/park-buchung.service": UNIT,
           "/var/www/sommerfest/index.html": "<h1>Sommerfest am 11. Juli</h1>\n"},
    prepare="mkdir -p /var/log/park; chown park: /var/log/park; rm -f /etc/nginx/sites-enabled/*; mkdir -p /etc/nginx/sites-enabled; ln -s ../sites-available/wildpark /etc/nginx/sites-enabled/wildpark",
    services={"park-buchung": {"description": "Wildpark Buchung", "command": ["/usr/bin/node", "buchung.js"], "directory": "/opt/park", "environment_file": "/opt/park/stand.env", "user": "park", "restart": "on-failure", "log": {"kind": "syslog", "tag": "node"}, "wait": 12},
              "nginx": NGINX_UNIT},
    during=[(21.4, "/opt/park/bin/einspielen 3.9.0"), (32.5, ENABLE)],
    visitors={"base": "http://127.0.0.1", "host": "wildpark.example.de", "delay": 70,
              "visits": [{"perSecond": 0.38, "bots": 0.06, "aborts": 0.05, "abortAfter": 0.8, "paths": [[6, "GET", "/api/fuehrungen/{n}"], [2, "POST", "/api/fuehrungen/{n}", "{}"], [2, "GET", "/"]]}],
              "monitors": [{"every": 300, "offset": 41, "path": "/api/puls", "address": "198.51.100.77", "agent": "UptimeWatch/2.0", "log": "/var/log/uptime.log", "name": "wildpark.example.de"},
                           {"every": 420, "offset": 1900, "path": "/", "host": "sommerfest.example.de"}]},
    collect="""mkdir -p nginx/sites-available opt-park/bin log systemd; cp /var/log/nginx/*.log nginx/; cp /etc/nginx/nginx.conf nginx/; cp /etc/nginx/sites-available/* nginx/sites-available/; ls /etc/nginx/sites-enabled > nginx/sites-enabled.txt
cp /opt/park/buchung.js /opt/park/AENDERUNGEN.txt opt-park/; cp /opt/park/bin/* opt-park/bin/; cp /etc/cron.d/park cron.d-park; cp /etc/systemd/system/park-buchung.service systemd/; cp /var/log/park/*.log log/; cp /var/log/syslog log/syslog; cp /var/log/uptime.log uptime-dienst.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    watch, told, fest, errors = "opt-park/bin/wache", "log/wache.log", "nginx/sommerfest.access.log", "nginx/error.log"
    booking, access, system, notes = "log/buchung.log", "nginx/wildpark.access.log", "log/syslog", "opt-park/AENDERUNGEN.txt"
    probe, default, enabled = (
        case.at(watch, "http://127.0.0.1/api/puls"),
        case.at("nginx/sites-available/sommerfest", "listen 80 default_server"),
        case.at(notes, "Sommerfest-Seite freigeschaltet"),
    )
    wrong, missing, third = (
        case.at(fest, '"GET /api/puls HTTP/1.1" 404'),
        case.at(errors, 'open() "/var/www/sommerfest/api/puls" failed'),
        case.at(told, "Puls antwortet 404 (3 von 3)"),
    )
    restart, said, ended = (
        case.at(watch, "systemctl restart park-buchung"),
        case.at(told, "starte park-buchung neu"),
        case.at(booking, "SIGTERM, mache Feierabend", nth=2),
    )
    closed, refused, failed = (
        case.at(errors, "upstream prematurely closed"),
        case.at(errors, "111: Connection refused", nth=3),
        case.at(access, '" 502 ', nth=3),
    )
    return {
        "root_cause_kind": "probe-without-host-meets-other-site",
        "root_cause": "At 13:37 the summer festival's site was enabled as nginx's default_server. The watchdog asks http://127.0.0.1/api/puls without the booking's Host, so from then on its question lands on the festival's static site and gets 404, though the booking is well (with its own name /api/puls is 200 all along). Asked every two minutes, restarted at every third failure: every six minutes, and requests in flight or in the next seconds fail with 502.",
        "verdict": "root-cause", "culprit": probe,
        "culprit_alternatives": [default, enabled, case.at(watch, '[ "$code" = 200 ]')],
        "culprit_related": [restart, case.at(watch, '[ "$n" -ge 3 ]'), case.at("cron.d-park", "/opt/park/bin/wache"), case.at("nginx/sites-available/wildpark", "server_name wildpark.example.de"), case.at("nginx/sites-available/wildpark", "listen 80"), wrong, missing, case.at(system, "Reloading nginx.service")],
        "chain": [
            hop("deploy_changes_configuration", enabled, default, case.at(system, "Reloading nginx.service")),
            hop("job_runs_script", case.at("cron.d-park", "/opt/park/bin/wache"), case.at(system, "CMD (/opt/park/bin/wache)")),
            hop("probe_gets_answer", wrong, missing, case.at(told, "Puls antwortet 404"), probe),
            hop("answer_takes_branch", third, case.at(watch, '[ "$code" = 200 ]'), case.at(watch, '[ "$n" -ge 3 ]')),
            hop("effect_hits_service", restart, said, case.at(system, "Stopping park-buchung.service", nth=2)),
            hop("process_terminates", ended, case.at(system, "Stopped park-buchung.service", nth=2)),
            hop("termination_closes_connections", closed),
            hop("termination_refuses_connections", refused),
            hop("failure_reaches_clients", failed, closed, refused),
        ],
        "mechanism": ["the festival's site is enabled with default_server, nginx reloads", "cron runs the watchdog every two minutes; it asks 127.0.0.1 without a Host", "nginx answers from the festival's root: 404", "the third 404 in a row: systemctl restart park-buchung", "SIGTERM; four seconds until it listens again", "upstream prematurely closed, connect() failed (111): 502"],
        "innocent": [
            case.at(notes, "Buchung 3.9.0 eingespielt", why="a release eleven minutes before; one planned restart, then quiet"), case.at(booking, "SIGTERM, mache Feierabend", why="the release's own restart"),
            case.at("cron.d-park", "/opt/park/bin/kasse", why="every ten minutes, only writes a line"), case.whole("opt-park/bin/kasse", "touches nothing"), case.at("cron.d-park", "tar czf", why="at night, not in these logs"),
            case.whole("nginx/sites-available/default", "Debian's own, not enabled"), case.at(access, '" 499 ', why="people who left"), case.at(access, '" 404 ', why="bots"),
        ],
        "period_s": 360, "lag_s": case.lag(case.times(told, "starte park-buchung neu"), case.times(booking, "SIGTERM")), "step_change_at": str(case.times(fest, " 404 .*curl")[0]),
        "lags": {"third failure -> SIGTERM": case.lag(case.times(told, "3 von 3"), case.times(booking, "SIGTERM")), "site enabled -> first restart": case.lag(case.times(system, "Reloaded nginx"), case.times(told, "starte park-buchung neu"), within=600)},
        "measured": [case.measure(told, "starte park-buchung neu"), case.measure(told, "Puls antwortet 404"), case.measure(fest, '"GET /api/puls HTTP/1.1" 404'), case.measure(booking, "SIGTERM"), case.measure(access, '" 502 ', join=60), case.measure("uptime-dienst.txt", " up 200"), case.measure("uptime-dienst.txt", "DOWN")],
        "timezones": {"all": "Europe/Berlin (+02:00)", "uptime-dienst.txt": "UTC"},
        "how_made": REAL + " (with express, winston); systemctl and systemd[1]'s lines are the lab's supervisor.",
    }  # fmt: skip
