# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Two socket.io workers lose their sticky balancing: ip_hash became least_conn, and half of a browser's polls reach the worker that does not know it."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const { createServer } = require('http');
const { Server } = require('socket.io');
const winston = require('winston');

const id = process.argv[2];
const port = 4200 + Number(id);
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'DD.MM.YYYY HH:mm:ss' }), winston.format.printf((i) => `${i.timestamp} [w${id}] ${i.level}: ${i.message}`)),
  transports: [new winston.transports.File({ filename: `/var/log/meadow/worker-${id}.log` })],
});
const http = createServer((req, res) => {
  if (req.url === '/alive') return res.end('alive');
  if (req.url.startsWith('/walks')) return setTimeout(() => res.end(JSON.stringify({ walk: req.url.slice(7), hares: 4 })), 90 + Math.random() * 300);
  return res.writeHead(404).end();
});
const io = new Server(http, { pingInterval: 20000, pingTimeout: 20000 });
io.engine.on('connection_error', (e) => log.warn(`handshake refused: ${e.code} ${e.message} (${e.req?.method})`));
io.on('connection', (socket) => {
  log.info(`${socket.id} joined, ${io.engine.clientsCount} here`);
  socket.on('message', () => socket.emit('seen'));
  socket.on('disconnect', (reason) => log.info(`${socket.id} left: ${reason}`));
});
http.listen(port, '127.0.0.1', () => log.info(`worker ${id} listening on ${port}`));
setInterval(() => log.info(`rss ${Math.round(process.memoryUsage().rss / 1e6)} MB, ${io.engine.clientsCount} sockets`), 600000);
process.on('SIGTERM', () => { log.info('SIGTERM, closing'); process.exit(0); });
"""
NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { worker_connections 1024; }
http {
    include /etc/nginx/sites/*.conf;
    access_log /var/log/nginx/access.log combined;
}
"""
SITE = """upstream meadow {
    %s
    server 127.0.0.1:4201;
    server 127.0.0.1:4202;
    keepalive 16;
}
map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
server {
    listen 80;
    server_name meadow.example.org;
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    location /socket.io/ {
        proxy_pass http://meadow;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_read_timeout 90s;
    }
    location / {
        proxy_pass http://meadow;
        proxy_set_header Connection "";
    }
}
"""
UNIT = """[Unit]
Description=Hare meadow live walks, worker %i
After=network.target

[Service]
User=deploy
WorkingDirectory=/srv/meadow
ExecStart=/usr/bin/node server.js %i
Restart=always
RestartSec=3
"""
LOG = """# work on meadow-1, newest below
2026-06-02 11:40  Ines    workers 1 and 2 instead of one process
2026-06-09 15:05  Ines    pingInterval 20 s (mobile networks)
"""
CRON = """SHELL=/bin/bash
*/10 * * * * deploy /srv/meadow/bin/presence
*/30 * * * * deploy /srv/meadow/bin/export-walks
"""
PRESENCE = r"""#!/bin/bash
# restarts a worker that does not answer
for w in 1 2; do
    if curl -fsS -m 15 -o /dev/null "http://127.0.0.1:420$w/alive"; then
        logger -t presence "worker $w alive"
    else
        logger -t presence "worker $w silent, restarting"
        sudo systemctl restart "meadow@$w"
    fi
done
"""
CHANGE = """sed -i 's/^    ip_hash;/    least_conn;/' /etc/nginx/sites/meadow.conf; nginx -t 2> /dev/null && nginx -s reload
echo "$(date '+%F %H:%M')  Bram    nginx: load spread better, w1 had 80 % of the visitors (the school's one address). Reloaded, page answers" >> /srv/meadow/WORKLOG"""


def worker(number: str) -> dict[str, Any]:
    return {
        "description": f"Hare meadow live walks, worker {number}",
        "command": ["/usr/bin/node", "server.js", number],
        "directory": "/srv/meadow",
        "user": "deploy",
        "restart": "always",
        "restart_seconds": 3,
        "wait": 6,
    }


