# ruff: noqa: E501 (configuration, scripts and prose are kept as they ran)
"""A cron one-liner ends whoever has a socket on the search's port, to rid the machine of a leaky search: the shop is its client and is ended with it."""

from typing import Any

from lab import Incident
from truth import Case, hop

from incidents import NGINX_UNIT, REAL

SHOP = r"""'use strict';
const http = require('node:http');
const express = require('express');
const winston = require('winston');

const log = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss.SSS' }),
    winston.format.printf(({ timestamp, level, message }) => `${timestamp} ${level.padEnd(5)} ${message}`)),
  transports: [new winston.transports.File({ filename: '/var/log/cask/shop.log' })],
});
const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });

function search(words) {
  return new Promise((done) => {
    const asked = http.get({ host: '127.0.0.1', port: 4700, path: `/find?q=${words}`, agent }, (reply) => { reply.resume(); reply.on('end', () => done(true)); });
    asked.on('error', (error) => { log.warn(`search: ${error.code}, showing the list without it`); done(false); });
  });
}

const app = express();
app.get('/beers/:id', (req, res) => {
  if (Number(req.params.id) > 870) { log.warn(`beer ${req.params.id} is not in the list`); return res.status(404).end(); }
  return setTimeout(() => res.json({ beer: req.params.id, stock: 14 }), 60 + Math.random() * 200);
});
app.get('/find/:q', async (req, res) => res.json({ found: await search(req.params.q) }));
app.post('/basket', (req, res) => setTimeout(() => { log.info('basket saved'); res.status(201).end(); }, 150));
app.use((req, res) => res.status(404).end());
setInterval(() => search('warm'), 4000);

log.info('reading price lists');
setTimeout(() => app.listen(4000, '127.0.0.1', () => log.info('shop open on 4000')), 16000);
process.on('SIGTERM', () => { log.info(`SIGTERM after ${Math.round(process.uptime())} s, closing`); process.exit(0); });
"""

SEARCH = r"""'use strict';
const http = require('node:http');
const index = [];
let asked = 0;
const say = (text) => console.log(text);
const server = http.createServer((req, res) => {
  asked += 1;
  index.push(Buffer.alloc(4000)); // the library keeps every query's result set
  setTimeout(() => res.end('[]'), 40);
});
server.keepAliveTimeout = 65000;
server.listen(4700, '127.0.0.1', () => say('index loaded, port 4700'));
setInterval(() => say(`${asked} queries, rss ${Math.round(process.memoryUsage().rss / 1e6)} MB`), 300000);
process.on('SIGTERM', () => process.exit(0));
"""

UNIT = """[Unit]
Description={}

[Service]
User=cask
WorkingDirectory=/srv/cask
ExecStart=/usr/bin/node {}.js
Restart=always
RestartSec=4

[Install]
WantedBy=multi-user.target
"""

CRON = """# cask: jobs of the shop's machine
MAILTO=""
*/20 * * * * root kill $(lsof -t -i :4700)  # search leaks, systemd brings it back
*/20 * * * * cask /srv/cask/bin/stock.sh
7 * * * *    cask /srv/cask/bin/labels.sh
*/5 * * * *  root /srv/cask/bin/disk.sh
"""

NGINX = """user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events { worker_connections 512; }
http {
    access_log /var/log/nginx/access.log combined;
    server {
        listen 80;
        server_name cask.example.net;
        proxy_connect_timeout 4s;
        location / { proxy_pass http://127.0.0.1:4000; }
    }
}
"""

DEPLOYS = """2026-05-18 16:20  search 1.2  ines  new tokenizer
2026-05-19 09:05  cron        ines  search grows by a gigabyte a day, ended every 20 minutes until the tokenizer is fixed
2026-05-19 09:11  shop 6.0.3  tomas basket keeps its bottles for two days
"""

