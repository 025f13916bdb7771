# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Nothing is wrong: the check would restart the site but takes its 301 as it should, the worker is renewed between two jobs, lamps that miss a call answer the next one."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_CONTAINER, REAL

API = r"""const express = require('express');
const bunyan = require('bunyan');
const fs = require('fs');

const log = bunyan.createLogger({ name: 'jetty-api', streams: [{ path: '/var/log/jetty/api.log' }] });
const app = express();
const jobs = '/var/lib/jetty/queue';

app.get('/', (req, res) => res.redirect(301, '/en/'));
app.get('/en/', (req, res) => res.send('<h1>Jetty lights</h1>'));
app.get('/berths/:n', (req, res) => setTimeout(() => {
  if (req.params.n > 860) return res.status(404).json({ error: 'no such berth' });
  return res.json({ berth: Number(req.params.n), lamp: req.params.n % 40, lit: true });
}, 20));
app.post('/lamps/:n', express.json({ limit: '20kb' }), (req, res) => {
  fs.writeFile(`${jobs}/${Date.now()}-${req.params.n}`, JSON.stringify(req.body), (error) => {
    if (error) log.error({ err: error }, 'cannot queue');
    res.status(error ? 500 : 202).end();
  });
});
app.use((error, req, res, next) => {
  log.warn({ path: req.path, code: error.type }, 'request refused');
  res.status(error.status || 500).end();
});
app.listen(3320, '127.0.0.1', () => log.info('jetty-api 4.0.9 on 3320'));
process.on('SIGTERM', () => { log.info('SIGTERM'); process.exit(0); });
"""

WORKER = r"""const bunyan = require('bunyan');
const fs = require('fs');

const log = bunyan.createLogger({ name: 'jetty-worker', streams: [{ path: '/var/log/jetty/worker.log' }] });
const jobs = '/var/lib/jetty/queue';
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
let stopping = false;

// a lamp at the end of a long cable misses a call now and then
async function call(lamp) {
  for (let attempt = 1; attempt <= 4; attempt += 1) {
    await sleep(300);
    if (Math.random() > 0.08) return log.info({ lamp, attempt }, 'lamp set');
    log.error({ lamp, attempt, code: 'ETIMEDOUT' }, 'lamp does not answer, next try in 2 s');
    await sleep(2000);
  }
  return log.fatal({ lamp }, 'gave up');
}

(async () => {
  log.info('worker up');
  while (!stopping) {
    for (const job of fs.readdirSync(jobs).sort()) {
      await call(Number(job.split('-')[1]) % 40);
      fs.unlinkSync(`${jobs}/${job}`);
      if (stopping) break;
    }
    await sleep(1000);
  }
  log.warn('worker stops, rest of the queue stays for the next one');
  process.exit(0);
})();
process.on('SIGTERM', () => { log.warn('SIGTERM: finishing the lamp at hand'); stopping = true; });
"""

CHECK = r"""#!/bin/bash
# is the site up? if not: restart it and tell everybody
url=http://127.0.0.1/
code=$(curl -s -o /dev/null -m 15 -H 'Host: jetty.example.ca' -w '%{http_code}' "$url")
case $code in
    2??|3??)
        echo "$(date '+%b %d %T') site ok ($code)"
        ;;
    *)
        echo "$(date '+%b %d %T') site DOWN ($code), restarting"
        docker restart jetty-api-1
        ;;
esac >> /var/log/jetty/check.log
"""

RENEW = r"""#!/bin/sh
# the worker's serial driver leaks: a new one each half hour. It finishes its lamp first (SIGTERM, grace 30 s)
cd /opt/jetty && docker compose -f docker-compose.yml up -d --force-recreate worker 2>&1 | logger -t renew-worker
"""

CERT = r"""#!/bin/sh
# ask for a new certificate three weeks before the end
cert=/etc/nginx/jetty.crt
if openssl x509 -checkend 1814400 -noout -in $cert > /dev/null; then
    logger -t cert "$(openssl x509 -enddate -noout -in $cert), not due"
else
    logger -t cert "due, asking for a new one"; /opt/jetty/bin/new-cert.sh && docker kill -s HUP jetty-web-1
fi
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    log_format site '$http_host $remote_addr - - [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time';
    access_log /var/log/nginx/access.log site;
    limit_req_zone $binary_remote_addr zone=scan:1m rate=4r/m;
    server {
        listen 80;
        listen 443 ssl;
        ssl_certificate /etc/nginx/jetty.crt;
        ssl_certificate_key /etc/nginx/jetty.key;
        server_name jetty.example.ca;
        client_max_body_size 16k;
        location ~ /\\. { deny all; }
        location ~ \\.php$ { limit_req zone=scan burst=2 nodelay; limit_req_status 429; try_files $uri =404; }
        location / { proxy_pass http://127.0.0.1:3320; proxy_set_header Host $host; }
    }
}
"""

COMPOSE = """name: jetty
x-node: &node
  image: registry.example.ca/jetty:4.0.9
  network_mode: host
  restart: unless-stopped
  stop_grace_period: 30s
  volumes:
    - /var/lib/jetty:/var/lib/jetty
    - /var/log/jetty:/var/log/jetty
services:
  api:
    <<: *node
    command: node api.js
    stop_grace_period: 10s
  worker:
    <<: *node
    command: node worker.js
  web:
    image: nginx:1.22
    network_mode: host
    restart: unless-stopped
"""

