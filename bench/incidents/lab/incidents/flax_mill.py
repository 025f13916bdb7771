# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: a batch worker ends itself after each batch and Docker starts it again, sixty times in these hours, as it is meant to; the web container runs through."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

WEB = r"""const express = require('express');
const winston = require('winston');
const fs = require('fs');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.printf((i) => `[${i.timestamp}] ${i.level.toUpperCase()} web ${i.message}`)),
  transports: [new winston.transports.File({ filename: '/srv/flax/log/web.log' })],
});
const app = express();
app.get('/healthz', (req, res) => res.send('ok'));
app.get('/bales/:n', (req, res) => setTimeout(() => res.json({ bale: req.params.n, grade: 'B' }), 90 + Math.random() * 500));
app.post('/labels/:n', (req, res) => {
  if (Number(req.params.n) % 11 === 0) { log.warn(`bale ${req.params.n}: already labelled`); return res.status(409).json({ error: 'already labelled' }); }
  fs.writeFileSync(`/srv/flax/spool/${req.params.n}-${Date.now()}`, 'label');
  return res.status(202).end();
});
app.get('/account', (req, res) => { log.error(`login failed for ${req.query.u || 'unknown'}: wrong password`); res.status(401).end(); });
app.listen(4600, '127.0.0.1', () => log.info('web 3.0.8 listening on 4600'));
setInterval(() => { const m = process.memoryUsage(); log.info(`heap ${Math.round(m.heapUsed / 1e6)} of ${Math.round(m.heapTotal / 1e6)} MB`); }, 300000);
process.on('SIGTERM', () => { log.warn('SIGTERM'); process.exit(0); });
"""
WORKER = r"""const fs = require('fs');
// one batch, one process: whatever the label library leaks is gone with it; `restart: always` brings the next one
const say = (text) => console.log(`worker: ${text}`);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
(async () => {
  say('started');
  await sleep(60000 + Math.random() * 80000);
  const jobs = fs.readdirSync('/srv/flax/spool');
  for (const job of jobs) {
    await sleep(250);
    if (Math.random() < 0.05) console.error(`Error: printer 3 busy, retry 1/3 (${job})`);
    fs.unlinkSync(`/srv/flax/spool/${job}`);
  }
  say(`${jobs.length} labels done, 0 failed. Bye (exit 0)`);
  process.exit(0);
})();
process.on('SIGTERM', () => process.exit(143));
"""
COMPOSE = """name: flax
services:
  web:
    image: registry.flax.example.be/web:3.0.8
    container_name: flax-web
    network_mode: host
    restart: unless-stopped
    volumes: [./spool:/srv/flax/spool]
  worker:
    image: registry.flax.example.be/worker:3.0.8
    container_name: flax-worker
    restart: always        # ends after each batch, on purpose (see worker.js)
    volumes: [./spool:/srv/flax/spool]
  nginx:
    image: nginx:1.22
    container_name: flax-nginx
    network_mode: host
    restart: unless-stopped
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    client_max_body_size 64k;
    server {
        listen 80;
        server_name flax.example.be;
        location ~ /\\.(env|git) { deny all; }
        location / { proxy_pass http://127.0.0.1:4600; proxy_read_timeout 40s; }
    }
}
"""
GUARD = r"""#!/bin/bash
# guard-web: restarts the web container when it fails twice, and says how often Docker had to start it
for try in 1 2; do
    if curl -fsS -m 8 -o /dev/null http://127.0.0.1:4600/healthz; then
        echo "$(date '+%F %T') web ok, restarts: $(docker inspect flax-web | sed -n 's/.*"RestartCount": \([0-9]*\).*/\1/p')"
        exit 0
    fi
    sleep 10
done
echo "$(date '+%F %T') web dead, restarting"
docker restart flax-web
"""
CRON = """*/5 * * * * root /srv/flax/ops/guard-web >> /srv/flax/log/guard.log 2>&1
*/20 * * * * root find /srv/flax/spool -mmin +30 -exec echo STUCK {} \\; >> /srv/flax/log/stuck.log
25 2 * * * root docker compose -f /srv/flax/compose.yaml stop && /srv/flax/ops/cold-copy && docker compose -f /srv/flax/compose.yaml start
"""
NOTES = """open points
- web was OOM-killed twice in May (exports); exports moved to the worker on 3 June, not seen since
- the worker leaks about 4 MB a label in libprint: one process per batch until that is fixed upstream
"""
BIG = '{"pdf":"' + "JVBERi0x" * 9000 + '"}'

