# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: web and worker are told to stop in the same second, four times at odd moments; no schedule, no script and no supervisor's log was handed over."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER

COMMON = r"""const winston = require('winston');
const { combine, timestamp, printf } = winston.format;
module.exports = (role) => winston.createLogger({
  format: combine(timestamp({ format: 'DD.MM.YYYY HH:mm:ss' }), printf((i) => `${i.timestamp} ${role} ${i.level} ${i.message}`)),
  transports: [new winston.transports.File({ filename: `/var/log/saal/${role}.log` })],
});
"""
WEB = r"""const express = require('express');
const log = require('./log')('web');
const app = express();
app.get('/saal/:n', (req, res) => {
  const slow = Math.random() < 0.02;
  if (slow) log.warn(`Belegungsplan ${req.params.n} langsam: 2400 ms`);
  setTimeout(() => res.json({ saal: req.params.n, frei: [9, 14] }), slow ? 2400 : 70);
});
app.post('/anfragen', express.json(), (req, res) => {
  if (req.body.saal % 55 === 0) { log.error(`Anfrage abgelehnt: Saal ${req.body.saal} gibt es nicht`); return res.status(400).end(); }
  log.info(`Anfrage Saal ${req.body.saal}`);
  return res.status(202).end();
});
app.get('/', (req, res) => res.send('<h1>Saalvermietung</h1>'));
const server = app.listen(3900, '127.0.0.1', () => log.info(`bereit auf 3900 (pid ${process.pid})`));
process.on('SIGTERM', () => { log.info('SIGTERM erhalten, beende'); server.close(); server.closeIdleConnections(); setTimeout(() => process.exit(0), 2500); });
"""
WORKER = r"""// verschickt Angebote, rechnet alle 20 Minuten die Auslastung
const log = require('./log')('worker');
log.info(`worker gestartet (pid ${process.pid})`);
setInterval(() => log.info(`Angebote: ${Math.floor(Math.random() * 4)} verschickt`), 150000);
setInterval(() => { log.info('Auslastung: beginne'); setTimeout(() => log.info('Auslastung: 38 Saele, fertig'), 9000); }, 1200000);
setInterval(() => { if (Math.random() < 0.25) log.warn('SMTP: Postfach voll, spaeter noch einmal'); }, 400000);
process.on('SIGTERM', () => { log.info('SIGTERM erhalten, beende'); setTimeout(() => process.exit(0), 800); });
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name saal.example.ch;
        location / {
            proxy_pass http://127.0.0.1:3900;
            proxy_set_header X-Real-IP $remote_addr;
        }
    }
}
"""
MAIL = """Von: Empfang
An: Informatik
Betreff: Saalplan war wieder weg

Heute am Vormittag vier Mal kurz weg ("502 Bad Gateway"), zwei, drei Minuten spaeter ging es jeweils wieder.
Ich glaube es ist immer, wenn jemand im Plan weit nach vorne blaettert, sicher bin ich nicht.

> Anbei was ich auf die Schnelle vom Server holen konnte. Auf die Maschine selbst (Cron, Docker) komme ich erst morgen.
"""
STOP = "docker restart saal-web saal-worker > /dev/null"

INCIDENT = Incident(
    host="saal", start="2026-03-18T08:20:00+01:00", minutes=104, factor=36, zone="Europe/Zurich", apps=["/srv/saal"],
    files={"/srv/saal/log.js": COMMON, "/srv/saal/web.js": WEB, "/srv/saal/worker.js": WORKER, "/etc/nginx/nginx.conf": NGINX, "/srv/saal/mail.txt": MAIL},
    crontabs={}, prepare="mkdir -p /var/log/saal",
    services={"web": {"container": "saal-web", "image": "saal:5", "command": ["node", "web.js"], "directory": "/srv/saal", "environment": {"TZ": "Europe/Zurich"}, "restart": "unless-stopped", "wait": 12},
              "worker": {"container": "saal-worker", "image": "saal:5", "command": ["node", "worker.js"], "directory": "/srv/saal", "environment": {"TZ": "Europe/Zurich"}, "restart": "unless-stopped", "wait": 6}, "nginx": {**NGINX_CONTAINER, "container": "saal-nginx"}},
    during=[(17.4, STOP), (31.9, STOP), (66.2, STOP), (83.7, STOP)],
    visitors={"base": "http://127.0.0.1", "host": "saal.example.ch", "delay": 70,
              "visits": [{"perSecond": 0.28, "bots": 0.05, "aborts": 0.006, "paths": [[5, "GET", "/saal/{n}"], [2, "POST", "/anfragen", '{"saal":{n}}'], [2, "GET", "/"]]}]},
    collect="""cp /var/log/saal/web.log /var/log/saal/worker.log .; cp /var/log/nginx/access.log nginx-access.log; cp /var/log/nginx/error.log nginx-error.log; cp /etc/nginx/nginx.conf .; cp /srv/saal/web.js /srv/saal/worker.js .; cp /srv/saal/mail.txt .""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    return {
        "root_cause_kind": "unknown",
        "root_cause": "Somebody or something outside both processes told web and worker to stop in the same second, four times at odd intervals; both were started again at once. Neither a schedule, nor a script, nor the supervisor's log is here, so who did it cannot be said. (On the lab machine: `docker restart` of both by hand.)",
        "verdict": "undetermined", "verdict_accepted": ["undetermined"], "expected_confidence": "low",
        "ask_for": ["crontab of all users and /etc/cron.d, systemd timers", "docker events (or the journal of docker) for that morning", "shell history, deploy logs and CI runs of that morning", "compose file, watchdog or update tools (watchtower, autoheal) and their logs"],
        "chain": [], "mechanism": ["web.log and worker.log: SIGTERM erhalten, in the same second, four times", "web closes, exits, starts: 111 and 502 at nginx meanwhile", "who sent SIGTERM is in no file"],
        "contributing": [],
        "culprit_related": [case.at("web.log", "SIGTERM erhalten"), case.at("worker.log", "SIGTERM erhalten"), case.at("nginx-error.log", "111: Connection refused")],
        "innocent": [case.at("worker.js", "Auslastung: beginne", why="every 20 minutes from the worker's own start; touches nothing"), case.at("web.log", "langsam", why="a slow plan, in quiet times as well"), case.at("mail.txt", "weit nach vorne blaettert", why="a guess: the process got a signal, it did not crash on a request"), case.at("worker.log", "gestartet", why="a start is an effect")],
        "period_s": None, "lag_s": case.lag(case.times("web.log", "SIGTERM erhalten"), case.times("nginx-error.log", "111: Connection refused")), "lags": {},
        "measured": [case.measure("web.log", "SIGTERM erhalten"), case.measure("worker.log", "SIGTERM erhalten"), case.measure("nginx-error.log", "111: Connection refused", join=180)],
        "timezones": {"all": "Europe/Zurich (+01:00), without zone but in the access log"},
        "how_made": "nginx 1.22 and Node 20 (with express, winston) really ran; docker is the lab's supervisor, which was told to restart both at four moments.",
    }  # fmt: skip
