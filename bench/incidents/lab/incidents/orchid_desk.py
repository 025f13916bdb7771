# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A carrier's webhook without an estimate crashes the server; the carrier sees 502 and sends the same event again every ten minutes."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""import express from 'express';
import winston from 'winston';
import { saveTracking, readOrder } from './store.js';

const { combine, timestamp, printf, errors } = winston.format;
export const log = winston.createLogger({
  format: combine(errors({ stack: true }), timestamp({ format: 'DD.MM.YYYY HH:mm:ss' }), printf((i) => `${i.timestamp} | ${i.level.padEnd(5)} | ${i.stack ?? i.message}`)),
  transports: [new winston.transports.Console()],
});
process.on('uncaughtException', (error) => {
  log.error(error);
  log.warn('Prozess wird beendet');
  setTimeout(() => process.exit(1), 50);
});
process.on('SIGTERM', () => { log.info('SIGTERM, Ende'); process.exit(0); });

const app = express();
app.use(express.json());

app.get('/bestellung/:id', (req, res) => readOrder(req.params.id, (order) => (order ? res.json(order) : res.sendStatus(404))));

// Sendungsverfolgung: der Zusteller meldet jeden Schritt einer Sendung
app.post('/hooks/zusteller', (req, res) => {
  const { event, parcel, status, estimate } = req.body;
  saveTracking(parcel, () => {
    const day = estimate.date.slice(0, 10); // Zustelltag für die Mail an die Kundin
    log.info(`Sendung ${parcel}: ${status}, Zustellung ${day} (${event})`);
    res.sendStatus(204);
  });
});

setTimeout(() => app.listen(5080, '127.0.0.1', () => log.info('orchid-desk lauscht auf 5080')), 5000); // Katalog laden
log.info(`Start, Node ${process.version}`);
"""

STORE = r"""// Ablage im Speicher; geschrieben wird asynchron
const parcels = new Map();
export function saveTracking(parcel, done) {
  setTimeout(() => { parcels.set(parcel, Date.now()); done(); }, 35);
}
export function readOrder(id, done) {
  setTimeout(() => done(Number(id) > 860 ? null : { id, positionen: 1 + (Number(id) % 4) }), 45);
}
"""

UNIT = """[Unit]
Description=Orchideen, Bestellungen
After=network-online.target

[Service]
User=orchid
WorkingDirectory=/opt/orchid-desk
ExecStart=/usr/bin/node server.js
StandardOutput=append:/var/log/orchid/desk.log
StandardError=inherit
Restart=always
RestartSec=8