INCIDENT = Incident(
    host="flax1", start="2026-06-30T12:48:00+02:00", minutes=112, factor=32, zone="Europe/Brussels", apps=["/srv/flax"],
    project={"project": "flax", "config_files": "/srv/flax/compose.yaml", "working_dir": "/srv/flax"},
    files={"/srv/flax/web.js": WEB, "/srv/flax/worker.js": WORKER, "/srv/flax/compose.yaml": COMPOSE, "/etc/nginx/nginx.conf": NGINX, "/srv/flax/ops/guard-web": GUARD, "/srv/flax/ops/cold-copy": "#!/bin/sh\ntar -C /srv/flax -czf /backup/flax.tgz spool\n", "/etc/cron.d/flax": CRON, "/srv/flax/NOTES": NOTES},
    prepare="mkdir -p /srv/flax/log /srv/flax/spool",
    services={"web": {"container": "flax-web", "image": "registry.flax.example.be/web:3.0.8", "command": ["node", "web.js"], "directory": "/srv/flax", "restart": "unless-stopped", "wait": 8},
              "worker": {"container": "flax-worker", "image": "registry.flax.example.be/worker:3.0.8", "command": ["node", "worker.js"], "directory": "/srv/flax", "restart": "always", "log": {"kind": "json", "path": "/srv/flax/log/worker-json.log"}, "wait": 2},
              "nginx": {**NGINX_CONTAINER, "container": "flax-nginx"}},
    visitors={"base": "http://127.0.0.1", "host": "flax.example.be", "delay": 50,
              "visits": [{"perSecond": 0.4, "bots": 0.09, "aborts": 0.04, "abortAfter": 0.3, "paths": [[6, "GET", "/bales/{n}"], [3, "POST", "/labels/{n}", "{}"]]}, {"perSecond": 0.01, "bots": 0, "paths": [[1, "GET", "/account?u=piet"]]}, {"perSecond": 0.002, "bots": 0, "paths": [[1, "POST", "/labels/{n}", BIG]]}],
              "monitors": [{"every": 60, "path": "/healthz", "address": "192.0.2.44", "agent": "Pingdom.com_bot", "log": "/srv/flax/log/pingdom.txt", "name": "pingdom"}]},
    collect="""mkdir -p flax/ops flax/log nginx docker; cp /srv/flax/*.js /srv/flax/compose.yaml /srv/flax/NOTES flax/; cp /srv/flax/ops/* flax/ops/; cp /etc/cron.d/flax flax/ops/cron.d-flax; cp /srv/flax/log/* flax/log/; cp /etc/nginx/nginx.conf /var/log/nginx/*.log nginx/
docker ps -a > docker/ps.txt; docker events > docker/events.txt; docker inspect flax-web flax-worker > docker/inspect.json; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    cron, events = "flax/ops/cron.d-flax", "docker/events.txt"
    return {
        "root_cause": "No incident: the worker is meant to end after each batch (exit 0) and restart: always brings the next one, more than sixty times in these hours; it hurts nobody, labels wait a minute or two. web runs from the first line to the last, the guard says ok and 0 restarts each time, the monitor was up throughout and no answer is a 5xx. 401 is a wrong password, 409 a bale already labelled, 413 a file too large, 403 and 404 scanners, 499 the impatient.",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [
            case.at(events, "container die", why="the worker, exit code 0, as meant"), case.at("flax/worker.js", "process.exit(0)", why="one batch, one process, on purpose"), case.at("flax/compose.yaml", "restart: always", why="as meant"),
            case.at("flax/ops/guard-web", "docker restart flax-web", why="never reached"), case.at(cron, "guard-web", why="always ok"), case.at(cron, "compose.yaml stop", why="at 02:25, not in these hours"), case.at("flax/NOTES", "OOM-killed twice", why="in May"),
            case.at("flax/log/worker-json.log", "printer 3 busy", why="tried again"), case.at("flax/log/web.log", "wrong password", why="401"), case.at("nginx/nginx.conf", "client_max_body_size 64k", why="labels are small; some file was sent by mistake"),
        ],
        "measured": [case.measure(events, "container die .*flax-worker"), case.measure(events, "container die .*flax-web"), case.measure("flax/log/guard.log", "web ok, restarts: 0"), case.measure("flax/log/pingdom.txt", " up "), case.measure("flax/log/pingdom.txt", "DOWN"), case.measure("nginx/access.log", '" 5[0-9][0-9] '), case.measure("nginx/access.log.1.gz", '" 5[0-9][0-9] ')],
        "timezones": {"web.log, json log, pingdom.txt, events": "UTC (Z)", "others": "Europe/Brussels (+02:00)"},
        "how_made": REAL + " (with express, winston); docker is the lab's supervisor.",
    }  # fmt: skip
