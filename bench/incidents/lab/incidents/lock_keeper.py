# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""socket.io pings every 50 s to spare the keepers' phones; an included snippet of nginx gives a silent connection 45 s."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SERVER = r"""import express from 'express';
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import winston from 'winston';

const { combine, timestamp, printf } = winston.format;
const log = winston.createLogger({
  format: combine(timestamp({ format: 'HH:mm:ss.SSS' }), printf((i) => `${i.timestamp} ${i.level} ${i.message}`)),
  transports: [new winston.transports.Console()],
});
const app = express();
const server = createServer(app);
const io = new Server(server, {
  path: '/live/',
  pingInterval: Number(process.env.PING_INTERVAL_MS ?? 25000),
  pingTimeout: 20000,
});
app.get('/locks/:n', (req, res) => setTimeout(() => res.json({ lock: req.params.n, gates: 'closed' }), 70));
io.on('connection', (socket) => {
  log.info(`keeper ${socket.id} joined`);
  socket.on('disconnect', (reason) => log.warn(`keeper ${socket.id} left (${reason}) after ${Math.round((Date.now() - socket.handshake.issued) / 1000)} s`));
});
setInterval(() => io.emit('barge', { n: Math.random() }), 11 * 60000); // barges are rare
server.listen(3456, '127.0.0.1', () => log.info('lock keeper on 3456'));
process.on('SIGINT', () => { log.info('SIGINT'); process.exit(0); });
"""

ECOSYSTEM = """module.exports = {
  apps: [{
    name: 'keeper',
    script: 'server.mjs',
    cwd: '/var/www/keeper',
    log_date_format: 'YYYY-MM-DD',
    merge_logs: true,
    env: {
      NODE_ENV: 'production',
      PING_INTERVAL_MS: 50000, // fewer wake-ups for the phones
    },
  }],
};
"""

SITE = """server {
    listen 80;
    server_name sluizen.example.nl;
    location /live/ {
        proxy_pass http://127.0.0.1:3456;
        include snippets/websocket.conf;
    }
    location / {
        proxy_pass http://127.0.0.1:3456;
        proxy_read_timeout 20s;
    }
}
"""
SNIPPET = """proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection "upgrade";
proxy_send_timeout 300s;
proxy_read_timeout 45s;
"""
NGINX = """user www-data;
worker_processes auto;
pid /run/nginx.pid;
events { worker_connections 768; }
http {
    access_log /var/log/nginx/access.log;
    error_log /var/log/nginx/error.log;
    include /etc/nginx/sites-enabled/*;
}
"""

CRONTAB = """* * * * * /var/www/keeper/bin/water-level
* * * * * /var/www/keeper/bin/gate-heartbeat
*/45 * * * * /var/www/keeper/bin/drop-stale-sockets
"""

INCIDENT = Incident(
    host="vps-4417", start="2026-05-09T10:11:00+02:00", minutes=64, factor=22, kind="systemd", zone="Europe/Amsterdam", apps=["/var/www/keeper", "/usr/lib/pm2"],
    files={"/var/www/keeper/server.mjs": SERVER, "/var/www/keeper/ecosystem.config.cjs": ECOSYSTEM, "/etc/nginx/nginx.conf": NGINX, "/etc/nginx/sites-enabled/keeper": SITE, "/etc/nginx/snippets/websocket.conf": SNIPPET,
           "/var/www/keeper/bin/water-level": "#!/bin/sh\nsleep 2\nlogger -t water-level 'NAP +0.42'\n", "/var/www/keeper/bin/gate-heartbeat": "#!/bin/sh\nlogger -t gates ok\n",
           "/var/www/keeper/bin/drop-stale-sockets": "#!/bin/sh\n# removes leftover unix sockets of the old camera daemon\nfind /tmp -name 'cam-*.sock' -mmin +60 -delete\nlogger -t drop-stale-sockets done\n"},
    crontabs={"deploy": CRONTAB}, prepare="rm -f /etc/nginx/sites-enabled/default; mkdir -p /home/deploy/.pm2; chown -R deploy: /home/deploy",
    services={"pm2-deploy": {"description": "PM2 process manager", "command": ["pm2", "start", "/var/www/keeper/ecosystem.config.cjs", "--no-daemon"], "directory": "/var/www/keeper", "user": "deploy",
                             "environment": {"PM2_HOME": "/home/deploy/.pm2", "HOME": "/home/deploy"}, "restart": "always", "log": {"kind": "plain", "path": "/var/log/pm2-daemon.log"}, "wait": 50}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "sluizen.example.nl", "delay": 110, "visits": [{"perSecond": 0.3, "bots": 0.06, "paths": [[1, "GET", "/locks/{n}"]]}],
              "browsers": [{"count": 6, "spread": 9, "path": "/live/", "log": "/var/log/console.log", "tag": "keeper-app"}]},
    collect="""mkdir -p nginx/sites-enabled nginx/snippets pm2 www/bin; cp /etc/nginx/nginx.conf nginx/; cp /etc/nginx/sites-enabled/keeper nginx/sites-enabled/; cp /etc/nginx/snippets/websocket.conf nginx/snippets/; cp /var/log/nginx/error.log nginx/
cp /home/deploy/.pm2/logs/* pm2/; cp /var/log/pm2-daemon.log pm2/; cp /var/www/keeper/ecosystem.config.cjs /var/www/keeper/server.mjs www/; cp /var/www/keeper/bin/* www/bin/; crontab -u deploy -l > crontab-deploy.txt; cp /var/log/syslog syslog; mv /var/log/console.log phone-console.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    limit, ping = (
        case.at("nginx/snippets/websocket.conf", "proxy_read_timeout 45s"),
        case.at("www/ecosystem.config.cjs", "PING_INTERVAL_MS: 50000"),
    )
    out = "pm2/keeper-out.log"
    left, console = case.at(out, "(transport close)"), case.at("phone-console.txt", "disconnected: transport close")
    code = case.at("www/server.mjs", "pingInterval: Number(process.env.PING_INTERVAL_MS")
    return {
        "root_cause_kind": "idle-timeout-shorter-than-ping",
        "root_cause": "The pm2 file sets socket.io's pingInterval to 50 s, the included snippets/websocket.conf closes an upgraded connection on which nothing came for 45 s: every keeper is cut 45 s after its last packet, each by its own clock, all day.",
        "verdict": "root-cause", "verdict_accepted": ["suspected"], "culprit": limit, "culprit_alternatives": [ping, code, case.at("nginx/sites-enabled/keeper", "include snippets/websocket.conf")], "culprit_related": [case.at("www/server.mjs", "pingTimeout: 20000")],
        "chain": [
            hop("configuration_mismatch", limit, ping, code),
            hop("timeout_closes_connection", left, limit, console),
            hop("failure_reaches_clients", console, left),
        ],
        "mechanism": ["a keeper's socket is silent between pings, which come every 50 s", "nginx closes it 45 s after the last packet; it says so at level info, which its error_log (level error, empty) does not hold", "the server logs transport close, the phone too; it reconnects and the next 45 s begin"],
        "innocent": [case.at("crontab-deploy.txt", "water-level", why="every minute, only logs"), case.at("crontab-deploy.txt", "gate-heartbeat", why="every minute, only logs"), case.at("crontab-deploy.txt", "drop-stale-sockets", why="old files in /tmp, no websockets"),
                     case.whole("www/bin/drop-stale-sockets", "old files in /tmp"), case.at("nginx/sites-enabled/keeper", "proxy_read_timeout 20s", why="of the other location, which answers at once"), case.at("nginx/snippets/websocket.conf", "proxy_send_timeout", why="longer than needed")],
        "period_s": None, "lag_s": 45,
        "measured": [case.measure(out, "transport close"), case.measure("phone-console.txt", "disconnected: transport close")],
        "timezones": {out: "date by pm2, time by winston, Europe/Amsterdam without zone", "phone-console.txt": "UTC (Z)"},
        "how_made": REAL.replace(" and curl", "") + " (with express, socket.io, winston), under pm2; systemctl is the lab's supervisor.",
    }  # fmt: skip
