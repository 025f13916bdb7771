# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A job that renews the label renderer ends whoever lsof shows on its port: also the shop, which keeps a connection to it open."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SHOP = r"""import express from 'express';
import http from 'node:http';
import winston from 'winston';

const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp({ format: 'DD.MM.YYYY HH:mm:ss' }), printf((i) => `${i.timestamp} [${i.level}] ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/kaese/shop.log' })],
});
const renderer = new http.Agent({ keepAlive: true, maxSockets: 4 });

const label = (n) => new Promise((resolve, reject) => {
  http.get({ host: '127.0.0.1', port: 4600, path: `/label/${n}.svg`, agent: renderer }, (reply) => {
    let text = '';
    reply.on('data', (part) => { text += part; });
    reply.on('end', () => resolve(text));
  }).on('error', reject);
});

const app = express();
app.get('/', (req, res) => res.send('<h1>Ziegenhof</h1>'));
app.get('/kaese/:n', (req, res) => setTimeout(() => res.json({ kaese: Number(req.params.n), reif: req.params.n % 3 !== 0 }), 15));
app.get('/kaese/:n/etikett', async (req, res) => {
  try {
    res.type('image/svg+xml').send(await label(req.params.n));
  } catch (error) {
    log.warn(`etikett ${req.params.n}: ${error.code}`);
    res.status(503).end();
  }
});
app.post('/bestellung', (req, res) => {
  log.info('bestellung angenommen');
  res.status(201).end();
});

const server = app.listen(3500, '127.0.0.1', () => log.info('shop 8.0.4, port 3500, etiketten von 127.0.0.1:4600'));
process.on('SIGTERM', () => {
  log.info('SIGTERM erhalten, beende');
  server.close();
  setTimeout(() => process.exit(0), 300);
});
"""

RENDERER = r"""import http from 'node:http';

const stamp = () => new Date().toISOString();
const held = []; // fonts, never given back: hence the renewal thrice an hour
const server = http.createServer((req, res) => {
  const n = /^\/label\/(\d+)\.svg$/.exec(req.url)?.[1];
  if (!n) { res.statusCode = 404; return res.end(); }
  held.push(Buffer.alloc(40000));
  return setTimeout(() => { res.setHeader('Content-Type', 'image/svg+xml'); res.end(`<svg xmlns="http://www.w3.org/2000/svg"><text>Charge ${n}</text></svg>`); }, 40);
});
server.keepAliveTimeout = 15 * 60 * 1000;
server.listen(4600, '127.0.0.1', () => console.log(`${stamp()} renderer on 4600`));
process.on('SIGTERM', () => { console.log(`${stamp()} renderer: TERM, ${Math.round(process.memoryUsage().rss / 1e6)} MB`); process.exit(0); });
"""

RENEW = r"""#!/bin/bash
# Der Etiketten-Renderer gibt seinen Speicher nicht her (Ticket 311): dreimal je Stunde neu.
# systemctl darf der Benutzer nicht, aber beenden darf er; Restart=always holt ihn wieder.
set -u
PORT=4600

pids=$(lsof -nP -t -i "tcp:$PORT" | xargs)
[ -n "$pids" ] || exit 0
kill $pids
sleep 5
logger -t renderer-neu "beendet: $pids"
"""

STOCK = r"""#!/bin/bash
# Bestand aus der Waage im Reifekeller
sleep 7
logger -t bestand "412 Laibe"
"""

SAVE = r"""#!/bin/bash
# Sicherung der Bestellungen
f=/var/backups/kaese/bestellungen-$(date +%H%M).tgz
tar -C /var/lib -czf "$f" kaese && logger -t sicherung "$f $(stat -c %s "$f") Byte"
find /var/backups/kaese -name '*.tgz' -mtime +14 -delete
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format hof '$remote_addr $host [$time_local] "$request" $status $body_bytes_sent "$http_user_agent" $request_time';
    access_log /var/log/nginx/access.log hof;
    server {
        listen 80;
        server_name ziegenhof.example.at;
        location / {
            proxy_pass http://127.0.0.1:3500;
            proxy_http_version 1.1;
        }
    }
}
"""


def unit(description: str, script: str) -> str:
    return f"[Unit]\nDescription={description}\n\n[Service]\nUser=kaese\nWorkingDirectory=/srv/kaese\nExecStart=/usr/bin/node {script}\nRestart=always\nRestartSec=2\n\n[Install]\nWantedBy=multi-user.target\n"


CRONTAB = """# crontab von kaese
MAILTO=""
12,32,52 * * * * /srv/kaese/bin/renderer-neu.sh
12,42 * * * * /srv/kaese/bin/bestand.sh
25 * * * * /srv/kaese/bin/sicherung.sh
"""

NODE = {"directory": "/srv/kaese", "user": "kaese", "restart": "always", "restart_seconds": 2}

INCIDENT = Incident(
    host="alm", start="2026-05-05T14:06:00+02:00", minutes=74, factor=32, kind="systemd", zone="Europe/Vienna", users=["kaese"], apps=["/srv/kaese"],
    files={"/srv/kaese/shop.mjs": SHOP, "/srv/kaese/renderer.mjs": RENDERER, "/srv/kaese/bin/renderer-neu.sh": RENEW, "/srv/kaese/bin/bestand.sh": STOCK, "/srv/kaese/bin/sicherung.sh": SAVE, "/etc/nginx/nginx.conf": NGINX,
           "/etc/systemd/system/shop.service": unit("Ziegenhof Shop", "shop.mjs"), "/etc/systemd/system/renderer.service": unit("Etiketten-Renderer", "renderer.mjs")},
    crontabs={"kaese": CRONTAB}, prepare="mkdir -p /var/log/kaese /var/lib/kaese /var/backups/kaese; chown kaese: /var/log/kaese /var/lib/kaese /var/backups/kaese",
    services={"renderer": {"description": "Etiketten-Renderer", "command": ["/usr/bin/node", "renderer.mjs"], **NODE, "log": {"kind": "plain", "path": "/var/log/kaese/renderer.log"}, "wait": 25},
              "shop": {"description": "Ziegenhof Shop", "command": ["/usr/bin/node", "shop.mjs"], **NODE, "log": {"kind": "syslog", "tag": "shop"}, "wait": 25}, "nginx": NGINX_UNIT},
    during=[(70.0, "lsof -nP -i tcp:4600 | sed 's/  *$//' > /root/lsof.txt")],
    visitors={"base": "http://127.0.0.1", "host": "ziegenhof.example.at", "delay": 110,
              "visits": [{"perSecond": 0.55, "bots": 0.06, "aborts": 0.01, "abortAfter": 0.3, "paths": [[5, "GET", "/kaese/{n}"], [2, "GET", "/kaese/{n}/etikett"], [2, "GET", "/"], [1, "POST", "/bestellung"]]}]},
    collect="""mkdir -p srv/bin systemd nginx logs; cp /srv/kaese/*.mjs srv/; cp /srv/kaese/bin/*.sh srv/bin/; cp /etc/systemd/system/shop.service /etc/systemd/system/renderer.service systemd/; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/; cp /var/log/kaese/*.log logs/
grep -v rsyslogd /var/log/syslog > logs/syslog; crontab -u kaese -l > crontab-kaese.txt; { echo '# lsof -nP -i tcp:4600'; cat /root/lsof.txt; } > lsof-4600.txt; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    renew, syslog, shop, errors = "srv/bin/renderer-neu.sh", "logs/syslog", "logs/shop.log", "nginx/error.log"
    find, act, line = (
        case.at(renew, "lsof -nP -t -i"),
        case.at(renew, "kill $pids"),
        case.at("crontab-kaese.txt", "renderer-neu.sh"),
    )
    told, gone, refused = (
        case.at(syslog, "beendet: "),
        case.at(shop, "SIGTERM erhalten"),
        case.at(errors, "111: Connection refused"),
    )
    runs, stops = case.times(syslog, r"CMD .*renderer-neu"), case.times(shop, "SIGTERM erhalten")
    failed = next(
        case.at(f"nginx/{name}", '" 502 ') for name in ("access.log.1.gz", "access.log") if case.times(f"nginx/{name}", '" 502 ')
    )
    return {
        "root_cause_kind": "kill-by-port-hits-clients",
        "root_cause": "renderer-neu.sh (cron :12, :32, :52) ends every process that `lsof -t -i tcp:4600` names. lsof lists both ends of a connection, and the shop keeps one open to the renderer (keepAlive): the shop gets SIGTERM together with the renderer, "
        "systemd starts both again, meanwhile 502.",
        "verdict": "root-cause", "culprit": find, "culprit_alternatives": [act, line, told, case.at("lsof-4600.txt", "(ESTABLISHED)")],
        "culprit_related": [case.at(renew, "PORT=4600"), case.at("srv/shop.mjs", "keepAlive: true"), case.at("logs/renderer.log", "renderer: TERM")],
        "chain": [
            hop("job_runs_script", line, case.at(syslog, "/srv/kaese/bin/renderer-neu.sh)")),
            hop("effect_terminates_process", act, find, told),
            hop("process_terminates", gone, case.at(syslog, "shop.service: Deactivated successfully")),
            hop("supervisor_restarts_process", case.at(syslog, "shop.service: Scheduled restart job"), case.at(shop, "shop 8.0.4, port 3500", nth=2), case.at("systemd/shop.service", "Restart=always")),
            hop("termination_refuses_connections", refused),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["cron at :12, :32, :52: renderer-neu.sh", "lsof -t -i tcp:4600 prints the renderer (LISTEN) and the shop (ESTABLISHED)", "kill of both, 'beendet: PID PID'", "shop: SIGTERM erhalten, beende", "systemd starts both 2 s later, half a minute until the shop listens", "connect() failed (111): 502"],
        "contributing": [case.at("srv/renderer.mjs", "held.push", why="the renderer's leak is why the job is there")],
        "innocent": [case.at("crontab-kaese.txt", "bestand.sh", why="at :12 as well; only logs"), case.at("crontab-kaese.txt", "sicherung.sh", why="at :25; reads"), case.at("systemd/shop.service", "Restart=always", why="brings it back"), case.whole("srv/bin/bestand.sh", "touches no process")],
        "period_s": 1200, "lag_s": case.lag(runs, stops, 60),
        "lags": {"cron -> shop SIGTERM": case.lag(runs, stops, 60), "shop SIGTERM -> first refused": case.lag(stops, case.times(errors, "111: Connection refused"), 60)},
        "measured": [case.measure(shop, "SIGTERM erhalten"), case.measure(syslog, "beendet: "), case.measure("logs/renderer.log", "renderer: TERM"), case.measure(errors, "111: Connection refused", join=120)],
        "timezones": {"logs/renderer.log": "UTC (Z)", "others": "Europe/Vienna (+02:00)"},
        "how_made": REAL + " (with express, winston), lsof and kill; systemctl and systemd's lines are the lab's supervisor.",
    }  # fmt: skip