INCIDENT = Incident(
    host="cask", start="2026-05-19T09:01:30+00:00", minutes=93, factor=44, kind="systemd", users=["cask"], apps=["/srv/cask"],
    files={"/srv/cask/shop.js": SHOP, "/srv/cask/search.js": SEARCH, "/etc/systemd/system/shop.service": UNIT.format("Cask Yard shop", "shop"), "/etc/systemd/system/search.service": UNIT.format("Cask Yard search", "search"),
           "/etc/nginx/nginx.conf": NGINX, "/etc/cron.d/cask": CRON, "/srv/cask/deploys.txt": DEPLOYS,
           "/srv/cask/bin/stock.sh": "#!/bin/sh\n# bottles on the shelves, from the cellar's till\nsleep 9\nlogger -t stock \"$(shuf -i 200-260 -n 1) lines read, $(shuf -i 0-4 -n 1) changed\"\n",
           "/srv/cask/bin/labels.sh": "#!/bin/sh\nsleep 20\nlogger -t labels '31 labels drawn'\n",
           "/srv/cask/bin/disk.sh": "#!/bin/sh\nlogger -t disk \"/ 61% used\"\n"},
    prepare="mkdir -p /var/log/cask; chown cask: /var/log/cask",
    services={"search": {"description": "Cask Yard search", "command": ["/usr/bin/node", "search.js"], "directory": "/srv/cask", "restart": "always", "restart_seconds": 4, "user": "cask", "log": {"kind": "syslog", "tag": "search"}, "wait": 5},
              "shop": {"description": "Cask Yard shop", "command": ["/usr/bin/node", "shop.js"], "directory": "/srv/cask", "restart": "always", "restart_seconds": 4, "user": "cask", "wait": 18}, "nginx": NGINX_UNIT},
    visitors={"base": "http://127.0.0.1", "host": "cask.example.net", "delay": 60,
              "visits": [{"perSecond": 0.35, "bots": 0.05, "aborts": 0.03, "abortAfter": 0.08, "paths": [[6, "GET", "/beers/{n}"], [2, "GET", "/find/stout{n}"], [2, "POST", "/basket", '{"beer":{n}}']]}],
              "monitors": [{"path": "/beers/1", "every": 240, "address": "198.51.100.40", "agent": "StatusCake", "log": "/var/log/cask/statuscake.txt"}]},
    collect="""mkdir -p logs etc bin app; cp /var/log/nginx/*.log /var/log/syslog /var/log/cask/* logs/; cp /etc/cron.d/cask etc/cron.d-cask; cp /etc/nginx/nginx.conf /etc/systemd/system/shop.service /etc/systemd/system/search.service etc/
cp /srv/cask/bin/*.sh bin/; cp /srv/cask/*.js app/; cp /srv/cask/deploys.txt .; (echo '$ lsof -n -P -i :4700'; lsof -n -P -i :4700 | awk '{print $1,$2,$3,$5,$8,$9,$10}' | column -t) > lsof.txt""",
)  # fmt: skip


def truth(case: Case) -> dict[str, Any]:
    cron, system, shop, errors, access = "etc/cron.d-cask", "logs/syslog", "logs/shop.log", "logs/error.log", "logs/access.log"
    line, ran, term = (
        case.at(cron, "lsof -t -i :4700"),
        case.at(system, "CMD (kill $(lsof -t -i :4700)"),
        case.at(shop, "SIGTERM after"),
    )
    refused, failed, ended = (
        case.at(errors, "111: Connection refused"),
        case.at(access, '" 502 '),
        case.at(system, "shop.service: Deactivated"),
    )
    return {
        "root_cause_kind": "cron-kills-clients-of-a-port",
        "root_cause": "Every twenty minutes a cron one-liner sends SIGTERM to every process with a socket on port 4700 (kill $(lsof -t -i :4700)). Meant for the leaky search that listens there, it also meets the shop, which keeps a connection to the search open; the shop reads its price lists for 16 s after each restart, nginx is refused and answers 502.",
        "verdict": "root-cause", "verdict_accepted": [], "culprit": line, "culprit_alternatives": [ran, case.at("deploys.txt", "ended every 20 minutes")],
        "culprit_related": [case.at("app/shop.js", "keepAlive: true"), case.at("app/shop.js", "port: 4700")],
        "chain": [
            hop("job_runs_script", line, ran),
            hop("effect_terminates_process", line, ran, term),
            hop("process_terminates", term, ended, case.at(system, "shop.service: Scheduled restart job")),
            hop("termination_refuses_connections", refused, term),
            hop("failure_reaches_clients", failed, refused),
        ],
        "mechanism": ["cron, every 20 minutes: kill $(lsof -t -i :4700)", "lsof -i :4700 names the listener (search) and the client (shop)", "both get SIGTERM and exit 0, systemd restarts both after 4 s", "the shop reads price lists for 16 s: connect() failed (111), 502"],
        "contributing": [case.at("app/shop.js", "16000);", why="sixteen seconds of start make each end felt"), case.at("etc/shop.service", "Restart=always", why="brings it back")],
        "innocent": [
            case.at(cron, "stock.sh", why="the same minutes; reads and logs"), case.whole("bin/stock.sh", "reads and logs"), case.at(cron, "labels.sh", why="hourly, nothing falls at :07"), case.at(cron, "disk.sh", why="every five minutes, a line"),
            case.at("deploys.txt", "shop 6.0.3", why="nine minutes before the first end, but the shop gets SIGTERM and crashes nowhere"), case.at(shop, "is not in the list", why="404s, all day"), case.at(system, " queries, rss", why="search grows, but it is no limit that ends it"),
        ],
        "period_s": 1200, "lag_s": case.lag(case.times(system, r"CMD \(kill"), case.times(shop, "SIGTERM after")),
        "lags": {"kill -> SIGTERM": case.lag(case.times(system, r"CMD \(kill"), case.times(shop, "SIGTERM after")), "SIGTERM -> open": case.lag(case.times(shop, "SIGTERM after"), case.times(shop, "shop open"))},
        "measured": [case.measure(system, r"CMD \(kill"), case.measure(shop, "SIGTERM after"), case.measure(errors, "111: Connection refused", join=120), case.measure(access, '" 502 ', join=120)],
        "timezones": {"all": "UTC"},
        "how_made": REAL.replace("bash and curl", "bash and lsof") + " (with express and winston); systemctl is the lab's supervisor; reading price lists is a wait.",
    }  # fmt: skip
