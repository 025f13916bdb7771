# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""pm2 restarts the application whenever it holds more than 80 MB, which its template cache does after some minutes."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""const express = require('express');
const TEMPLATES = Number(process.env.TEMPLATE_CACHE || 300);
const cache = new Map();
function template(n) {
  if (!cache.has(n)) {
    if (cache.size >= TEMPLATES) cache.delete(cache.keys().next().value);
    cache.set(n, Buffer.alloc(256 * 1024, n)); // a decoded page, 256 kB
  }
  return cache.get(n);
}
const app = express();
app.get('/proofs/:n', (req, res) => setTimeout(() => res.json({ proof: req.params.n, bytes: template(Number(req.params.n)).length }), 60));
app.get('/', (req, res) => res.send('<h1>print shop</h1>'));
setInterval(() => console.log(`templates ${cache.size}/${TEMPLATES}, rss ${Math.round(process.memoryUsage().rss / 1e6)} MB`), 60000);
setTimeout(() => app.listen(5800, '127.0.0.1', () => console.log('print shop open')), 4000); // fonts
process.on('SIGINT', () => { console.log('SIGINT: bye'); process.exit(0); });
"""

ECOSYSTEM = """module.exports = {
  apps: [{
    name: 'print',
    script: './server.js',
    cwd: '/srv/print',
    instances: 1,
    exec_mode: 'fork',
    max_memory_restart: '80M',
    log_date_format: 'YYYY-MM-DD HH:mm:ss Z',
    env: {
      NODE_ENV: 'production',
      TEMPLATE_CACHE: 300,
    },
  }],
};
"""

NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name tryk.example.dk;
        location / { proxy_pass http://127.0.0.1:5800; }
    }
}
"""

INCIDENT = Incident(
    host="tryk", start="2026-09-22T13:05:00+02:00", minutes=64, factor=26, kind="systemd", zone="Europe/Copenhagen", apps=["/srv/print", "/usr/lib/pm2"],
    files={"/srv/print/server.js": SERVER, "/srv/print/ecosystem.config.js": ECOSYSTEM, "/etc/nginx/nginx.conf": NGINX,
           "/srv/print/toner.sh": "#!/bin/sh\n# toner levels to the office\nsleep 4\nlogger -t toner 'K 61 C 80 M 77 Y 12'\n",
           "/srv/print/deploys.txt": "2026-09-18 16:02 lasse  v88 proofs in colour\n2026-09-22 12:51 lasse  v89 new templates (A3)\n"},
    crontabs={"root": "*/8 * * * * /srv/print/toner.sh\n30 * * * * find /srv/print/tmp -mmin +90 -delete\n"}, prepare="mkdir -p /srv/print/tmp /home/deploy/.pm2; chown -R deploy: /home/deploy",
    services={"pm2": {"description": "PM2 process manager", "command": ["pm2", "start", "/srv/print/ecosystem.config.js", "--no-daemon"], "directory": "/srv/print", "user": "deploy",
                      "environment": {"PM2_HOME": "/home/deploy/.pm2", "HOME": "/home/deploy"}, "restart": "always", "log": {"kind": "plain", "path": "/var/log/pm2.log"}, "wait": 40}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "tryk.example.dk", "delay": 100, "visits": [{"perSecond": 0.4, "bots": 0.03, "paths": [[6, "GET", "/proofs/{n}"], [2, "GET", "/"]]}]},
    collect="""mkdir -p pm2/logs nginx; cp /var/log/pm2.log pm2/; cp /home/deploy/.pm2/logs/* pm2/logs/; cp /srv/print/server.js /srv/print/ecosystem.config.js /srv/print/toner.sh /srv/print/deploys.txt .
cp /etc/nginx/nginx.conf /var/log/nginx/access.log /var/log/nginx/error.log nginx/; cp /var/log/syslog .; crontab -l > crontab; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    limit, cache = case.at("ecosystem.config.js", "max_memory_restart: '80M'"), case.at("server.js", "cache.set(n, Buffer.alloc")
    log = "pm2/pm2.log"
    over, gone = case.at(log, "max-memory"), case.at("pm2/logs/print-out-0.log", "SIGINT: bye")
    refused = case.at("nginx/error.log", "111: Connection refused")
    return {
        "root_cause_kind": "memory-restart-limit-below-need",
        "root_cause": "The template cache may hold 300 pages of 256 kB (some 75 MB on top of an idle 50), but pm2 restarts the process when it holds more than max_memory_restart 80 MB: every few minutes "
        "of ordinary traffic it is ended with SIGINT and for some seconds nginx answers 502.",
        "verdict": "root-cause", "culprit": limit, "culprit_alternatives": [cache, case.at("server.js", "process.env.TEMPLATE_CACHE || 300"), case.at("ecosystem.config.js", "TEMPLATE_CACHE: 300")], "culprit_related": [over],
        "chain": [
            hop("resource_exhausted", limit, over, cache, case.at("pm2/logs/print-out-0.log", " MB")),
            hop("effect_hits_service", over, limit, case.at(log, "SIGINT")),
            hop("process_terminates", gone, case.at(log, "exited with code")),
            hop("termination_refuses_connections", refused, gone),
            hop("failure_reaches_clients", case.at("nginx/access.log", '" 502 '), refused),
        ],
        "mechanism": ["the cache grows by 256 kB for each proof not yet seen", "pm2's worker: process restarted because it exceeds max_memory_restart", "SIGINT; the new process needs some seconds for its fonts", "connect() failed (111), 502; then the cache fills again"],
        "innocent": [case.at("crontab", "toner.sh", why="every eight minutes; only logs"), case.at("crontab", "find /srv/print/tmp", why="deletes old files"), case.whole("toner.sh", "touches nothing"),
                     case.at("deploys.txt", "v89", why="before the log begins; whether it made it worse cannot be seen")],
        "period_s": None, "lag_s": None,
        "measured": [case.measure(log, "max-memory"), case.measure("pm2/logs/print-out-0.log", "SIGINT: bye"), case.measure("nginx/error.log", "111: Connection refused", join=60), case.measure("nginx/access.log", '" 502 ', join=60)],
        "how_made": REAL + ", under pm2; systemctl is the lab's supervisor.",
    }  # fmt: skip