CRONTAB = """*/5 * * * * /opt/jetty/bin/check-site.sh
9,39 * * * * /opt/jetty/bin/renew-worker.sh
20 * * * * /opt/jetty/bin/cert.sh
45 * * * * tar -C /var/lib -czf /var/backups/jetty.tgz jetty
"""

NODE = {
    "image": "registry.example.ca/jetty:4.0.9",
    "directory": "/opt/jetty",
    "restart": "unless-stopped",
    "grace": 30,
    "wait": 15,
}

INCIDENT = Incident(
    host="wharf", start="2026-08-21T18:46:00-03:00", minutes=72, factor=32, zone="America/Halifax", apps=["/opt/jetty"],
    files={"/opt/jetty/api.js": API, "/opt/jetty/worker.js": WORKER, "/opt/jetty/bin/check-site.sh": CHECK, "/opt/jetty/bin/renew-worker.sh": RENEW, "/opt/jetty/bin/cert.sh": CERT, "/opt/jetty/docker-compose.yml": COMPOSE, "/etc/nginx/nginx.conf": NGINX},
    crontabs={"root": CRONTAB},
    prepare="""mkdir -p /var/log/jetty /var/lib/jetty/queue /var/backups
openssl req -x509 -newkey rsa:2048 -nodes -keyout /etc/nginx/jetty.key -out /etc/nginx/jetty.crt -days 71 -subj /CN=jetty.example.ca 2> /dev/null""",
    services={"api": {"container": "jetty-api-1", "command": ["node", "api.js"], **NODE}, "worker": {"container": "jetty-worker-1", "command": ["node", "worker.js"], **NODE}, "web": {**NGINX_CONTAINER, "container": "jetty-web-1"}},
    project={"project": "jetty", "config_files": "/opt/jetty/docker-compose.yml", "working_dir": "/opt/jetty"},
    visitors={"base": "http://127.0.0.1", "host": "jetty.example.ca", "delay": 100,
              "visits": [{"perSecond": 0.4, "bots": 0.09, "aborts": 0.03, "abortAfter": 0.35, "paths": [[6, "GET", "/berths/{n}"], [3, "POST", "/lamps/{n}", '{"lit":true}'], [2, "GET", "/en/"], [1, "GET", "/"]]},
                         {"perSecond": 0.006, "bots": 0, "paths": [[1, "POST", "/lamps/{n}", '{"note":"' + "x" * 17000 + '"}'], [1, "POST", "/lamps/{n}", '{"lit":tru'], [2, "GET", "/berths/%%"]]}],
              "monitors": [{"every": 300, "offset": 40, "jitter": 5, "path": "/en/", "address": "192.0.2.19", "agent": "StatusCake", "log": "/var/log/statuscake.txt", "name": "statuscake"},
                           {"every": 9.1, "jitter": 3, "path": "/wp-content/index.php", "address": "203.0.113.66", "agent": "Mozilla/5.0 zgrab/0.x"}]},
    collect="""mkdir -p bin app logs nginx; cp /opt/jetty/bin/*.sh bin/; cp /opt/jetty/*.js app/; cp /opt/jetty/docker-compose.yml .; cp /var/log/jetty/*.log logs/; grep -v rsyslogd /var/log/syslog > logs/syslog; cp /var/log/nginx/*.log /etc/nginx/nginx.conf nginx/
crontab -l > crontab.txt; docker ps -a > docker-ps.txt; docker events > docker-events.txt; cp /var/log/statuscake.txt .; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    check, worker, tab = "logs/check.log", "logs/worker.log", "crontab.txt"
    return {
        "root_cause_kind": "none",
        "root_cause": "Nothing is wrong. The site answered every check (301, which the script takes as it should) and the outside monitor; the worker is renewed by plan and hands over its queue; lamps that miss a call are set at a later try; the rest is scanners, oversized or broken requests, visitors who leave.",
        "verdict": "healthy", "expected_no_incident": True,
        "innocent": [case.at("bin/check-site.sh", "docker restart jetty-api-1", why="never ran: every answer was 301, and 3?? counts as up"), case.at(check, "site ok (301)", why="the page's normal redirect"),
                     case.at(tab, "renew-worker.sh", why="planned, the worker finishes its lamp; nobody waits for it"), case.at(worker, "SIGTERM", why="from renew-worker.sh"),
                     case.at(worker, "lamp does not answer", why="tried again after 2 s and set"), case.at("bin/cert.sh", "docker kill -s HUP", why="the certificate was not due"), case.at("nginx/error.log", "limiting requests", why="a scanner after .php")],
        "measured": [case.measure(check, r"site ok \(301\)"), case.measure(check, "DOWN"), case.measure(worker, "SIGTERM"), case.measure(worker, "lamp does not answer"), case.measure(worker, "gave up"), case.measure("statuscake.txt", "up 200"), case.measure("statuscake.txt", "DOWN"),
                     case.measure("nginx/access.log.1.gz", '" 50[0-9] '), case.measure("nginx/access.log", '" 50[0-9] ')],
        "timezones": {"logs/api.log": "UTC (Z)", worker: "UTC (Z)", "docker-events.txt": "UTC (Z)", "statuscake.txt": "UTC (Z)", "others": "America/Halifax (-03:00)"},
        "how_made": REAL + " (with express, bunyan); docker is the lab's supervisor; the lamps are a random number.",
    }  # fmt: skip