[Install]
WantedBy=multi-user.target
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    upstream desk { server 127.0.0.1:5080 max_fails=0; }
    server {
        listen 80;
        server_name desk.example.at;
        location / { proxy_pass http://desk; proxy_set_header X-Forwarded-For $remote_addr; }
        location = / { return 200 "Orchideen\\n"; }
    }
}
"""

CRON = """# crontab -l (orchid)
*/10 * * * * /opt/orchid-desk/bin/lagerstand.sh
25 * * * *   /opt/orchid-desk/bin/rechnungen.sh
"""

GOOD = '{"event": "ev_70{n}", "parcel": "AT40{n}", "status": "in_transit", "estimate": {"date": "2026-02-05T12:00:00+01:00"}}'
BAD = '{"event": "ev_88213", "parcel": "AT409917", "status": "held_at_customs", "estimate": null}'
INCIDENT = Incident(
    host="vanda", start="2026-02-03T15:31:00+01:00", minutes=76, factor=34, kind="systemd", zone="Europe/Vienna", users=["orchid"], apps=["/opt/orchid-desk"],
    files={"/opt/orchid-desk/server.js": SERVER, "/opt/orchid-desk/store.js": STORE, "/opt/orchid-desk/package.json": '{\n  "name": "orchid-desk",\n  "version": "4.1.7",\n  "type": "module",\n  "dependencies": { "express": "^4.19.2", "winston": "^3.13.0" }\n}\n', "/etc/systemd/system/orchid-desk.service": UNIT, "/etc/nginx/nginx.conf": NGINX,
           "/opt/orchid-desk/bin/lagerstand.sh": "#!/bin/bash\n# Lagerstand aus der Warenwirtschaft\nsleep 7\necho \"$(date '+%F %T') Lagerstand: $(shuf -i 380-420 -n 1) Pflanzen\" >> /var/log/orchid/lagerstand.log\n",
           "/opt/orchid-desk/bin/rechnungen.sh": "#!/bin/bash\nsleep 22\nlogger -t rechnungen '4 Rechnungen als PDF abgelegt'\n",
           "/opt/orchid-desk/CHANGES.txt": "4.1.7  2026-02-03  Zustelltag in die Mail an die Kundin (Sabine)\n4.1.6  2026-01-19  Texte\n4.1.5  2026-01-07  Zusteller-Webhook\n"},
    crontabs={"orchid": CRON},
    prepare="mkdir -p /var/log/orchid; chown orchid: /var/log/orchid",
    services={"orchid-desk": {"description": "Orchideen, Bestellungen", "command": ["/usr/bin/node", "server.js"], "directory": "/opt/orchid-desk", "user": "orchid", "restart": "always", "restart_seconds": 8, "log": {"kind": "plain", "path": "/var/log/orchid/desk.log"}, "wait": 10},
              "nginx": NGINX_UNIT},
    during=[(8.2, "systemctl restart orchid-desk; logger -t deploy 'orchid-desk 4.1.7 (sabine)'")],
    visitors={"base": "http://127.0.0.1", "host": "desk.example.at", "delay": 60, "visits": [{"perSecond": 0.3, "bots": 0.06, "aborts": 0.02, "abortAfter": 0.1, "paths": [[8, "GET", "/bestellung/{n}"], [1, "GET", "/"]]}],
              "monitors": [{"every": 47, "jitter": 30, "method": "POST", "path": "/hooks/zusteller", "body": GOOD.replace("{n}", "21"), "address": "198.51.100.77", "agent": "Zusteller-Webhooks/2.3"},
                           {"every": 600, "offset": 1290, "method": "POST", "path": "/hooks/zusteller?retry=1", "body": BAD, "address": "198.51.100.77", "agent": "Zusteller-Webhooks/2.3"}]},
    collect="""mkdir -p app/bin system nginx log; cp /opt/orchid-desk/*.js /opt/orchid-desk/package.json /opt/orchid-desk/CHANGES.txt app/; cp /opt/orchid-desk/bin/* app/bin/; crontab -l -u orchid > system/crontab-orchid.txt 2>/dev/null || cp /var/spool/cron/crontabs/orchid system/crontab-orchid.txt; cp /etc/systemd/system/orchid-desk.service system/
cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /var/log/orchid/*.log /var/log/syslog log/""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    log, syslog, errors, access = "log/desk.log", "log/syslog", "nginx/error.log", "nginx/access.log"
    line, crash, hook = (
        case.at("app/server.js", "estimate.date.slice"),
        case.at(log, "TypeError: Cannot read properties of null (reading 'date')"),
        case.at(access, "/hooks/zusteller?retry=1"),
    )
    exited, again = (
        case.at(syslog, "orchid-desk.service: Main process exited, code=exited, status=1/FAILURE"),
        case.at(syslog, "orchid-desk.service: Scheduled restart job"),
    )
    cut, refused, failed = (
        case.at(errors, "/hooks/zusteller?retry=1"),
        case.at(errors, "111: Connection refused"),
        case.at(access, "/hooks/zusteller?retry=1"),
    )
    end = case.at("app/server.js", "process.exit(1)")
    return {
        "root_cause_kind": "poison-webhook-retried",
        "root_cause": "One event of the carrier has estimate: null. server.js (4.1.7) reads estimate.date without looking, in a callback where express cannot catch it: TypeError, the process ends. The carrier gets 502 and sends the same event again every ten minutes; "
        "systemd has the server back after some 15 s, until the next time.",
        "verdict": "root-cause", "verdict_accepted": [], "culprit": line, "culprit_alternatives": [crash, hook, cut, case.at("app/server.js", "app.post('/hooks/zusteller'")], "culprit_related": [exited, again, end, case.at("app/CHANGES.txt", "4.1.7")],
        "chain": [
            hop("request_crashes_process", crash, line, hook, cut),
            hop("crash_ends_process", exited, case.at(log, "Prozess wird beendet"), end),
            hop("supervisor_restarts_process", again, case.at("system/orchid-desk.service", "Restart=always"), case.at("system/orchid-desk.service", "RestartSec=8")),
            hop("termination_closes_connections", cut, exited),
            hop("termination_refuses_connections", refused, exited),
            hop("failure_reaches_clients", failed, refused, cut, case.at(access, '" 502 ')),
        ],
        "mechanism": ["15:39 deploy of 4.1.7: the day of delivery for the mail", "POST /hooks/zusteller?retry=1 with an event without an estimate", "TypeError in the callback of saveTracking, uncaughtException, exit 1", "nginx: upstream prematurely closed connection, 502 for the carrier; refused (111), 502 for others until systemd has the server back", "the carrier's next try comes ten minutes later"],
        "contributing": [case.at("app/CHANGES.txt", "4.1.7", why="the line came with this version"), case.at("system/orchid-desk.service", "RestartSec=8", why="lengthens each gap")],
        "innocent": [
            case.at("system/crontab-orchid.txt", "lagerstand.sh", why="every ten minutes as well, but on the full ones; the crashes follow the carrier's clock"), case.whole("app/bin/lagerstand.sh", "writes one line"),
            case.at("system/crontab-orchid.txt", "rechnungen.sh", why="hourly"), case.whole("app/bin/rechnungen.sh", "touches nothing"), case.at("system/orchid-desk.service", "Restart=always", why="brings it back"),
            case.at("nginx/nginx.conf", "max_fails=0", why="passes on what fails"),
        ],
        "period_s": 600, "lag_s": case.lag(case.times(log, "TypeError"), case.times(syslog, "status=1/FAILURE"), 30),
        "lags": {"TypeError -> listening": case.lag(case.times(log, "TypeError"), case.times(log, "lauscht"), 120)},
        "measured": [case.measure(log, r"\| error \| TypeError"), case.measure(access, r"hooks/zusteller\?retry=1"), case.measure(syslog, "status=1/FAILURE"), case.measure(errors, "111: Connection refused", join=60), case.measure(access, '" 502 ', join=60)],
        "step_change_at": str(case.times(log, "TypeError")[0]),
        "timezones": {"all": "Europe/Vienna (+01:00)"},
        "how_made": REAL + " (with express and winston); systemctl is the lab's supervisor; the carrier is one of the lab's clients.",
    }  # fmt: skip
