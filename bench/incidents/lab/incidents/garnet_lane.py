# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""Too little evidence: by the server's log all sockets of everybody close within a second, five times at odd moments, while the server runs on; what stands before it is not in the folder."""

from typing import Any

from lab import Incident
from truth import Case

from incidents import NGINX_UNIT, REAL

SERVER = r"""'use strict';
const http = require('http');
const express = require('express');
const { Server } = require('socket.io');
const winston = require('winston');
const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.printf((i) => `ts=${i.timestamp} lvl=${i.level} msg="${i.message}"${i.sid ? ` sid=${i.sid}` : ''}${i.why ? ` why="${i.why}"` : ''}${i.n === undefined ? '' : ` n=${i.n}`}`)),
  transports: [new winston.transports.File({ filename: '/srv/lane/log/lane.log' })],
});
const app = express();
app.get('/prices', (req, res) => setTimeout(() => res.json({ garnet: 41.2 }), 120));
app.post('/bids/:n', (req, res) => { log.info('bid'); setTimeout(() => res.status(201).end(), 200); });
const server = http.createServer(app);
const io = new Server(server, { pingInterval: 25000, pingTimeout: 30000 });
io.on('connection', (socket) => {
  log.info('joined', { sid: socket.id, n: io.engine.clientsCount });
  socket.on('disconnect', (why) => log.info('left', { sid: socket.id, why, n: io.engine.clientsCount }));
});
setInterval(() => { io.emit('price', 41.2); log.info(`tick, uptime ${Math.round(process.uptime() / 60)} min`, { n: io.engine.clientsCount }); }, 300000);
server.listen(3600, '127.0.0.1', () => log.info('lane 5.0 listening on 127.0.0.1:3600, behind the proxy'));
process.on('SIGTERM', () => { log.warn('SIGTERM'); process.exit(0); });
"""
NGINX = """worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {}
http {
    map $http_upgrade $up { default upgrade; '' close; }
    server {
        listen 80;
        server_name lane.example.cz;
        location / {
            proxy_pass http://127.0.0.1:3600;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $up;
            proxy_read_timeout 300s;
        }
    }
}
"""
CRON = """# root@lane1
*/15 * * * * /srv/lane/bin/feed
8 * * * *    /srv/lane/bin/close-auctions
40 3,15 * * * certbot renew -q --deploy-hook "systemctl restart nginx"
"""
FEED = """#!/bin/sh
# prices from the exchange
sleep 20
echo "$(date '+%F %T') feed: 12 prices" >> /srv/lane/log/feed.log
"""
CLOSE = """#!/bin/sh
# auctions whose time is over; writes to the database only
sleep 8
echo "$(date '+%F %T') close-auctions: $(shuf -i 0-3 -n 1) closed" >> /srv/lane/log/feed.log
"""

INCIDENT = Incident(
    host="lane1", start="2026-03-10T08:44:00+01:00", minutes=122, factor=34, kind="systemd", zone="Europe/Prague", apps=["/srv/lane"],
    files={"/srv/lane/server.js": SERVER, "/etc/nginx/nginx.conf": NGINX, "/srv/lane/bin/feed": FEED, "/srv/lane/bin/close-auctions": CLOSE},
    crontabs={"root": CRON}, prepare="mkdir -p /srv/lane/log",
    services={"lane": {"description": "Garnet Lane auctions", "command": ["/usr/bin/node", "server.js"], "directory": "/srv/lane", "restart": "always", "wait": 8}, "nginx": {**NGINX_UNIT, "grace": 2}},
    during=[(17.4, "systemctl restart nginx"), (29.1, "systemctl restart nginx"), (58.7, "systemctl restart nginx"), (67.3, "systemctl restart nginx"), (105.9, "systemctl restart nginx")],
    visitors={"base": "http://127.0.0.1", "host": "lane.example.cz", "delay": 40,
              "visits": [{"perSecond": 0.15, "bots": 0.03, "paths": [[3, "GET", "/prices"], [2, "POST", "/bids/{n}", "{}"]]}],
              "browsers": [{"count": 9, "emitEvery": 60, "spread": 11}, {"count": 3, "emitEvery": 60, "asleep": 240, "spread": 9}]},
    collect="""mkdir -p lane/bin; cp /srv/lane/server.js /srv/lane/log/lane.log /srv/lane/log/feed.log lane/; cp /srv/lane/bin/* lane/bin/; crontab -l > lane/crontab.txt; systemctl status lane > lane/status.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    tab, log = "lane/crontab.txt", "lane/lane.log"
    return {
        "root_cause_kind": "unknown-all-sockets-cut",
        "root_cause": "Not to be known: five times, at no regular distance, every socket closes within a second or two (transport close) and comes back some seconds later, while the server runs on (uptime counts on, no SIGTERM). So something before the server cut them, the proxy or the network (in truth somebody restarted nginx by hand); neither the proxy's configuration nor its logs nor syslog were handed over. No job fits the five moments; certbot's hook would restart nginx, but only after 03:40 and 15:40.",
        "verdict": "undetermined", "expected_confidence": "low",
        "innocent": [
            case.at(tab, "bin/feed", why="every quarter of an hour; its script only writes a line"), case.at(tab, "close-auctions", why="once an hour; does not fit"), case.at(tab, "certbot renew", why="03:40 and 15:40, not in these hours"),
            case.whole("lane/bin/feed", "touches nothing"), case.whole("lane/bin/close-auctions", "touches nothing"), case.at("lane/server.js", "pingTimeout: 30000", why="a missed ping would say ping timeout, and not for all at once"),
        ],
        "ask_for": ["the proxy's error and access log and its configuration", "syslog or journal of lane1: who restarted nginx, who was logged in", "is there a load balancer or firewall before it, and its log", "the console of one browser"],
        "measured": [case.measure(log, "transport close", join=30), case.measure(log, "SIGTERM"), case.measure(log, "listening on")],
        "timezones": {"lane.log": "UTC (Z)", "others": "Europe/Prague (+01:00)"},
        "how_made": REAL.replace(" and curl", "") + " (with express, socket.io, winston); systemctl is the lab's supervisor. Nothing of nginx was handed over.",
    }  # fmt: skip