INCIDENT = Incident(
    host="meadow-1", start="2026-06-16T09:04:00+02:00", minutes=94, factor=28, kind="systemd", zone="Europe/Amsterdam", apps=["/srv/meadow"],
    files={"/srv/meadow/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/sites/meadow.conf": SITE % "ip_hash;", "/etc/systemd/system/meadow@.service": UNIT, "/srv/meadow/WORKLOG": LOG, "/etc/cron.d/meadow": CRON,
           "/srv/meadow/bin/presence": PRESENCE, "/srv/meadow/bin/export-walks": "#!/bin/sh\n# yesterday's walks as CSV for the ranger\nsleep 14\nlogger -t export-walks '36 walks'\n"},
    owners={"/var/log/meadow": "deploy"}, prepare="mkdir -p /var/log/meadow",
    services={"meadow@1": worker("1"), "meadow@2": worker("2"), "nginx": NGINX_UNIT},
    during=[(23.0, "nginx -s reload; echo \"$(date '+%F %H:%M')  Ines    2.14.1: typo in the map legend (static page, workers not touched), nginx reloaded\" >> /srv/meadow/WORKLOG"), (38.4, CHANGE)],
    visitors={"base": "http://127.0.0.1", "host": "meadow.example.org", "delay": 60,
              "visits": [{"perSecond": 0.25, "bots": 0.06, "aborts": 0.02, "abortAfter": 0.2, "paths": [[4, "GET", "/walks/{n}"], [1, "GET", "/walks"]]}],
              "browsers": [{"count": 1, "log": "/srv/meadow/console.txt", "tag": "tablet-visitor-centre", "emitEvery": 30, "asleep": 150}, {"count": 7, "emitEvery": 40, "asleep": 170, "spread": 9}, {"count": 3, "emitEvery": 25, "spread": 7}]},
    collect="""mkdir -p nginx meadow log; cp /etc/nginx/nginx.conf nginx/; cp /etc/nginx/sites/meadow.conf nginx/site-meadow.conf; cp /srv/meadow/server.js /srv/meadow/WORKLOG /srv/meadow/bin/* meadow/; cp /etc/systemd/system/meadow@.service meadow/; cp /etc/cron.d/meadow meadow/cron.d-meadow
cp /var/log/meadow/*.log log/; cp /var/log/syslog log/; cp /var/log/nginx/*.log nginx/; cp /srv/meadow/console.txt log/tablet-console.txt; rotate nginx/access.log""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    site, work, access = "nginx/site-meadow.conf", "meadow/WORKLOG", "nginx/access.log"
    balance, change = case.at(site, "least_conn;"), case.at(work, "nginx: load spread better")
    unknown1, unknown2, failed = (
        case.at("log/worker-1.log", "Session ID unknown"),
        case.at("log/worker-2.log", "Session ID unknown"),
        case.at(access, '" 400 '),
    )
    return {
        "root_cause_kind": "sticky-balancing-removed",
        "root_cause": "At 09:42 ip_hash in the upstream became least_conn. A socket.io browser begins with long polling, several requests that must all reach the worker which gave it its session id; now about half of them reach the other one, which answers 400 (Session ID unknown). "
        "Browsers that connect anew fail again and again; those already on a WebSocket stay. Both workers are well and run from the first line to the last.",
        "verdict": "root-cause", "culprit": balance, "culprit_alternatives": [change], "culprit_related": [unknown1, unknown2, case.at(site, "server 127.0.0.1:4202")],
        "chain": [
            hop("deploy_changes_configuration", change, balance, case.at("nginx/error.log", "signal 1 (SIGHUP) received", nth=2)),
            hop("configuration_mismatch", balance, unknown1, unknown2, case.at(site, "server 127.0.0.1:4201"), case.at(site, "server 127.0.0.1:4202")),
            hop("failure_reaches_clients", failed, case.at("log/tablet-console.txt", "disconnected: transport error"), unknown1, unknown2),
        ],
        "mechanism": ["09:42: ip_hash replaced by least_conn, nginx reloaded", "GET polling gives a sid by one worker, the next POST or GET goes to the other", "400 Session ID unknown, the browser starts over", "open WebSockets and plain pages are not affected"],
        "innocent": [case.at(work, "2.14.1: typo", why="quarter of an hour before; a reload that cut nobody, no session was unknown after it"),
                     case.at("meadow/cron.d-meadow", "presence", why="every ten minutes; both workers always answer"), case.at("meadow/presence", "systemctl restart", why="never reached"), case.at("meadow/cron.d-meadow", "export-walks", why="only a line"),
                     case.at(site, "proxy_read_timeout 90s", why="pings come every 20 s"), case.at(work, "pingInterval 20 s", why="a week ago"), case.at("meadow/meadow@.service", "Restart=always", why="starts, never ends")],
        "period_s": None, "lag_s": None, "step_change_at": str(min(case.times("log/worker-1.log", "Session ID unknown")[0], case.times("log/worker-2.log", "Session ID unknown")[0])),
        "measured": [case.measure("log/worker-1.log", "Session ID unknown"), case.measure("log/worker-2.log", "Session ID unknown"), case.measure(access, '" 400 '), case.measure("log/tablet-console.txt", "disconnected")],
        "timezones": {"tablet-console.txt": "UTC (Z)", "others": "Europe/Amsterdam (+02:00)"},
        "how_made": REAL + " (with socket.io, its client, winston); systemctl is the lab's supervisor.",
    }  # fmt: skip
